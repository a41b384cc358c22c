/* avro_datum_fuzz.c - any bytes as a value of one of a few schemas, which the first byte chooses.
 *
 * Plan, validation, JSON and the checker's raw puts look at the same bytes: all take them, or none.
 */
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = {
    "{\"type\":\"record\",\"name\":\"All\",\"fields\":["
    "{\"name\":\"n\",\"type\":\"null\"},{\"name\":\"b\",\"type\":\"boolean\"},"
    "{\"name\":\"i\",\"type\":\"int\"},{\"name\":\"l\",\"type\":\"long\"},"
    "{\"name\":\"f\",\"type\":\"float\"},{\"name\":\"d\",\"type\":\"double\"},"
    "{\"name\":\"y\",\"type\":\"bytes\"},{\"name\":\"s\",\"type\":\"string\"},"
    "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}},"
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},"
    "{\"name\":\"u\",\"type\":[\"int\",\"null\",\"string\",\"F\"]},"
    "{\"name\":\"o\",\"type\":[\"null\",\"All\"]},"
    "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":[\"string\",\"null\"]}},"
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"bytes\",\"logicalType\":"
    "\"decimal\",\"precision\":9}}}]}",
    "{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"v\",\"type\":\"int\"},"
    "{\"name\":\"next\",\"type\":[\"null\",\"L\"]}]}",
    "{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":\"null\"}}",
    "{\"type\":\"array\",\"items\":\"null\"}",
    "[\"null\",{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":"
    "{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"b\",\"type\":[\"null\","
    "{\"type\":\"long\",\"connect.default\":5}]}]}},{\"name\":\"z\",\"type\":[\"null\",\"S\"]}]}]",
    "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"M\",\"connect.internal.type\":"
    "\"MapEntry\",\"fields\":[{\"name\":\"key\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"value\",\"type\":\"float\"}]}}",
    "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"M\",\"connect.internal.type\":"
    "\"MapEntry\",\"fields\":[{\"name\":\"key\",\"type\":\"int\"},"
    "{\"name\":\"value\",\"type\":\"double\"}]}}",
};

enum { TYPES = sizeof(types) / sizeof(types[0]), COLUMNS_MAX = 64, JSON_MAX = 1 << 20 };

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

/* The slots of a value that was taken lie inside it. */
static void check_slots(const weir_plan *plan, weir_str value, const weir_slot *slots)
{
    for (size_t i = 0; i < weir_plan_column_count(plan); i++) {
        const weir_slot *slot = &slots[i];

        check(slot->kind <= WEIR_SLOT_NESTED);
        if (slot->kind == WEIR_SLOT_NULL || slot->bytes.len == 0)
            continue;
        check(slot->bytes.ptr >= value.ptr &&
              slot->bytes.ptr + slot->bytes.len <= value.ptr + value.len);
    }
}

/* True when JSON was made; false when the value was refused, which only decimals without bytes, null
 * keys and long outputs are beyond what validation refuses. */
static void check_json(const weir_schema *schema, weir_str value, bool is_valid)
{
    avro_json_options options = {.replace_null = value.len % 2 == 0, .max_size = JSON_MAX};
    weir_buf out = {0};
    weir_error err = {0};

    if (avro_json_value(schema, value, &options, &out, &err) == WEIR_OK) {
        json_t *json = json_loadb(out.ptr, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

        check(is_valid);
        check(json != NULL || memmem(out.ptr, out.len, "\\u0000", 6) != NULL); /* jansson's keys */
        json_decref(json);
    } else {
        check(!is_valid || strstr(err.message, "a decimal has no bytes") != NULL ||
              strstr(err.message, "a null as the key") != NULL ||
              strstr(err.message, "too long") != NULL);
    }
    weir_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static weir_schema *schemas[TYPES];
    weir_slot slots[COLUMNS_MAX];
    weir_error err = {0};
    avro_checker checker;

    if (size == 0)
        return 0;
    weir_schema **schema = &schemas[data[0] % TYPES];

    if (*schema == NULL)
        *schema = avro_parse(weir_cstr(types[data[0] % TYPES]), &err);
    check(*schema != NULL);
    weir_str value = {(const char *)data + 1, size - 1};
    const weir_plan *plan = weir_schema_plan(*schema);
    bool is_valid = avro_validate(*schema, value, &err) == WEIR_OK;

    check(weir_plan_column_count(plan) <= COLUMNS_MAX);
    check(is_valid || err.code == WEIR_REJECT);
    check((weir_plan_decode(plan, value, slots, &err) == WEIR_OK) == is_valid);
    if (is_valid)
        check_slots(plan, value, slots);
    check_json(*schema, value, is_valid);
    avro_check_begin(&checker, *schema);
    if (avro_check_put(&checker, AVRO_PUT_RAW, 0, value))
        check(!avro_check_complete(&checker) || is_valid);
    else
        check(!is_valid);
    return 0;
}

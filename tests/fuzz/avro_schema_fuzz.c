/* avro_schema_fuzz.c - any bytes as a schema: refused with a message, or a tree whose text reads back as
 * the same, with a plan and a Connect schema. */
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void check_text(const weir_schema *schema)
{
    weir_str text = weir_schema_text(schema);
    weir_error err = {0};
    weir_schema *again = avro_parse(text, &err);

    check(again != NULL);
    check(weir_str_eq(weir_schema_text(again), text));
    avro_schema_free(again);
}

static void check_connect(const weir_schema *schema)
{
    weir_buf out = {0};
    weir_error err = {0};

    if (avro_json_schema(schema, &out, &err) == WEIR_OK) {
        json_t *json = json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

        check(json_is_object(json));
        json_decref(json);
    } else {
        check(err.code == WEIR_REJECT && err.message[0] != '\0' && out.len == 0);
    }
    weir_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_error err = {0};
    weir_schema *schema = avro_parse((weir_str){(const char *)data, size}, &err);

    if (schema == NULL) {
        check(err.code == WEIR_REJECT && err.message[0] != '\0');
        return 0;
    }
    check_text(schema);
    check_connect(schema);
    check(weir_plan_column_count(weir_schema_plan(schema)) < 200000);
    avro_schema_free(schema);
    return 0;
}

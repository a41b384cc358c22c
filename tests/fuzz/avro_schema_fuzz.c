/* avro_schema_fuzz.c - any bytes as a schema: refused with a message, or a tree whose texts read back as
 * the same, with a plan and a Connect schema. What its types are is known to a second schema. */
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/canonical.h"
#include "schema-registry/avro/json.h"
#include "schema-registry/compat/compat.h"

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

/* What a text says reads back as a schema with the same text and the same fingerprint. */
static void check_again(const weir_schema *schema, void (*write)(const weir_schema *, weir_buf *))
{
    weir_buf text = {0}, second = {0};
    weir_error err = {0};

    write(schema, &text);
    weir_schema *again = avro_parse(weir_buf_str(&text), &err);

    check(again != NULL);
    write(again, &second);
    check(weir_str_eq(weir_buf_str(&text), weir_buf_str(&second)));
    check(avro_fingerprint64(schema) == avro_fingerprint64(again));
    avro_schema_free(again);
    weir_buf_done(&text);
    weir_buf_done(&second);
}

/* The schema's own text is one that may be read with it as a reference, and so is what is written then. */
static void check_reference(const weir_schema *schema)
{
    weir_buf text = {0}, second = {0};
    weir_error err = {0};

    avro_resolved(schema, &text);
    weir_schema *same = avro_parse_with(weir_buf_str(&text), &schema, 1, &err);

    check(same != NULL);
    avro_canonical(same, &second);
    weir_schema *again = avro_parse_with(weir_buf_str(&second), &schema, 1, &err);

    check(again != NULL);
    check(avro_fingerprint64(schema) == avro_fingerprint64(same));
    check(avro_fingerprint64(schema) == avro_fingerprint64(again));
    avro_schema_free(same);
    avro_schema_free(again);
    weir_buf_done(&text);
    weir_buf_done(&second);
}

/* A schema reads what it wrote, unless a field of it may be read from two, or it is too large. */
static void check_compatible(const weir_schema *schema)
{
    compat_result result = {0};

    if (!compat_reads(schema, schema, &result)) {
        check(compat_result_count(&result) == 1);
        check(compat_result_at(&result, 0)->kind == COMPAT_UNDECIDED);
    }
    compat_result_done(&result);
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
    check_again(schema, avro_canonical);
    check_again(schema, avro_normalize);
    check_reference(schema);
    check_compatible(schema);
    check_connect(schema);
    check(weir_plan_column_count(weir_schema_plan(schema)) < 200000);
    avro_schema_free(schema);
    return 0;
}

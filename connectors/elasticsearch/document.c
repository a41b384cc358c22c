/* document.c - ids, documents and versions. */
#include "document.h"

#include "scan.h"
#include "value.h"

#include <string.h>

enum { COLUMNS_MAX = 4096 };

/* One field, when the record has no other; an array of all of them else. */
static weir_code add_key_record(const weir_record *record, weir_buf *out, weir_error *err)
{
    const weir_plan *plan = weir_schema_plan(record->key_schema);
    size_t count = weir_plan_column_count(plan);
    weir_slot slots[64];
    bool alone = count == 1;

    if (count > sizeof(slots) / sizeof(slots[0]))
        return weir_fail(err, WEIR_REJECT, "a key of %zu fields cannot be a document id", count);
    if (weir_plan_decode(plan, record->key, slots, err) != WEIR_OK)
        return err->code;
    if (alone && slots[0].kind == WEIR_SLOT_NULL)
        return weir_fail(err, WEIR_REJECT, "a key of null cannot be a document id");
    if (alone && slots[0].kind == WEIR_SLOT_BYTES &&
        weir_schema_type(weir_plan_column(plan, 0)->schema) == WEIR_TYPE_STRING) {
        weir_buf_add_str(out, slots[0].bytes);
        return WEIR_OK;
    }
    if (!alone)
        weir_buf_add_byte(out, '[');
    for (size_t i = 0; i < count; i = (size_t)weir_plan_column(plan, i)->next) {
        if (i > 0)
            weir_buf_add_byte(out, ',');
        if (value_json(weir_plan_column(plan, i)->schema, &slots[i], out, err) != WEIR_OK)
            return err->code;
    }
    if (!alone)
        weir_buf_add_byte(out, ']');
    return WEIR_OK;
}

weir_code document_id(const weir_record *record, weir_buf *out, weir_error *err)
{
    size_t start = out->len;
    weir_str id;

    if (record->key.ptr == NULL)
        return weir_fail(err, WEIR_REJECT,
                         "the record has no key to make a document id of (set key.ignore?)");
    if (record->key_schema == NULL)
        weir_buf_add_str(out, record->key);
    else if (add_key_record(record, out, err) != WEIR_OK)
        return err->code;
    id = (weir_str){out->ptr + start, out->len - start};
    if (id.len == 0 || id.len > DOCUMENT_ID_MAX_BYTES)
        return weir_fail(err, WEIR_REJECT, "a key of %zu bytes cannot be a document id (1 to %d)",
                         id.len, DOCUMENT_ID_MAX_BYTES);
    if (!value_is_utf8(id)) /* in JSON two such keys could become one */
        return weir_fail(err, WEIR_REJECT, "a key that is not UTF-8 cannot be a document id");
    return WEIR_OK;
}

static void add_name(weir_buf *out, weir_str name, char *separator)
{
    weir_buf_add_byte(out, *separator);
    *separator = ',';
    weir_buf_add_json(out, name);
    weir_buf_add_byte(out, ':');
}

/* Members of the document that is there which the record's schema does not have. */
static void add_others(const weir_schema *schema, weir_str present, weir_buf *out, char *separator)
{
    scanner members = scan_begin(present);
    weir_str name, value;

    while (scan_next(&members, &name, &value)) {
        bool ours = false;

        for (size_t i = 0; i < weir_schema_field_count(schema) && !ours; i++)
            ours = scan_name_is(name, weir_schema_field_name(schema, i));
        if (ours)
            continue;
        weir_buf_add_byte(out, *separator);
        *separator = ',';
        weir_buf_add_byte(out, '"');
        weir_buf_add_str(out, name); /* escaped as it was */
        weir_buf_add_str(out, WEIR_STR("\":"));
        weir_buf_add_str(out, value);
    }
}

/* The column of a field inside of a field that was not sent: there is no telling what was meant there. */
static const weir_column *find_nested_unsent(const weir_record *record, const weir_plan *plan)
{
    for (size_t i = 0; record->unsent != NULL && i < weir_plan_column_count(plan); i++)
        if (weir_plan_column(plan, i)->parent >= 0 && weir_record_is_unsent(record, (int)i))
            return weir_plan_column(plan, i);
    return NULL;
}

static weir_code add_fields(const weir_record *record, const weir_slot *slots, weir_str present,
                            char *separator, weir_buf *out, weir_error *err)
{
    const weir_plan *plan = weir_schema_plan(record->value_schema);
    size_t count = weir_plan_column_count(plan);

    for (size_t i = 0; i < count; i = (size_t)weir_plan_column(plan, i)->next) {
        const weir_column *column = weir_plan_column(plan, i);

        if (slots[i].kind == WEIR_SLOT_UNSENT) {
            weir_str kept = present.len > 0 ? scan_find(present, column->name) : present;

            if (kept.len == 0)
                continue;
            add_name(out, column->name, separator);
            weir_buf_add_str(out, kept);
            continue;
        }
        add_name(out, column->name, separator);
        if (value_json(column->schema, &slots[i], out, err) != WEIR_OK)
            return weir_wrap(err, "field \"%.*s\"", WEIR_ARG(column->name));
    }
    return WEIR_OK;
}

/* JSON without a schema is the document as it is. A line break is white space there, but in a bulk body it would
 * end the document. */
static weir_code copy_text(weir_str json, weir_buf *out, weir_error *err)
{
    scanner members = scan_begin(json);
    size_t start = out->len;
    weir_str name, value;

    while (scan_next(&members, &name, &value))
        ;
    if (!members.is_object || members.is_damaged)
        return weir_fail(err, WEIR_REJECT,
                         "the value has no schema and is no JSON object: no document");
    weir_buf_add_str(out, json);
    for (size_t i = start; i < out->len; i++) {
        if (out->ptr[i] == '\n' || out->ptr[i] == '\r')
            out->ptr[i] = ' ';
    }
    return WEIR_OK;
}

weir_code document_json(const weir_record *record, weir_str present, bool merge, weir_buf *out,
                        weir_error *err)
{
    const weir_schema *schema = record->value_schema;
    const weir_column *nested;
    weir_slot slots[COLUMNS_MAX];
    char separator = '{';

    if (schema == NULL && !merge)
        return copy_text(record->value, out, err);
    if (schema == NULL || weir_schema_type(schema) != WEIR_TYPE_RECORD)
        return weir_fail(err, WEIR_REJECT, "the value has no schema of a record: %s",
                         merge ? "nothing says which fields write.method=upsert is to keep"
                               : "no document");
    if (weir_plan_column_count(weir_schema_plan(schema)) > COLUMNS_MAX)
        return weir_fail(err, WEIR_REJECT, "a record of more than %d fields", COLUMNS_MAX);
    nested = find_nested_unsent(record, weir_schema_plan(schema));
    if (nested != NULL)
        return weir_fail(err, WEIR_REJECT,
                         "the source did not send \"%.*s\", which is inside of another field (the "
                         "unwrap transform takes the row out of its envelope)",
                         WEIR_ARG(nested->path));
    if (weir_record_decode(record, slots, err) != WEIR_OK ||
        add_fields(record, slots, present, &separator, out, err) != WEIR_OK)
        return err->code;
    if (merge && present.len > 0)
        add_others(schema, present, out, &separator);
    weir_buf_add_str(out, separator == '{' ? WEIR_STR("{}") : WEIR_STR("}"));
    return WEIR_OK;
}

bool document_version_of(const weir_batch *batch, const weir_record *record, bool id_is_key,
                         document_version *out)
{
    weir_str position = {0};

    *out = (document_version){.number = record->log_offset};
    if (id_is_key)
        position = weir_record_header_find(batch, record, WEIR_STR("weir.position"));
    if (position.ptr == NULL)
        return true;
    *out = (document_version){.is_position = true,
                              .source =
                                  weir_record_header_find(batch, record, WEIR_STR("weir.source"))};
    if (position.len == 0 || position.len > 19)
        return false;
    for (size_t i = 0; i < position.len; i++) {
        int digit = position.ptr[i] - '0';

        if (digit < 0 || digit > 9 || out->number > (INT64_MAX - digit) / 10)
            return false;
        out->number = out->number * 10 + digit;
    }
    return true;
}

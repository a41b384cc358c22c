/* unsent.c - the header weir.unsent and the bitmap of a batch. */
#include "runtime/connect/unsent.h"

#include <jansson.h>

void unsent_write(const weir_record *record, weir_buf *out)
{
    const weir_plan *plan = weir_schema_plan(record->value_schema);
    char separator = '[';

    for (size_t i = 0; i < weir_plan_column_count(plan); i++) {
        if (!weir_record_is_unsent(record, (int)i))
            continue;
        weir_buf_add_byte(out, separator);
        weir_buf_add_json(out, weir_plan_column(plan, i)->path);
        separator = ',';
    }
    weir_buf_add_str(out, separator == '[' ? WEIR_STR("[]") : WEIR_STR("]"));
}

static weir_code set_bits(weir_batch *batch, batch_entry *entry, const weir_plan *plan,
                          const json_t *paths, weir_error *err)
{
    uint64_t *bits;
    size_t i;
    json_t *path;

    if (batch_add_unsent(batch, entry, weir_plan_column_count(plan), &bits, err) != WEIR_OK)
        return err->code;
    json_array_foreach((json_t *)(uintptr_t)paths, i, path)
    {
        int column =
            weir_plan_find(plan, (weir_str){json_string_value(path), json_string_length(path)});

        if (column >= 0)
            bits[column / 64] |= (uint64_t)1 << column % 64;
    }
    return WEIR_OK;
}

weir_code unsent_read(weir_batch *batch, uint32_t index, weir_error *err)
{
    batch_entry *entry = batch_at(batch, index);
    const weir_schema *schema = batch_schema_at(batch, entry->value_schema);
    weir_header header;
    weir_code code;
    json_t *paths;

    if (entry->header_count == 0 || schema == NULL || entry->value.len == BATCH_NULL)
        return WEIR_OK;
    if (!batch_header_find(batch, entry, UNSENT_HEADER, &header) || header.value.ptr == NULL)
        return WEIR_OK;
    paths = json_loadb(header.value.ptr, header.value.len, 0, NULL);
    if (!json_is_array(paths)) {
        json_decref(paths);
        return weir_fail(err, WEIR_REJECT, "the header weir.unsent is no JSON array");
    }
    code = set_bits(batch, entry, weir_schema_plan(schema), paths, err);
    json_decref(paths);
    return code;
}

/* batch_read.c - how a sink reads records. */
#include "sdk/src/batch_state.h"

#include "runtime/base/reader.h"

#include <assert.h>

bool weir_record_next(const weir_batch *batch, weir_record *record)
{
    const batch_state *self = batch_state_of(batch);
    uint32_t at =
        record->topic.ptr == NULL ? 0 : record->index + 1; /* a zeroed view is the first */
    const batch_entry *entry;

    while (at < self->count && self->entries[at].dropped)
        at++;
    if (at >= self->count)
        return false;
    entry = &self->entries[at];
    *record = (weir_record){
        .topic = batch_topic_name(batch, entry->topic),
        .key = batch_bytes_of(batch, entry->key),
        .value = batch_bytes_of(batch, entry->value),
        .key_schema = batch_schema_at(batch, entry->key_schema),
        .value_schema = batch_schema_at(batch, entry->value_schema),
        .timestamp_ms = entry->timestamp_ms,
        .log_topic = batch_topic_name(batch, entry->log_topic),
        .log_partition = entry->log_partition,
        .log_offset = entry->log_offset,
        .index = at,
        .header_count = entry->header_count,
        .unsent = entry->unsent == BATCH_NULL
                      ? NULL
                      : (const uint64_t *)(const void *)(self->arena + entry->unsent),
    };
    return true;
}

static bool next_header(reader *in, weir_header *header)
{
    int64_t size = reader_varint(in);

    if (size < 0)
        return false;
    header->name = reader_bytes(in, (size_t)size);
    size = reader_varint(in);
    header->value = (weir_str){0};
    if (size >= 0)
        header->value = reader_bytes(in, (size_t)size);
    return !in->failed;
}

weir_header weir_record_header_at(const weir_batch *batch, const weir_record *record,
                                  uint32_t index)
{
    const batch_entry *entry = &batch_state_of(batch)->entries[record->index];
    reader in = reader_of(batch_bytes_of(batch, entry->headers));
    weir_header header = {0};

    assert(index < record->header_count);
    for (uint32_t i = 0; i <= index; i++)
        if (!next_header(&in, &header))
            return (weir_header){0};
    return header;
}

bool batch_header_find(const weir_batch *batch, const batch_entry *entry, weir_str name,
                       weir_header *out)
{
    reader in = reader_of(batch_bytes_of(batch, entry->headers));
    bool found = false;
    weir_header header;

    for (uint32_t i = 0; i < entry->header_count && next_header(&in, &header); i++) {
        if (!weir_str_eq(header.name, name))
            continue;
        *out = header;
        found = true;
    }
    return found;
}

weir_str weir_record_header_find(const weir_batch *batch, const weir_record *record, weir_str name)
{
    weir_header found = {0};

    batch_header_find(batch, &batch_state_of(batch)->entries[record->index], name, &found);
    return found.value;
}

weir_code weir_record_decode(const weir_record *record, weir_slot *slots, weir_error *err)
{
    const weir_plan *plan;

    assert(record->value_schema != NULL && record->value.ptr != NULL);
    plan = weir_schema_plan(record->value_schema);
    if (weir_plan_decode(plan, record->value, slots, err) != WEIR_OK)
        return err->code;
    if (record->unsent == NULL)
        return WEIR_OK;
    for (size_t i = 0; i < weir_plan_column_count(plan); i++)
        if (weir_record_is_unsent(record, (int)i))
            slots[i].kind = WEIR_SLOT_UNSENT;
    return WEIR_OK;
}

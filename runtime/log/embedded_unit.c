/* embedded_unit.c - records into batches, one part for each partition. */
#include "runtime/log/embedded_unit.h"

#include "runtime/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    BATCH_BYTES = 1 << 20, /* a batch is ended when it is so large */
    SPARE_BYTES = 4 << 20, /* a larger buffer is not kept */
    MAX_SPARE_PARTS = 64,
    SCANNED_PARTS = 8, /* so many are searched one by one */
};

struct unit_part {
    store_partition *partition;
    int32_t compression;
    weir_buf bytes;
    record_batch_builder builder;
    bool is_building;
};

static unit_part *part_at(const embedded_unit *self, size_t i)
{
    unit_part *part;

    memcpy(&part, self->parts.ptr + i * sizeof(part), sizeof(part));
    return part;
}

void embedded_unit_done(embedded_unit *self)
{
    for (size_t i = 0; i < self->parts.len / sizeof(unit_part *); i++) {
        weir_buf_done(&part_at(self, i)->bytes);
        free(part_at(self, i));
    }
    weir_buf_done(&self->parts);
    weir_buf_done(&self->pieces);
    weir_map_free(self->by_partition);
    *self = (embedded_unit){0};
}

void embedded_unit_clear(embedded_unit *self)
{
    for (size_t i = 0; i < self->part_count; i++) {
        unit_part *part = part_at(self, i);

        if (part->bytes.capacity > SPARE_BYTES || i >= MAX_SPARE_PARTS)
            weir_buf_done(&part->bytes);
        weir_buf_clear(&part->bytes);
    }
    self->part_count = 0;
    self->last = NULL;
    self->bytes = 0;
    weir_map_free(self->by_partition);
    self->by_partition = NULL;
}

static unit_part *find_part(const embedded_unit *self, store_partition *partition)
{
    weir_str key = {(const char *)&partition, sizeof(partition)};
    size_t scanned = self->part_count < SCANNED_PARTS ? self->part_count : SCANNED_PARTS;

    for (size_t i = 0; i < scanned; i++) {
        if (part_at(self, i)->partition == partition)
            return part_at(self, i);
    }
    return self->by_partition == NULL ? NULL : weir_map_get(self->by_partition, key);
}

static unit_part *add_part(embedded_unit *self, store_partition *partition)
{
    weir_str key = {(const char *)&partition, sizeof(partition)};
    size_t i = self->part_count++;
    unit_part *part;

    if (self->parts.len < self->part_count * sizeof(part)) {
        part = mem_zalloc(1, sizeof(*part));
        weir_buf_add(&self->parts, &part, sizeof(part));
    }
    part = part_at(self, i);
    part->partition = partition;
    part->compression = store_topic_info(store_partition_topic(partition))->config.compression;
    part->is_building = false;
    if (i >= SCANNED_PARTS) {
        if (self->by_partition == NULL)
            self->by_partition = weir_map_new();
        (void)weir_map_put(self->by_partition, key, part);
    }
    return part;
}

static weir_code end_batch(unit_part *part, weir_buf *scratch, weir_error *err)
{
    part->is_building = false;
    return record_batch_end(&part->builder, (record_compression)part->compression, scratch, err);
}

weir_code embedded_unit_add(embedded_unit *self, store_partition *partition,
                            const record_fields *record, weir_buf *scratch, weir_error *err)
{
    unit_part *part = self->last;
    size_t before;

    if (part == NULL || part->partition != partition) {
        part = find_part(self, partition);
        if (part == NULL)
            part = add_part(self, partition);
        self->last = part;
    }
    before = part->bytes.len;
    if (!part->is_building)
        record_batch_begin(&part->builder, &part->bytes);
    part->is_building = true;
    record_batch_add(&part->builder, record);
    self->bytes += part->bytes.len - before;
    return record_batch_bytes(&part->builder) >= BATCH_BYTES ? end_batch(part, scratch, err)
                                                             : WEIR_OK;
}

weir_code embedded_unit_finish(embedded_unit *self, weir_buf *scratch, weir_error *err)
{
    weir_buf_clear(&self->pieces);
    for (size_t i = 0; i < self->part_count; i++) {
        unit_part *part = part_at(self, i);
        store_piece piece = {.partition = part->partition};

        if (part->is_building && end_batch(part, scratch, err) != WEIR_OK)
            return err->code;
        piece.bytes = part->bytes.ptr;
        piece.size = part->bytes.len;
        weir_buf_add(&self->pieces, &piece, sizeof(piece));
    }
    return WEIR_OK;
}

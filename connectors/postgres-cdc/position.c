/* position.c - where the connector resumes: its source offset, read and written. */
#include "position.h"

#include <inttypes.h>

static bool read_lsn(weir_str offset, const char *name, uint64_t *out)
{
    int64_t value;

    if (!weir_offset_int(offset, name, &value) || value < 0)
        return false;
    *out = (uint64_t)value;
    return true;
}

weir_code position_read(weir_task *task, weir_str offset, position *out, weir_error *err)
{
    int64_t flag = 0;

    *out = (position){.known = offset.len > 0};
    if (!out->known)
        return WEIR_OK;
    out->in_snapshot = weir_offset_int(offset, "snapshot", &flag) && flag != 0;
    if (!read_lsn(offset, "lsn_commit", &out->commit))
        return weir_fail(err, WEIR_FATAL, "the offset %.*s has no lsn_commit", WEIR_ARG(offset));
    (void)read_lsn(offset, "floor", &out->floor);
    if (read_lsn(offset, "lsn_open", &out->open) &&
        (!read_lsn(offset, "lsn", &out->change) ||
         !weir_offset_int(offset, "event", &out->same_count)))
        return weir_fail(err, WEIR_FATAL, "the offset %.*s has lsn_open, but no lsn and event",
                         WEIR_ARG(offset));
    out->partial = weir_offset_int(offset, "partial", &flag) && flag != 0;
    out->table = weir_offset_text(task, offset, "table");
    return WEIR_OK;
}

void position_write(const position *self, weir_str partition, weir_batch *batch)
{
    if (self->in_snapshot) {
        weir_buf table = {0};

        weir_buf_add_json(&table, self->table);
        weir_offset(batch, partition,
                    "{\"snapshot\":1,\"lsn_commit\":%" PRIu64 ",\"floor\":%" PRIu64
                    ",\"partial\":%d,\"table\":%s}",
                    self->commit, self->floor, self->partial, weir_buf_cstr(&table));
        weir_buf_done(&table);
    } else if (self->open != 0) {
        weir_offset(batch, partition,
                    "{\"lsn_commit\":%" PRIu64 ",\"lsn_open\":%" PRIu64 ",\"lsn\":%" PRIu64
                    ",\"event\":%" PRId64 "}",
                    self->commit, self->open, self->change, self->same_count);
    } else {
        weir_offset(batch, partition, "{\"lsn_commit\":%" PRIu64 "}", self->commit);
    }
    weir_checkpoint(batch);
}

uint64_t position_confirmed(weir_str offset)
{
    int64_t flag;
    uint64_t lsn = 0;

    if (weir_offset_int(offset, "snapshot", &flag) && flag != 0)
        return 0;
    return read_lsn(offset, "lsn_commit", &lsn) ? lsn : 0;
}

bool position_has(const position *self, uint64_t final_lsn, uint64_t change_lsn, int64_t same_index)
{
    if (final_lsn < self->commit)
        return true;
    if (final_lsn != self->open || self->open == 0)
        return false;
    return change_lsn < self->change ||
           (change_lsn == self->change && same_index <= self->same_count);
}

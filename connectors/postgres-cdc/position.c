/* position.c - where the connector resumes: its source offset, read and written. */
#include "position.h"

#include "weir/buf.h"

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
    (void)read_lsn(offset, "system", &out->system);
    if (weir_offset_int(offset, "timeline", &flag))
        out->timeline = (uint32_t)flag;
    out->origin = weir_offset_int(offset, "origin", &flag) ? (uint32_t)flag : out->timeline;
    (void)read_lsn(offset, "read_to", &out->read_to);
    if (read_lsn(offset, "lsn_open", &out->open) &&
        (!read_lsn(offset, "lsn", &out->change) ||
         !weir_offset_int(offset, "event", &out->same_count)))
        return weir_fail(err, WEIR_FATAL, "the offset %.*s has lsn_open, but no lsn and event",
                         WEIR_ARG(offset));
    out->table = weir_offset_text(task, offset, "table");
    out->reading = weir_offset_text(task, offset, "reading");
    out->left = weir_offset_text(task, offset, "left");
    if (!seen_read(&out->seen, weir_offset_text(task, offset, "seen")))
        return weir_fail(err, WEIR_FATAL, "the offset %.*s has no readable member \"seen\"",
                         WEIR_ARG(offset));
    return WEIR_OK;
}

void position_done(position *self)
{
    seen_done(&self->seen);
}

static void add_member(weir_buf *text, const char *name, weir_str value)
{
    if (value.len == 0)
        return;
    weir_buf_printf(text, ",\"%s\":", name);
    weir_buf_add_json(text, value);
}

void position_write(const position *self, weir_str partition, weir_batch *batch)
{
    weir_buf more = {0};

    if (self->in_snapshot) {
        weir_buf_printf(&more, ",\"snapshot\":1,\"floor\":%" PRIu64, self->floor);
        add_member(&more, "table", self->table);
        add_member(&more, "reading", self->reading);
        add_member(&more, "left", self->left);
    } else if (self->open != 0) {
        weir_buf_printf(&more, ",\"lsn_open\":%" PRIu64 ",\"lsn\":%" PRIu64 ",\"event\":%" PRId64,
                        self->open, self->change, self->same_count);
    }
    if (self->system != 0)
        weir_buf_printf(&more, ",\"system\":%" PRIu64 ",\"timeline\":%" PRIu32, self->system,
                        self->timeline);
    if (self->origin != self->timeline)
        weir_buf_printf(&more, ",\"origin\":%" PRIu32, self->origin);
    if (self->read_to > self->commit)
        weir_buf_printf(&more, ",\"read_to\":%" PRIu64, self->read_to);
    add_member(&more, "seen", weir_buf_str(&self->seen.text));
    weir_offset(batch, partition, "{\"lsn_commit\":%" PRIu64 "%s}", self->commit,
                weir_buf_cstr(&more));
    weir_buf_done(&more);
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

bool position_survives(const position *self, uint64_t fork)
{
    return !self->in_snapshot && self->commit <= fork && self->read_to <= fork &&
           (self->open == 0 || self->open < fork);
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

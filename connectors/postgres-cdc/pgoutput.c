/* pgoutput.c - decodes the messages of PostgreSQL's logical replication plugin. */
#include "pgoutput.h"

#include "bytes.h"

#include <assert.h>

/* A tuple of the change; false when it is none. */
static bool read_tuple(bytes *in, pgoutput_value *values, pgoutput_tuple *tuple)
{
    uint16_t count = bytes_u16(in);

    if (count > PGOUTPUT_COLUMN_LIMIT)
        return false;
    for (uint16_t i = 0; i < count && !in->failed; i++) {
        char form = (char)bytes_u8(in);

        values[i] = (pgoutput_value){.form = (pgoutput_form)form};
        if (form == PGOUTPUT_TEXT || form == PGOUTPUT_BINARY)
            values[i].bytes = bytes_take(in, bytes_u32(in));
        else if (form != PGOUTPUT_NULL && form != PGOUTPUT_UNCHANGED)
            return false;
    }
    tuple->count = count;
    tuple->values = values;
    return true;
}

static bool read_relation(bytes *in, pgoutput_decoder *decoder, pgoutput_message *message)
{
    message->relation = bytes_u32(in);
    message->table.schema = bytes_text(in);
    message->table.name = bytes_text(in);
    message->table.identity = (char)bytes_u8(in);
    message->table.count = bytes_u16(in);
    message->table.columns = decoder->columns;
    if (message->table.count > PGOUTPUT_COLUMN_LIMIT)
        return false;
    for (uint16_t i = 0; i < message->table.count; i++) {
        pgoutput_column *column = &decoder->columns[i];

        column->identity = (bytes_u8(in) & 1) != 0;
        column->name = bytes_text(in);
        column->type = bytes_u32(in);
        column->modifier = (int32_t)bytes_u32(in);
    }
    return true;
}

static bool read_insert(bytes *in, pgoutput_decoder *decoder, pgoutput_message *message)
{
    message->relation = bytes_u32(in);
    return bytes_u8(in) == 'N' && read_tuple(in, decoder->new_values, &message->change.new_tuple);
}

static bool read_update(bytes *in, pgoutput_decoder *decoder, pgoutput_message *message)
{
    message->relation = bytes_u32(in);
    char kind = (char)bytes_u8(in);

    if (kind == 'K' || kind == 'O') {
        message->change.old_kind = kind;
        if (!read_tuple(in, decoder->old_values, &message->change.old_tuple))
            return false;
        kind = (char)bytes_u8(in);
    }
    return kind == 'N' && read_tuple(in, decoder->new_values, &message->change.new_tuple);
}

static bool read_delete(bytes *in, pgoutput_decoder *decoder, pgoutput_message *message)
{
    message->relation = bytes_u32(in);
    message->change.old_kind = (char)bytes_u8(in);
    return (message->change.old_kind == 'K' || message->change.old_kind == 'O') &&
           read_tuple(in, decoder->old_values, &message->change.old_tuple);
}

static bool read_truncate(bytes *in, pgoutput_message *message)
{
    message->truncate.count = bytes_u32(in);
    (void)bytes_u8(in); /* CASCADE and RESTART IDENTITY: the tables are listed one by one anyway */
    message->truncate.relations = bytes_take(in, (size_t)message->truncate.count * 4);
    return true;
}

static bool read_logical(bytes *in, pgoutput_message *message)
{
    message->logical.transactional = (bytes_u8(in) & 1) != 0;
    message->logical.lsn = bytes_u64(in);
    message->logical.prefix = bytes_text(in);
    message->logical.content = bytes_take(in, bytes_u32(in));
    return true;
}

static bool read_message(bytes *in, pgoutput_decoder *decoder, pgoutput_message *message)
{
    switch (message->kind) {
    case PGOUTPUT_BEGIN:
        message->begin.final_lsn = bytes_u64(in);
        message->begin.time_us = (int64_t)bytes_u64(in);
        message->begin.xid = bytes_u32(in);
        return true;
    case PGOUTPUT_COMMIT:
        (void)bytes_u8(in); /* flags: none are defined */
        message->commit.lsn = bytes_u64(in);
        message->commit.end_lsn = bytes_u64(in);
        message->commit.time_us = (int64_t)bytes_u64(in);
        return true;
    case PGOUTPUT_ORIGIN:
        (void)bytes_u64(in); /* the commit's position on the origin */
        (void)bytes_text(in);
        return true;
    case PGOUTPUT_TYPE:
        message->relation = bytes_u32(in);
        (void)bytes_text(in);
        (void)bytes_text(in);
        return true;
    case PGOUTPUT_RELATION:
        return read_relation(in, decoder, message);
    case PGOUTPUT_INSERT:
        return read_insert(in, decoder, message);
    case PGOUTPUT_UPDATE:
        return read_update(in, decoder, message);
    case PGOUTPUT_DELETE:
        return read_delete(in, decoder, message);
    case PGOUTPUT_TRUNCATE:
        return read_truncate(in, message);
    case PGOUTPUT_MESSAGE:
        return read_logical(in, message);
    }
    return false;
}

weir_code pgoutput_decode(pgoutput_decoder *decoder, weir_str payload, pgoutput_message *message,
                          weir_error *err)
{
    bytes in = bytes_of(payload);

    *message = (pgoutput_message){.kind = (pgoutput_kind)bytes_u8(&in)};
    if (!read_message(&in, decoder, message) || in.failed || bytes_left(&in) > 0)
        return weir_fail(err, WEIR_FATAL,
                         "the server sent a replication message of %zu bytes that is no pgoutput "
                         "message of protocol version 1 (it begins with byte 0x%02x)",
                         payload.len, (unsigned)message->kind);
    return WEIR_OK;
}

uint32_t pgoutput_truncated(const pgoutput_message *message, uint32_t index)
{
    assert(message->kind == PGOUTPUT_TRUNCATE);
    assert(index < message->truncate.count);
    bytes in = bytes_of((weir_str){message->truncate.relations.ptr + (size_t)index * 4, 4});
    return bytes_u32(&in);
}

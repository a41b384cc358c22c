/* pgoutput_fuzz.c - replication messages are bytes from outside: whatever they hold, they are decoded or
 * refused, and what is decoded lies inside them. */
#include "connectors/postgres-cdc/pgoutput.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static pgoutput_decoder decoder;

static void check_text(weir_str text, weir_str whole)
{
    if (text.len == 0)
        return;
    assert(text.ptr >= whole.ptr);
    assert(text.ptr + text.len <= whole.ptr + whole.len);
}

static void check_tuple(const pgoutput_tuple *tuple, weir_str whole)
{
    for (uint16_t i = 0; tuple->values != NULL && i < tuple->count; i++)
        check_text(tuple->values[i].bytes, whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_str whole = {(const char *)data, size};
    pgoutput_message message;
    weir_error err;

    if (pgoutput_decode(&decoder, whole, &message, &err) != WEIR_OK) {
        assert(err.message[0] != 0);
        return 0;
    }
    switch (message.kind) {
    case PGOUTPUT_RELATION:
        check_text(message.table.schema, whole);
        check_text(message.table.name, whole);
        for (uint16_t i = 0; i < message.table.count; i++)
            check_text(message.table.columns[i].name, whole);
        break;
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        check_tuple(&message.change.old_tuple, whole);
        check_tuple(&message.change.new_tuple, whole);
        break;
    case PGOUTPUT_TRUNCATE:
        for (uint32_t i = 0; i < message.truncate.count; i++)
            (void)pgoutput_truncated(&message, i);
        break;
    case PGOUTPUT_MESSAGE:
        check_text(message.logical.prefix, whole);
        check_text(message.logical.content, whole);
        break;
    case PGOUTPUT_BEGIN:
    case PGOUTPUT_COMMIT:
    case PGOUTPUT_ORIGIN:
    case PGOUTPUT_TYPE:
        break;
    }
    return 0;
}

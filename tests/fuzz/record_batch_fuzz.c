/* record_batch_fuzz.c - any bytes as a record batch: refused or read, never more than there is. */
#include "runtime/wire/record_batch.h"

#include <assert.h>

enum { MAX_BYTES = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(weir_str batch, weir_buf *scratch)
{
    record_iterator records;
    record_view record;
    int32_t count = 0;
    weir_error err;
    weir_code code;

    if (record_iterator_begin(&records, batch, scratch, MAX_BYTES, &err) != WEIR_OK) {
        assert(err.message[0] != '\0');
        return;
    }
    assert(scratch->len <= MAX_BYTES);
    while ((code = record_iterator_next(&records, &record, &err)) == WEIR_OK) {
        weir_header header;
        uint32_t headers = 0;

        while (record_header_next(&record.headers, &header))
            headers++;
        count++;
        assert(count <= records.info.record_count);
    }
    if (code == WEIR_END)
        assert(count == records.info.record_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_str bytes = {(const char *)data, size};
    weir_buf scratch = {0};
    record_batch_info info;
    weir_error err;

    if (record_batch_peek(bytes, &info, &err) == WEIR_OK) {
        weir_str batch = {bytes.ptr, info.size_bytes};

        assert(info.size_bytes <= size);
        /* the records are walked also when the CRC is wrong */
        if (record_batch_check(batch, &err) != WEIR_OK)
            assert(err.message[0] != '\0');
        walk(batch, &scratch);
    }
    weir_buf_done(&scratch);
    return 0;
}

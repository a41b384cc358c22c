/* test_record_batch.c - batches are byte for byte what other clients make, and damage is noticed.
 *
 * The reference bytes were made with the Python client kafka-python from the same three records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/wire/record_batch.h"

static const uint8_t REFERENCE[] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x58, 0x00, 0x00, 0x00,
    0x00, 0x02, 0xb3, 0x10, 0x00, 0xd5, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x03, 0xe8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xed, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00,
    0x03, 0x14, 0x00, 0x00, 0x00, 0x04, 0x6b, 0x31, 0x04, 0x76, 0x31, 0x00, 0x24, 0x00, 0x0a,
    0x02, 0x01, 0x0a, 0x76, 0x61, 0x6c, 0x75, 0x65, 0x04, 0x02, 0x68, 0x02, 0x78, 0x02, 0x6e,
    0x01, 0x10, 0x00, 0x01, 0x04, 0x04, 0x6b, 0x33, 0x01, 0x00};

static void build_three(weir_buf *out, record_compression compression)
{
    weir_header headers[] = {{WEIR_STR("n"), {0}}};
    record_fields records[] = {
        {.timestamp_ms = 1000,
         .key_prefix = WEIR_STR("k"),
         .key = WEIR_STR("1"),
         .value = WEIR_STR("v1")},
        {.timestamp_ms = 1005,
         .value = WEIR_STR("value"),
         .coded_headers = WEIR_STR("\x02h\x02x"),
         .coded_count = 1,
         .headers = headers,
         .header_count = 1},
        {.timestamp_ms = 999, .key = WEIR_STR("k3")},
    };
    record_batch_builder builder;
    weir_buf scratch = {0};
    weir_error err;

    record_batch_begin(&builder, out);
    for (int i = 0; i < 3; i++)
        record_batch_add(&builder, &records[i]);
    assert_int_equal(record_batch_end(&builder, compression, &scratch, &err), WEIR_OK);
    weir_buf_done(&scratch);
}

static void a_batch_is_what_another_client_makes(void **state)
{
    weir_buf out = {0};
    (void)state;

    build_three(&out, RECORD_NONE);
    assert_int_equal(out.len, sizeof(REFERENCE));
    assert_memory_equal(out.ptr, REFERENCE, sizeof(REFERENCE));
    weir_buf_done(&out);
}

static void read_three(weir_str batch)
{
    record_iterator records;
    record_view record;
    weir_buf scratch = {0};
    weir_header header;
    weir_error err;

    assert_int_equal(record_batch_check(batch, &err), WEIR_OK);
    assert_int_equal(record_iterator_begin(&records, batch, &scratch, 1 << 20, &err), WEIR_OK);
    assert_int_equal(records.info.last_offset, records.info.base_offset + 2);
    assert_int_equal(records.info.max_timestamp_ms, 1005);
    assert_int_equal(record_iterator_next(&records, &record, &err), WEIR_OK);
    assert_true(weir_str_eq(record.key, WEIR_STR("k1")));
    assert_int_equal(record_iterator_next(&records, &record, &err), WEIR_OK);
    assert_null(record.key.ptr);
    assert_int_equal(record.timestamp_ms, 1005);
    assert_int_equal(record.header_count, 2);
    assert_true(record_header_next(&record.headers, &header));
    assert_true(weir_str_eq(header.value, WEIR_STR("x")));
    assert_true(record_header_next(&record.headers, &header));
    assert_null(header.value.ptr);
    assert_false(record_header_next(&record.headers, &header));
    assert_int_equal(record_iterator_next(&records, &record, &err), WEIR_OK);
    assert_null(record.value.ptr);
    assert_int_equal(record.offset, records.info.base_offset + 2);
    assert_int_equal(record_iterator_next(&records, &record, &err), WEIR_END);
    weir_buf_done(&scratch);
}

static void every_compression_gives_the_same_records_back(void **state)
{
    (void)state;

    for (int how = RECORD_NONE; how <= RECORD_ZSTD; how++) {
        weir_buf out = {0};

        build_three(&out, (record_compression)how);
        record_batch_set_base_offset(out.ptr, 77);
        read_three(weir_buf_str(&out));
        weir_buf_done(&out);
    }
}

static void what_would_become_too_large_is_refused(void **state)
{
    (void)state;

    for (int how = RECORD_GZIP; how <= RECORD_ZSTD; how++) {
        static char zeros[300000];
        record_fields record = {.value = {zeros, sizeof(zeros)}};
        record_batch_builder builder;
        record_iterator records;
        weir_buf out = {0}, scratch = {0};
        weir_error err;

        record_batch_begin(&builder, &out);
        record_batch_add(&builder, &record);
        assert_int_equal(record_batch_end(&builder, (record_compression)how, &scratch, &err),
                         WEIR_OK);
        assert_int_equal(record_iterator_begin(&records, weir_buf_str(&out), &scratch, 1000, &err),
                         WEIR_REJECT);
        assert_int_equal(
            record_iterator_begin(&records, weir_buf_str(&out), &scratch, 400000, &err), WEIR_OK);
        weir_buf_done(&out);
        weir_buf_done(&scratch);
    }
}

static void every_flipped_bit_behind_the_crc_is_noticed(void **state)
{
    uint8_t batch[sizeof(REFERENCE)];
    weir_error err;
    (void)state;

    for (size_t bit = (size_t)17 * 8; bit < sizeof(REFERENCE) * 8; bit++) {
        memcpy(batch, REFERENCE, sizeof(batch));
        batch[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(record_batch_check((weir_str){(const char *)batch, sizeof(batch)}, &err),
                         WEIR_REJECT);
    }
}

static void a_batch_that_is_cut_off_anywhere_is_incomplete(void **state)
{
    record_batch_info info;
    weir_error err;
    (void)state;

    for (size_t size = 0; size < sizeof(REFERENCE); size++)
        assert_int_equal(record_batch_peek((weir_str){(const char *)REFERENCE, size}, &info, &err),
                         WEIR_END);
    assert_int_equal(info.size_bytes, sizeof(REFERENCE));
}

static void a_producer_is_set_with_a_new_crc(void **state)
{
    weir_buf out = {0};
    record_batch_info info;
    weir_error err;
    (void)state;

    build_three(&out, RECORD_NONE);
    record_batch_set_producer(out.ptr, 1234567890123, 7, 42);
    assert_int_equal(record_batch_check(weir_buf_str(&out), &err), WEIR_OK);
    assert_int_equal(record_batch_peek(weir_buf_str(&out), &info, &err), WEIR_OK);
    assert_int_equal(info.producer_id, 1234567890123);
    assert_int_equal(info.producer_epoch, 7);
    assert_int_equal(info.base_sequence, 42);
    weir_buf_done(&out);
}

static void crc32c_is_castagnolis(void **state)
{
    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283); /* RFC 3720, B.4's check value */
    assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

static void keys_go_to_the_partitions_of_java_producers(void **state)
{
    (void)state; /* values of murmur2 in the tests of Kafka's Java client */
    assert_int_equal(partition_of_key(WEIR_STR("21"), 1000003), 547821);
    assert_int_equal(partition_of_key(WEIR_STR("foobar"), 1000003), 147095);
    assert_int_equal(partition_of_key(WEIR_STR("a-little-bit-long-string"), 1000003), 498629);
    assert_int_equal(partition_of_key(WEIR_STR("abc"), 1000003), 468670);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_what_another_client_makes),
        cmocka_unit_test(every_compression_gives_the_same_records_back),
        cmocka_unit_test(what_would_become_too_large_is_refused),
        cmocka_unit_test(every_flipped_bit_behind_the_crc_is_noticed),
        cmocka_unit_test(a_batch_that_is_cut_off_anywhere_is_incomplete),
        cmocka_unit_test(a_producer_is_set_with_a_new_crc),
        cmocka_unit_test(crc32c_is_castagnolis),
        cmocka_unit_test(keys_go_to_the_partitions_of_java_producers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_schema_hash.c - the MD5 of a schema; the expected ones were made by hashlib over the parts in
 * Confluent's order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/registry/schema_hash.h"

#include <string.h>

static const char *guid_of(weir_str text, const char *references, const char *metadata,
                           const char *rules)
{
    static char guid[37];
    uint8_t md5[RECORD_MD5_SIZE];

    assert_true(
        schema_hash(text, weir_cstr(references), weir_cstr(metadata), weir_cstr(rules), md5));
    schema_guid(md5, guid);
    return guid;
}

static void a_plain_schema_is_its_text(void **state)
{
    (void)state;
    assert_string_equal(guid_of(WEIR_STR("\"int\""), NULL, NULL, NULL),
                        "ef524ea1-b91e-7317-3d93-8ade36c1db32");
}

static void everything_counts_sorted_as_confluent_keeps_it(void **state)
{
    (void)state;
    assert_string_equal(
        guid_of(
            WEIR_STR("{\"a\":1}"), "[{\"name\":\"n\",\"subject\":\"s\",\"version\":3}]",
            "{\"sensitive\":[\"s1\"],\"properties\":{\"k2\":\"v2\",\"k1\":\"v1\"},"
            "\"tags\":{\"pii\":[\"b\",\"a\"]}}",
            "{\"domainRules\":[{\"name\":\"r\",\"doc\":\"d\",\"kind\":\"CONDITION\","
            "\"mode\":\"WRITE\",\"type\":\"CEL\",\"tags\":[\"t\"],\"params\":{\"p\":\"q\"},"
            "\"expr\":\"true\",\"onSuccess\":\"ok\",\"onFailure\":\"DLQ\",\"disabled\":true}]}"),
        "1ed97e65-e252-fe80-5f92-dbc2fd4e8212");
}

static void what_is_no_metadata_is_refused(void **state)
{
    uint8_t md5[RECORD_MD5_SIZE];

    (void)state;
    assert_false(schema_hash(WEIR_STR("1"), (weir_str){0}, WEIR_STR("[]"), (weir_str){0}, md5));
    assert_false(schema_hash(WEIR_STR("1"), WEIR_STR("{}"), (weir_str){0}, (weir_str){0}, md5));
    assert_false(schema_hash(WEIR_STR("1"), (weir_str){0}, (weir_str){0}, WEIR_STR("x"), md5));
}

static void a_guid_is_read_back(void **state)
{
    uint8_t md5[RECORD_MD5_SIZE];
    char guid[37];

    (void)state;
    assert_true(schema_guid_read(WEIR_STR("ef524ea1-b91e-7317-3d93-8ade36c1db32"), md5));
    schema_guid(md5, guid);
    assert_string_equal(guid, "ef524ea1-b91e-7317-3d93-8ade36c1db32");
    assert_false(schema_guid_read(WEIR_STR("0123"), md5));
    assert_false(schema_guid_read(WEIR_STR("ef524ea1-b91e-7317-3d93-8ade36c1db32"
                                           "00"),
                                  md5));
    assert_false(schema_guid_read(WEIR_STR("z1234567-0000-0000-0000-000000000000"), md5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_schema_is_its_text),
        cmocka_unit_test(everything_counts_sorted_as_confluent_keeps_it),
        cmocka_unit_test(what_is_no_metadata_is_refused),
        cmocka_unit_test(a_guid_is_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

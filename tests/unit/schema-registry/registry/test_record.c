/* test_record.c - records are written as Confluent's registry does, to the byte, and read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/registry/record.h"

#include <string.h>

static void keys_are_confluents(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf out = {0};

    (void)state;
    record_schema_key_add(WEIR_STR("a\"b"), 3, &out);
    assert_string_equal(weir_buf_cstr(&out), "{\"keytype\":\"SCHEMA\",\"subject\":\"a\\\"b\","
                                             "\"version\":3,\"magic\":1}");
    weir_buf_clear(&out);
    record_subject_key_add(RECORD_CONFIG, (weir_str){0}, &out);
    assert_string_equal(weir_buf_cstr(&out), "{\"keytype\":\"CONFIG\",\"magic\":0}");
    weir_buf_clear(&out);
    record_subject_key_add(RECORD_DELETE_SUBJECT, WEIR_STR("s"), &out);
    assert_string_equal(weir_buf_cstr(&out),
                        "{\"keytype\":\"DELETE_SUBJECT\",\"subject\":\"s\",\"magic\":0}");
    weir_buf_clear(&out);
    record_context_key_add(WEIR_STR(".c"), &out);
    assert_string_equal(
        weir_buf_cstr(&out),
        "{\"keytype\":\"CONTEXT\",\"tenant\":\"default\",\"context\":\".c\",\"magic\":0}");
    weir_buf_clear(&out);
    record_noop_key_add(&out);
    assert_string_equal(weir_buf_cstr(&out), "{\"keytype\":\"NOOP\",\"magic\":0}");
}

static void a_key_is_read_whatever_the_order_of_its_members(void **state)
{
    record_key key;

    (void)state;
    assert_true(record_key_read(
        WEIR_STR(
            "{\"magic\":1,\"version\":2,\"x\":{},\"subject\":\"s\\u0041\",\"keytype\":\"SCHEMA\"}"),
        &key));
    assert_int_equal(key.kind, RECORD_SCHEMA);
    assert_int_equal(key.version, 2);
    assert_string_equal(weir_buf_cstr(&key.subject), "sA");
    record_key_done(&key);
    assert_true(record_key_read(WEIR_STR("{\"keytype\":\"NEW\"}"), &key));
    assert_int_equal(key.kind, RECORD_OTHER);
    record_key_done(&key);
    assert_false(record_key_read(WEIR_STR("{\"keytype\":\"SCHEMA\",\"subject\":\"s\"}"), &key));
    record_key_done(&key);
    assert_false(record_key_read(WEIR_STR("{\"keytype\":\"SCHEMA\",\"subject\":1}"), &key));
    record_key_done(&key);
}

static void a_value_comes_back_with_all_it_had(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf first = {0}, second = {0};
    record_schema schema;

    (void)state;
    assert_true(record_schema_read(
        WEIR_STR("{\"deleted\":true,\"schema\":\"{}\",\"id\":7,\"version\":2,\"subject\":\"s\","
                 "\"schemaType\":\"JSON\",\"references\":[{\"name\":\"n\"}],\"metadata\":{\"a\":1},"
                 "\"ruleSet\":null,\"md5\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"new\": [ 1 ]}"),
        &schema));
    record_schema_add(WEIR_STR("s"), &schema, &first);
    record_schema_done(&schema);
    assert_string_equal(
        weir_buf_cstr(&first),
        "{\"subject\":\"s\",\"version\":2,\"id\":7,\"md5\":\"AAAAAAAAAAAAAAAAAAAAAA==\","
        "\"schemaType\":\"JSON\",\"references\":[{\"name\":\"n\"}],\"metadata\":{\"a\":1},"
        "\"schema\":\"{}\",\"deleted\":true,\"new\":[1]}");
    assert_true(record_schema_read(weir_buf_str(&first), &schema));
    record_schema_add(WEIR_STR("s"), &schema, &second);
    record_schema_done(&schema);
    assert_true(weir_str_eq(weir_buf_str(&first), weir_buf_str(&second)));
}

static void what_is_no_value_is_refused(void **state)
{
    static const char *const values[] = {"",
                                         "{}",
                                         "{\"id\":1,\"version\":1}",
                                         "{\"id\":1,\"version\":1,\"schema\":{}}",
                                         "{\"id\":1,\"version\":0,\"schema\":\"\"}",
                                         "{\"id\":1.5,\"version\":1,\"schema\":\"\"}",
                                         "{\"id\":1,\"version\":1,\"schema\":\"\",\"metadata\":[]}",
                                         "{\"id\":99999999999,\"version\":1,\"schema\":\"\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        record_schema schema;

        assert_false(record_schema_read(weir_cstr(values[i]), &schema));
        record_schema_done(&schema);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_confluents),
        cmocka_unit_test(a_key_is_read_whatever_the_order_of_its_members),
        cmocka_unit_test(a_value_comes_back_with_all_it_had),
        cmocka_unit_test(what_is_no_value_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_convert_array.c - arrays, as text and in binary: what they hold, and what is refused. */
#include "tests/unit/connectors/postgres-cdc/codec_fixture.h"

static const type_options options = {.money_digits = 2};

enum { INT4_ARRAY = 1007, TEXT_ARRAY = 1009, BOOL_ARRAY = 1000 };

static codec codec_of(uint32_t type)
{
    codec made;

    assert_true(codec_init(&made, pg_type_builtin(type), -1, &options, scratch));
    return made;
}

static void items_are_read_through_quotes_and_escapes(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        weir_str text;
        weir_str avro;
    } cases[] = {
        {INT4_ARRAY, BYTES("{}"), BYTES("\0")},
        {INT4_ARRAY, BYTES("{7}"), BYTES("\2\2\16\0")},
        {INT4_ARRAY, BYTES("[-1:0]={7,NULL}"), BYTES("\4\2\16\0\0")},
        {TEXT_ARRAY, BYTES("{a}"), BYTES("\2\2\2a\0")},
        {TEXT_ARRAY, BYTES("{\"\"}"), BYTES("\2\2\0\0")},
        {TEXT_ARRAY, BYTES("{NULL,\"NULL\"}"), BYTES("\4\0\2\10NULL\0")},
        {TEXT_ARRAY, BYTES("{\"a,b\",\"}\"}"), BYTES("\4\2\6a,b\2\2}\0")},
        {TEXT_ARRAY, BYTES("{\"\\\\\",\"\\\"\"}"), BYTES("\4\2\2\\\2\2\"\0")},
        {BOOL_ARRAY, BYTES("{t,f}"), BYTES("\4\2\1\2\0\0")},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        codec array = codec_of(cases[i].type);
        weir_batch out = empty_batch();

        if (array.text(&array, cases[i].text, &out, &err) != WEIR_OK)
            fail_msg("%s: %s", cases[i].text.ptr, err.message);
        assert_written(&out, cases[i].avro);
    }
}

static void what_is_no_array_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"",           "{",     "}",    "{1",    "{1,",
                                        "{1,}",       "{,1}",  "{1}x", "{\"1}", "{\"1\"x}",
                                        "[1:2]{1,2}", "{1,\\", "{x}"};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        codec array = codec_of(INT4_ARRAY);
        weir_batch out = empty_batch();

        if (array.text(&array, weir_cstr(cases[i]), &out, &err) == WEIR_OK)
            fail_msg("\"%s\" was taken", cases[i]);
    }
}

static void several_dimensions_are_refused_with_the_remedy(void **state)
{
    (void)state;
    codec array = codec_of(INT4_ARRAY);
    weir_batch out = empty_batch();
    weir_str binary =
        BYTES("\0\0\0\2\0\0\0\0\0\0\0\27\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\4\0\0\0\1");

    assert_int_equal(array.text(&array, WEIR_STR("{{1,2},{3,4}}"), &out, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "column.exclude.list"));
    assert_int_equal(array.binary(&array, binary, &out, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "more than one dimension"));
}

static void a_binary_array_that_is_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    weir_str whole =
        BYTES("\0\0\0\1\0\0\0\1\0\0\0\27\0\0\0\2\0\0\0\1\0\0\0\4\0\0\0\7\377\377\377\377");
    codec array = codec_of(INT4_ARRAY);

    for (size_t size = 0; size <= whole.len; size++) {
        weir_batch out = empty_batch();
        weir_code code = array.binary(&array, (weir_str){whole.ptr, size}, &out, &err);

        assert_int_equal(code, size == whole.len ? WEIR_OK : WEIR_FATAL);
        if (code == WEIR_OK)
            assert_memory_equal(memory, "\4\2\16\0\0", 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(items_are_read_through_quotes_and_escapes, release),
        cmocka_unit_test_teardown(what_is_no_array_is_refused, release),
        cmocka_unit_test_teardown(several_dimensions_are_refused_with_the_remedy, release),
        cmocka_unit_test_teardown(a_binary_array_that_is_cut_off_anywhere_is_refused, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_convert_more.c - arrays, as text and in binary: what they hold, and what is refused. */
#include "connectors/postgres-cdc/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static weir_buf scratch[CODEC_SCRATCH_COUNT];
static const type_options options = {.money_digits = 2};
static uint8_t memory[1024];
static weir_error err;

static int release(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODEC_SCRATCH_COUNT; i++)
        weir_buf_done(&scratch[i]);
    return 0;
}

enum { INT4_ARRAY = 1007, TEXT_ARRAY = 1009, BOOL_ARRAY = 1000 };

static codec codec_of(uint32_t type)
{
    codec made;

    assert_true(codec_init(&made, pg_type_builtin(type), -1, &options, scratch));
    return made;
}

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static void items_are_read_through_quotes_and_escapes(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        weir_str text;
        weir_str avro;
    } cases[] = {
        {INT4_ARRAY, TEXT("{}"), TEXT("\0")},
        {INT4_ARRAY, TEXT("{7}"), TEXT("\2\2\16\0")},
        {INT4_ARRAY, TEXT("[-1:0]={7,NULL}"), TEXT("\4\2\16\0\0")},
        {TEXT_ARRAY, TEXT("{a}"), TEXT("\2\2\2a\0")},
        {TEXT_ARRAY, TEXT("{\"\"}"), TEXT("\2\2\0\0")},
        {TEXT_ARRAY, TEXT("{NULL,\"NULL\"}"), TEXT("\4\0\2\10NULL\0")},
        {TEXT_ARRAY, TEXT("{\"a,b\",\"}\"}"), TEXT("\4\2\6a,b\2\2}\0")},
        {TEXT_ARRAY, TEXT("{\"\\\\\",\"\\\"\"}"), TEXT("\4\2\2\\\2\2\"\0")},
        {BOOL_ARRAY, TEXT("{t,f}"), TEXT("\4\2\1\2\0\0")},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        codec array = codec_of(cases[i].type);
        weir_batch out = {.at = memory, .end = memory + sizeof(memory)};

        if (array.text(&array, cases[i].text, &out, &err) != WEIR_OK)
            fail_msg("%s: %s", cases[i].text.ptr, err.message);
        assert_int_equal(out.at - memory, cases[i].avro.len);
        assert_memory_equal(memory, cases[i].avro.ptr, cases[i].avro.len);
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
        weir_batch out = {.at = memory, .end = memory + sizeof(memory)};

        if (array.text(&array, weir_cstr(cases[i]), &out, &err) == WEIR_OK)
            fail_msg("\"%s\" was taken", cases[i]);
    }
}

static void several_dimensions_are_refused_with_the_remedy(void **state)
{
    (void)state;
    codec array = codec_of(INT4_ARRAY);
    weir_batch out = {.at = memory, .end = memory + sizeof(memory)};
    weir_str binary =
        TEXT("\0\0\0\2\0\0\0\0\0\0\0\27\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\4\0\0\0\1");

    assert_int_equal(array.text(&array, WEIR_STR("{{1,2},{3,4}}"), &out, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "column.exclude.list"));
    assert_int_equal(array.binary(&array, binary, &out, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "more than one dimension"));
}

static void a_binary_array_that_is_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    weir_str whole =
        TEXT("\0\0\0\1\0\0\0\1\0\0\0\27\0\0\0\2\0\0\0\1\0\0\0\4\0\0\0\7\377\377\377\377");
    codec array = codec_of(INT4_ARRAY);

    for (size_t size = 0; size <= whole.len; size++) {
        weir_batch out = {.at = memory, .end = memory + sizeof(memory)};
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

/* test_check.c - which puts a schema allows, and when a value is whole. */
#include "schema-registry/avro/avro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct put {
    avro_put kind;
    int64_t n;
    weir_str bytes;
} put;

#define PUT(kind)                                                                                  \
    {                                                                                              \
        AVRO_PUT_##kind, 0,                                                                        \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define PUT_N(kind, n)                                                                             \
    {                                                                                              \
        AVRO_PUT_##kind, n,                                                                        \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define PUT_B(kind, text)                                                                          \
    {                                                                                              \
        AVRO_PUT_##kind, 0,                                                                        \
        {                                                                                          \
            text, sizeof(text) - 1                                                                 \
        }                                                                                          \
    }

static weir_schema *parse(const char *json)
{
    weir_error err = {0};
    weir_schema *schema = avro_parse(weir_cstr(json), &err);

    if (schema == NULL)
        fail_msg("%s: %s", json, err.message);
    return schema;
}

/* All of the puts are legal, no value before the last is whole, and the last makes it so. */
static void assert_whole(const char *json, const put *puts, size_t count)
{
    weir_schema *schema = parse(json);
    avro_checker checker;

    avro_check_begin(&checker, schema);
    for (size_t i = 0; i < count; i++) {
        if (avro_check_complete(&checker))
            fail_msg("%s: whole before put %zu", json, i);
        if (!avro_check_put(&checker, puts[i].kind, puts[i].n, puts[i].bytes))
            fail_msg("%s: put %zu, %s, is refused: expected %s", json, i,
                     avro_put_name(puts[i].kind), avro_check_expected(&checker));
    }
    assert_true(avro_check_complete(&checker));
    assert_string_equal(avro_check_expected(&checker), "nothing more");
    assert_false(avro_check_put(&checker, AVRO_PUT_NULL, 0, (weir_str){0}));
    assert_false(avro_check_complete(&checker));
    avro_schema_free(schema);
}

#define ASSERT_WHOLE(json, ...)                                                                    \
    assert_whole(json, (const put[]){__VA_ARGS__}, sizeof((const put[]){__VA_ARGS__}) / sizeof(put))

#define ENUM  "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}"
#define FIXED "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}"
#define ROW                                                                                        \
    "{\"type\":\"record\",\"name\":\"Row\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"       \
    "{\"name\":\"name\",\"type\":[\"null\",\"string\"]}]}"
#define EMPTY "{\"type\":\"record\",\"name\":\"N\",\"fields\":[]}"

/* Of all kinds of puts but raw ones only that of legal is taken; an int also where a long is. */
static void assert_only(const char *json, const put *legal)
{
    weir_schema *schema = parse(json);

    for (avro_put kind = AVRO_PUT_NULL; kind < AVRO_PUT_RAW; kind++) {
        bool expected =
            kind == legal->kind || (kind == AVRO_PUT_INT && legal->kind == AVRO_PUT_LONG);
        avro_checker checker;

        avro_check_begin(&checker, schema);
        if (avro_check_put(&checker, kind, legal->n, legal->bytes) != expected)
            fail_msg("%s: %s", json, avro_put_name(kind));
    }
    avro_schema_free(schema);
}

static void each_type_takes_its_put_and_no_other(void **state)
{
    static const struct {
        const char *json;
        put legal;
    } cases[] = {
        {"\"null\"", PUT(NULL)},
        {"\"boolean\"", PUT(BOOLEAN)},
        {"\"int\"", PUT(INT)},
        {"\"long\"", PUT(LONG)},
        {"\"float\"", PUT(FLOAT)},
        {"\"double\"", PUT(DOUBLE)},
        {"\"bytes\"", PUT(BYTES)},
        {"\"string\"", PUT(BYTES)},
        {FIXED, PUT_B(FIXED, "ab")},
        {ENUM, PUT_N(ENUM, 1)},
        {"[\"int\"]", PUT_N(BRANCH, 0)},
        {"{\"type\":\"array\",\"items\":\"int\"}", PUT(BLOCK)},
        {"{\"type\":\"map\",\"values\":\"int\"}", PUT(BLOCK)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_only(cases[i].json, &cases[i].legal);
}

static void records_arrays_maps_and_unions_are_followed(void **state)
{
    (void)state;
    ASSERT_WHOLE(ROW, PUT(LONG), PUT_N(BRANCH, 0), PUT(NULL));
    ASSERT_WHOLE(ROW, PUT(LONG), PUT_N(BRANCH, 1), PUT_B(BYTES, "x"));
    ASSERT_WHOLE("[\"null\"," ROW "]", PUT_N(BRANCH, 1), PUT(LONG), PUT_N(BRANCH, 0), PUT(NULL));
    ASSERT_WHOLE("{\"type\":\"array\",\"items\":\"int\"}", PUT_N(BLOCK, 0));
    ASSERT_WHOLE("{\"type\":\"array\",\"items\":\"int\"}", PUT_N(BLOCK, 2), PUT(INT), PUT(INT),
                 PUT_N(BLOCK, 1), PUT(INT), PUT_N(BLOCK, 0));
    ASSERT_WHOLE("{\"type\":\"array\",\"items\":" ROW "}", PUT_N(BLOCK, 1), PUT(LONG),
                 PUT_N(BRANCH, 0), PUT(NULL), PUT_N(BLOCK, 0));
    ASSERT_WHOLE("{\"type\":\"map\",\"values\":\"int\"}", PUT_N(BLOCK, 2), PUT_B(BYTES, "k"),
                 PUT(INT), PUT_B(BYTES, "l"), PUT(INT), PUT_N(BLOCK, 0));
    ASSERT_WHOLE("{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"int\"}}",
                 PUT_N(BLOCK, 1), PUT_B(BYTES, "k"), PUT_N(BLOCK, 0), PUT_N(BLOCK, 0));
}

static void records_without_fields_take_no_put(void **state)
{
    weir_schema *schema = parse(EMPTY);
    avro_checker checker;

    (void)state;
    avro_check_begin(&checker, schema);
    assert_true(avro_check_complete(&checker));
    avro_schema_free(schema);
    ASSERT_WHOLE("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":" EMPTY
                 "},{\"name\":\"b\",\"type\":\"int\"},{\"name\":\"c\",\"type\":\"N\"}]}",
                 PUT(INT));
    ASSERT_WHOLE("[\"null\"," EMPTY "]", PUT_N(BRANCH, 1));
    ASSERT_WHOLE("{\"type\":\"array\",\"items\":" EMPTY "}", PUT_N(BLOCK, INT64_MAX),
                 PUT_N(BLOCK, 0));
    ASSERT_WHOLE("{\"type\":\"map\",\"values\":" EMPTY "}", PUT_N(BLOCK, 2), PUT_B(BYTES, "k"),
                 PUT_B(BYTES, "l"), PUT_N(BLOCK, 0));
}

static void raw_bytes_stand_for_the_whole_value_that_is_expected(void **state)
{
    (void)state;
    ASSERT_WHOLE(ROW, PUT_B(RAW, "\x02\x00"));
    ASSERT_WHOLE("[\"null\"," ROW "]", PUT_N(BRANCH, 1), PUT_B(RAW, "\x02\x02\x02x"));
    ASSERT_WHOLE("[\"null\"," ROW "]", PUT_B(RAW, "\x02\x02\x00"));
    ASSERT_WHOLE(ROW, PUT_B(RAW, "\x02"), PUT_B(RAW, "\x00")); /* field by field */
    ASSERT_WHOLE("{\"type\":\"array\",\"items\":" ROW "}", PUT_N(BLOCK, 2), PUT_B(RAW, "\x02\x00"),
                 PUT_B(RAW, "\x02\x00"), PUT_N(BLOCK, 0));
}

static void an_illegal_put_is_refused_and_so_is_all_behind_it(void **state)
{
    static const struct {
        const char *json;
        put first, second;
        const char *expected;
    } cases[] = {
        {ROW, PUT(LONG), PUT(NULL), "union for field \"name\" of Row"},
        {ROW, PUT(LONG), PUT_N(BRANCH, 2), "union for field \"name\" of Row"},
        {ROW, PUT(LONG), PUT_N(BRANCH, -1), "union for field \"name\" of Row"},
        {ROW, PUT(INT), PUT_B(RAW, "\x00\x00"), "union for field \"name\" of Row"},
        {"[\"int\"," ENUM "]", PUT_N(BRANCH, 1), PUT_N(ENUM, 2), "E"},
        {"[\"int\"," FIXED "]", PUT_N(BRANCH, 1), PUT_B(FIXED, "abc"), "F"},
        {"{\"type\":\"array\",\"items\":\"int\"}", PUT_N(BLOCK, 1), PUT_N(BLOCK, 0),
         "int in an array"},
        {"{\"type\":\"map\",\"values\":\"int\"}", PUT_N(BLOCK, 1), PUT(INT),
         "the key of an entry in an entry of a map"},
        {"{\"type\":\"map\",\"values\":\"null\"}", PUT_N(BLOCK, 1), PUT_B(RAW, "\x00"),
         "the key of an entry in an entry of a map"},
        {"[\"int\",{\"type\":\"array\",\"items\":\"int\"}]", PUT_N(BRANCH, 1), PUT_N(BLOCK, -1),
         "array"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_schema *schema = parse(cases[i].json);
        const put *first = &cases[i].first, *second = &cases[i].second;
        avro_checker checker;

        avro_check_begin(&checker, schema);
        assert_true(avro_check_put(&checker, first->kind, first->n, first->bytes));
        assert_false(avro_check_put(&checker, second->kind, second->n, second->bytes));
        assert_string_equal(avro_check_expected(&checker), cases[i].expected);
        assert_false(avro_check_complete(&checker));
        for (avro_put kind = AVRO_PUT_NULL; kind <= AVRO_PUT_RAW; kind++)
            assert_false(avro_check_put(&checker, kind, 0, WEIR_STR("\x02")));
        avro_schema_free(schema);
    }
}

static void values_nested_deeper_than_the_limit_are_refused(void **state)
{
    weir_schema *schema = parse("{\"type\":\"record\",\"name\":\"L\",\"fields\":["
                                "{\"name\":\"next\",\"type\":[\"null\",\"L\"]}]}");
    avro_checker checker;

    (void)state;
    avro_check_begin(&checker, schema);
    for (int i = 0; i < AVRO_DEPTH_MAX; i++)
        assert_true(avro_check_put(&checker, AVRO_PUT_BRANCH, 1, (weir_str){0}));
    assert_false(avro_check_put(&checker, AVRO_PUT_BRANCH, 1, (weir_str){0}));
    avro_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_takes_its_put_and_no_other),
        cmocka_unit_test(records_arrays_maps_and_unions_are_followed),
        cmocka_unit_test(records_without_fields_take_no_put),
        cmocka_unit_test(raw_bytes_stand_for_the_whole_value_that_is_expected),
        cmocka_unit_test(an_illegal_put_is_refused_and_so_is_all_behind_it),
        cmocka_unit_test(values_nested_deeper_than_the_limit_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

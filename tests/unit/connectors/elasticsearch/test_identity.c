/* test_identity.c - whose an index is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/elasticsearch/identity.h"

#define META(content) "{\"i\":{\"mappings\":{\"_meta\":{" content "}}}}"
#define OURS(more)    META("\"weir\":{\"log\":\"L\",\"version\":\"log offset\"" more "}")

#define BY_POSITION(log, sources)                                                                  \
    META("\"weir\":{\"log\":\"" log "\",\"version\":\"source position\",\"sources\":[" sources "]" \
         ",\"topics\":{\"t\":\"T0\"}}")

static weir_str old_ones[] = {{"S0", 2}, {"K", 1}};
static const identity by_offset = {.log_id = {"L", 1},
                                   .by_position = false,
                                   .topic = {"t", 1},
                                   .topic_id = {"T", 1},
                                   .adopt_from = {old_ones, 2}};
static const identity by_position = {
    .log_id = {"L", 1}, .by_position = true, .topic = {"t", 1}, .source = {"S", 1}};
static const identity adopting = {.log_id = {"L", 1},
                                  .by_position = true,
                                  .topic = {"t", 1},
                                  .source = {"S", 1},
                                  .adopt_from = {old_ones, 2}};

static void an_identity_is_ours_unknown_or_another(void **state)
{
    static const struct {
        const char *mapping;
        const identity *who;
        weir_code code;
        enum identity_state state;
        const char *reason;
    } cases[] = {
        {OURS(",\"topics\":{\"t\":\"T\"}"), &by_offset, WEIR_OK, IDENTITY_OURS, NULL},
        {OURS(",\"topics\":{\"u\":\"U\"}"), &by_offset, WEIR_OK, IDENTITY_EXTENDED, NULL},
        {OURS(""), &by_offset, WEIR_OK, IDENTITY_EXTENDED, NULL},
        {OURS(",\"topics\":{\"t\":\"U\"}"), &by_offset, WEIR_FATAL, 0, "made again"},
        {OURS(""), &by_position, WEIR_FATAL, 0, "rule for versions"},
        {BY_POSITION("L", "\"S\""), &by_position, WEIR_OK, IDENTITY_OURS, NULL},
        {BY_POSITION("L", "\"R\",\"S\""), &by_position, WEIR_OK, IDENTITY_OURS, NULL},
        {META("\"weir\":{\"log\":\"L\",\"version\":\"source position\",\"sources\":[\"S\"]}"),
         &by_position, WEIR_OK, IDENTITY_EXTENDED, NULL},
        {BY_POSITION("L", "\"S0\""), &by_position, WEIR_FATAL, 0,
         "another source (\"S0\", this is \"S\")"},
        {BY_POSITION("L", ""), &by_position, WEIR_FATAL, 0, "another source (\"\""},
        {BY_POSITION("L", "\"S0\""), &adopting, WEIR_OK, IDENTITY_EXTENDED, NULL},
        {BY_POSITION("L", "\"S0\",\"S\""), &adopting, WEIR_OK, IDENTITY_OURS, NULL},
        {BY_POSITION("L", "\"R\""), &adopting, WEIR_FATAL, 0, "set index.adopt.from to \"R\""},
        {BY_POSITION("K", "\"S\""), &by_position, WEIR_FATAL, 0, "set index.adopt.from to \"K\""},
        {BY_POSITION("K", "\"S\""), &adopting, WEIR_OK, IDENTITY_EXTENDED, NULL},
        {BY_POSITION("K", "\"R\""), &adopting, WEIR_FATAL, 0, "another source"},
        {BY_POSITION("L", "\"S\""), &by_offset, WEIR_FATAL, 0, "rule for versions"},
        {META("\"weir\":{\"log\":\"K\",\"version\":\"log offset\"}"), &by_offset, WEIR_FATAL, 0,
         "go back to the data directory that it"}, /* offsets of two logs never compare */
        {META("\"weir\":{\"log\":\"M\",\"version\":\"log offset\"}"), &by_offset, WEIR_FATAL, 0,
         "another log"},
        {META("\"weir\":{}"), &by_offset, WEIR_FATAL, 0, "another rule for versions (\"\""},
        {META("\"other\":1"), &by_offset, WEIR_OK, IDENTITY_UNMARKED, NULL},
        {"{\"i\":{\"mappings\":{}}}", &by_offset, WEIR_OK, IDENTITY_UNMARKED, NULL},
        {"{}", &by_offset, WEIR_OK, IDENTITY_UNMARKED, NULL},
        {"nothing", &by_offset, WEIR_RETRY, 0, "no JSON"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum identity_state found = IDENTITY_UNMARKED;
        weir_error err = {0};

        assert_int_equal(
            identity_check(weir_cstr(cases[i].mapping), WEIR_STR("i"), cases[i].who, &found, &err),
            cases[i].code);
        if (cases[i].code == WEIR_OK)
            assert_int_equal(found, cases[i].state);
        else
            assert_non_null(strstr(err.message, cases[i].reason));
    }
}

static void a_mark_keeps_what_was_there_and_is_recognised(void **state)
{
    weir_buf first = {0}, second = {0};
    const identity more = {.log_id = {"L", 1}, .topic = {"u", 1}, .topic_id = {"U", 1}};
    enum identity_state found;
    weir_error err;
    (void)state;

    identity_add_meta(WEIR_STR(META("\"owner\":\"me\"")), &by_offset, &first);
    assert_string_equal(weir_buf_cstr(&first),
                        "\"_meta\":{\"owner\":\"me\",\"weir\":{\"log\":\"L\",\"version\":"
                        "\"log offset\",\"topics\":{\"t\":\"T\"}}}");
    weir_buf_add_str(&second, WEIR_STR("{\"i\":{\"mappings\":{"));
    weir_buf_add_str(&second, weir_buf_str(&first));
    weir_buf_add_str(&second, WEIR_STR("}}}"));
    weir_buf_clear(&first);
    weir_buf_add_str(&first, WEIR_STR("{\"i\":{\"mappings\":{"));
    identity_add_meta(weir_buf_str(&second), &more, &first);
    weir_buf_add_str(&first, WEIR_STR("}}}"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(identity_check(weir_buf_str(&first), WEIR_STR("i"),
                                        i == 0 ? &by_offset : &more, &found, &err),
                         WEIR_OK);
        assert_int_equal(found, IDENTITY_OURS);
    }
    weir_buf_done(&first);
    weir_buf_done(&second);
}

static void a_mark_names_each_source_once(void **state)
{
    weir_buf meta = {0}, mapping = {0};
    (void)state;

    identity_add_meta(WEIR_STR(BY_POSITION("K", "\"S0\"")), &adopting, &meta);
    weir_buf_add_str(&mapping, WEIR_STR("{\"i\":{\"mappings\":{"));
    weir_buf_add_str(&mapping, weir_buf_str(&meta));
    weir_buf_add_str(&mapping, WEIR_STR("}}}"));
    weir_buf_clear(&meta);
    identity_add_meta(weir_buf_str(&mapping), &by_position, &meta);
    assert_string_equal(weir_buf_cstr(&meta),
                        "\"_meta\":{\"weir\":{\"log\":\"L\",\"version\":\"source position\","
                        "\"sources\":[\"S0\",\"S\"],\"topics\":{\"t\":\"\"}}}");
    weir_buf_done(&meta);
    weir_buf_done(&mapping);
}

static void others_topics_in_an_index_are_seen(void **state)
{
    static const struct {
        const char *mapping;
        bool is_written, is_shared;
    } cases[] = {
        {OURS(""), false, false},
        {OURS(",\"topics\":{\"t\":\"T\"}"), true, false},
        {OURS(",\"topics\":{\"u\":\"U\"}"), false, true},
        {OURS(",\"topics\":{\"t\":\"T\",\"u\":\"U\"}"), true, true},
        {"nothing", false, false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool is_written, is_shared;

        identity_look(weir_cstr(cases[i].mapping), WEIR_STR("t"), &is_written, &is_shared);
        assert_int_equal(is_written, cases[i].is_written);
        assert_int_equal(is_shared, cases[i].is_shared);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_identity_is_ours_unknown_or_another),
        cmocka_unit_test(a_mark_keeps_what_was_there_and_is_recognised),
        cmocka_unit_test(a_mark_names_each_source_once),
        cmocka_unit_test(others_topics_in_an_index_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

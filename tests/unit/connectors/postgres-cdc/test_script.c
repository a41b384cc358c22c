/* test_script.c - where statements end, and which of them are not for the server. */
#include "connectors/postgres-cdc/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { EXPECTED_MAX = 4 };

static const struct {
    const char *text;
    struct {
        script_kind kind;
        int line;
        const char *text;
    } expected[EXPECTED_MAX]; /* SCRIPT_END behind the last */
} cases[] = {
    {"", {{SCRIPT_END}}},
    {" ;; -- nothing\n /* at /* all */ */ ;\n", {{SCRIPT_END}}},
    {"select 1", {{SCRIPT_STATEMENT, 1, "select 1"}}},
    {"a;\n\nb ; c",
     {{SCRIPT_STATEMENT, 1, "a"}, {SCRIPT_STATEMENT, 3, "b "}, {SCRIPT_STATEMENT, 3, "c"}}},
    {"-- first\n/* second\n*/ a;b", {{SCRIPT_STATEMENT, 3, "a"}, {SCRIPT_STATEMENT, 3, "b"}}},
    {"a ';' b;c", {{SCRIPT_STATEMENT, 1, "a ';' b"}, {SCRIPT_STATEMENT, 1, "c"}}},
    {"a 'it''s;';b", {{SCRIPT_STATEMENT, 1, "a 'it''s;'"}, {SCRIPT_STATEMENT, 1, "b"}}},
    {"a '\\';b", {{SCRIPT_STATEMENT, 1, "a '\\'"}, {SCRIPT_STATEMENT, 1, "b"}}},
    {"a E'\\';' ;b", {{SCRIPT_STATEMENT, 1, "a E'\\';' "}, {SCRIPT_STATEMENT, 1, "b"}}},
    {"a namee'\\';b", {{SCRIPT_STATEMENT, 1, "a namee'\\'"}, {SCRIPT_STATEMENT, 1, "b"}}},
    {"a \"x;\"\"y\";b", {{SCRIPT_STATEMENT, 1, "a \"x;\"\"y\""}, {SCRIPT_STATEMENT, 1, "b"}}},
    {"do $$a;b$$;c", {{SCRIPT_STATEMENT, 1, "do $$a;b$$"}, {SCRIPT_STATEMENT, 1, "c"}}},
    {"do $x$a;$$;$y$;$x$;c",
     {{SCRIPT_STATEMENT, 1, "do $x$a;$$;$y$;$x$"}, {SCRIPT_STATEMENT, 1, "c"}}},
    {"a $1;b$c$;d",
     {{SCRIPT_STATEMENT, 1, "a $1"}, {SCRIPT_STATEMENT, 1, "b$c$"}, {SCRIPT_STATEMENT, 1, "d"}}},
    {"a -- ';\n;b", {{SCRIPT_STATEMENT, 1, "a -- ';\n"}, {SCRIPT_STATEMENT, 2, "b"}}},
    {"a /* '; /* ; */ ; */ x;b",
     {{SCRIPT_STATEMENT, 1, "a /* '; /* ; */ ; */ x"}, {SCRIPT_STATEMENT, 1, "b"}}},
    {"create rule r as on x do (a; b);c",
     {{SCRIPT_STATEMENT, 1, "create rule r as on x do (a; b)"}, {SCRIPT_STATEMENT, 1, "c"}}},
    {"a ); b", {{SCRIPT_STATEMENT, 1, "a )"}, {SCRIPT_STATEMENT, 1, "b"}}},
    {"create or replace function f() begin atomic select case when 1 then 2 end; end;b",
     {{SCRIPT_STATEMENT, 1,
       "create or replace function f() begin atomic select case when 1 then 2 end; end"},
      {SCRIPT_STATEMENT, 1, "b"}}},
    {"CREATE PROCEDURE p() BEGIN ATOMIC a; END; b",
     {{SCRIPT_STATEMENT, 1, "CREATE PROCEDURE p() BEGIN ATOMIC a; END"},
      {SCRIPT_STATEMENT, 1, "b"}}},
    {"create table begin_ (x int); b",
     {{SCRIPT_STATEMENT, 1, "create table begin_ (x int)"}, {SCRIPT_STATEMENT, 1, "b"}}},
    /* what begins and ends transactions */
    {"Begin; x", {{SCRIPT_TRANSACTION, 1, "Begin"}, {SCRIPT_STATEMENT, 1, "x"}}},
    {"\nSTART TRANSACTION", {{SCRIPT_TRANSACTION, 2, "START TRANSACTION"}}},
    {"commit and chain", {{SCRIPT_TRANSACTION, 1, "commit and chain"}}},
    {"/* x */ COMMIT /* y */;", {{SCRIPT_TRANSACTION, 1, "COMMIT /* y */"}}},
    {"end;abort", {{SCRIPT_TRANSACTION, 1, "end"}, {SCRIPT_TRANSACTION, 1, "abort"}}},
    {"rollback; rollback work",
     {{SCRIPT_TRANSACTION, 1, "rollback"}, {SCRIPT_TRANSACTION, 1, "rollback work"}}},
    {"prepare transaction 'x'; prepare p as select 1",
     {{SCRIPT_TRANSACTION, 1, "prepare transaction 'x'"},
      {SCRIPT_STATEMENT, 1, "prepare p as select 1"}}},
    {"savepoint s; rollback to s; rollback work to savepoint s",
     {{SCRIPT_STATEMENT, 1, "savepoint s"},
      {SCRIPT_STATEMENT, 1, "rollback to s"},
      {SCRIPT_STATEMENT, 1, "rollback work to savepoint s"}}},
    {"comment on x is 'commit'; ending",
     {{SCRIPT_STATEMENT, 1, "comment on x is 'commit'"}, {SCRIPT_STATEMENT, 1, "ending"}}},
    /* psql's own */
    {"a;\n \\i other.sql \nb", {{SCRIPT_STATEMENT, 1, "a"}, {SCRIPT_META, 2, "\\i other.sql"}}},
    {"select 1\n \\gset", {{SCRIPT_META, 2, "\\gset"}}},
    /* without an end */
    {"a;\n b 'c;\n", {{SCRIPT_STATEMENT, 1, "a"}, {SCRIPT_UNCLOSED, 2, "b 'c;\n"}}},
    {"a \"", {{SCRIPT_UNCLOSED, 1, "a \""}}},
    {"a E'\\'", {{SCRIPT_UNCLOSED, 1, "a E'\\'"}}},
    {"a $$;b", {{SCRIPT_UNCLOSED, 1, "a $$;b"}}},
    {"a;\n/* b", {{SCRIPT_STATEMENT, 1, "a"}, {SCRIPT_UNCLOSED, 2, "/* b"}}},
    {"a /* b /* c */", {{SCRIPT_UNCLOSED, 1, "a /* b /* c */"}}},
};

static void statements_end_where_psql_ends_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        script from = script_of(weir_cstr(cases[i].text));

        for (size_t j = 0; j < EXPECTED_MAX; j++) {
            script_statement found = script_next(&from);

            assert_int_equal(found.kind, cases[i].expected[j].kind);
            if (found.kind == SCRIPT_END)
                break;
            assert_int_equal(found.line, cases[i].expected[j].line);
            assert_int_equal(found.text.len, strlen(cases[i].expected[j].text));
            assert_memory_equal(found.text.ptr, cases[i].expected[j].text, found.text.len);
            if (found.kind == SCRIPT_META || found.kind == SCRIPT_UNCLOSED)
                break;
        }
    }
}

static void no_byte_is_read_behind_the_text(void **state)
{
    static const char all[] = "select E'\\'' $a$ ' \" /* -- $b \\ ( create function begin x'";
    (void)state;

    for (size_t size = 0; size < sizeof(all); size++) {
        char *exact = test_malloc(size > 0 ? size : 1); /* a sanitizer knows where it ends */
        script from;

        memcpy(exact, all, size);
        from = script_of((weir_str){exact, size});
        for (int count = 0; count < 100; count++) {
            script_kind kind = script_next(&from).kind;

            if (kind != SCRIPT_STATEMENT && kind != SCRIPT_TRANSACTION)
                break;
        }
        assert_true(from.at <= size);
        test_free(exact);
    }
}

static void a_position_is_counted_in_characters(void **state)
{
    static const char text[] =
        "s '\xc3\xbc\xe2\x82\xac'\n\nfrom x"; /* two characters of several bytes */
    const script_statement statement = {SCRIPT_STATEMENT, {text, sizeof(text) - 1}, 5};
    (void)state;

    assert_int_equal(script_line_at(&statement, 1), 5);
    assert_int_equal(script_line_at(&statement, 7), 5); /* the first line's end */
    assert_int_equal(script_line_at(&statement, 8), 6);
    assert_int_equal(script_line_at(&statement, 9), 7); /* "from" */
    assert_int_equal(script_line_at(&statement, 1000), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_end_where_psql_ends_them),
        cmocka_unit_test(no_byte_is_read_behind_the_text),
        cmocka_unit_test(a_position_is_counted_in_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

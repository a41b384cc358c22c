/* test_scratch.c - what is refused before a server is asked: the source's own database, and what could commit.
 *
 * Connections here lead to a port that nobody listens at: what they were to reach is known all the same.
 */
#include "connectors/postgres-cdc/scratch.h"

#include "pg_world.h"

#include <libpq-fe.h>

#define SCRIPT WEIR_STR("change.sql")

/* A connection that was tried: nobody listens at port 1. */
static PGconn *unreached(const char *host, const char *database)
{
    const char *names[] = {"host", "hostaddr", "port", "dbname", NULL};
    const char *values[] = {host, host[0] == '/' ? NULL : "127.0.0.1", "1", database, NULL};
    PGconn *connection = PQconnectdbParams(names, values, 0);

    assert_int_equal(PQstatus(connection), CONNECTION_BAD);
    return connection;
}

static weir_code is_another(const char *host, const char *database, const char *hostname,
                            weir_error *err)
{
    PGconn *scratch = unreached(host, database);
    settings config = {.hostname = weir_cstr(hostname), .port = 1, .dbname = WEIR_STR("shop")};
    weir_code code = scratch_is_another(scratch, NULL, &config, err);

    connection_close(scratch);
    return code;
}

static void without_the_source_its_own_database_is_known_by_place_and_name(void **state)
{
    static const char *const here[] = {"localhost", "127.0.0.1", "::1", "/tmp"};
    weir_error err;
    (void)state;

    for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
        assert_int_equal(is_another("localhost", "shop", here[i], &err), WEIR_CONFIG);
        assert_int_equal(is_another("/tmp", "shop", here[i], &err), WEIR_CONFIG);
        assert_int_equal(is_another("localhost", "scratch", here[i], &err), WEIR_OK);
    }
    assert_non_null(strstr(err.message, "is the source's own, or a physical copy of it"));
    assert_int_equal(is_another("localhost", "shop", "db.example.org", &err), WEIR_OK);
    assert_int_equal(is_another("db.example.org", "shop", "db.example.org", &err), WEIR_CONFIG);
}

static void a_database_that_is_not_reached_is_tried_again_and_named_in_one_line(void **state)
{
    PGconn *scratch = NULL;
    weir_error err;
    (void)state;

    assert_int_equal(scratch_open(WEIR_STR("postgresql://127.0.0.1:1/scratch"), &scratch, &err),
                     WEIR_RETRY);
    assert_null(scratch);
    assert_non_null(strstr(err.message, "could not connect to the scratch database: "));
    assert_non_null(strstr(err.message, "port 1 failed"));
    assert_null(strchr(err.message, '\n'));
}

static void assert_refused(const char *script, const char *message)
{
    weir_error err;

    /* no connection: it would not survive a statement that is sent */
    assert_int_equal(scratch_run(NULL, weir_cstr(script), SCRIPT, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, message));
}

static void what_begins_or_ends_a_transaction_is_not_sent(void **state)
{
    static const char *const statements[] = {"commit",
                                             "begin;",
                                             "ROLLBACK",
                                             "/* x */ end",
                                             "start transaction",
                                             "abort",
                                             "prepare transaction 'x'"};
    (void)state;

    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        assert_refused(statements[i], "a migration is tried out in one transaction");
    assert_refused("\n\n-- note\ncommit;", "change.sql:4: \"commit\": ");
}

static void what_is_no_sql_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_refused("\n\\i other.sql\n",
                   "change.sql:2: \"\\i other.sql\": this is a command of psql");
    assert_refused("\nselect 'open", "a quoted text or a comment in this statement has no end");
}

static void a_script_with_a_zero_byte_is_no_text(void **state)
{
    weir_error err;
    (void)state;

    assert_int_equal(scratch_run(NULL, (weir_str){"a\0b", 3}, SCRIPT, &err), WEIR_CONFIG);
    assert_string_equal(err.message, "change.sql: it has a zero byte in it and is no text");
}

static void nothing_is_a_script(void **state)
{
    weir_error err;
    (void)state;

    assert_int_equal(scratch_run(NULL, WEIR_STR(" -- nothing\n;\n"), SCRIPT, &err), WEIR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_the_source_its_own_database_is_known_by_place_and_name),
        cmocka_unit_test(a_database_that_is_not_reached_is_tried_again_and_named_in_one_line),
        cmocka_unit_test(what_begins_or_ends_a_transaction_is_not_sent),
        cmocka_unit_test(what_is_no_sql_is_refused_with_its_line),
        cmocka_unit_test(a_script_with_a_zero_byte_is_no_text),
        cmocka_unit_test(nothing_is_a_script),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

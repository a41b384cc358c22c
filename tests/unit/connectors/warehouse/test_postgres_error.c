/* test_postgres_error.c - what an error of PostgreSQL means for the task. */
#include "connectors/warehouse/postgres_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static void an_sqlstate_says_what_to_do(void **state)
{
    static const struct {
        const char *sqlstate;
        weir_code code;
    } cases[] = {
        {NULL, WEIR_RETRY},     {"08006", WEIR_RETRY},  {"57P01", WEIR_RETRY},
        {"40P01", WEIR_RETRY},  {"53100", WEIR_RETRY},  {"55P03", WEIR_RETRY},
        {"58030", WEIR_RETRY},  {"22003", WEIR_REJECT}, {"22001", WEIR_REJECT},
        {"23505", WEIR_REJECT}, {"23502", WEIR_REJECT}, {"P0001", WEIR_REJECT},
        {"54000", WEIR_REJECT}, {"42501", WEIR_FATAL},  {"42P01", WEIR_RETRY},
        {"28P01", WEIR_CONFIG}, {"3D000", WEIR_CONFIG}, {"25P02", WEIR_FATAL},
        {"25P03", WEIR_RETRY},  {"25006", WEIR_RETRY},  {"42703", WEIR_RETRY},
        {"42804", WEIR_FATAL},

    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(postgres_error_class(cases[i].sqlstate), cases[i].code);
}

static void a_failed_connection_is_ours_or_passes(void **state)
{
    static const char *const ours[] = {
        "FATAL:  password authentication failed for user \"loader\"",
        "fe_sendauth: no password supplied",
        "FATAL:  database \"dwh\" does not exist",
        "FATAL:  no pg_hba.conf entry for host",
        "invalid sslmode value: \"maybe\"",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_int_equal(postgres_error_class_of_connect(ours[i]), WEIR_CONFIG);
    assert_int_equal(postgres_error_class_of_connect("connection refused"), WEIR_RETRY);
    assert_int_equal(postgres_error_class_of_connect("FATAL:  the database system is starting up"),
                     WEIR_RETRY);
}

static void an_error_that_a_person_can_mend_says_how(void **state)
{
    static const struct {
        const char *sqlstate, *word;
    } cases[] = {
        {"42P10", "unique constraint on exactly"},
        {"42501", "grant the user"},
        {"25006", "standby"},
        {"53100", "free space"},
        {"42846", "fields.whitelist"},

    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_non_null(strstr(postgres_error_remedy(cases[i].sqlstate), cases[i].word));
    assert_string_equal(postgres_error_remedy(NULL), "");
    assert_string_equal(postgres_error_remedy("22003"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_sqlstate_says_what_to_do),
        cmocka_unit_test(a_failed_connection_is_ours_or_passes),
        cmocka_unit_test(an_error_that_a_person_can_mend_says_how),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

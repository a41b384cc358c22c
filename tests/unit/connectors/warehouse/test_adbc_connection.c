/* test_adbc_connection.c - loading a driver, and who may write a file. */
#include "connectors/warehouse/adbc_connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static weir_code open_url(adbc_connection *self, const char *text, weir_error *err)
{
    weir_error ignored;
    weir_code code;
    url where;

    *self = (adbc_connection){.library = NULL};
    (void)url_parse(weir_cstr(text), &where, &ignored);
    code = adbc_connection_open(self, &where, err);
    url_done(&where);
    return code;
}

static void a_driver_that_is_not_there_is_named(void **state)
{
    adbc_connection self;
    weir_error err;
    (void)state;

    assert_int_equal(open_url(&self, "adbc:/nowhere/driver.so?entrypoint=duckdb_adbc_init", &err),
                     WEIR_CONFIG);
    assert_non_null(strstr(err.message, "/nowhere/driver.so"));
    adbc_connection_close(&self);
}

static void a_library_that_is_no_driver_is_refused(void **state)
{
    adbc_connection self;
    weir_error err;
    (void)state;

    assert_int_equal(open_url(&self, "adbc:libz.so.1?entrypoint=duckdb_adbc_init", &err),
                     WEIR_CONFIG);
    assert_non_null(strstr(err.message, "has no entry point \"duckdb_adbc_init\""));
    adbc_connection_close(&self);
}

static void a_file_has_one_writer_whatever_it_is_called(void **state)
{
    static const char first_url[] = "adbc:/no.so?entrypoint=duckdb_adbc_init&path=/tmp/weir-no.db";
    static const char other_url[] =
        "adbc:/no.so?entrypoint=duckdb_adbc_init&path=/tmp/../tmp/./weir-no.db";
    adbc_connection first, second;
    weir_error err;
    (void)state;

    assert_int_equal(open_url(&first, first_url, &err),
                     WEIR_CONFIG); /* it has the lock all the same */
    assert_int_equal(open_url(&second, other_url, &err), WEIR_RETRY);
    assert_non_null(strstr(err.message, "written by another connector"));
    adbc_connection_close(&second);
    adbc_connection_close(&first);
    assert_int_equal(open_url(&second, other_url, &err), WEIR_CONFIG);
    adbc_connection_close(&second);
}

static void a_drivers_error_is_released_with_its_first_line_kept(void **state)
{
    struct AdbcError none = {.message = NULL};
    char text[] = "Constraint Error: twice\nLINE 1: INSERT ...";
    struct AdbcError refused = {.message = text};
    weir_error err;
    (void)state;

    assert_int_equal(adbc_connection_failed(&refused, "could not write", &err), WEIR_REJECT);
    assert_string_equal(err.message, "could not write: Constraint Error: twice");
    assert_null(refused.message);
    assert_int_equal(adbc_connection_failed(&none, "could not write", &err), WEIR_FATAL);
    assert_string_equal(err.message, "could not write: the driver gives no reason");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_driver_that_is_not_there_is_named),
        cmocka_unit_test(a_library_that_is_no_driver_is_refused),
        cmocka_unit_test(a_file_has_one_writer_whatever_it_is_called),
        cmocka_unit_test(a_drivers_error_is_released_with_its_first_line_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_settings.c - every setting of the connectors that are replaced is known, and what fits together. */
#include "connectors/warehouse/settings.h"

#include "connectors/warehouse/postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static const weir_field *find(const char *name)
{
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        if (strcmp(settings_fields[i].name, name) == 0)
            return &settings_fields[i];
    return NULL;
}

static void every_setting_of_confluents_sink_is_known(void **state)
{
    (void)state;
    static const char *const names[] = {
        "connection.url",
        "connection.user",
        "connection.password",
        "connection.attempts",
        "connection.backoff.ms",
        "dialect.name",
        "insert.mode",
        "batch.size",
        "delete.enabled",
        "table.types",
        "table.name.format",
        "pk.mode",
        "pk.fields",
        "fields.whitelist",
        "db.timezone",
        "date.timezone",
        "auto.create",
        "auto.evolve",
        "quote.sql.identifiers",
        "max.retries",
        "retry.backoff.ms",
        "mssql.use.merge.holdlock",
        "trim.sensitive.log",
        "replace.null.with.default",
        "timestamp.precision.mode",
        "timestamp.fields.list",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const weir_field *field = find(names[i]);

        assert_non_null(field);
        assert_true(field->bound || field->ignored != NULL || field->unsupported != NULL);
    }
}

static void no_setting_is_there_twice_and_each_is_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        assert_ptr_equal(find(settings_fields[i].name), &settings_fields[i]);
        assert_true(strlen(settings_fields[i].doc) > 10);
    }
}

static void the_password_is_a_secret(void **state)
{
    (void)state;
    assert_true(find("connection.password")->secret);
}

static void deletes_need_the_records_key(void **state)
{
    (void)state;
    settings self = {.delete_enabled = true, .pk_mode = {PK_RECORD_VALUE}};
    weir_error err;

    assert_int_equal(settings_validate(&self, &err), WEIR_CONFIG);
    self.pk_mode.index = PK_RECORD_KEY;
    assert_int_equal(settings_validate(&self, &err), WEIR_OK);
}

static void upserts_and_updates_need_a_key(void **state)
{
    (void)state;
    settings self = {.insert_mode = {INSERT_MODE_UPSERT}};
    weir_error err;

    assert_int_equal(settings_validate(&self, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "pk.mode"));
    self.insert_mode.index = INSERT_MODE_UPDATE;
    assert_int_equal(settings_validate(&self, &err), WEIR_CONFIG);
    self.insert_mode.index = INSERT_MODE_INSERT;
    assert_int_equal(settings_validate(&self, &err), WEIR_OK);
}

static void a_log_position_has_three_columns_or_their_default_names(void **state)
{
    (void)state;
    weir_str names[2] = {{"a", 1}, {"b", 1}};
    settings self = {.pk_mode = {PK_KAFKA}, .pk_fields = {names, 2}};
    weir_error err;

    assert_int_equal(settings_validate(&self, &err), WEIR_CONFIG);
    self.pk_fields.count = 0;
    assert_int_equal(settings_validate(&self, &err), WEIR_OK);
}

static void a_zone_other_than_utc_is_refused(void **state)
{
    (void)state;
    const weir_field *field = find("db.timezone");
    weir_error err;

    assert_int_equal(field->check(WEIR_STR("UTC"), &err), WEIR_OK);
    assert_int_equal(field->check(WEIR_STR("Europe/Berlin"), &err), WEIR_CONFIG);
}

static void an_sqlstate_says_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *sqlstate;
        weir_code code;
    } cases[] = {
        {NULL, WEIR_RETRY},     {"08006", WEIR_RETRY},  {"57P01", WEIR_RETRY},
        {"40P01", WEIR_RETRY},  {"53100", WEIR_RETRY},  {"22003", WEIR_REJECT},
        {"23505", WEIR_REJECT}, {"P0001", WEIR_REJECT}, {"42501", WEIR_FATAL},
        {"42P01", WEIR_FATAL},  {"28P01", WEIR_CONFIG}, {"25P02", WEIR_FATAL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(postgres_classify(cases[i].sqlstate), cases[i].code);
    assert_int_equal(postgres_classify_connect("FATAL:  password authentication failed for user"),
                     WEIR_CONFIG);
    assert_int_equal(postgres_classify_connect("connection refused"), WEIR_RETRY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_of_confluents_sink_is_known),
        cmocka_unit_test(no_setting_is_there_twice_and_each_is_documented),
        cmocka_unit_test(the_password_is_a_secret),
        cmocka_unit_test(deletes_need_the_records_key),
        cmocka_unit_test(upserts_and_updates_need_a_key),
        cmocka_unit_test(a_log_position_has_three_columns_or_their_default_names),
        cmocka_unit_test(a_zone_other_than_utc_is_refused),
        cmocka_unit_test(an_sqlstate_says_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

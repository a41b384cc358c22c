/* test_settings.c - every setting of the connectors that are replaced is known, and what fits together. */
#include "connectors/warehouse/settings.h"

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

/* What is taken, ignored with a warning, or refused with a reason; never "is not known". */
static void assert_known(const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const weir_field *field = find(names[i]);
        int meanings = field == NULL
                           ? 0
                           : field->bound + (field->ignored != NULL) + (field->unsupported != NULL);

        if (meanings != 1)
            fail_msg("%s has %d meanings", names[i], meanings);
    }
}

/* All of its documentation's reference, of versions 5.5 to 10.9, besides those of every connector. */
static void every_setting_of_confluents_sink_is_known(void **state)
{
    static const char *const names[] = {"connection.url",
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
                                        "db.timezone.date",
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
                                        "date.calendar.system"};
    (void)state;

    assert_known(names, sizeof(names) / sizeof(names[0]));
}

/* All of its documentation and of its table of fields, of versions 2.2 to 3.6. */
static void every_setting_of_debeziums_sink_is_known(void **state)
{
    static const char *const names[] = {"connection.provider",
                                        "connection.url",
                                        "connection.username",
                                        "connection.password",
                                        "connection.pool.min_size",
                                        "connection.pool.max_size",
                                        "connection.pool.acquire_increment",
                                        "connection.pool.timeout",
                                        "connection.restart.on.errors",
                                        "use.time.zone",
                                        "database.time_zone",
                                        "delete.enabled",
                                        "truncate.enabled",
                                        "insert.mode",
                                        "primary.key.mode",
                                        "primary.key.fields",
                                        "quote.identifiers",
                                        "schema.evolution",
                                        "collection.name.format",
                                        "collection.table.format",
                                        "table.name.format",
                                        "dialect.postgres.postgis.schema",
                                        "dialect.postgres.unnest.insert.enabled",
                                        "dialect.sqlserver.identity.insert",
                                        "dialect.starrocks.catalog.name",
                                        "batch.size",
                                        "use.reduction.buffer",
                                        "keyed.message.batch.mode",
                                        "field.include.list",
                                        "field.exclude.list",
                                        "flush.max.retries",
                                        "flush.retry.delay.ms",
                                        "column.naming.strategy",
                                        "column.naming.style",
                                        "column.naming.prefix",
                                        "column.naming.suffix",
                                        "collection.naming.strategy",
                                        "table.naming.strategy",
                                        "collection.naming.style",
                                        "collection.naming.prefix",
                                        "collection.naming.suffix",
                                        "cloud.events.schema.name.pattern",
                                        "hibernate.dialect"};
    (void)state;

    assert_known(names, sizeof(names) / sizeof(names[0]));
}

static void no_setting_is_there_twice_and_each_is_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        assert_ptr_equal(find(settings_fields[i].name), &settings_fields[i]);
        assert_true(strlen(settings_fields[i].doc) > 10);
    }
}

/* Names on the left, ours on the right: as docs/reference says, what means the same is taken. */
static void debeziums_names_are_taken_where_they_mean_the_same(void **state)
{
    weir_str fields[] = {WEIR_STR("id"), WEIR_STR("line")};
    settings self = {
        .debezium_user = WEIR_STR("loader"),
        .debezium_pk_mode = WEIR_STR("record_key"),
        .debezium_schema_evolution = WEIR_STR("basic"),
        .debezium_quote = WEIR_STR("false"),
        .debezium_pk_fields = {fields, 2},
    };
    weir_error err;
    (void)state;

    for (int i = 0; i < 2; i++) { /* again is no harm */
        assert_int_equal(settings_resolve(&self, &err), WEIR_OK);
        assert_true(weir_str_eq(self.user, WEIR_STR("loader")));
        assert_int_equal(self.pk_mode.index, PK_RECORD_KEY);
        assert_int_equal(self.pk_fields.count, 2);
        assert_true(self.auto_create);
        assert_true(self.auto_evolve);
        assert_int_equal(self.quote_identifiers.index, 1);
    }
}

static void under_debeziums_class_its_defaults_hold(void **state)
{
    settings confluent = {.class_name = WEIR_STR("io.confluent.connect.jdbc.JdbcSinkConnector")};
    settings debezium = {.class_name = WEIR_STR("io.debezium.connector.jdbc.JdbcSinkConnector")};
    settings quoted = {.class_name = debezium.class_name, .debezium_quote = WEIR_STR("true")};
    weir_error err;
    (void)state;

    assert_int_equal(settings_resolve(&confluent, &err), WEIR_OK);
    assert_false(confluent.flattens_topic);
    assert_false(confluent.passes_deletes);
    assert_int_equal(confluent.quote_identifiers.index, 0);
    assert_int_equal(settings_resolve(&debezium, &err), WEIR_OK);
    assert_true(debezium.flattens_topic);
    assert_true(debezium.passes_deletes);
    assert_int_equal(debezium.quote_identifiers.index, 1);
    assert_int_equal(settings_resolve(&quoted, &err), WEIR_OK);
    assert_int_equal(quoted.quote_identifiers.index, 0);
}

static void a_collections_name_format_is_a_tables_whose_topic_has_no_dots(void **state)
{
    settings self = {.table_name_format = WEIR_STR("${topic}"),
                     .collection_name_format = WEIR_STR("dwh.${topic}")};
    weir_error err;
    (void)state;

    for (int i = 0; i < 2; i++) { /* again is no harm */
        assert_int_equal(settings_resolve(&self, &err), WEIR_OK);
        assert_true(self.flattens_topic);
        assert_true(weir_str_eq(self.table_name_format, WEIR_STR("dwh.${topic}")));
    }
}

static void two_names_of_one_setting_that_differ_are_refused(void **state)
{
    weir_str ours[] = {WEIR_STR("id")}, theirs[] = {WEIR_STR("line")};
    const struct {
        settings settings;
        const char *message;
    } cases[] = {
        {{.user = WEIR_STR("a"), .debezium_user = WEIR_STR("b")},
         "connection.user and connection.username differ: they are two names of one setting"},
        {{.pk_mode = {PK_KAFKA}, .debezium_pk_mode = WEIR_STR("record_key")},
         "pk.mode and primary.key.mode differ: they are two names of one setting"},
        {{.pk_fields = {ours, 1}, .debezium_pk_fields = {theirs, 1}},
         "pk.fields and primary.key.fields differ: they are two names of one setting"},
        {{.quote_identifiers = {1}, .debezium_quote = WEIR_STR("true")},
         "quote.sql.identifiers and quote.identifiers differ: they are two names of one setting"},
        {{.table_name_format = WEIR_STR("a"), .collection_name_format = WEIR_STR("b")},
         "table.name.format and collection.name.format differ: they are two names of one setting"},
        {{.auto_create = true, .debezium_schema_evolution = WEIR_STR("none")},
         "schema.evolution=none contradicts auto.create and auto.evolve"},
    };
    weir_error err;
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        settings self = cases[i].settings;

        assert_int_equal(settings_resolve(&self, &err), WEIR_CONFIG);
        assert_string_equal(err.message, cases[i].message);
    }
}

static void values_without_a_counterpart_are_refused_with_what_there_is(void **state)
{
    static const struct {
        const char *name, *value;
        bool good;
    } cases[] = {
        {"primary.key.mode", "record_header", false},
        {"primary.key.mode", "kafka", true},
        {"schema.evolution", "advanced", false},
        {"schema.evolution", "none", true},
        {"quote.identifiers", "yes", false},
        {"quote.identifiers", "true", true},
        {"use.time.zone", "Europe/Berlin", false},
        {"use.time.zone", "UTC", true},
        {"database.time_zone", "Asia/Tokyo", false},
        {"timestamp.precision.mode", "nanoseconds", false},
        {"timestamp.precision.mode", "microseconds", true},
        {"replace.null.with.default", "true", false},
        {"replace.null.with.default", "false", true},
        {"date.calendar.system", "LEGACY", false},
        {"date.calendar.system", "PROLEPTIC_GREGORIAN", true},
        {"column.naming.strategy", "com.example.Mine", false},
        {"column.naming.strategy", "io.debezium.sink.naming.DefaultColumnNamingStrategy", true},
        {"collection.naming.strategy", "io.debezium.sink.naming.DefaultCollectionNamingStrategy",
         true},
        {"collection.name.format", "${source.schema}_${source.table}", false},
        {"collection.name.format", "dwh.${topic}", true},
    };
    weir_error err;
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(find(cases[i].name)->check(weir_cstr(cases[i].value), &err),
                         cases[i].good ? WEIR_OK : WEIR_CONFIG);
    assert_non_null(find("field.include.list")->unsupported);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_of_confluents_sink_is_known),
        cmocka_unit_test(every_setting_of_debeziums_sink_is_known),
        cmocka_unit_test(under_debeziums_class_its_defaults_hold),
        cmocka_unit_test(a_collections_name_format_is_a_tables_whose_topic_has_no_dots),
        cmocka_unit_test(no_setting_is_there_twice_and_each_is_documented),
        cmocka_unit_test(debeziums_names_are_taken_where_they_mean_the_same),
        cmocka_unit_test(two_names_of_one_setting_that_differ_are_refused),
        cmocka_unit_test(values_without_a_counterpart_are_refused_with_what_there_is),
        cmocka_unit_test(the_password_is_a_secret),
        cmocka_unit_test(deletes_need_the_records_key),
        cmocka_unit_test(upserts_and_updates_need_a_key),
        cmocka_unit_test(a_log_position_has_three_columns_or_their_default_names),
        cmocka_unit_test(a_zone_other_than_utc_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_settings.c - the settings that every connector has: Kafka Connect's names, defaults and bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/connect/settings.h"
#include "sdk/src/task.h"

static connector_settings bound;
static weir_task memory;

static bool bind(const char *name, const char *value)
{
    config_table table = settings_table();
    config_setting given[] = {{WEIR_STR("connector.class"), WEIR_STR("x")},
                              {weir_cstr(name), weir_cstr(value)}};
    config_issues issues = {0};
    bool good;

    bound = (connector_settings){0};
    config_bind(&table, given, 2, CONFIG_ERROR, NULL, &memory, &bound, &issues);
    good = !config_has_error(&issues);
    config_issues_done(&issues);
    return good;
}

static int set_up(void **state)
{
    (void)state;
    task_init(&memory, WEIR_STR(""), 0, NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    task_done(&memory);
    return 0;
}

static void defaults_of_errors_are_kafka_connects(void **state)
{
    (void)state;

    assert_true(bind("name", "x"));
    assert_int_equal(bound.errors_tolerance.index, 0);
    assert_int_equal(bound.errors_retry_timeout_ms, 0);
    assert_int_equal(bound.errors_retry_delay_max_ms, 60000);
    assert_false(bound.errors_log);
    assert_false(bound.errors_log_messages);
    assert_int_equal(bound.dead_letter_topic.len, 0);
    assert_false(bound.dead_letter_headers);
}

static void a_source_makes_topics_of_one_partition_and_tasks_restart_for_ever(void **state)
{
    (void)state;

    assert_true(bind("name", "x"));
    assert_int_equal(bound.topic_partitions, 1);
    assert_int_equal(bound.tasks_max, 1);
    assert_int_equal(bound.restart_max, -1);
}

static void
schemas_of_records_are_checked_when_a_topic_is_told_so_but_not_of_dead_letters(void **state)
{
    static const config_setting settings[] = {
        {WEIR_STR("connector.class"), WEIR_STR("x")},
        {WEIR_STR("errors.deadletterqueue.topic.name"), WEIR_STR("dead")},
        {WEIR_STR("topic.creation.default.confluent.value.schema.validation"), WEIR_STR("true")},
        {WEIR_STR("topic.creation.default.confluent.value.subject.name.strategy"),
         WEIR_STR("io.confluent.kafka.serializers.subject.RecordNameStrategy")},
        {WEIR_STR("a.plugin.knows"), WEIR_STR("x")},
    };
    connector_settings own = {0};
    config_issues issues = {0};
    log_topic_config config;
    (void)state;

    settings_bind(settings, 5, &memory, &own, &issues);
    assert_int_equal(config_issue_count(&issues), 0);
    config = settings_topic_config(&own, WEIR_STR("t"));
    assert_int_equal(config.key_check, LOG_UNCHECKED);
    assert_int_equal(config.value_check, LOG_CHECK_RECORD_NAME);
    config = settings_topic_config(&own, WEIR_STR("dead"));
    assert_int_equal(config.value_check, LOG_UNCHECKED);
    config_issues_done(&issues);
}

static void values_out_of_bounds_are_refused(void **state)
{
    static const char *const refused[][2] = {
        {"errors.retry.timeout", "-2"},
        {"errors.retry.delay.max.ms", "0"},
        {"errors.tolerance", "some"},
        {"errors.restart.max", "-2"},
        {"tasks.max", "0"},
        {"key.converter", "xml"},
        {"errors.log.enable", "perhaps"},
        {"topic.creation.default.partitions", "0"},
        {"errors.restart.delay.ms", "soon"},
        {"on.full", "drop"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (bind(refused[i][0], refused[i][1]))
            fail_msg("%s=%s was taken", refused[i][0], refused[i][1]);
}

static void minus_one_and_zero_have_their_meaning(void **state)
{
    (void)state;

    assert_true(bind("errors.retry.timeout", "-1"));
    assert_int_equal(bound.errors_retry_timeout_ms, -1);
    assert_true(bind("errors.restart.max", "0"));
    assert_int_equal(bound.restart_max, 0);
}

static void converters_are_known_by_name_and_java_class(void **state)
{
    converter_kind kind;
    (void)state;

    assert_true(settings_converter(WEIR_STR("json"), &kind));
    assert_int_equal(kind, CONVERTER_JSON);
    assert_true(settings_converter(WEIR_STR("io.confluent.connect.avro.AvroConverter"), &kind));
    assert_int_equal(kind, CONVERTER_AVRO);
    assert_false(settings_converter(WEIR_STR("AvroConverter2"), &kind));
}

static void a_plugin_is_not_asked_for_common_settings(void **state)
{
    (void)state;

    assert_true(settings_is_common(WEIR_STR("errors.retry.timeout")));
    assert_true(settings_is_common(WEIR_STR("transforms.a.type")));
    assert_false(settings_is_common(WEIR_STR("connection.url")));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(defaults_of_errors_are_kafka_connects),
        CASE(a_source_makes_topics_of_one_partition_and_tasks_restart_for_ever),
        CASE(schemas_of_records_are_checked_when_a_topic_is_told_so_but_not_of_dead_letters),
        CASE(values_out_of_bounds_are_refused),
        CASE(minus_one_and_zero_have_their_meaning),
        CASE(converters_are_known_by_name_and_java_class),
        CASE(a_plugin_is_not_asked_for_common_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* settings.c - the table of what every connector can be told. */
#include "runtime/connect/settings.h"

#include "runtime/base/mem.h"
#include "runtime/connect/converter_settings.h"
#include "runtime/connect/java_regex.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(member, ...) WEIR_FIELD(connector_settings, member, __VA_ARGS__)

static const char *const tolerances[] = {"none", "all", NULL};
static const char *const compressions[] = {"none", "lz4", "zstd", NULL};
static const char *const incompatible_policies[] = {"hold", "fail", "dead-letter", NULL};
static const char *const full_policies[] = {"wait", "trim", NULL};

static weir_code check_converter(weir_str value, weir_error *err)
{
    converter_kind kind;

    if (settings_converter(value, &kind))
        return WEIR_OK;
    return weir_fail(
        err, WEIR_CONFIG,
        "\"%.*s\" is no converter; there are avro, json, string, bytes and the Java class "
        "names of these",
        WEIR_ARG(value));
}

static const weir_field fields[] = {
    FIELD(class_name, .name = "connector.class",
          .doc = "The connector: its name, or the Java class name of the one it replaces."),
    FIELD(tasks_max, .name = "tasks.max", .fallback = "1", .min = 1, .max = 1000,
          .doc = "Tasks that share the work, at most."),
    FIELD(topics, .name = "topics", .fallback = "", .doc = "Topics that a sink reads."),
    FIELD(topics_regex, .name = "topics.regex", .fallback = "", .check = java_regex_check,
          .doc = "Regular expression of the topics that a sink reads; it matches whole names."),
    FIELD(transforms, .name = "transforms", .fallback = "", .importance = WEIR_MEDIUM,
          .doc =
              "Names of transforms, in their order; each has settings transforms.NAME.type, ...."),
    FIELD(predicates, .name = "predicates", .fallback = "", .importance = WEIR_LOW,
          .doc =
              "Names of predicates, which transforms refer to by transforms.NAME.predicate; each "
              "has settings predicates.NAME.type, ...."),
    FIELD(key_converter, .name = "key.converter", .fallback = "avro", .check = check_converter,
          .importance = WEIR_MEDIUM, .doc = "How keys are written in the log."),
    FIELD(value_converter, .name = "value.converter", .fallback = "avro", .check = check_converter,
          .importance = WEIR_MEDIUM, .doc = "How values are written in the log."),
    FIELD(schema_incompatible, .name = "schema.incompatible.policy", .fallback = "hold",
          .choices = incompatible_policies, .importance = WEIR_MEDIUM,
          .doc =
              "What becomes of a source's records whose schema is not compatible with the versions "
              "of its subject. hold: they and all behind them in their topic wait in "
              "__weir_held.TOPIC until it is, and other topics go on. fail: the task fails. "
              "dead-letter: each goes into errors.deadletterqueue.topic.name."),
    FIELD(errors_tolerance, .name = "errors.tolerance", .fallback = "none", .choices = tolerances,
          .importance = WEIR_MEDIUM,
          .doc =
              "none: a record that cannot be written fails the task. all: it is passed over, into "
              "the dead letter queue if there is one."),
    FIELD(
        errors_retry_timeout_ms, .name = "errors.retry.timeout", .fallback = "0", .min = -1,
        .max = INT64_MAX, .importance = WEIR_MEDIUM,
        .doc =
            "How long, in milliseconds, a converter, a transform or a sink's put that failed in a "
            "way that may pass is tried again; 0 not at all (a put a few times), -1 for ever."),
    FIELD(errors_retry_delay_max_ms, .name = "errors.retry.delay.max.ms", .fallback = "60000",
          .min = 1, .max = 86400000, .importance = WEIR_MEDIUM,
          .doc =
              "The longest pause between two such attempts; pauses begin with 300 ms and double, "
              "and have jitter once they would be longer than this."),
    FIELD(errors_log, .name = "errors.log.enable", .fallback = "false", .importance = WEIR_MEDIUM,
          .doc = "Writes a diagnostic for each record that is passed over."),
    FIELD(errors_log_messages, .name = "errors.log.include.messages", .fallback = "false",
          .importance = WEIR_MEDIUM,
          .doc = "Such a diagnostic says where the record was, topic, partition, offset and "
                 "timestamp; never its contents."),
    FIELD(dead_letter_topic, .name = "errors.deadletterqueue.topic.name", .fallback = "",
          .importance = WEIR_MEDIUM,
          .doc = "Topic for records that a sink cannot write; it needs errors.tolerance=all."),
    FIELD(dead_letter_headers, .name = "errors.deadletterqueue.context.headers.enable",
          .fallback = "false", .importance = WEIR_MEDIUM,
          .doc = "Adds __connect.errors.* headers that say where a record came from and why it is "
                 "there."),
    FIELD(flush_interval_ms, .name = "offset.flush.interval.ms", .fallback = "1000", .min = 1,
          .max = 3600000, .importance = WEIR_LOW,
          .doc = "A sink is flushed this often under load, and as soon as there is nothing more to "
                 "read."),
    FIELD(restart_backoff_ms, .name = "errors.restart.delay.ms", .fallback = "500", .min = 1,
          .max = 3600000, .importance = WEIR_LOW,
          .doc = "Pause before a failed task is started again; doubled each time, with jitter."),
    FIELD(restart_backoff_max_ms, .name = "errors.restart.delay.max.ms", .fallback = "60000",
          .min = 1, .max = 86400000, .importance = WEIR_LOW,
          .doc =
              "The longest such pause; after a fault that passes, such as a server that is away, "
              "it is 4 seconds."),
    FIELD(restart_max, .name = "errors.restart.max", .fallback = "-1", .min = -1, .max = INT64_MAX,
          .importance = WEIR_LOW,
          .doc =
              "A task is started again so often after failures in a row, then it stays FAILED; -1 "
              "without limit, 0 never."),
    FIELD(topic_partitions, .name = "topic.creation.default.partitions", .fallback = "1", .min = 1,
          .max = 10000, .importance = WEIR_MEDIUM,
          .doc = "Partitions of topics that a source makes."),
    FIELD(topic_retention_ms, .name = "topic.creation.default.retention.ms",
          .fallback = "604800000", .min = -1, .max = INT64_MAX, .importance = WEIR_MEDIUM,
          .doc = "How long records of these topics are kept; -1 for ever."),
    FIELD(topic_retention_bytes, .name = "topic.creation.default.retention.bytes", .fallback = "-1",
          .min = -1, .max = INT64_MAX, .importance = WEIR_MEDIUM,
          .doc = "Bytes that a partition of these topics keeps; -1 without limit."),
    FIELD(topic_compression, .name = "topic.creation.default.compression.type", .fallback = "none",
          .choices = compressions, .importance = WEIR_LOW, .doc = "Compression of these topics."),
    FIELD(key_validation, .name = "topic.creation.default.confluent.key.schema.validation",
          .fallback = "false", .importance = WEIR_LOW,
          .doc = "Whoever writes to these topics: keys need a schema id that this process's "
                 "registry has "
                 "under their subject; other records are refused."),
    FIELD(value_validation, .name = "topic.creation.default.confluent.value.schema.validation",
          .fallback = "false", .importance = WEIR_LOW, .doc = "The same for values."),
    FIELD(key_validation_strategy,
          .name = "topic.creation.default.confluent.key.subject.name.strategy",
          .fallback = "TopicNameStrategy", .choices = SUBJECT_STRATEGY_NAMES,
          .importance = WEIR_LOW,
          .doc =
              "What the subject of a key's schema has to be, where that is checked: its topic, its "
              "record, or both."),
    FIELD(value_validation_strategy,
          .name = "topic.creation.default.confluent.value.subject.name.strategy",
          .fallback = "TopicNameStrategy", .choices = SUBJECT_STRATEGY_NAMES,
          .importance = WEIR_LOW, .doc = "The same for values."),
    FIELD(on_full, .name = "on.full", .fallback = "wait", .choices = full_policies,
          .importance = WEIR_MEDIUM,
          .doc = "When a partition is full and a sink has not read it: wait holds the source up, "
                 "trim drops "
                 "the oldest records."),
    FIELD(in_flight_bytes, .name = "max.in.flight.bytes", .fallback = "33554432", .min = 65536,
          .max = 1073741824, .importance = WEIR_LOW,
          .doc = "Bytes of a task that may be under way: of a source into the log, of a sink out "
                 "of it."),
    WEIR_FIELD_UNBOUND(.name = "name", .doc = "The connector's name."),
    WEIR_FIELD_UNBOUND(.name = "header.converter", .ignored = "headers are kept as bytes",
                       .doc = "Headers are kept as bytes."),
    WEIR_FIELD_UNBOUND(.name = "config.action.reload", .ignored = "settings are read at each start",
                       .doc = "Settings are read at each start."),
    WEIR_FIELD_UNBOUND(.name = "errors.deadletterqueue.topic.replication.factor",
                       .ignored = "the log is one process", .doc = "The log is one process."),
    WEIR_FIELD_UNBOUND(.name = "topic.creation.default.replication.factor",
                       .ignored = "the log is one process", .doc = "The log is one process."),
};

config_table settings_table(void)
{
    return (config_table){fields, sizeof(fields) / sizeof(fields[0]), sizeof(fields[0])};
}

static bool begins_with(weir_str text, weir_str prefix)
{
    return text.len > prefix.len && memcmp(text.ptr, prefix.ptr, prefix.len) == 0;
}

static bool table_has(config_table table, weir_str name)
{
    for (size_t i = 0; i < table.count; i++)
        if (weir_str_eq(weir_cstr(table.fields[i].name), name))
            return true;
    return false;
}

bool settings_is_common(weir_str name)
{
    return table_has(settings_table(), name) || table_has(converter_settings_table(true), name) ||
           table_has(converter_settings_table(false), name) ||
           begins_with(name, WEIR_STR("transforms.")) || begins_with(name, WEIR_STR("predicates."));
}

size_t settings_of(const config_setting *settings, size_t count, const char *kind, weir_str name,
                   config_setting *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf prefix = {0};
    size_t found = 0;

    weir_buf_printf(&prefix, "%s.%.*s.", kind, WEIR_ARG(name));
    for (size_t i = 0; i < count; i++) {
        weir_str full = settings[i].name;

        if (!begins_with(full, weir_buf_str(&prefix)))
            continue;
        out[found] = settings[i];
        out[found++].name = (weir_str){full.ptr + prefix.len, full.len - prefix.len};
    }
    return found;
}

size_t settings_without(config_setting *settings, size_t count, weir_str name)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (!weir_str_eq(settings[i].name, name))
            settings[kept++] = settings[i];
    return kept;
}

bool settings_converter(weir_str name, converter_kind *out)
{
    static const struct {
        const char *name;
        converter_kind kind;
    } names[] = {
        {"avro", CONVERTER_AVRO},
        {"io.confluent.connect.avro.AvroConverter", CONVERTER_AVRO},
        {"json", CONVERTER_JSON},
        {"org.apache.kafka.connect.json.JsonConverter", CONVERTER_JSON},
        {"string", CONVERTER_STRING},
        {"org.apache.kafka.connect.storage.StringConverter", CONVERTER_STRING},
        {"bytes", CONVERTER_BYTES},
        {"org.apache.kafka.connect.converters.ByteArrayConverter", CONVERTER_BYTES},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (weir_str_eq(weir_cstr(names[i].name), name)) {
            *out = names[i].kind;
            return true;
        }
    return false;
}

weir_str settings_get(const config_setting *settings, size_t count, weir_str name)
{
    for (size_t i = 0; i < count; i++)
        if (weir_str_eq(settings[i].name, name))
            return settings[i].value;
    return (weir_str){0};
}

void settings_bind(const config_setting *settings, size_t count, weir_task *memory,
                   connector_settings *out, config_issues *issues)
{
    config_setting *ours = mem_zalloc(count + 1, sizeof(*ours));
    config_table table = settings_table();
    size_t our_count = 0;

    for (size_t i = 0; i < count; i++)
        if (table_has(table, settings[i].name))
            ours[our_count++] = settings[i];
    config_bind(&table, ours, our_count, CONFIG_WARNING, NULL, memory, out, issues);
    free(ours);
}

static log_schema_check check_of(bool is_on, weir_choice strategy)
{
    static_assert(LOG_SCHEMA_CHECKS - LOG_CHECK_TOPIC_NAME == SUBJECT_STRATEGIES, "in one order");
    return is_on ? (log_schema_check)(LOG_CHECK_TOPIC_NAME + strategy.index % SUBJECT_STRATEGIES)
                 : LOG_UNCHECKED;
}

log_topic_config settings_topic_config(const connector_settings *settings, weir_str topic)
{
    static const int compressions_of_log[] = {0, 3, 4};
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    config.partitions = (int32_t)settings->topic_partitions;
    config.retention_ms = settings->topic_retention_ms;
    config.retention_bytes = settings->topic_retention_bytes;
    config.compression = compressions_of_log[settings->topic_compression.index];
    config.trim = settings->on_full.index == 1;
    if (weir_str_eq(topic, settings->dead_letter_topic))
        return config; /* it is there for what was refused */
    config.key_check = check_of(settings->key_validation, settings->key_validation_strategy);
    config.value_check = check_of(settings->value_validation, settings->value_validation_strategy);
    return config;
}

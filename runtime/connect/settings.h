/* settings.h - what every connector can be told, whatever its plugin: tasks, topics, converters, errors.
 *
 * The names are Kafka Connect's. The plugin's own settings are bound by its own table.
 */
#ifndef RUNTIME_CONNECT_SETTINGS_H
#define RUNTIME_CONNECT_SETTINGS_H

#include "runtime/log/log.h"
#include "sdk/src/config.h"

typedef enum converter_kind {
    CONVERTER_AVRO,
    CONVERTER_JSON,
    CONVERTER_STRING,
    CONVERTER_BYTES,
} converter_kind;

/* What becomes of a source's records whose schema the registry does not take. */
typedef enum incompatible_policy {
    INCOMPATIBLE_HOLD,
    INCOMPATIBLE_FAIL,
    INCOMPATIBLE_DEAD_LETTER,
} incompatible_policy;

typedef struct connector_settings {
    weir_str class_name;
    int64_t tasks_max;
    weir_list topics;
    weir_str topics_regex;
    weir_list transforms, predicates;
    weir_str key_converter, value_converter;
    weir_choice schema_incompatible; /* an incompatible_policy */
    weir_choice errors_tolerance;    /* 0 none, 1 all */
    int64_t errors_retry_timeout_ms; /* -1: for ever */
    int64_t errors_retry_delay_max_ms;
    bool errors_log, errors_log_messages;
    weir_str dead_letter_topic;
    bool dead_letter_headers;
    int64_t flush_interval_ms;
    int64_t restart_backoff_ms, restart_backoff_max_ms;
    int64_t restart_max; /* -1: for ever */
    int64_t topic_partitions;
    int64_t topic_retention_ms, topic_retention_bytes;
    weir_choice topic_compression; /* none, lz4, zstd */
    bool key_validation, value_validation;
    weir_choice key_validation_strategy, value_validation_strategy;
    weir_choice on_full; /* wait, trim */
    int64_t in_flight_bytes;
} connector_settings;

/* The table of the settings above. */
config_table settings_table(void);

/* Binds those of the settings that are the table's; out's texts live in memory. */
void settings_bind(const config_setting *settings, size_t count, weir_task *memory,
                   connector_settings *out, config_issues *issues);

/* How a topic is made when it is not there. */
log_topic_config settings_topic_config(const connector_settings *settings, weir_str topic);

/* True for a name that is no plugin's business: one of the table, of a converter's, or transforms.X or
 * predicates.X. */
bool settings_is_common(weir_str name);

/* The kind of a converter by its short name or Java class; false when it is none. */
bool settings_converter(weir_str name, converter_kind *out);

/* The settings KIND.NAME.* without that prefix; out has room for count. Returns how many. */
size_t settings_of(const config_setting *settings, size_t count, const char *kind, weir_str name,
                   config_setting *out);
/* Takes a setting out of an array; returns how many are left. */
size_t settings_without(config_setting *settings, size_t count, weir_str name);

/* The value of a setting; ptr NULL when it is not there. */
weir_str settings_get(const config_setting *settings, size_t count, weir_str name);

#endif

/* settings.h - the connector's configuration: Debezium's names, read into one struct.
 *
 * The table says for every setting of Debezium's PostgreSQL connector 3.3 whether it is honoured,
 * accepted without effect, or refused, and why.
 */
#ifndef POSTGRES_CDC_SETTINGS_H
#define POSTGRES_CDC_SETTINGS_H

#include "types.h"

#include "weir/config.h"

typedef enum snapshot_mode {
    SNAPSHOT_INITIAL,
    SNAPSHOT_NO_DATA,
    SNAPSHOT_INITIAL_ONLY
} snapshot_mode;
typedef enum autocreate_mode {
    AUTOCREATE_FILTERED,
    AUTOCREATE_ALL_TABLES,
    AUTOCREATE_DISABLED
} autocreate_mode;

#define SETTINGS_FIXED_COUNT 20

typedef struct settings {
    weir_str hostname, user, password, dbname;
    int64_t port;
    weir_choice sslmode;
    weir_str sslcert, sslkey, sslpassword, sslrootcert;
    int64_t connection_timeout_ms;
    weir_str plugin_name, slot_name, publication_name;
    weir_choice publication_autocreate_mode;
    bool publish_via_partition_root;
    weir_str topic_prefix, topic_delimiter;
    weir_list schema_include, schema_exclude, table_include, table_exclude;
    weir_list column_include, column_exclude;
    weir_str message_key_columns;
    weir_choice snapshot_mode;
    int64_t snapshot_threads, snapshot_chunk_size;
    bool tombstones_on_delete;
    weir_choice decimal_handling_mode, time_precision_mode, interval_handling_mode;
    weir_choice binary_handling_mode;
    int64_t money_fraction_digits;
    weir_str unavailable_value_placeholder;
    weir_list skipped_operations;
    weir_choice schema_name_adjustment, field_name_adjustment;
    int64_t status_update_interval_ms, heartbeat_interval_ms;
    weir_str heartbeat_topics_prefix, heartbeat_action_query;
    weir_str
        fixed[SETTINGS_FIXED_COUNT]; /* settings with one supported value, which are only checked */
} settings;

#define SETTINGS_FIELD_COUNT          128
#define SETTINGS_SNAPSHOT_THREADS_MAX 16

extern const weir_field settings_fields[SETTINGS_FIELD_COUNT];

/* What no single field can say. */
WEIR_MUST_CHECK weir_code settings_validate(const void *state, weir_error *err);

/* Whether events of an operation (c, u, d, t) are left out. */
bool settings_skips(const settings *self, char operation);

type_options settings_types(const settings *self);

/* The name of a choice as libpq spells it. */
const char *settings_sslmode(const settings *self);

#endif

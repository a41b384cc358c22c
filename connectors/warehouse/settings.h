/* settings.h - what can be configured about the warehouse sink.
 *
 * The names are those of Confluent's JDBC sink and, where that has none, of Debezium's. One table
 * in settings.c yields parsing, validation and documentation.
 */
#ifndef WAREHOUSE_SETTINGS_H
#define WAREHOUSE_SETTINGS_H

#include "weir/config.h"

typedef enum insert_mode { INSERT_MODE_INSERT, INSERT_MODE_UPSERT, INSERT_MODE_UPDATE } insert_mode;

typedef enum pk_mode { PK_NONE, PK_KAFKA, PK_RECORD_KEY, PK_RECORD_VALUE } pk_mode;

typedef struct settings {
    weir_str class_name; /* what the connector was created as */
    weir_str url;
    weir_str user;
    weir_str password;
    weir_choice insert_mode; /* an insert_mode */
    weir_choice pk_mode;     /* a pk_mode */
    weir_list pk_fields;
    bool delete_enabled;
    bool truncate_enabled;
    bool auto_create;
    bool auto_evolve;
    weir_str table_name_format;
    weir_choice quote_identifiers; /* 0: always, 1: never */
    weir_list fields_whitelist;
    weir_list table_types;
    weir_str time_zone;
    int64_t connection_attempts;
    int64_t connection_backoff_ms;
    weir_str ledger_table;
    int64_t buffer_bytes;
    /* Debezium's names for some of the above, until settings_resolve; empty: not given. */
    weir_str debezium_user, debezium_pk_mode, debezium_schema_evolution, debezium_quote,
        collection_name_format;
    weir_list debezium_pk_fields;
    weir_str unused; /* of settings that are only checked */
    /* Of settings_resolve. */
    bool flattens_topic; /* dots of the topic become underscores in the table's name */
    bool passes_deletes; /* without delete.enabled a delete is passed over and not rejected */
} settings;

enum { SETTINGS_COUNT = 68 };

extern const weir_field settings_fields[SETTINGS_COUNT];

/* Moves what was given under Debezium's names to where it is read from. WEIR_CONFIG when both names were
 * given and differ, or when a value has no counterpart. Again is no harm. */
weir_code settings_resolve(settings *self, weir_error *err);

/* What no single setting says, of resolved settings: combinations that cannot work. Connects nowhere. */
weir_code settings_validate(const settings *self, weir_error *err);

/* A type of table (TABLE, VIEW, "PARTITIONED TABLE") may be written to. */
bool settings_allow_table_type(const settings *self, const char *type);

/* True when the list is empty or names the field. */
bool settings_list_takes(const weir_list *list, weir_str name);

#endif

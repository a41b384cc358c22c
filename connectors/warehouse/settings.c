/* settings.c - the table of settings, and what their combinations must obey. */
#include "settings.h"

#include "url.h"

static const char *const insert_modes[] = {"insert", "upsert", "update", NULL};
static const char *const pk_modes[] = {"none", "kafka", "record_key", "record_value", NULL};
static const char *const quote_modes[] = {"always", "never", NULL};

static weir_code check_time_zone(weir_str value, weir_error *err)
{
    if (weir_str_eq(value, WEIR_STR("UTC")) || weir_str_eq(value, WEIR_STR("Z")) ||
        weir_str_eq(value, WEIR_STR("GMT")) || weir_str_eq(value, WEIR_STR("Etc/UTC")))
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG,
                     "db.timezone \"%.*s\" is not supported: timestamps without a zone are written "
                     "in UTC, leave it out or set UTC",
                     WEIR_ARG(value));
}

#define SETTING(member, ...) WEIR_FIELD(settings, member, __VA_ARGS__)
#define IGNORED(setting, reason)                                                                   \
    WEIR_FIELD_UNBOUND(.name = (setting), .ignored = (reason), .doc = "Accepted without effect.")
#define UNSUPPORTED(setting, reason)                                                               \
    WEIR_FIELD_UNBOUND(.name = (setting), .unsupported = (reason), .doc = "Not supported.")

const weir_field settings_fields[] = {
    SETTING(url, .name = "connection.url", .importance = WEIR_HIGH, .min = 1, .max = 4096,
            .doc =
                "Where the tables are: postgresql://…, jdbc:postgresql://…, or "
                "adbc:PATH.so?entrypoint=…&<driver option>=… for any ADBC driver with a dialect.",
            .check = url_check),
    SETTING(user, .name = "connection.user", .fallback = "", .importance = WEIR_HIGH,
            .doc = "User to connect as; empty: as the URL says."),
    SETTING(password, .name = "connection.password", .fallback = "", .secret = true,
            .importance = WEIR_HIGH, .doc = "Password of that user."),
    SETTING(insert_mode, .name = "insert.mode", .fallback = "insert", .choices = insert_modes,
            .importance = WEIR_HIGH,
            .doc =
                "insert adds rows; upsert inserts or replaces by key; update changes rows that are "
                "there and leaves out the others."),
    SETTING(pk_mode, .name = "pk.mode", .fallback = "none", .choices = pk_modes,
            .importance = WEIR_HIGH,
            .doc = "Where the primary key comes from: nowhere, the record's place in the log, its "
                   "key, or fields of its value."),
    SETTING(pk_fields, .name = "pk.fields", .fallback = "", .importance = WEIR_MEDIUM,
            .doc = "Names of the key's columns. Empty: with kafka __connect_topic, "
                   "__connect_partition, __connect_offset; with record_key and record_value all "
                   "fields. A primitive key needs exactly one name."),
    SETTING(delete_enabled, .name = "delete.enabled", .fallback = "false",
            .importance = WEIR_MEDIUM,
            .doc = "A tombstone deletes the row of its key. Needs pk.mode record_key."),
    SETTING(truncate_enabled, .name = "truncate.enabled", .fallback = "false",
            .importance = WEIR_MEDIUM,
            .doc = "Removes all rows of a table when its source begins again to read the rows of a "
                   "table without a key. Other truncates are not applied."),
    SETTING(auto_create, .name = "auto.create", .fallback = "false", .importance = WEIR_MEDIUM,
            .doc = "Creates a missing table from the record's schema."),
    SETTING(auto_evolve, .name = "auto.evolve", .fallback = "false", .importance = WEIR_MEDIUM,
            .doc = "Adds missing columns to a table. Nothing is ever dropped or narrowed."),
    SETTING(table_name_format, .name = "table.name.format", .fallback = "${topic}",
            .importance = WEIR_MEDIUM, .min = 1, .max = 1024,
            .doc = "Name of the table for a topic; may have a schema, \"dwh.${topic}\"."),
    SETTING(quote_identifiers, .name = "quote.sql.identifiers", .fallback = "always",
            .choices = quote_modes, .importance = WEIR_MEDIUM,
            .doc = "Whether names are quoted in SQL; unquoted names fold to the database's case."),
    SETTING(fields_whitelist, .name = "fields.whitelist", .fallback = "", .importance = WEIR_MEDIUM,
            .doc = "Fields of the value that are written, besides the key; empty: all of them."),
    SETTING(table_types, .name = "table.types", .fallback = "TABLE", .importance = WEIR_LOW,
            .doc = "Kinds of relations that may be written to: TABLE, VIEW, PARTITIONED TABLE."),
    SETTING(time_zone, .name = "db.timezone", .fallback = "UTC", .importance = WEIR_LOW,
            .check = check_time_zone,
            .doc = "Zone in which timestamps without one are written; only UTC."),
    SETTING(connection_attempts, .name = "connection.attempts", .fallback = "3", .min = 1,
            .max = 1000, .importance = WEIR_LOW,
            .doc = "How often a start tries to connect before the attempt is left to the worker's "
                   "own back-off."),
    SETTING(connection_backoff_ms, .name = "connection.backoff.ms", .fallback = "10000", .min = 0,
            .max = 3600000, .importance = WEIR_LOW,
            .doc = "Longest time one attempt to connect may take."),
    SETTING(ledger_table, .name = "ledger.table", .fallback = "weir_ledger", .importance = WEIR_LOW,
            .min = 1, .max = 128,
            .doc =
                "Table in the destination that holds the log's offsets; it is written in the same "
                "transaction as the data, and created when it is missing."),
    SETTING(buffer_bytes, .name = "buffer.bytes", .fallback = "33554432", .min = 65536,
            .max = 1073741824, .importance = WEIR_LOW,
            .doc = "Rows of one table that are folded in memory before they are merged. A flush "
                   "merges what there is."),
    IGNORED("batch.size", "rows travel by COPY or bulk ingest; the size follows from buffer.bytes "
                          "and the worker's flush interval"),
    IGNORED("max.retries", "the worker repeats a passing fault: errors.retry.timeout"),
    IGNORED("retry.backoff.ms", "the worker's back-off decides: errors.retry.delay.max.ms"),
    IGNORED("date.timezone", "dates carry no zone and are written as they are"),
    IGNORED("flush.max.retries", "the worker repeats a passing fault"),
    IGNORED("flush.retry.delay.ms", "the worker's back-off decides"),
    IGNORED("use.reduction.buffer", "several changes of a key in one flush are always folded"),
    IGNORED("connection.pool.min_size", "a task has one connection"),
    IGNORED("connection.pool.max_size", "a task has one connection"),
    IGNORED("connection.pool.acquire_increment", "a task has one connection"),
    IGNORED("connection.pool.timeout", "a task has one connection"),
    IGNORED("connection.restart.on.errors", "a lost connection is always opened again"),
    IGNORED("hibernate.dialect", "the dialect follows from connection.url"),
    IGNORED("dialect.name", "the dialect follows from connection.url"),
    IGNORED("trim.sensitive.log", "values of records are never written to the diagnostics"),
    IGNORED("dialect.postgres.postgis.schema", "geometry is written as JSON"),
    UNSUPPORTED("mssql.use.merge.holdlock", "there is no dialect for SQL Server"),
    UNSUPPORTED("dialect.sqlserver.identity.insert", "there is no dialect for SQL Server"),
    UNSUPPORTED("timestamp.precision.mode", "timestamps keep microseconds; leave it out"),
    UNSUPPORTED("timestamp.fields.list", "timestamps are found by their schema"),
    UNSUPPORTED("date.calendar.system", "dates are proleptic Gregorian; leave it out"),
    UNSUPPORTED("replace.null.with.default", "a NULL is written as NULL; leave it out"),
    UNSUPPORTED("connection.provider", "a task connects by itself; leave it out"),
    UNSUPPORTED("connection.username", "use connection.user"),
    UNSUPPORTED("primary.key.mode", "use pk.mode: none, kafka, record_key or record_value"),
    UNSUPPORTED("primary.key.fields", "use pk.fields"),
    UNSUPPORTED("schema.evolution", "basic is auto.create=true and auto.evolve=true"),
    UNSUPPORTED("collection.name.format", "use table.name.format"),
    UNSUPPORTED("collection.naming.strategy", "use table.name.format and the route transform"),
    UNSUPPORTED("column.naming.strategy", "columns are named after fields"),
    UNSUPPORTED("column.naming.style", "columns are named after fields"),
    UNSUPPORTED("table.naming.strategy", "use table.name.format and the route transform"),
    UNSUPPORTED("quote.identifiers", "use quote.sql.identifiers"),
    UNSUPPORTED("use.time.zone", "use db.timezone"),
    UNSUPPORTED("field.include.list", "use fields.whitelist"),
    UNSUPPORTED("field.exclude.list", "use fields.whitelist"),
};

_Static_assert(sizeof(settings_fields) == SETTINGS_COUNT * sizeof(settings_fields[0]),
               "the header says how many settings there are");

bool settings_list_takes(const weir_list *list, weir_str name)
{
    for (size_t i = 0; i < list->count; i++)
        if (weir_str_eq(list->items[i], name))
            return true;
    return list->count == 0;
}

bool settings_allow_table_type(const settings *self, const char *type)
{
    return settings_list_takes(&self->table_types, weir_cstr(type));
}

weir_code settings_validate(const settings *self, weir_error *err)
{
    bool by_key = self->insert_mode.index != INSERT_MODE_INSERT;

    if (self->delete_enabled && self->pk_mode.index != PK_RECORD_KEY)
        return weir_fail(
            err, WEIR_CONFIG,
            "delete.enabled needs pk.mode=record_key: a tombstone has nothing but a key");
    if (by_key && self->pk_mode.index == PK_NONE)
        return weir_fail(err, WEIR_CONFIG, "insert.mode %s needs a key: set pk.mode",
                         insert_modes[self->insert_mode.index]);
    if (self->pk_mode.index == PK_KAFKA && self->pk_fields.count != 0 && self->pk_fields.count != 3)
        return weir_fail(err, WEIR_CONFIG,
                         "pk.fields has %zu names, but pk.mode=kafka takes none or three: topic, "
                         "partition, offset",
                         self->pk_fields.count);
    return WEIR_OK;
}

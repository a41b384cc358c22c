/* settings.c - the table of settings, and what their combinations must obey. */
#include "settings.h"

#include "url.h"

#include <string.h>

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

/* The place of a word in a list that ends with NULL; -1: it is not there. */
static int index_of(const char *const *words, weir_str word)
{
    for (int i = 0; words[i] != NULL; i++)
        if (weir_str_eq(weir_cstr(words[i]), word))
            return i;
    return -1;
}

static weir_code check_pk_mode(weir_str value, weir_error *err)
{
    if (index_of(pk_modes, value) >= 0)
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG,
                     "\"%.*s\" is none of none, kafka, record_key, record_value%s", WEIR_ARG(value),
                     weir_str_eq(value, WEIR_STR("record_header"))
                         ? "; headers cannot be a key here: take it from the key or the value"
                         : "");
}

static weir_code check_schema_evolution(weir_str value, weir_error *err)
{
    if (weir_str_eq(value, WEIR_STR("basic")) || weir_str_eq(value, WEIR_STR("none")))
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG, "\"%.*s\" is neither none nor basic", WEIR_ARG(value));
}

/* The classes that Debezium itself names by default do what we do; any other is code that is not here. */
static weir_code check_naming_strategy(weir_str value, weir_error *err)
{
    static const char *const defaults[] = {".DefaultColumnNamingStrategy",
                                           ".DefaultCollectionNamingStrategy",
                                           ".DefaultTableNamingStrategy"};

    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        size_t size = strlen(defaults[i]);

        if (value.len >= size && memcmp(value.ptr + value.len - size, defaults[i], size) == 0)
            return WEIR_OK;
    }
    return weir_fail(
        err, WEIR_CONFIG,
        "\"%.*s\" is a Java class, which cannot be loaded here: columns are named after "
        "fields; name tables by table.name.format and the route transform",
        WEIR_ARG(value));
}

static weir_code check_precision(weir_str value, weir_error *err)
{
    if (weir_str_eq(value, WEIR_STR("microseconds")))
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG,
                     "\"%.*s\" is not supported: timestamps keep microseconds, and a finer one is "
                     "refused and not rounded; leave it out or set microseconds",
                     WEIR_ARG(value));
}

static weir_code check_null_default(weir_str value, weir_error *err)
{
    if (weir_str_eq(value, WEIR_STR("false")))
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG,
                     "\"%.*s\" is not supported: a NULL is written as NULL; set false",
                     WEIR_ARG(value));
}

static weir_code check_calendar(weir_str value, weir_error *err)
{
    if (weir_str_eq(value, WEIR_STR("PROLEPTIC_GREGORIAN")))
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG,
                     "\"%.*s\" is not supported: dates are proleptic Gregorian; set "
                     "PROLEPTIC_GREGORIAN",
                     WEIR_ARG(value));
}

static weir_code check_collection_format(weir_str value, weir_error *err)
{
    if (memmem(value.ptr, value.len, "${source.", 9) == NULL)
        return WEIR_OK;
    return weir_fail(
        err, WEIR_CONFIG,
        "\"%.*s\" names the table by a field of the source, which is not supported: use "
        "${topic}, shortened by the route transform",
        WEIR_ARG(value));
}

static weir_code check_quote(weir_str value, weir_error *err)
{
    if (weir_str_eq(value, WEIR_STR("true")) || weir_str_eq(value, WEIR_STR("false")))
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG, "\"%.*s\" is neither true nor false", WEIR_ARG(value));
}

#define SETTING(member, ...) WEIR_FIELD(settings, member, __VA_ARGS__)
#define IGNORED(setting, reason)                                                                   \
    WEIR_FIELD_UNBOUND(.name = (setting), .ignored = (reason), .doc = "Accepted without effect.")
#define UNSUPPORTED(setting, reason)                                                               \
    WEIR_FIELD_UNBOUND(.name = (setting), .unsupported = (reason), .doc = "Not supported.")

/* A name whose only value that works is what is done anyway. */
#define CHECKED(setting, with, text)                                                               \
    SETTING(unused, .name = (setting), .fallback = "", .importance = WEIR_LOW, .check = (with),    \
            .doc = (text))

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
    SETTING(
        truncate_enabled, .name = "truncate.enabled", .fallback = "false",
        .importance = WEIR_MEDIUM,
        .doc =
            "Removes all rows of a table when its source was truncated and the sink reads change "
            "events, or begins again to read the rows of a table without a key."),
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
    SETTING(class_name, .name = "connector.class", .fallback = "warehouse", .importance = WEIR_LOW,
            .doc =
                "As io.debezium.connector.jdbc.JdbcSinkConnector the sink has Debezium's defaults: "
                "the dots of a topic become underscores in the table's name, names are not quoted, "
                "and without delete.enabled deletes are passed over."),
    SETTING(collection_name_format, .name = "collection.name.format", .fallback = "",
            .importance = WEIR_LOW, .max = 1024, .check = check_collection_format,
            .doc = "Debezium's table.name.format: the dots of the topic become underscores."),
    SETTING(debezium_user, .name = "connection.username", .fallback = "", .importance = WEIR_LOW,
            .doc = "Debezium's name for connection.user."),
    SETTING(debezium_pk_mode, .name = "primary.key.mode", .fallback = "", .importance = WEIR_LOW,
            .check = check_pk_mode,
            .doc = "Debezium's name for pk.mode; record_header is not supported."),
    SETTING(debezium_pk_fields, .name = "primary.key.fields", .fallback = "",
            .importance = WEIR_LOW, .doc = "Debezium's name for pk.fields."),
    SETTING(debezium_schema_evolution, .name = "schema.evolution", .fallback = "",
            .importance = WEIR_LOW, .check = check_schema_evolution,
            .doc = "Debezium's: basic is auto.create and auto.evolve, none is neither."),
    SETTING(debezium_quote, .name = "quote.identifiers", .fallback = "", .importance = WEIR_LOW,
            .check = check_quote,
            .doc = "Debezium's: true is quote.sql.identifiers always, false is never."),
    CHECKED("use.time.zone", check_time_zone, "Debezium's name for db.timezone; only UTC."),
    CHECKED("database.time_zone", check_time_zone, "Debezium's older name for it; only UTC."),
    CHECKED("timestamp.precision.mode", check_precision,
            "Precision of timestamps; only microseconds."),
    CHECKED("replace.null.with.default", check_null_default,
            "Whether a NULL is written as its field's default; only false."),
    CHECKED("date.calendar.system", check_calendar, "Calendar of dates; only PROLEPTIC_GREGORIAN."),
    CHECKED("collection.naming.strategy", check_naming_strategy,
            "Debezium's class that names tables; only its default."),
    CHECKED("table.naming.strategy", check_naming_strategy,
            "Debezium's older name for it; only its default."),
    CHECKED("column.naming.strategy", check_naming_strategy,
            "Debezium's class that names columns; only its default."),
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
    IGNORED("dialect.postgres.unnest.insert.enabled", "rows travel by COPY"),
    IGNORED("dialect.sqlserver.identity.insert", "only SQL Server has it"),
    IGNORED("dialect.starrocks.catalog.name", "only StarRocks has it"),
    IGNORED("mssql.use.merge.holdlock", "only SQL Server has it"),
    IGNORED("keyed.message.batch.mode", "several changes of a key in one flush are always folded"),
    IGNORED("db.timezone.date", "dates carry no zone and are written as they are"),
    UNSUPPORTED("timestamp.fields.list", "timestamps are found by their schema"),
    UNSUPPORTED("connection.provider", "a task connects by itself; leave it out"),
    UNSUPPORTED("column.naming.style", "columns are named after fields"),
    UNSUPPORTED("column.naming.prefix", "columns are named after fields"),
    UNSUPPORTED("column.naming.suffix", "columns are named after fields"),
    UNSUPPORTED("collection.naming.style", "use the route transform"),
    UNSUPPORTED("collection.naming.prefix", "table.name.format can have a prefix"),
    UNSUPPORTED("collection.naming.suffix", "table.name.format can have a suffix"),
    UNSUPPORTED("collection.table.format", "use table.name.format"),
    UNSUPPORTED("cloud.events.schema.name.pattern",
                "CloudEvents are not taken apart; leave it out"),
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

static bool lists_are_equal(const weir_list *a, const weir_list *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++)
        if (!weir_str_eq(a->items[i], b->items[i]))
            return false;
    return a->count == b->count;
}

static weir_code fail_twice(weir_error *err, const char *name, const char *debezium)
{
    return weir_fail(err, WEIR_CONFIG, "%s and %s differ: they are two names of one setting", name,
                     debezium);
}

static weir_code resolve_keys(settings *self, weir_error *err)
{
    int mode = index_of(pk_modes, self->debezium_pk_mode);

    if (mode >= 0 && self->pk_mode.index != PK_NONE && self->pk_mode.index != mode)
        return fail_twice(err, "pk.mode", "primary.key.mode");
    if (mode >= 0)
        self->pk_mode.index = mode;
    if (self->debezium_pk_fields.count == 0)
        return WEIR_OK;
    if (self->pk_fields.count > 0 && !lists_are_equal(&self->pk_fields, &self->debezium_pk_fields))
        return fail_twice(err, "pk.fields", "primary.key.fields");
    self->pk_fields = self->debezium_pk_fields;
    return WEIR_OK;
}

/* What Debezium does where it is not told otherwise. */
static void take_debezium_defaults(settings *self)
{
    if (!weir_str_eq(self->class_name, WEIR_STR("io.debezium.connector.jdbc.JdbcSinkConnector")))
        return;
    self->flattens_topic = true;
    self->passes_deletes = true;
    if (self->debezium_quote.len == 0)
        self->quote_identifiers.index = 1;
}

static weir_code resolve_table_name(settings *self, weir_error *err)
{
    if (self->collection_name_format.len == 0)
        return WEIR_OK;
    if (!weir_str_eq(self->table_name_format, WEIR_STR("${topic}")) &&
        !weir_str_eq(self->table_name_format, self->collection_name_format))
        return fail_twice(err, "table.name.format", "collection.name.format");
    self->table_name_format = self->collection_name_format;
    self->flattens_topic = true;
    return WEIR_OK;
}

weir_code settings_resolve(settings *self, weir_error *err)
{
    bool evolves = weir_str_eq(self->debezium_schema_evolution, WEIR_STR("basic"));

    take_debezium_defaults(self);
    if (resolve_table_name(self, err) != WEIR_OK)
        return err->code;
    if (self->debezium_user.len > 0) {
        if (self->user.len > 0 && !weir_str_eq(self->user, self->debezium_user))
            return fail_twice(err, "connection.user", "connection.username");
        self->user = self->debezium_user;
    }
    if (self->debezium_schema_evolution.len > 0) {
        if (!evolves && (self->auto_create || self->auto_evolve))
            return weir_fail(err, WEIR_CONFIG,
                             "schema.evolution=none contradicts auto.create and auto.evolve");
        self->auto_create = self->auto_evolve = evolves;
    }
    if (self->debezium_quote.len > 0) {
        bool quotes = weir_str_eq(self->debezium_quote, WEIR_STR("true"));

        if (quotes && self->quote_identifiers.index == 1)
            return fail_twice(err, "quote.sql.identifiers", "quote.identifiers");
        self->quote_identifiers.index = quotes ? 0 : 1;
    }
    return resolve_keys(self, err);
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

/* settings.c - the table of the connector's settings. */
#include "settings.h"

static const char *const sslmodes[] = {"disable",   "allow",       "prefer", "require",
                                       "verify-ca", "verify-full", NULL};
static const char *const snapshot_modes[] = {"initial", "no_data", "initial_only", NULL};
static const char *const autocreate_modes[] = {"filtered", "all_tables", "disabled", NULL};
static const char *const decimal_modes[] = {"precise", "double", "string", NULL};
static const char *const time_modes[] = {"adaptive", "adaptive_time_microseconds", "connect",
                                         "microseconds", NULL};
static const char *const interval_modes[] = {"numeric", "string", NULL};
static const char *const adjust_modes[] = {"none", "avro", "avro_unicode", NULL};
static const char *const binary_modes[] = {"bytes", "base64", "base64-url-safe", "hex", NULL};

static weir_code check_slot_name(weir_str value, weir_error *err)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return weir_fail(err, WEIR_CONFIG,
                             "a slot's name has only lower case letters, digits and underscores");
    }
    return WEIR_OK;
}

/* Debezium's default is accepted, because many configurations spell defaults out. */
#define CHECK_ONLY(name, only)                                                                     \
    static weir_code check_##name(weir_str value, weir_error *err)                                 \
    {                                                                                              \
        if (weir_str_eq(value, WEIR_STR(only)))                                                    \
            return WEIR_OK;                                                                        \
        return weir_fail(err, WEIR_CONFIG, "only \"%s\" is supported, not \"%.*s\"", only,         \
                         WEIR_ARG(value));                                                         \
    }

#define TOPIC_NAMING "io.debezium.schema.SchemaTopicNamingStrategy"
#define SOURCE_MAKER "io.debezium.connector.postgresql.PostgresSourceInfoStructMaker"

CHECK_ONLY(false, "false")
CHECK_ONLY(true, "true")
CHECK_ONLY(json, "json")
CHECK_ONLY(connector, "connector")
CHECK_ONLY(select_all, "select_all")
CHECK_ONLY(zero, "0")
CHECK_ONLY(naming, TOPIC_NAMING)
CHECK_ONLY(maker, SOURCE_MAKER)

static weir_code check_placeholder(weir_str value, weir_error *err)
{
    if (value.len < 4 || memcmp(value.ptr, "hex:", 4) != 0)
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG, "a placeholder in hexadecimal is not supported");
}

static weir_code check_delimiter(weir_str value, weir_error *err)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-' || c == '.'))
            return weir_fail(err, WEIR_CONFIG,
                             "a delimiter has only letters, digits, hyphens, dots and underscores");
    }
    return WEIR_OK;
}

static weir_code check_prefix(weir_str value, weir_error *err)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-' || c == '.'))
            return weir_fail(err, WEIR_CONFIG,
                             "a topic prefix has only letters, digits, hyphens, dots and "
                             "underscores");
    }
    return WEIR_OK;
}

static weir_code check_operations(weir_str value, weir_error *err)
{
    for (size_t i = 0; i < value.len; i++) {
        if (strchr("cudt, ", value.ptr[i]) == NULL && !weir_str_eq(value, WEIR_STR("none")))
            return weir_fail(err, WEIR_CONFIG,
                             "operations are c, u, d and t, or none of them by \"none\"");
    }
    return WEIR_OK;
}

#define FIELD(member, ...) WEIR_FIELD(settings, member, __VA_ARGS__)
#define IGNORED(setting, why)                                                                      \
    WEIR_FIELD_UNBOUND(.name = setting, .doc = "Accepted for compatibility.", .ignored = why)
#define UNSUPPORTED(setting, why)                                                                  \
    WEIR_FIELD_UNBOUND(.name = setting, .doc = "Not supported.", .unsupported = why)
#define ONLY(place, setting, value, why, verify)                                                   \
    WEIR_FIELD(settings, fixed[place], .name = setting, .fallback = value, .importance = WEIR_LOW, \
               .doc = "Only " value " is supported" why ".", .check = verify)

const weir_field settings_fields[SETTINGS_FIELD_COUNT] = {
    FIELD(hostname, .name = "database.hostname", .importance = WEIR_HIGH,
          .doc = "Host name or address of the PostgreSQL server, or the directory of its socket."),
    FIELD(port, .name = "database.port", .fallback = "5432", .min = 1, .max = 65535,
          .importance = WEIR_HIGH, .doc = "Port of the server."),
    FIELD(user, .name = "database.user", .importance = WEIR_HIGH,
          .doc = "Role to connect as; it needs REPLICATION and SELECT on the captured tables."),
    FIELD(password, .name = "database.password", .fallback = "", .secret = true,
          .importance = WEIR_HIGH, .doc = "Password of the role."),
    FIELD(dbname, .name = "database.dbname", .importance = WEIR_HIGH,
          .doc = "Database whose tables are captured."),
    FIELD(topic_prefix, .name = "topic.prefix", .check = check_prefix, .min = 1, .max = 200,
          .importance = WEIR_HIGH,
          .doc = "First part of every topic's name, and the name of the server in its events."),
    FIELD(sslmode, .name = "database.sslmode", .fallback = "prefer", .choices = sslmodes,
          .importance = WEIR_MEDIUM, .doc = "How the connection is encrypted, as libpq has it."),
    FIELD(sslcert, .name = "database.sslcert", .fallback = "", .importance = WEIR_MEDIUM,
          .doc = "File with the client's certificate."),
    FIELD(sslkey, .name = "database.sslkey", .fallback = "", .importance = WEIR_MEDIUM,
          .doc = "File with the client's private key."),
    FIELD(sslpassword, .name = "database.sslpassword", .fallback = "", .secret = true,
          .importance = WEIR_MEDIUM, .doc = "Password of the client's private key."),
    FIELD(sslrootcert, .name = "database.sslrootcert", .fallback = "", .importance = WEIR_MEDIUM,
          .doc = "File with the certificates that the server's is checked against."),
    FIELD(connection_timeout_ms, .name = "database.connection.timeout.ms", .fallback = "10000",
          .min = 2000, .max = 600000, .importance = WEIR_LOW,
          .doc = "Give up connecting after this time; it is tried again."),
    FIELD(plugin_name, .name = "plugin.name", .fallback = "pgoutput", .importance = WEIR_LOW,
          .doc = "Decoding plugin of the server. Always pgoutput; another name is accepted with a "
                 "warning."),
    FIELD(slot_name, .name = "slot.name", .fallback = "debezium", .check = check_slot_name,
          .min = 1, .max = 63, .importance = WEIR_MEDIUM,
          .doc = "Name of the replication slot, which is made when it does not exist."),
    FIELD(publication_name, .name = "publication.name", .fallback = "dbz_publication", .min = 1,
          .max = 50, .importance = WEIR_MEDIUM,
          .doc = "Name of the publication. Tables without a replica identity are published by a "
                 "second one, which has _inserts behind its name."),
    FIELD(publication_autocreate_mode, .name = "publication.autocreate.mode",
          .fallback = "filtered", .choices = autocreate_modes, .importance = WEIR_MEDIUM,
          .doc = "Whether the publication is made and kept up to date: of the captured tables, of "
                 "all tables (refused when an application's UPDATE would fail), or not."),
    FIELD(publish_via_partition_root, .name = "publish.via.partition.root", .fallback = "false",
          .importance = WEIR_LOW,
          .doc = "Whether changes of a partition appear under the name of the partitioned table."),
    FIELD(schema_include, .name = "schema.include.list", .fallback = "", .importance = WEIR_HIGH,
          .doc = "Regular expressions for the names of the schemas to capture."),
    FIELD(schema_exclude, .name = "schema.exclude.list", .fallback = "", .importance = WEIR_HIGH,
          .doc = "Regular expressions for the names of the schemas not to capture."),
    FIELD(table_include, .name = "table.include.list", .fallback = "", .importance = WEIR_HIGH,
          .doc = "Regular expressions for schema.table of the tables to capture."),
    FIELD(table_exclude, .name = "table.exclude.list", .fallback = "", .importance = WEIR_HIGH,
          .doc = "Regular expressions for schema.table of the tables not to capture."),
    FIELD(column_include, .name = "column.include.list", .fallback = "", .importance = WEIR_MEDIUM,
          .doc = "Regular expressions for schema.table.column of the columns to capture."),
    FIELD(column_exclude, .name = "column.exclude.list", .fallback = "", .importance = WEIR_MEDIUM,
          .doc = "Regular expressions for schema.table.column of the columns not to capture."),
    FIELD(message_key_columns, .name = "message.key.columns", .fallback = "",
          .importance = WEIR_MEDIUM,
          .doc = "Other key columns than the primary key's: schema.table:column,column;..."),
    FIELD(snapshot_mode, .name = "snapshot.mode", .fallback = "initial", .choices = snapshot_modes,
          .importance = WEIR_MEDIUM,
          .doc = "Whether the rows that are there are read first, and whether changes follow."),
    FIELD(snapshot_threads, .name = "snapshot.max.threads", .fallback = "1", .min = 1,
          .max = SETTINGS_SNAPSHOT_THREADS_MAX, .importance = WEIR_MEDIUM,
          .doc = "Connections that read the ranges of a large table side by side."),
    FIELD(snapshot_chunk_size, .name = "snapshot.chunk.size", .fallback = "500000", .min = 100,
          .max = 1000000000, .importance = WEIR_LOW,
          .doc = "Rows in a range of the primary key, more or less, by which a large table is read "
                 "in a snapshot; after a crash, ranges that were complete are not read again."),
    FIELD(tombstones_on_delete, .name = "tombstones.on.delete", .fallback = "true",
          .importance = WEIR_MEDIUM, .doc = "Whether a tombstone follows each delete."),
    FIELD(decimal_handling_mode, .name = "decimal.handling.mode", .fallback = "precise",
          .choices = decimal_modes, .importance = WEIR_MEDIUM,
          .doc = "How numeric and money are written."),
    FIELD(time_precision_mode, .name = "time.precision.mode", .fallback = "adaptive",
          .choices = time_modes, .importance = WEIR_MEDIUM,
          .doc = "How times, timestamps and dates are written."),
    FIELD(interval_handling_mode, .name = "interval.handling.mode", .fallback = "numeric",
          .choices = interval_modes, .importance = WEIR_LOW,
          .doc = "Whether an interval is written as microseconds or as ISO 8601 text."),
    FIELD(binary_handling_mode, .name = "binary.handling.mode", .fallback = "bytes",
          .choices = binary_modes, .importance = WEIR_LOW, .doc = "How bytea is written."),
    FIELD(money_fraction_digits, .name = "money.fraction.digits", .fallback = "2", .min = 2,
          .max = 18, .importance = WEIR_LOW, .doc = "Decimal places of money."),
    FIELD(unavailable_value_placeholder, .name = "unavailable.value.placeholder",
          .fallback = "__debezium_unavailable_value", .min = 1, .max = 255,
          .check = check_placeholder, .importance = WEIR_LOW,
          .doc = "What stands for a value that the server did not send."),
    FIELD(skipped_operations, .name = "skipped.operations", .fallback = "t",
          .check = check_operations, .importance = WEIR_LOW,
          .doc = "Operations that give no event: c, u, d, t, or none."),
    FIELD(status_update_interval_ms, .name = "status.update.interval.ms", .fallback = "10000",
          .min = 100, .max = 60000, .importance = WEIR_LOW,
          .doc = "The server hears from the connector at least this often."),
    FIELD(heartbeat_interval_ms, .name = "heartbeat.interval.ms", .fallback = "0", .min = 0,
          .max = INT64_MAX, .importance = WEIR_MEDIUM,
          .doc = "How often a heartbeat record is written; 0: never. The slot is confirmed without "
                 "them, too."),
    FIELD(heartbeat_topics_prefix, .name = "topic.heartbeat.prefix",
          .fallback = "__debezium-heartbeat", .min = 1, .max = 200, .importance = WEIR_LOW,
          .doc = "First part of the name of the topic of heartbeats."),
    FIELD(
        heartbeat_action_query, .name = "heartbeat.action.query", .fallback = "",
        .importance = WEIR_LOW,
        .doc =
            "A statement that is run with each heartbeat. Not needed to confirm the slot. One that "
            "fails is warned of."),
    FIELD(schema_name_adjustment, .name = "schema.name.adjustment.mode", .fallback = "none",
          .choices = adjust_modes, .importance = WEIR_LOW,
          .doc = "What becomes of characters in the names of schemas that Avro forbids."),
    FIELD(field_name_adjustment, .name = "field.name.adjustment.mode", .fallback = "none",
          .choices = adjust_modes, .importance = WEIR_LOW,
          .doc = "What becomes of characters in the names of fields that Avro forbids."),
    FIELD(topic_delimiter, .name = "topic.delimiter", .fallback = ".", .min = 1, .max = 20,
          .check = check_delimiter, .importance = WEIR_LOW,
          .doc = "What stands between the parts of a topic's name."),

    ONLY(0, "slot.drop.on.stop", "false", ", because a dropped slot loses changes", check_false),
    ONLY(1, "slot.failover", "false", "", check_false),
    ONLY(2, "provide.transaction.metadata", "false", "", check_false),
    ONLY(3, "include.unknown.datatypes", "false", "", check_false),
    ONLY(4, "include.schema.comments", "false", "", check_false),
    ONLY(5, "skip.messages.without.change", "false", "", check_false),
    ONLY(6, "hstore.handling.mode", "json", ", because sinks have no maps", check_json),
    ONLY(7, "flush.lsn.source", "true", ": the slot is confirmed for what is durable", check_true),
    ONLY(8, "lsn.flush.mode", "connector", ": the slot is confirmed for what is durable",
         check_connector),
    ONLY(9, "read.only", "false", ": publication and slot have to be made", check_false),
    ONLY(10, "snapshot.query.mode", "select_all", "", check_select_all),
    ONLY(11, "snapshot.delay.ms", "0", "; start the connector later", check_zero),
    ONLY(12, "topic.naming.strategy", TOPIC_NAMING,
         ", because others are Java classes; use a route transform", check_naming),
    ONLY(13, "sourceinfo.struct.maker", SOURCE_MAKER, ", because others are Java classes",
         check_maker),
    ONLY(14, "openlineage.integration.enabled", "false", "", check_false),
    ONLY(15, "snapshot.mode.configuration.based.snapshot.data", "false", "; use snapshot.mode",
         check_false),
    ONLY(16, "snapshot.mode.configuration.based.snapshot.schema", "false", "; use snapshot.mode",
         check_false),
    ONLY(17, "snapshot.mode.configuration.based.start.stream", "false", "; use snapshot.mode",
         check_false),
    ONLY(18, "snapshot.mode.configuration.based.snapshot.on.schema.error", "false",
         "; use snapshot.mode", check_false),
    ONLY(19, "snapshot.mode.configuration.based.snapshot.on.data.error", "false",
         "; use snapshot.mode", check_false),

    IGNORED("database.tcpKeepAlive", "it is always on"),
    IGNORED("database.query.timeout.ms", "queries are short; a snapshot has no time limit"),
    IGNORED("topic.cache.size", "names of topics are kept with their tables"),
    IGNORED("topic.transaction", "there is no transaction metadata yet"),
    IGNORED("snapshot.fetch.size", "rows are read as a stream"),
    IGNORED("query.fetch.size", "rows are read as a stream"),
    IGNORED("snapshot.isolation.mode", "a snapshot is always one consistent state"),
    IGNORED("snapshot.locking.mode", "a snapshot takes no locks"),
    IGNORED("snapshot.locking.mode.custom.name", "a snapshot takes no locks"),
    IGNORED("snapshot.lock.timeout.ms", "a snapshot takes no locks"),
    IGNORED("snapshot.tables.order.by.row.count", "tables are read by name"),
    IGNORED("schema.refresh.mode", "the server announces each change of a table"),
    IGNORED("xmin.fetch.interval.ms", "source.xmin is always null"),
    IGNORED("include.schema.changes", "PostgreSQL has no topic of schema changes"),
    IGNORED("max.queue.size", "the worker bounds what is in flight"),
    IGNORED("max.queue.size.in.bytes", "the worker bounds what is in flight"),
    IGNORED("max.batch.size", "the worker decides how large batches are"),
    IGNORED("poll.interval.ms", "changes are taken as they come"),
    IGNORED("retriable.restart.connector.wait.ms", "the worker decides when a task is restarted"),
    IGNORED("errors.max.retries", "the worker decides how often a task is restarted"),
    IGNORED("slot.max.retries", "the worker decides how often a task is restarted"),
    IGNORED("slot.retry.delay.ms", "the worker decides when a task is restarted"),
    IGNORED("executor.shutdown.timeout.ms", "there is no executor"),
    IGNORED("connection.validation.timeout.ms", "validation connects nowhere"),
    IGNORED("custom.metric.tags", "metrics have the worker's labels"),
    IGNORED("advanced.metrics.enable", "metrics are the worker's"),
    IGNORED("event.processing.failure.handling.mode", "errors.tolerance of the worker decides"),
    IGNORED("event.converting.failure.handling.mode", "errors.tolerance of the worker decides"),
    IGNORED("lsn.flush.timeout.ms", "confirming the slot does not wait"),
    IGNORED("lsn.flush.timeout.action", "confirming the slot does not wait"),
    IGNORED("log.position.check.enable", "the slot's position is always checked"),
    IGNORED("table.ignore.builtin", "system tables are never captured"),
    IGNORED("extended.headers.enabled", "records have the headers that the README names"),
    IGNORED("signal.enabled.channels", "there is no signalling yet"),
    IGNORED("signal.poll.interval.ms", "there is no signalling yet"),
    IGNORED("incremental.snapshot.chunk.size", "there are no incremental snapshots yet"),
    IGNORED("incremental.snapshot.allow.schema.changes", "there are no incremental snapshots yet"),
    IGNORED("incremental.snapshot.watermarking.strategy", "there are no incremental snapshots yet"),
    IGNORED("transaction.metadata.factory", "there is no transaction metadata yet"),
    IGNORED("guardrail.collections.limit.action", "the number of tables has no limit"),
    IGNORED("guardrail.collections.max", "the number of tables has no limit"),
    IGNORED("streaming.delay.ms", "streaming starts when the snapshot has ended"),

    UNSUPPORTED("database.initial.statements", "connections are set up by the connector alone"),
    UNSUPPORTED("database.sslfactory", "it names a Java class; use database.sslmode"),
    UNSUPPORTED("slot.stream.params", "the connector chooses pgoutput's parameters"),
    UNSUPPORTED("replica.identity.autoset.values", "set it by ALTER TABLE ... REPLICA IDENTITY"),
    UNSUPPORTED("message.prefix.include.list", "logical decoding messages are not captured yet"),
    UNSUPPORTED("message.prefix.exclude.list", "logical decoding messages are not captured yet"),
    UNSUPPORTED("snapshot.include.collection.list", "a snapshot is of all captured tables"),
    UNSUPPORTED("snapshot.select.statement.overrides", "a snapshot reads whole tables"),
    UNSUPPORTED("snapshot.query.mode.custom.name", "it names a Java class"),
    UNSUPPORTED("snapshot.mode.custom.name", "it names a Java class"),
    UNSUPPORTED("signal.data.collection", "there is no signalling yet"),
    UNSUPPORTED("notification.enabled.channels", "notifications are not written yet"),
    UNSUPPORTED("notification.sink.topic.name", "notifications are not written yet"),
    UNSUPPORTED("column.propagate.source.type", "schemas have no source types yet"),
    UNSUPPORTED("datatype.propagate.source.type", "schemas have no source types yet"),
    UNSUPPORTED("converters", "they are Java classes"),
    UNSUPPORTED("post.processors", "they are Java classes"),
    UNSUPPORTED("column.mask.*", "values are not masked yet; leave the column out by "
                                 "column.exclude.list, or capture a table without it"),
    UNSUPPORTED("column.truncate.*", "values are not cut yet; leave the column out by "
                                     "column.exclude.list"),
    UNSUPPORTED("snapshot.select.statement.overrides.*", "a snapshot reads whole tables"),
    UNSUPPORTED("driver.*", "they are of a JDBC driver; use the settings of database"),
    UNSUPPORTED("signal.*", "there is no signalling yet"),
    UNSUPPORTED("notification.*", "notifications are not written yet"),
    UNSUPPORTED("openlineage.*", "lineage is not reported yet"),
};

_Static_assert(sizeof(settings_fields) / sizeof(settings_fields[0]) == SETTINGS_FIELD_COUNT,
               "the plugin's descriptor needs the number as a constant");

weir_code settings_validate(const void *state, weir_error *err)
{
    const settings *self = state;

    if (self->schema_include.count > 0 && self->schema_exclude.count > 0)
        return weir_fail(err, WEIR_CONFIG,
                         "schema.include.list and schema.exclude.list exclude each other");
    if (self->table_include.count > 0 && self->table_exclude.count > 0)
        return weir_fail(err, WEIR_CONFIG,
                         "table.include.list and table.exclude.list exclude each other");
    if (self->column_include.count > 0 && self->column_exclude.count > 0)
        return weir_fail(err, WEIR_CONFIG,
                         "column.include.list and column.exclude.list exclude each other");
    return WEIR_OK;
}

bool settings_skips(const settings *self, char operation)
{
    for (size_t i = 0; i < self->skipped_operations.count; i++) {
        weir_str item = self->skipped_operations.items[i];

        if (item.len == 1 && item.ptr[0] == operation)
            return true;
    }
    return false;
}

type_options settings_types(const settings *self)
{
    return (type_options){
        .decimal = (decimal_mode)self->decimal_handling_mode.index,
        .time = (time_mode)self->time_precision_mode.index,
        .interval = (interval_mode)self->interval_handling_mode.index,
        .binary = (binary_mode)self->binary_handling_mode.index,
        .money_digits = (int)self->money_fraction_digits,
        .placeholder = self->unavailable_value_placeholder,
    };
}

const char *settings_sslmode(const settings *self)
{
    return sslmodes[self->sslmode.index];
}

/* postgres_source.c - captures the changes of PostgreSQL tables, as Debezium's connector does.
 *
 * A task goes through phases: it makes the slot, reads what is there, then streams. The offset says where
 * it goes on after a restart. The publication comes before the slot, and the slot before the snapshot,
 * which is of the very state the slot starts at: so there is neither a gap nor an overlap.
 */
#include "rehearse.h"
#include "snapshot.h"
#include "source.h"
#include "stream.h"

#include "weir/weir.h"

#include <libpq-fe.h>

#define WAIT_REPORT_MS 2000 /* how often it is looked up what the slot waits for */

/* --- Opening -------------------------------------------------------------------------------- */

static weir_str partition_of(weir_task *task, const settings *config)
{
    weir_buf text = {0};

    weir_buf_add_str(&text, WEIR_STR("{\"server\":"));
    weir_buf_add_json(&text, config->topic_prefix);
    weir_buf_add_byte(&text, '}');
    weir_str partition = weir_task_copy(task, weir_buf_str(&text));
    weir_buf_done(&text);
    return partition;
}

static snapshot_mode mode_of(const source *self)
{
    return (snapshot_mode)self->settings.snapshot_mode.index;
}

static weir_code load_tables(source *self, weir_error *err)
{
    self->filter = filter_new(self->task, &self->settings, err);
    if (self->filter == NULL)
        return err->code;
    self->catalog = (catalog){.task = self->task,
                              .connection = self->sql,
                              .filter = self->filter,
                              .types = weir_map_new()};
    self->context = (relation_context){.task = self->task,
                                       .settings = &self->settings,
                                       .filter = self->filter,
                                       .catalog = &self->catalog,
                                       .options = settings_types(&self->settings)};
    bool with_roots = self->settings.publish_via_partition_root;
    if (mode_of(self) != SNAPSHOT_INITIAL_ONLY &&
        publication_via_root(self->sql, self->task, &self->settings, &with_roots, err) != WEIR_OK)
        return err->code;
    if (catalog_load(&self->catalog, with_roots, err) != WEIR_OK)
        return err->code;
    if (self->catalog.table_count == 0)
        weir_task_diag(self->task, WEIR_WARN,
                       "no table is captured: none matches the include and exclude lists");
    for (size_t i = 0; i < self->catalog.table_count; i++) {
        if (!self->catalog.tables[i].has_identity)
            weir_task_diag(self->task, WEIR_WARN,
                           "table %.*s.%.*s has no replica identity: only its inserts and "
                           "truncates are captured; give it a primary key or REPLICA IDENTITY FULL",
                           WEIR_ARG(self->catalog.tables[i].schema),
                           WEIR_ARG(self->catalog.tables[i].name));
    }
    return WEIR_OK;
}

static weir_code check_slot(const source *self, const slot_state *slot, weir_error *err)
{
    weir_str name = self->settings.slot_name;

    if (slot->lost)
        return weir_fail(err, WEIR_FATAL,
                         "slot \"%.*s\" is lost: the server removed WAL that it needs "
                         "(max_slot_wal_keep_size). Drop it by SELECT pg_drop_replication_slot("
                         "'%.*s') and delete the connector's offsets to start with a new snapshot",
                         WEIR_ARG(name), WEIR_ARG(name));
    if (slot->active)
        return weir_fail(err, WEIR_RETRY,
                         "slot \"%.*s\" is in use by process %d of the server: another connector, "
                         "or a connection of this one that the server has not given up yet; choose "
                         "another slot.name if it stays so",
                         WEIR_ARG(name), slot->active_pid);
    if (!self->position.known)
        return WEIR_OK;
    if (!slot->exists)
        return weir_fail(err, WEIR_FATAL,
                         "slot \"%.*s\" does not exist, but the connector has captured changes up "
                         "to " CONNECTION_LSN_FORMAT ": what followed may be gone. Delete the "
                         "connector's offsets to start with a new slot and a new snapshot",
                         WEIR_ARG(name), CONNECTION_LSN_ARGS(self->position.commit));
    if (slot->confirmed_lsn > self->position.commit)
        return weir_fail(err, WEIR_FATAL,
                         "slot \"%.*s\" stands at " CONNECTION_LSN_FORMAT
                         ", behind which the connector has captured only up to "
                         "" CONNECTION_LSN_FORMAT ": somebody else has used it, and changes are "
                         "missing. Delete the connector's offsets to start with a new snapshot",
                         WEIR_ARG(name), CONNECTION_LSN_ARGS(slot->confirmed_lsn),
                         CONNECTION_LSN_ARGS(self->position.commit));
    return WEIR_OK;
}

static weir_code other_history(const position *at, const slot_server *server, weir_error *err)
{
    return weir_fail(
        err, WEIR_FATAL,
        "the server is not the one that was captured, or was failed over or "
        "restored without all of it: its timeline is %u of cluster %llu, and the connector stands "
        "at " CONNECTION_LSN_FORMAT " in timeline %u of cluster %llu. Changes may be "
        "missing: delete the connector's offsets to start with a new snapshot, and empty what "
        "sinks have by its positions (indices of Elasticsearch)",
        server->timeline, (unsigned long long)server->system, CONNECTION_LSN_ARGS(at->commit),
        at->timeline, (unsigned long long)at->system);
}

/* LSNs mean something only in one history of WAL: after a failover or a restored backup, changes that were
 * captured may be gone from the server, and others may have taken their LSNs. A standby that was promoted
 * when it had all that was captured goes on in the same history. */
static weir_code check_history(source *self, const slot_server *server, weir_error *err)
{
    const position *at = &self->position;
    uint64_t fork = 0;

    if (!at->known || at->system == 0)
        return WEIR_OK;
    if (at->system != server->system)
        return other_history(at, server, err);
    if (at->timeline != server->timeline) {
        if (self->replication != NULL &&
            slot_find_fork(self->replication, server, at->timeline, &fork, err) != WEIR_OK)
            return err->code;
        if (!position_survives(at, fork))
            return other_history(at, server, err);
        weir_task_diag(self->task, WEIR_INFO,
                       "the server was promoted to timeline %u, and has all that was captured",
                       server->timeline);
    }
    if (at->commit > server->wal_end)
        return weir_fail(
            err, WEIR_FATAL,
            "the server's WAL ends at " CONNECTION_LSN_FORMAT ", and the connector has "
            "captured up to " CONNECTION_LSN_FORMAT ": the server has lost changes, or "
            "was restored. Delete the connector's offsets to start with a new snapshot, and empty "
            "what sinks have by its positions (indices of Elasticsearch)",
            CONNECTION_LSN_ARGS(server->wal_end), CONNECTION_LSN_ARGS(at->commit));
    return WEIR_OK;
}

/* Which server it is, and that it is still the one that was captured. */
static weir_code recognise_server(source *self, weir_error *err)
{
    slot_server server;
    weir_code code = self->replication != NULL ? slot_identify(self->replication, &server, err)
                                               : slot_identify_by_sql(self->sql, &server, err);

    if (code != WEIR_OK || check_history(self, &server, err) != WEIR_OK)
        return err->code;
    self->position.system = server.system;
    self->position.timeline = server.timeline;
    if (self->position.origin == 0)
        self->position.origin = server.timeline;
    event_identify(&self->event, server.system, self->position.origin);
    return WEIR_OK;
}

/* As Debezium has it: only a snapshot reads what is there, and one that goes on has passed some tables. */
static void warn_of_added(source *self)
{
    for (size_t i = 0; i < self->catalog.table_count; i++) {
        const catalog_table *table = &self->catalog.tables[i];

        if (table->is_added && !table->was_published &&
            (self->phase == SOURCE_STREAMING || snapshot_is_done(self, table)))
            weir_task_diag(
                self->task, WEIR_WARN,
                "table %.*s.%.*s is new in the publication: its changes are captured from "
                "now on, and not the rows and changes from before; to have those, too, "
                "capture it by a connector of its own, or delete the connector's offsets "
                "and the slot to start with a new snapshot",
                WEIR_ARG(table->schema), WEIR_ARG(table->name));
    }
}

/* What comes first, by the offset, the slot and the mode. */
static weir_code choose_phase(source *self, const slot_state *slot, weir_error *err)
{
    if (!slot->exists) {
        self->phase = SOURCE_CREATING_SLOT;
        return slot_create_begin(self->replication, &self->settings, err);
    }
    if (!self->position.known) {
        self->position.commit = slot->confirmed_lsn;
        self->position.floor = slot->restart_lsn;
        self->position.in_snapshot = mode_of(self) != SNAPSHOT_NO_DATA;
    }
    self->phase = self->position.in_snapshot ? SOURCE_SNAPSHOT : SOURCE_STREAMING;
    warn_of_added(self);
    return self->phase == SOURCE_SNAPSHOT ? snapshot_begin(self, err) : stream_begin(self, err);
}

/* Only a snapshot: neither slot nor publication is needed. */
static weir_code open_snapshot_only(source *self, weir_error *err)
{
    if (self->position.known && !self->position.in_snapshot) {
        self->phase = SOURCE_ENDED;
        return WEIR_OK;
    }
    if (recognise_server(self, err) != WEIR_OK)
        return err->code;
    self->phase = SOURCE_SNAPSHOT;
    return snapshot_begin(self, err);
}

static weir_code source_open(weir_task *task, void *state, weir_error *err)
{
    source *self = state;
    slot_state slot;

    self->task = task;
    self->partition = partition_of(task, &self->settings);
    event_init(&self->event, &self->settings);
    if (!weir_str_eq(self->settings.plugin_name, WEIR_STR("pgoutput")))
        weir_task_diag(task, WEIR_WARN, "plugin.name \"%.*s\" is replaced by pgoutput",
                       WEIR_ARG(self->settings.plugin_name));
    if (position_read(task, weir_task_offset(task, self->partition), &self->position, err) !=
        WEIR_OK)
        return err->code;
    self->sql = connection_open(&self->settings, CONNECTION_SQL, err);
    if (self->sql == NULL)
        return err->code;
    if (load_tables(self, err) != WEIR_OK)
        return err->code;
    if (mode_of(self) == SNAPSHOT_INITIAL_ONLY)
        return open_snapshot_only(self, err);
    if (slot_check_server(self->sql, err) != WEIR_OK)
        return err->code;
    self->replication = connection_open(&self->settings, CONNECTION_REPLICATION, err);
    if (self->replication == NULL || recognise_server(self, err) != WEIR_OK ||
        slot_look(self->sql, &self->settings, &slot, err) != WEIR_OK ||
        check_slot(self, &slot, err) != WEIR_OK ||
        publication_ensure(&self->catalog, &self->settings, slot.exists, &self->publications,
                           err) != WEIR_OK ||
        publication_look(&self->catalog, &self->settings, err) != WEIR_OK)
        return err->code;
    return choose_phase(self, &slot, err);
}

/* --- Polling -------------------------------------------------------------------------------- */

static weir_code report_waiting(source *self, weir_error *err)
{
    int64_t now_ms = connection_clock_ms();
    int count, pid;

    if (now_ms < self->next_wait_ms)
        return WEIR_OK;
    self->next_wait_ms = now_ms + WAIT_REPORT_MS;
    if (slot_waits_for(self->sql, &count, &pid, err) != WEIR_OK)
        return err->code;
    if (count > 0)
        weir_task_diag(self->task, WEIR_INFO,
                       "the new replication slot waits for %d open transactions to end, the oldest "
                       "in process %d of the server",
                       count, pid);
    weir_task_progress(self->task, "waiting for open transactions to end", 0, count);
    return WEIR_OK;
}

/* The slot is there: its offset is written before anything else, so that it is not lost. */
static weir_code slot_made(source *self, weir_batch *batch, weir_error *err)
{
    slot_state slot;

    if (slot_look(self->sql, &self->settings, &slot, err) != WEIR_OK)
        return err->code;
    self->position.commit = self->created.consistent_lsn;
    self->position.floor = slot.restart_lsn;
    self->position.in_snapshot = mode_of(self) == SNAPSHOT_INITIAL;
    position_write(&self->position, self->partition, batch);
    self->phase = self->position.in_snapshot ? SOURCE_SNAPSHOT : SOURCE_STREAMING;
    return self->phase == SOURCE_SNAPSHOT ? snapshot_begin(self, err) : stream_begin(self, err);
}

static weir_code poll_slot(source *self, weir_batch *batch, int timeout_ms, weir_error *err)
{
    bool done;
    weir_code code = slot_create_poll(self->replication, self->task, (int64_t)timeout_ms * 1000,
                                      &self->created, &done, err);

    if (code != WEIR_OK)
        return code;
    return done ? slot_made(self, batch, err) : report_waiting(self, err);
}

static weir_code poll_snapshot(source *self, weir_batch *batch, int timeout_ms, weir_error *err)
{
    bool done;
    weir_code code = snapshot_poll(self, batch, timeout_ms, &done, err);

    if (code != WEIR_OK || !done)
        return code;
    snapshot_end(self);
    if (mode_of(self) == SNAPSHOT_INITIAL_ONLY) {
        self->phase = SOURCE_ENDED;
        return WEIR_END;
    }
    self->phase = SOURCE_STREAMING;
    return stream_begin(self, err);
}

static weir_code source_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                             weir_error *err)
{
    source *self = state;
    (void)task;

    switch (self->phase) {
    case SOURCE_CREATING_SLOT:
        return poll_slot(self, batch, timeout_ms, err);
    case SOURCE_SNAPSHOT:
        return poll_snapshot(self, batch, timeout_ms, err);
    case SOURCE_STREAMING:
        return stream_poll(self, batch, timeout_ms, err);
    case SOURCE_ENDED:
        return WEIR_END;
    }
    return WEIR_END;
}

static weir_code source_idle(weir_task *task, void *state, weir_error *err)
{
    source *self = state;
    (void)task;

    return self->stream != NULL ? stream_keep_alive(self, err) : WEIR_OK;
}

static weir_code source_acked(weir_task *task, void *state, weir_str partition, weir_str offset,
                              weir_error *err)
{
    source *self = state;
    (void)task;

    if (self->stream == NULL || !weir_str_eq(partition, self->partition))
        return WEIR_OK;
    return stream_confirm(self, position_confirmed(offset), err);
}

static void source_close(weir_task *task, void *state)
{
    source *self = state;
    (void)task;

    snapshot_end(self);
    stream_end(self);
    connection_close(self->replication);
    connection_close(self->sql);
    filter_done(self->filter);
    weir_map_free(self->catalog.types);
    relation_context_done(&self->context);
    event_done(&self->event);
    position_done(&self->position);
    weir_buf_done(&self->publications);
}

static const char *const aliases[] = {"io.debezium.connector.postgresql.PostgresConnector", NULL};

static const weir_source postgres_source = {
    .name = "postgres-cdc",
    .version = "1.0.0",
    .summary = "Captures the rows and the changes of PostgreSQL tables, as Debezium does.",
    .fields = settings_fields,
    .field_count = SETTINGS_FIELD_COUNT,
    .state_size = sizeof(source),
    .aliases = aliases,
    .validate = settings_validate,
    .open = source_open,
    .poll = source_poll,
    .idle = source_idle,
    .acked = source_acked,
    .close = source_close,
    .rehearse = rehearse,
};
WEIR_EXPORT(.source = &postgres_source);

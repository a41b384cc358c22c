/* commit.c - records that become durable together, and then visible. */
#include "runtime/base/clock.h"
#include "runtime/base/diag.h"
#include "schema-registry/registry/registry_state.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { WAIT_MS = 200, TRIES_MAX = 5 };

/* Where a record's bytes are. */
typedef struct change_record {
    size_t key_at, key_size, value_at, value_size;
    bool is_tombstone;
} change_record;

void change_add(registry_change *change, weir_buf *key, weir_buf *value)
{
    change_record record = {.key_at = change->bytes.len, .key_size = key->len};

    weir_buf_add_str(&change->bytes, weir_buf_str(key));
    record.value_at = change->bytes.len;
    record.is_tombstone = value == NULL;
    if (value != NULL) {
        record.value_size = value->len;
        weir_buf_add_str(&change->bytes, weir_buf_str(value));
        weir_buf_clear(value);
    }
    weir_buf_clear(key);
    weir_buf_add(&change->records, &record, sizeof(record));
}

void change_add_odd(registry_change *change, const char *odd_key)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};

    if (odd_key == NULL)
        return;
    weir_buf_add_str(&key, weir_cstr(odd_key));
    change_add(change, &key, NULL);
}

void change_remove_version(registry_change *change, const registry_subject *subject,
                           const registry_version *version)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};

    change_add_odd(change, version->odd_key);
    record_schema_key_add(subject_name_text(subject), version->version, &key);
    change_add(change, &key, NULL);
}

void change_remove_setting(registry_change *change, const registry *self, record_kind kind,
                           weir_str subject)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};
    const registry_setting *setting = tables_setting(&self->tables, kind, subject);

    if (setting == NULL)
        return;
    change_add_odd(change, setting->odd_key);
    record_subject_key_add(kind, subject, &key);
    change_add(change, &key, NULL);
}

void change_add_ids(registry_change *change, const registry *self)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    const char *separator = "";
    void *found;

    record_noop_key_add(&key);
    weir_buf_add_str(&value, WEIR_STR("{\"lastIds\":{"));
    for (size_t at = 0; weir_map_next(self->tables.contexts, &at, NULL, &found);) {
        const registry_context *context = found;

        weir_buf_printf(&value, "%s", separator);
        weir_buf_add_json(&value, context->name);
        weir_buf_printf(&value, ":%" PRId32, context->last_id);
        separator = ",";
    }
    weir_buf_add_str(&value, WEIR_STR("}}"));
    change_add(change, &key, &value);
}

void change_done(registry_change *change)
{
    weir_buf_done(&change->bytes);
    weir_buf_done(&change->records);
}

bool registry_write_begin(registry *self, registry_error *error)
{
    weir_error err;

    pthread_mutex_lock(&self->write_lock);
    if (!self->is_unsure)
        return true;
    if (registry_catch_up(self, &err) == WEIR_OK) {
        self->is_unsure = false;
        return true;
    }
    pthread_mutex_unlock(&self->write_lock);
    return registry_fail(error, REGISTRY_STORE_FAILED, "%s", err.message);
}

void registry_write_end(registry *self)
{
    pthread_mutex_unlock(&self->write_lock);
}

static weir_str key_of(const registry_change *change, const change_record *record)
{
    return (weir_str){change->bytes.ptr + record->key_at, record->key_size};
}

static weir_str value_of(const registry_change *change, const change_record *record)
{
    if (record->is_tombstone)
        return (weir_str){0};
    return (weir_str){change->bytes.ptr + record->value_at, record->value_size};
}

static const change_record *records_of(const registry_change *change, size_t *count)
{
    *count = change->records.len / sizeof(change_record);
    return (const change_record *)(const void *)change->records.ptr;
}

static weir_code add_all(registry *self, const registry_change *change, int64_t now,
                         weir_error *err)
{
    size_t count;
    const change_record *records = records_of(change, &count);

    for (size_t i = 0; i < count; i++) {
        log_record record = {.topic = REGISTRY_TOPIC,
                             .timestamp_ms = now,
                             .key = key_of(change, &records[i]),
                             .value = value_of(change, &records[i])};

        if (log_add(self->writer, &record, err) != WEIR_OK) {
            log_discard(self->writer);
            return err->code;
        }
    }
    return WEIR_OK;
}

static log_outcome wait_for(registry *self, log_ticket ticket, weir_error *err)
{
    int64_t end = clock_mono_ms(clock_system()) + self->options.write_timeout_ms;
    log_outcome outcome;

    do
        outcome = log_wait(self->writer, ticket, WAIT_MS, err);
    while (outcome == LOG_PENDING && clock_mono_ms(clock_system()) < end);
    return outcome;
}

static void apply_all(registry *self, const registry_change *change, int64_t now)
{
    size_t count;
    const change_record *records = records_of(change, &count);

    pthread_rwlock_wrlock(&self->lock);
    for (size_t i = 0; i < count; i++) {
        const char *reason;
        bool is_good = tables_apply(&self->tables, key_of(change, &records[i]),
                                    value_of(change, &records[i]), now, &reason);

        assert(is_good);
    }
    pthread_rwlock_unlock(&self->lock);
}

/* What is under way may still get into the log: a new writer fences it, then the log tells. When there is
 * none, the next write fails, and says why. */
static void begin_anew(registry *self)
{
    log_writer *fresh;
    weir_error err;

    self->is_unsure = true;
    if (log_writer_open(self->backend, REGISTRY_TOPIC, &fresh, &err) != WEIR_OK)
        return;
    log_writer_close(self->writer);
    self->writer = fresh;
}

static bool fail_commit(registry *self, log_outcome outcome, const char *what, const char *message,
                        registry_error *error)
{
    bool is_late = outcome == LOG_PENDING;

    diag(WEIR_ERROR, "a change of _schemas could not be written: %s",
         is_late ? "the log does not answer" : message);
    if (outcome != LOG_ABORTED)
        begin_anew(self);
    if (is_late)
        return registry_fail(error, REGISTRY_TIMED_OUT, "%s operation timed out", what);
    return registry_fail(error, REGISTRY_STORE_FAILED,
                         "%s operation failed while writing to the Kafka store", what);
}

bool registry_commit(registry *self, const registry_change *change, const char *what,
                     registry_error *error)
{
    int64_t now = clock_wall_ms(clock_system());
    log_outcome outcome = LOG_ABORTED;
    weir_error err;

    if (change->records.len == 0)
        return true;
    for (int tries = 0; outcome == LOG_ABORTED && tries < TRIES_MAX; tries++) {
        weir_code code = add_all(self, change, now, &err);

        if (code == WEIR_REJECT)
            return registry_fail(error, REGISTRY_SCHEMA_TOO_LARGE,
                                 "%s operation failed because schema is too large", what);
        if (code != WEIR_OK)
            return fail_commit(self, LOG_ABORTED, what, err.message, error);
        outcome = wait_for(self, log_commit(self->writer), &err);
    }
    if (outcome != LOG_COMMITTED)
        return fail_commit(self, outcome, what, err.message, error);
    apply_all(self, change, now);
    return true;
}

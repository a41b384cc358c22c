/* registry.c - opening and closing, errors, counts. */
#include "schema-registry/registry/registry.h"

#include "runtime/base/mem.h"
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/subject_name.h"

#include <assert.h>
#include <stdlib.h>

enum { PARSED_MAX = 1000, WRITE_TIMEOUT_MS = 30000 };

bool registry_fail(registry_error *error, registry_code code, const char *fmt, ...)
{
    va_list args;

    error->code = code;
    weir_buf_clear(&error->message);
    va_start(args, fmt);
    weir_buf_vprintf(&error->message, fmt, args);
    va_end(args);
    return false;
}

int registry_error_status(const registry_error *error)
{
    return error->code < 1000 ? (int)error->code : (int)error->code / 100;
}

void registry_error_done(registry_error *error)
{
    weir_buf_done(&error->message);
}

void registry_read_lock(registry *self)
{
    int failed = pthread_rwlock_rdlock(&self->lock);

    assert(failed == 0);
}

void registry_read_unlock(registry *self)
{
    int failed = pthread_rwlock_unlock(&self->lock);

    assert(failed == 0);
}

/* Readers come without end; a writer must get its turn. */
static void init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attributes;

    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
}

static registry *make(log *backend, const registry_options *options)
{
    registry *self = mem_zalloc(1, sizeof(*self));

    self->backend = backend;
    self->options = *options;
    if (self->options.parsed_max == 0)
        self->options.parsed_max = PARSED_MAX;
    if (self->options.write_timeout_ms == 0)
        self->options.write_timeout_ms = WRITE_TIMEOUT_MS;
    pthread_mutex_init(&self->write_lock, NULL);
    pthread_mutex_init(&self->given_lock, NULL);
    init_lock(&self->lock);
    tables_init(&self->tables);
    parsed_cache_init(&self->cache, self->options.parsed_max);
    self->given = weir_map_new();
    return self;
}

weir_code registry_open(log *backend, const registry_options *options, registry **out,
                        weir_error *err)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    registry *self;

    config.compact = true;
    config.retention_ms = -1;
    if (log_topic_create(backend, REGISTRY_TOPIC, &config, err) != WEIR_OK)
        return err->code;
    self = make(backend, options);
    if (log_writer_open(backend, REGISTRY_TOPIC, &self->writer, err) != WEIR_OK ||
        log_offset_of(backend, REGISTRY_TOPIC, 0, LOG_EARLIEST, &self->position, err) != WEIR_OK ||
        registry_catch_up(self, err) != WEIR_OK) {
        registry_close(self);
        return err->code;
    }
    log_set_checker(backend, (log_checker){registry_check_record, self});
    *out = self;
    return WEIR_OK;
}

void registry_close(registry *self)
{
    void *value;

    if (self == NULL)
        return;
    if (self->backend->checker.context == self)
        log_set_checker(self->backend, (log_checker){0});
    parsed_cache_done(&self->cache);
    for (size_t at = 0; weir_map_next(self->given, &at, NULL, &value);)
        parsed_schema_release(value);
    weir_map_free(self->given);
    tables_done(&self->tables);
    log_writer_close(self->writer);
    pthread_rwlock_destroy(&self->lock);
    pthread_mutex_destroy(&self->given_lock);
    pthread_mutex_destroy(&self->write_lock);
    free(self);
}

registry_counts registry_count(registry *self)
{
    registry_counts counts;

    registry_read_lock(self);
    counts = (registry_counts){
        .subjects = self->tables.sorted_count,
        .versions = self->tables.version_count - self->tables.deleted_count,
        .deleted_versions = self->tables.deleted_count,
        .schemas = self->tables.schema_count,
    };
    registry_read_unlock(self);
    return counts;
}

/* embedded.c - the embedded log's topics, offsets and background work; its table of operations. */
#include "runtime/log/embedded.h"

#include "runtime/base/mem.h"
#include "runtime/log/compact.h"
#include "runtime/log/embedded_state.h"
#include "runtime/log/retention.h"

#include <stdlib.h>
#include <sys/resource.h>

weir_code embedded_partition(embedded *self, weir_str topic, int32_t partition,
                             store_partition **out, weir_error *err)
{
    store_topic *found = store_topic_find(self->store, topic);

    if (found == NULL)
        return weir_fail(err, WEIR_FATAL, "there is no topic '%.*s'", WEIR_ARG(topic));
    *out = store_partition_at(found, partition);
    if (*out == NULL)
        return weir_fail(err, WEIR_FATAL, "topic %.*s has no partition %d", WEIR_ARG(topic),
                         partition);
    return WEIR_OK;
}

static weir_code topic_create(log *base, weir_str name, const log_topic_config *config,
                              weir_error *err)
{
    return store_topic_create(embedded_of(base)->store, name, config, err);
}

static weir_code topic_delete(log *base, weir_str name, weir_error *err)
{
    return store_topic_delete(embedded_of(base)->store, name, err);
}

static bool topic_find(log *base, weir_str name, log_topic *out)
{
    store_topic *topic = store_topic_find(embedded_of(base)->store, name);

    if (topic == NULL)
        return false;
    *out = *store_topic_info(topic);
    return true;
}

static bool topic_next(log *base, weir_str *after, log_topic *out)
{
    store_topic *topic = store_topic_next(embedded_of(base)->store, *after);

    if (topic == NULL)
        return false;
    *out = *store_topic_info(topic);
    *after = out->name;
    return true;
}

static uint64_t topics_generation(log *base)
{
    return store_topics_generation(embedded_of(base)->store);
}

static weir_code offset_of(log *base, weir_str topic, int32_t partition, log_place place,
                           int64_t *offset, weir_error *err)
{
    store_partition *found;

    if (embedded_partition(embedded_of(base), topic, partition, &found, err) != WEIR_OK)
        return err->code;
    *offset = place == LOG_EARLIEST ? store_start_offset(found) : store_end_offset(found);
    return WEIR_OK;
}

static weir_code offset_at_time(log *base, weir_str topic, int32_t partition, int64_t timestamp_ms,
                                int64_t *offset, weir_error *err)
{
    store_partition *found;

    if (embedded_partition(embedded_of(base), topic, partition, &found, err) != WEIR_OK)
        return err->code;
    return store_offset_at_time(found, timestamp_ms, offset, err);
}

static void set_hold(log *base, weir_str holder, weir_str topic, int32_t partition, int64_t offset)
{
    store_partition *found;
    weir_error err;

    if (embedded_partition(embedded_of(base), topic, partition, &found, &err) == WEIR_OK)
        store_hold(embedded_of(base)->store, holder, found, offset);
}

static void start_retention(log *base)
{
    atomic_store(&embedded_of(base)->retention_runs, true);
    store_kick(embedded_of(base)->store);
}

static const char *identity(log *base)
{
    return store_id(embedded_of(base)->store);
}

const log_ops EMBEDDED_OPS = {
    .topic_create = topic_create,
    .topic_delete = topic_delete,
    .topic_find = topic_find,
    .topic_next = topic_next,
    .topics_generation = topics_generation,
    .offset_of = offset_of,
    .offset_at_time = offset_at_time,
    .hold = set_hold,
    .start_retention = start_retention,
    .id = identity,
    .writer_open = embedded_writer_open,
    .writer_epoch = embedded_writer_epoch,
    .writer_close = embedded_writer_close,
    .add = embedded_writer_add,
    .unit_bytes = embedded_writer_bytes,
    .discard = embedded_writer_discard,
    .commit = embedded_writer_commit,
    .wait = embedded_writer_wait,
    .is_full = embedded_writer_is_full,
    .writer_give_up = embedded_writer_give_up,
    .writer_wake = embedded_writer_wake,
    .reader_open = embedded_reader_open,
    .reader_close = embedded_reader_close,
    .reader_assign = embedded_reader_assign,
    .reader_revoke = embedded_reader_revoke,
    .read = embedded_reader_read,
    .reader_position = embedded_reader_position,
    .reader_wake = embedded_reader_wake,
};

static void tend(store *tended, void *context)
{
    embedded *self = context;
    int64_t now_ms = clock_wall_ms(store_clock(tended));

    compact_run(tended, now_ms);
    if (atomic_load(&self->retention_runs))
        retention_run(tended, now_ms);
}

enum { WANTED_FILES = 65536 };

/* Segments with unsynced data stay open, which may be one for every partition: more than the 1,024 files
 * that a process begins with. What the system does not grant is noticed when a file is opened. */
static void allow_many_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= WANTED_FILES)
        return;
    limit.rlim_cur = limit.rlim_max < WANTED_FILES ? limit.rlim_max : WANTED_FILES;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* the old limit goes on */
}

weir_code embedded_open(const store_options *options, log **out, weir_error *err)
{
    embedded *opened = mem_zalloc(1, sizeof(*opened));
    store_options with_tend = *options;

    with_tend.tend = tend;
    with_tend.tend_context = opened;
    allow_many_files();
    if (store_open(&with_tend, &opened->store, err) != WEIR_OK) {
        free(opened);
        return err->code;
    }
    opened->base.ops = &EMBEDDED_OPS;
    opened->is_manual = options->manual;
    opened->writers = weir_map_new();
    pthread_mutex_init(&opened->lock, NULL);
    *out = &opened->base;
    return WEIR_OK;
}

void embedded_close(log *base)
{
    embedded *self = (embedded *)base;

    if (self == NULL)
        return;
    store_close(self->store);
    weir_map_free(self->writers);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

store *embedded_store(log *base)
{
    return embedded_of(base)->store;
}

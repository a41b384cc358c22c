/* holds.c - the deployed sinks, and the topics that were held for them already.
 *
 * A topic with on.full=trim may lose what a sink has not read. So that this is noticed also by a sink that has
 * never committed, its first offset is: without one it would begin wherever the topic begins by then.
 */
#include "runtime/connect/holds.h"

#include "runtime/base/arena.h"
#include "runtime/base/diag.h"
#include "runtime/base/mem.h"
#include "runtime/connect/selector.h"
#include "weir/map.h"
#include "weir/source.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

typedef struct holder {
    arena memory;
    weir_str name;
    selector *selector; /* NULL: its regular expression is none */
} holder;

struct holds {
    log *backend;
    durable *durable;
    pthread_mutex_t lock; /* of what follows */
    weir_map *holders;    /* name -> holder */
    weir_map *known;      /* ids of topics that were gone through; values are not looked at */
    uint64_t generation;  /* of the topics, when they were */
    bool is_unsettled;    /* a first offset is not committed yet */
};

holds *holds_new(log *backend, durable *kept)
{
    holds *self = mem_zalloc(1, sizeof(*self));

    self->backend = backend;
    self->durable = kept;
    self->holders = weir_map_new();
    self->known = weir_map_new();
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

static void holder_free(holder *one)
{
    if (one == NULL)
        return;
    selector_free(one->selector);
    arena_done(&one->memory);
    free(one);
}

void holds_free(holds *self)
{
    void *one;

    if (self == NULL)
        return;
    for (size_t at = 0; weir_map_next(self->holders, &at, NULL, &one);)
        holder_free(one);
    weir_map_free(self->holders);
    weir_map_free(self->known);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

/* Where a sink would go on in this very topic: an offset of an earlier topic of that name is none of it. */
static int64_t committed_offset(const holds *self, const holder *one, const log_topic *topic,
                                int32_t partition)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    int64_t offset = 0;

    durable_sink_key(one->name, topic->name, partition, &key);
    if (!durable_offset(self->durable, weir_buf_str(&key), &value) ||
        (memmem(value.ptr, value.len, "\"topic_id\"", 10) != NULL &&
         memmem(value.ptr, value.len, topic->id, 36) == NULL) ||
        !weir_offset_int(weir_buf_str(&value), "kafka_offset", &offset))
        return 0; /* all that is there */
    return offset;
}

/* What its expression cannot tell of is held: the sink fails with it, and may be mended. The lock is held. */
static bool is_read_by(const holder *one, weir_str topic)
{
    bool reads = false;
    weir_error err;

    return one->selector != NULL &&
           (selector_matches(one->selector, topic, &reads, &err) != WEIR_OK || reads);
}

/* The lock is held. */
static void hold_topic(const holds *self, const holder *one, const log_topic *topic)
{
    bool reads = is_read_by(one, topic->name);

    for (int32_t p = 0; p < topic->config.partitions; p++)
        log_hold(self->backend, one->name, topic->name, p,
                 reads ? committed_offset(self, one, topic, p) : -1);
}

/* The lock is held. */
static weir_code commit_start(const holds *self, const holder *one, const log_topic *topic,
                              int32_t partition, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    int64_t start;

    durable_sink_key(one->name, topic->name, partition, &key);
    if (durable_offset(self->durable, weir_buf_str(&key), &value))
        return WEIR_OK;
    if (log_offset_of(self->backend, topic->name, partition, LOG_EARLIEST, &start, err) != WEIR_OK)
        return err->code;
    durable_offset_value(topic->id, start, &value);
    return durable_put_offset(self->durable, weir_buf_str(&key), weir_buf_str(&value), err);
}

/* The lock is held. */
static weir_code commit_starts(const holds *self, const holder *one, weir_error *err)
{
    weir_str after = {0};
    log_topic topic;

    while (log_topic_next(self->backend, &after, &topic)) {
        if (!topic.config.trim || !is_read_by(one, topic.name))
            continue;
        for (int32_t p = 0; p < topic.config.partitions; p++)
            if (commit_start(self, one, &topic, p, err) != WEIR_OK)
                return weir_wrap(err, "committing where %.*s begins with topic %.*s",
                                 WEIR_ARG(one->name), WEIR_ARG(topic.name));
    }
    return WEIR_OK;
}

/* The lock is held. What fails is tried again with the next refresh. */
static void settle(holds *self, const holder *one)
{
    weir_error err;

    if (commit_starts(self, one, &err) == WEIR_OK)
        return;
    self->is_unsettled = true;
    diag_with(WEIR_WARN, (diag_pair[]){{"reason", weir_cstr(err.message)}}, 1,
              "a sink's first offset is not committed yet");
}

/* The lock is held. */
static void settle_all(holds *self)
{
    void *one;

    self->is_unsettled = false;
    for (size_t at = 0; weir_map_next(self->holders, &at, NULL, &one);)
        settle(self, one);
}

/* The lock is held. one NULL: for nobody any more, but name had holds. */
static void walk_topics(const holds *self, const holder *one)
{
    weir_str after = {0};
    log_topic topic;

    while (log_topic_next(self->backend, &after, &topic))
        hold_topic(self, one, &topic);
}

static weir_list copy_list(arena *memory, weir_list list)
{
    weir_str *items = arena_alloc(memory, list.count + 1, sizeof(*items));

    for (size_t i = 0; i < list.count; i++)
        items[i] = arena_copy(memory, list.items[i]);
    return (weir_list){.items = items, .count = list.count};
}

void holds_add(holds *self, weir_str connector, weir_list topics, weir_str regex)
{
    holder *one = mem_zalloc(1, sizeof(*one));
    weir_error err;

    one->name = arena_copy(&one->memory, connector);
    if (selector_new(copy_list(&one->memory, topics), arena_copy(&one->memory, regex),
                     &one->selector, &err) != WEIR_OK)
        one->selector = NULL; /* its tasks fail with this error */
    pthread_mutex_lock(&self->lock);
    holder_free(weir_map_put(self->holders, one->name, one));
    walk_topics(self, one);
    settle(self, one);
    pthread_mutex_unlock(&self->lock);
}

void holds_remove(holds *self, weir_str connector)
{
    holder nobody = {.name = connector};

    pthread_mutex_lock(&self->lock);
    holder_free(weir_map_remove(self->holders, connector));
    walk_topics(self, &nobody);
    pthread_mutex_unlock(&self->lock);
}

/* The lock is held. */
static void hold_new_topics(holds *self)
{
    weir_map *known = weir_map_new();
    weir_str after = {0};
    log_topic topic;
    void *one;

    while (log_topic_next(self->backend, &after, &topic)) {
        bool is_new = weir_map_get(self->known, weir_cstr(topic.id)) == NULL;

        (void)weir_map_put(known, weir_cstr(topic.id), self);
        for (size_t at = 0; is_new && weir_map_next(self->holders, &at, NULL, &one);)
            if (is_read_by(one, topic.name))
                hold_topic(self, one, &topic);
    }
    weir_map_free(self->known);
    self->known = known;
}

void holds_refresh(holds *self)
{
    uint64_t generation;

    pthread_mutex_lock(&self->lock);
    generation =
        log_topics_generation(self->backend); /* before the walk: what comes later is new */
    if (generation != self->generation) {
        hold_new_topics(self);
        self->generation = generation;
        self->is_unsettled = true;
    }
    if (self->is_unsettled)
        settle_all(self);
    pthread_mutex_unlock(&self->lock);
}

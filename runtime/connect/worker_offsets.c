/* worker_offsets.c - the offsets of a stopped connector: set, or forgotten.
 *
 * A sink that keeps offsets in its destination is told by its task when it starts again, because only a task is
 * connected there: until then a mark beside the offset says that it must be.
 */
#include "runtime/connect/worker_state.h"

#include "runtime/base/mem.h"
#include "runtime/connect/held.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of its own memory: it may go on when whoever gave it waits no longer. */
typedef struct work_order {
    weir_buf name;
    json_t *offsets; /* NULL: forget all */
    weir_code code;
    weir_error error;
} work_order;

/* Of a source that begins again, what was released stays released: it would come again, older than all else. */
static bool is_of_held(const connector *one, weir_str partition)
{
    static const char begin[] = "{\"kafka_topic\":\"" HELD_TOPIC_PREFIX;

    return (one->plugin == NULL || one->plugin->kind != PLUGIN_SINK) &&
           partition.len >= sizeof(begin) && memcmp(partition.ptr, begin, sizeof(begin) - 1) == 0;
}

/* --- Checking --------------------------------------------------------------------------------- */

/* A partition of a topic that is there: a typing error would be kept as an offset that nobody ever uses. */
static weir_code check_sink_partition(const worker *self, const json_t *partition, weir_error *err)
{
    weir_str name = weir_cstr(json_string_value(json_object_get(partition, "kafka_topic")));
    json_int_t number = json_integer_value(json_object_get(partition, "kafka_partition"));
    log_topic topic;

    if (!log_topic_find(self->options.log, name, &topic))
        return weir_fail(err, WEIR_CONFIG, "there is no topic \"%.*s\"", WEIR_ARG(name));
    if (number < 0 || number >= topic.config.partitions)
        return weir_fail(err, WEIR_CONFIG,
                         "topic %.*s has no partition %" JSON_INTEGER_FORMAT
                         "; its last one is %" PRId32,
                         WEIR_ARG(name), number, topic.config.partitions - 1);
    return WEIR_OK;
}

/* Of how many members of one object the other has none of the same type. */
static size_t missing_in(const json_t *one, const json_t *other)
{
    const char *key;
    json_t *value;
    size_t count = 0;

    json_object_foreach((json_t *)(uintptr_t)one, key, value)
    {
        const json_t *same = json_object_get(other, key);

        count += same == NULL || json_typeof(same) != json_typeof(value);
    }
    return count;
}

typedef struct known_partitions {
    const connector *of;
    const json_t *wanted;
    json_t *example; /* a partition that the connector has and that is of another form */
    bool has_same;
} known_partitions;

static void compare_partition(void *context, weir_str partition, weir_str offset)
{
    known_partitions *known = context;
    json_t *have;
    (void)offset;

    if (is_of_held(known->of, partition))
        return;
    have = json_loadb(partition.ptr, partition.len, 0, NULL);
    if (missing_in(have, known->wanted) == 0 && missing_in(known->wanted, have) == 0)
        known->has_same = true;
    else if (known->example == NULL)
        known->example = json_incref(have);
    json_decref(have);
}

/* What a source's partition is, only the source knows; but it looks like those that it has. */
static weir_code check_source_partition(worker *self, const connector *one, const json_t *partition,
                                        weir_error *err)
{
    known_partitions known = {.of = one, .wanted = partition};
    const char *topic = json_string_value(json_object_get(partition, "kafka_topic"));
    char *text;

    if (topic != NULL && strncmp(topic, HELD_TOPIC_PREFIX, strlen(HELD_TOPIC_PREFIX)) == 0)
        return WEIR_OK; /* where it is in what waits: the worker's, not the source's */
    durable_each_offset(self->durable, one->name, compare_partition, &known);
    if (known.has_same || known.example == NULL) {
        json_decref(known.example);
        return WEIR_OK;
    }
    text = json_dumps(known.example, JSON_COMPACT);
    weir_fail(err, WEIR_CONFIG, "the partitions of connector %.*s look like %s",
              WEIR_ARG(one->name), text);
    free(text);
    json_decref(known.example);
    return err->code;
}

static weir_code check_one(worker *self, const connector *one, const json_t *item, weir_error *err)
{
    const json_t *partition = json_object_get(item, "partition");
    const json_t *offset = json_object_get(item, "offset");

    if (!json_is_object(partition) || (!json_is_object(offset) && !json_is_null(offset)))
        return weir_fail(
            err, WEIR_CONFIG,
            "each item needs an object \"partition\" and an object or null \"offset\"");
    if (json_is_null(offset) || one->plugin == NULL)
        return WEIR_OK;
    return one->plugin->kind == PLUGIN_SINK ? check_sink_partition(self, partition, err)
                                            : check_source_partition(self, one, partition, err);
}

/* All of them, before the first is written. */
static weir_code check_all(worker *self, const connector *one, const json_t *all, weir_error *err)
{
    size_t i;
    json_t *item;

    json_array_foreach((json_t *)(uintptr_t)all, i, item)
    {
        if (check_one(self, one, item, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* partition and value as texts; value len 0: forgets it. The mark first: after a crash between the two the sink
 * goes to where nobody was told that it would be, but to where it was sent. */
static weir_code write_one(worker *self, const connector *one, weir_str partition, weir_str value,
                           weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, mark = {0};
    bool has_ledger = one->plugin != NULL && one->plugin->kind == PLUGIN_SINK &&
                      one->plugin->sink.alter_offsets != NULL;

    durable_altered_key(one->name, partition, &mark);
    if (has_ledger && durable_put_offset(self->durable, weir_buf_str(&mark),
                                         value.len > 0 ? value : WEIR_STR("{\"kafka_offset\":-1}"),
                                         err) != WEIR_OK)
        return err->code;
    durable_offset_key(one->name, partition, &key);
    return durable_put_offset(self->durable, weir_buf_str(&key), value, err);
}

static weir_code alter_all(worker *self, const connector *one, const json_t *all, weir_error *err)
{
    weir_code code = check_all(self, one, all, err);
    size_t i;
    json_t *item;

    json_array_foreach((json_t *)(uintptr_t)all, i, item)
    {
        const json_t *offset = json_object_get(item, "offset");
        char *where, *value = NULL;

        if (code != WEIR_OK)
            break;
        where = json_dumps(json_object_get(item, "partition"), JSON_COMPACT);
        if (!json_is_null(offset))
            value = json_dumps(offset, JSON_COMPACT);
        code = write_one(self, one, weir_cstr(where), weir_cstr(value), err);
        free(where);
        free(value);
    }
    return code;
}

static void collect_key(void *context, weir_str partition, weir_str offset)
{
    weir_buf *all = context;
    (void)offset;

    weir_buf_add(all, &partition.len, sizeof(partition.len));
    weir_buf_add_str(all, partition);
}

static weir_code forget_all(worker *self, const connector *one, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf all = {0};

    durable_each_offset(self->durable, one->name, collect_key, &all);
    for (size_t at = 0; at < all.len;) {
        weir_str partition = {0};

        memcpy(&partition.len, all.ptr + at, sizeof(partition.len));
        at += sizeof(partition.len);
        partition.ptr = all.ptr + at;
        at += partition.len;
        if (!is_of_held(one, partition) &&
            write_one(self, one, partition, (weir_str){0}, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

static bool has_threads(const connector *one)
{
    for (int t = 0; t < one->task_count; t++)
        if (one->tasks[t].state == TASK_STARTED)
            return true;
    return false;
}

static bool alter_offsets(worker *self, void *context)
{
    work_order *order = context;
    weir_str name = weir_buf_str(&order->name);
    connector *one = worker_find(self, name);

    if (one == NULL) {
        order->code =
            weir_fail(&order->error, WEIR_END, "connector \"%.*s\" does not exist", WEIR_ARG(name));
    } else if (one->target != TARGET_STOPPED) {
        order->code =
            weir_fail(&order->error, WEIR_CONFIG,
                      "Connectors must be in the STOPPED state before their offsets can be "
                      "modified. This can "
                      "be done for the specified connector by issuing a 'PUT' request to the "
                      "'/connectors/%.*s/stop' endpoint",
                      WEIR_ARG(name));
    } else if (has_threads(one)) {
        return false; /* they were told to end */
    } else {
        order->code = order->offsets != NULL ? alter_all(self, one, order->offsets, &order->error)
                                             : forget_all(self, one, &order->error);
        connector_hold(self, one); /* from where they are now */
    }
    return true;
}

static void order_free(void *context)
{
    work_order *order = context;

    weir_buf_done(&order->name);
    json_decref(order->offsets);
    free(order);
}

weir_code worker_alter_offsets(worker *self, weir_str name, const json_t *offsets, weir_error *err)
{
    work_order *order = mem_zalloc(1, sizeof(*order));
    weir_code code;

    weir_buf_add_str(&order->name, name);
    order->offsets = json_deep_copy(offsets);
    if (!worker_call_in_time(self, alter_offsets, order, order_free))
        return worker_late(self, name, err);
    code = order->code;
    if (code != WEIR_OK)
        *err = order->error;
    order_free(order);
    return code;
}

/* source.c - @NAME@: a source connector for weir. Counts; put your own system here. */
#include "weir/weir.h"

#include <inttypes.h>

#define PARTITION WEIR_STR("{\"part\":0}") /* names what is read: a table, a shard, a file */

typedef struct state {
    weir_str topic; /* from the configuration */
    int64_t limit;  /* from the configuration */
    int64_t next;   /* what is read next */
    const weir_schema *schema;
} state;

static const weir_field fields[] = {
    WEIR_FIELD(state, topic, .name = "topic", .doc = "Topic that the records are written to."),
    WEIR_FIELD(state, limit, .name = "limit", .fallback = "10", .min = 1, .max = INT64_MAX,
               .doc = "Finish after this many records."),
};

/* Connects, and resumes where the last committed offset says. */
static weir_code source_open(weir_task *task, void *memory, weir_error *err)
{
    state *self = memory;
    weir_str offset = weir_task_offset(task, PARTITION);

    if (offset.len > 0 && !weir_offset_int(offset, "next", &self->next))
        return weir_fail(err, WEIR_FATAL, "offset %.*s has no \"next\"", WEIR_ARG(offset));
    self->schema = weir_task_schema(task, WEIR_STR("\"long\""), err);
    return self->schema != NULL ? WEIR_OK : err->code;
}

/* Adds what is ready; a checkpoint makes all of it durable together with the offset. */
static weir_code source_poll(weir_task *task, void *memory, weir_batch *batch, int timeout_ms,
                             weir_error *err)
{
    state *self = memory;
    (void)task, (void)timeout_ms;

    if (self->next >= self->limit)
        return WEIR_END;
    while (self->next < self->limit && weir_record_begin(batch, self->topic)) {
        weir_record_value(batch, self->schema);
        weir_put_long(batch, self->next++);
        if (weir_record_end(batch, err) != WEIR_OK)
            return err->code;
    }
    weir_offset(batch, PARTITION, "{\"next\":%" PRId64 "}", self->next);
    weir_checkpoint(batch);
    return WEIR_OK;
}

/* Gives back what open took. */
static void source_close(weir_task *task, void *memory)
{
    (void)task, (void)memory;
}

static const weir_source source = {
    .name = "@NAME@",
    .version = "0.1.0",
    .summary = "One sentence that says what @NAME@ reads.",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .state_size = sizeof(state),
    .open = source_open,
    .poll = source_poll,
    .close = source_close,
};
WEIR_EXPORT(.source = &source);

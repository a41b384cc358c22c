/* sink.c - @NAME@: a sink connector for weir. Writes lines to a file; put your own system here. */
#include "weir/weir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct state {
    weir_str path; /* from the configuration */
    FILE *file;
} state;

static const weir_field fields[] = {
    WEIR_FIELD(state, path, .name = "path", .doc = "File that the records are appended to."),
};

static weir_code sink_open(weir_task *task, void *memory, weir_error *err)
{
    state *self = memory;
    weir_str path = weir_task_copy(task, self->path); /* ends with a NUL */

    self->file = fopen(path.ptr, "ae");
    if (self->file == NULL)
        return weir_fail(err, WEIR_RETRY, "could not open %s: %s", path.ptr, strerror(errno));
    return WEIR_OK;
}

/* Takes the records; they need not be durable before flush returns. */
static weir_code sink_put(weir_task *task, void *memory, const weir_batch *batch, weir_error *err)
{
    state *self = memory;
    weir_record record = {0};
    (void)task;

    while (weir_record_next(batch, &record))
        if (fprintf(self->file, "%.*s\t%d\t%lld\n", WEIR_ARG(record.topic), record.log_partition,
                    (long long)record.log_offset) < 0)
            return weir_fail(err, WEIR_RETRY, "could not write: %s", strerror(errno));
    return WEIR_OK;
}

/* Only what is durable now may be promised: the worker commits these offsets. */
static weir_code sink_flush(weir_task *task, void *memory, weir_offsets *offsets, weir_error *err)
{
    state *self = memory;
    (void)task, (void)offsets; /* all that was put is durable: nothing to take out */

    if (fflush(self->file) != 0 || fdatasync(fileno(self->file)) != 0)
        return weir_fail(err, WEIR_RETRY, "could not sync: %s", strerror(errno));
    return WEIR_OK;
}

static void sink_close(weir_task *task, void *memory)
{
    state *self = memory;
    (void)task;

    if (self->file != NULL)
        (void)fclose(self->file); /* what was promised is durable already */
    self->file = NULL;
}

static const weir_sink sink = {
    .name = "@NAME@",
    .version = "0.1.0",
    .summary = "One sentence that says what @NAME@ writes.",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .state_size = sizeof(state),
    .open = sink_open,
    .put = sink_put,
    .flush = sink_flush,
    .close = sink_close,
};
WEIR_EXPORT(.sink = &sink);

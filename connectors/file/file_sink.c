/* file_sink.c - each record becomes a line of a file. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { FORMAT_VALUE, FORMAT_RECORD, BUFFERED = 1 << 20 };

typedef struct sink {
    weir_str path;      /* from the configuration */
    weir_choice format; /* from the configuration */
    int fd;
    bool is_open;
    weir_buf text; /* lines that were put and not written */
} sink;

static const char *const formats[] = {"value", "record", NULL};

static const weir_field fields[] = {
    WEIR_FIELD(sink, path, .name = "file", .doc = "File that lines are appended to."),
    WEIR_FIELD(sink, format, .name = "format", .fallback = "value", .choices = formats,
               .doc = "value: the value, as JSON when it has a schema and is no text. record: an "
                      "object with topic, partition, offset, timestamp, key and value."),
};

/* A crash may have cut the last line: it comes again, and must not be glued to its beginning. */
static weir_code cut_torn_line(const sink *self, weir_error *err)
{
    off_t end = lseek(self->fd, 0, SEEK_END), size = end;
    char last = '\n';

    while (size > 0 && pread(self->fd, &last, 1, size - 1) == 1 && last != '\n')
        size--;
    if (size == end || (size > 0 && last != '\n') || ftruncate(self->fd, size) == 0)
        return WEIR_OK; /* a pipe, or whatever else cannot be read, has no end */
    return weir_fail(err, WEIR_RETRY, "could not cut the torn last line of %.*s: %s",
                     WEIR_ARG(self->path), strerror(errno));
}

static weir_code sink_open(weir_task *task, void *state, weir_error *err)
{
    sink *self = state;
    weir_str path = weir_task_copy(task, self->path); /* ends with a NUL */

    self->fd = open(path.ptr, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (self->fd < 0)
        return weir_fail(err, WEIR_RETRY, "could not open %s: %s", path.ptr, strerror(errno));
    self->is_open = true;
    return cut_torn_line(self, err);
}

static weir_code write_out(sink *self, weir_error *err)
{
    size_t done = 0;

    while (done < self->text.len) {
        ssize_t wrote = write(self->fd, self->text.ptr + done, self->text.len - done);

        if (wrote < 0 && errno != EINTR)
            return weir_fail(err, WEIR_RETRY, "could not write %.*s: %s", WEIR_ARG(self->path),
                             strerror(errno));
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    weir_buf_clear(&self->text);
    return WEIR_OK;
}

/* A key or value as JSON: by its schema, or, without one, its bytes as a text. */
static weir_code add_json(const weir_schema *schema, weir_str bytes, weir_buf *out, weir_error *err)
{
    if (bytes.ptr == NULL) {
        weir_buf_add_str(out, WEIR_STR("null"));
        return WEIR_OK;
    }
    if (schema != NULL)
        return weir_value_json(schema, bytes, out, err);
    weir_buf_add_json(out, bytes);
    return WEIR_OK;
}

/* A text as it is, everything else as JSON. */
static weir_code add_value(const weir_record *record, weir_buf *out, weir_error *err)
{
    const weir_schema *schema = record->value_schema;
    weir_slot slot;

    if (schema == NULL && record->value.ptr != NULL) {
        weir_buf_add_str(out, record->value);
        return WEIR_OK;
    }
    if (record->value.ptr == NULL || weir_schema_type(schema) != WEIR_TYPE_STRING)
        return add_json(schema, record->value, out, err);
    if (weir_plan_decode(weir_schema_plan(schema), record->value, &slot, err) != WEIR_OK)
        return err->code;
    weir_buf_add_str(out, slot.bytes);
    return WEIR_OK;
}

static weir_code add_record(const weir_record *record, weir_buf *out, weir_error *err)
{
    weir_buf_add_str(out, WEIR_STR("{\"topic\":"));
    weir_buf_add_json(out, record->topic);
    weir_buf_printf(
        out, ",\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"timestamp\":%" PRId64 ",\"key\":",
        record->log_partition, record->log_offset, record->timestamp_ms);
    if (add_json(record->key_schema, record->key, out, err) != WEIR_OK)
        return err->code;
    weir_buf_add_str(out, WEIR_STR(",\"value\":"));
    if (add_json(record->value_schema, record->value, out, err) != WEIR_OK)
        return err->code;
    weir_buf_add_byte(out, '}');
    return WEIR_OK;
}

static weir_code sink_put(weir_task *task, void *state, const weir_batch *batch, weir_error *err)
{
    sink *self = state;
    weir_record record = {0};

    while (weir_record_next(batch, &record)) {
        size_t start = self->text.len;
        weir_code code = self->format.index == FORMAT_RECORD ? add_record(&record, &self->text, err)
                                                             : add_value(&record, &self->text, err);

        if (code != WEIR_OK) {
            self->text.len = start;
            if (weir_task_reject(task, &record, err, "the value is none of its schema") != WEIR_OK)
                return err->code;
            continue;
        }
        weir_buf_add_byte(&self->text, '\n');
        if (self->text.len >= BUFFERED && write_out(self, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

static weir_code sink_flush(weir_task *task, void *state, weir_offsets *offsets, weir_error *err)
{
    sink *self = state;
    (void)task, (void)offsets; /* all that was put is durable: nothing to take out */

    if (write_out(self, err) != WEIR_OK)
        return err->code;
    if (fdatasync(self->fd) != 0 && errno != EINVAL && errno != EROFS) /* a pipe cannot be synced */
        return weir_fail(err, WEIR_RETRY, "could not sync %.*s: %s", WEIR_ARG(self->path),
                         strerror(errno));
    return WEIR_OK;
}

static void sink_close(weir_task *task, void *state)
{
    sink *self = state;
    (void)task;

    weir_buf_done(&self->text);
    if (self->is_open)
        (void)close(self->fd); /* what was promised is durable already */
    self->is_open = false;
}

static const char *const aliases[] = {"org.apache.kafka.connect.file.FileStreamSinkConnector",
                                      NULL};

const weir_sink file_sink = {
    .name = "file",
    .version = "1.0.0",
    .summary = "Appends records to a file, one line each.",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .state_size = sizeof(sink),
    .aliases = aliases,
    .open = sink_open,
    .put = sink_put,
    .flush = sink_flush,
    .close = sink_close,
};

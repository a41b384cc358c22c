/* file_sink.c - each record becomes a line of a file. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT_VALUE, FORMAT_RECORD, BUFFERED = 1 << 20, STOP_LOOK_MS = 100 };

typedef struct sink {
    weir_str path;      /* from the configuration */
    weir_choice format; /* from the configuration */
    int fd;
    bool is_open;
    weir_buf text;    /* lines that were put and not written */
    uint64_t written; /* bytes since open */
    bool is_torn;     /* the last of them is inside a line */
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

/* A pipe that nobody reads would hold the task up for as long as that is so: it is opened without waiting. */
static weir_code open_file(sink *self, const char *path, weir_error *err)
{
    enum { FLAGS = O_APPEND | O_CREAT | O_CLOEXEC };
    struct stat found;

    self->fd = open(path, O_WRONLY | O_NONBLOCK | FLAGS, 0666);
    if (self->fd < 0)
        return weir_fail(err, WEIR_RETRY, "could not open %s: %s", path,
                         errno == ENXIO ? "nobody reads it" : strerror(errno));
    self->is_open = true;
    if (fstat(self->fd, &found) != 0 || !S_ISREG(found.st_mode))
        return WEIR_OK;
    (void)close(self->fd); /* nothing was written; its end has to be read, too */
    self->fd = open(path, O_RDWR | FLAGS, 0666);
    self->is_open = self->fd >= 0;
    if (self->fd < 0)
        return weir_fail(err, WEIR_RETRY, "could not open %s: %s", path, strerror(errno));
    return cut_torn_line(self, err);
}

static weir_code sink_open(weir_task *task, void *state, weir_error *err)
{
    sink *self = state;

    return open_file(self, weir_task_copy(task, self->path).ptr, err); /* ends with a NUL */
}

/* Of the text, size bytes are in the file. */
static void take_written(sink *self, size_t size)
{
    if (size == 0)
        return;
    self->is_torn = self->text.ptr[size - 1] != '\n';
    self->written += size;
    self->text.len -= size;
    memmove(self->text.ptr, self->text.ptr + size, self->text.len);
}

/* Whether the pipe takes more: waits for whoever reads it, unless the task shall stop. */
static bool wait_for_reader(const weir_task *task, const sink *self)
{
    struct pollfd ready = {.fd = self->fd, .events = POLLOUT};

    while (!weir_task_stopping(task))
        if (poll(&ready, 1, STOP_LOOK_MS) != 0)
            return true; /* what is wrong with it, the next write tells */
    return false;
}

/* What was written when it fails is out of the text, so that whatever comes next goes on behind it. */
static weir_code write_out(const weir_task *task, sink *self, weir_error *err)
{
    size_t done = 0;
    int problem = 0;

    while (done < self->text.len && problem == 0) {
        ssize_t wrote = write(self->fd, self->text.ptr + done, self->text.len - done);

        if (wrote >= 0)
            done += (size_t)wrote;
        else if (errno != EINTR && (errno != EAGAIN || !wait_for_reader(task, self)))
            problem = errno;
    }
    take_written(self, done);
    if (problem != 0)
        return weir_fail(err, WEIR_RETRY, "could not write %.*s: %s", WEIR_ARG(self->path),
                         problem == EAGAIN ? "nobody reads it" : strerror(problem));
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

static weir_code put_all(weir_task *task, sink *self, const weir_batch *batch, weir_error *err)
{
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
        if (self->text.len >= BUFFERED && write_out(task, self, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

/* The batch that began at `start` comes again: of its lines only the rest of one that is torn is kept. */
static void forget_batch(sink *self, uint64_t start)
{
    const char *end = NULL;

    if (self->written <= start) {
        self->text.len = (size_t)(start - self->written);
        return;
    }
    if (self->is_torn)
        end = memchr(self->text.ptr, '\n', self->text.len);
    self->text.len = end != NULL ? (size_t)(end + 1 - self->text.ptr) : 0;
}

static weir_code sink_put(weir_task *task, void *state, const weir_batch *batch, weir_error *err)
{
    sink *self = state;
    uint64_t start = self->written + self->text.len;
    weir_code code = put_all(task, self, batch, err);

    if (code != WEIR_OK)
        forget_batch(self, start);
    return code;
}

static weir_code sink_flush(weir_task *task, void *state, weir_offsets *offsets, weir_error *err)
{
    sink *self = state;
    (void)offsets; /* all that was put is durable: nothing to take out */

    if (write_out(task, self, err) != WEIR_OK)
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

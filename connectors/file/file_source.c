/* file_source.c - each line of a file becomes a record.
 *
 * The offset is the position behind the last whole line. While the file does not grow, inotify wakes us: a
 * line that was written only in part stays where it is until its newline comes.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 16 };

typedef struct source {
    weir_str path, topic; /* from the configuration */
    bool follow;          /* from the configuration */
    int64_t line_limit;   /* from the configuration */
    weir_str partition;   /* {"filename": …} */
    const weir_schema *schema;
    int fd, watch;
    bool is_open;
    int64_t position; /* behind the last line that was sent */
    weir_buf text;    /* read, from position on */
    bool at_end;
} source;

static const weir_field fields[] = {
    WEIR_FIELD(source, path, .name = "file", .doc = "File that is read, line by line."),
    WEIR_FIELD(source, topic, .name = "topic", .doc = "Topic that the lines are written to."),
    WEIR_FIELD(source, follow, .name = "follow", .fallback = "true",
               .doc = "At the end of the file, wait for more; false: finish."),
    WEIR_FIELD(source, line_limit, .name = "max.line.bytes", .fallback = "1048576", .min = 1,
               .max = 1 << 30, .importance = WEIR_LOW, .doc = "A longer line fails the task."),
    WEIR_FIELD_UNBOUND(.name = "batch.size", .ignored = "lines are sent as they come",
                       .doc = "Lines are sent as they come."),
};

static weir_code source_open(weir_task *task, void *state, weir_error *err)
{
    source *self = state;
    weir_str path = weir_task_copy(task, self->path); /* ends with a NUL */
    weir_buf partition = {0};
    struct stat found;
    weir_str offset;

    weir_buf_add_str(&partition, WEIR_STR("{\"filename\":"));
    weir_buf_add_json(&partition, self->path);
    weir_buf_add_byte(&partition, '}');
    self->partition = weir_task_copy(task, weir_buf_str(&partition));
    weir_buf_done(&partition);
    offset = weir_task_offset(task, self->partition);
    if (offset.len > 0 &&
        (!weir_offset_int(offset, "position", &self->position) || self->position < 0))
        return weir_fail(err, WEIR_FATAL,
                         "offset %.*s has no \"position\", a number of bytes: reset or alter the "
                         "connector's offsets",
                         WEIR_ARG(offset));
    self->schema = weir_task_schema(task, WEIR_STR("\"string\""), err);
    if (self->schema == NULL)
        return err->code;
    self->fd = open(path.ptr, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* of a pipe: do not wait */
    if (self->fd < 0)
        return weir_fail(err, WEIR_RETRY, "could not open %s: %s", path.ptr, strerror(errno));
    self->is_open = true;
    self->watch = -1;
    if (fstat(self->fd, &found) == 0 && !S_ISREG(found.st_mode))
        return weir_fail(err, WEIR_FATAL,
                         "%s is no regular file: what was read of it could not be read again",
                         path.ptr);
    self->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (self->watch < 0 || inotify_add_watch(self->watch, path.ptr, IN_MODIFY) < 0)
        return weir_fail(err, WEIR_RETRY, "could not watch %s: %s", path.ptr, strerror(errno));
    return WEIR_OK;
}

/* A file that became shorter is another file: its new lines would be taken for old ones. */
static weir_code check_size(const source *self, weir_error *err)
{
    struct stat now;

    if (fstat(self->fd, &now) != 0)
        return weir_fail(err, WEIR_RETRY, "could not look at %.*s: %s", WEIR_ARG(self->path),
                         strerror(errno));
    if (S_ISREG(now.st_mode) && now.st_size < self->position)
        return weir_fail(err, WEIR_FATAL,
                         "%.*s was cut to %" PRId64 " bytes, but was read up to %" PRId64
                         ": delete or alter the connector's offsets",
                         WEIR_ARG(self->path), (int64_t)now.st_size, self->position);
    return WEIR_OK;
}

/* Reads what fits behind the text that is there. */
static weir_code read_more(source *self, weir_error *err)
{
    ssize_t got = pread(self->fd, weir_buf_reserve(&self->text, CHUNK), CHUNK,
                        self->position + (int64_t)self->text.len);

    if (got < 0)
        return weir_fail(err, WEIR_RETRY, "could not read %.*s: %s", WEIR_ARG(self->path),
                         strerror(errno));
    self->text.len += (size_t)got;
    self->at_end = got == 0;
    return self->at_end ? check_size(self, err) : WEIR_OK;
}

/* Sends the whole lines of the text, as many as the batch takes; *sent is how many bytes they were. */
static weir_code send_lines(source *self, weir_batch *batch, size_t *sent, weir_error *err)
{
    bool last = self->at_end && !self->follow; /* the last line may lack its newline */

    for (*sent = 0; *sent < self->text.len;) {
        const char *line = self->text.ptr + *sent;
        size_t left = self->text.len - *sent;
        const char *end = memchr(line, '\n', left);
        size_t length = end != NULL ? (size_t)(end - line) : left;

        if (length > (size_t)self->line_limit)
            return weir_fail(
                err, WEIR_FATAL,
                "%.*s: the line at position %" PRId64 " is longer than %" PRId64 " bytes",
                WEIR_ARG(self->path), self->position + (int64_t)*sent, self->line_limit);
        if ((end == NULL && !last) || !weir_record_begin(batch, self->topic))
            break;
        weir_record_value(batch, self->schema);
        weir_put_text(batch, (weir_str){line, length});
        if (weir_record_end(batch, err) != WEIR_OK)
            return err->code;
        *sent += length + (end != NULL);
    }
    return WEIR_OK;
}

/* Until the file changes, or the time is over. */
static void wait_for_change(source *self, int timeout_ms)
{
    struct pollfd ready = {.fd = self->watch, .events = POLLIN};
    char events[4096];

    if (poll(&ready, 1, timeout_ms) > 0)
        (void)!read(self->watch, events, sizeof(events)); /* that it changed is all we ask */
}

static weir_code source_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                             weir_error *err)
{
    source *self = state;
    size_t sent;
    (void)task;

    if (read_more(self, err) != WEIR_OK)
        return err->code;
    if (self->at_end && self->text.len == 0 && !self->follow)
        return WEIR_END;
    if (self->at_end && memchr(self->text.ptr, '\n', self->text.len) == NULL && self->follow) {
        wait_for_change(self, timeout_ms);
        if (read_more(self, err) != WEIR_OK)
            return err->code;
    }
    if (send_lines(self, batch, &sent, err) != WEIR_OK)
        return err->code;
    if (sent == 0)
        return WEIR_OK;
    self->position += (int64_t)sent;
    self->text.len -= sent;
    memmove(self->text.ptr, self->text.ptr + sent, self->text.len);
    weir_offset(batch, self->partition, "{\"position\":%" PRId64 "}", self->position);
    weir_checkpoint(batch);
    return WEIR_OK;
}

static void source_close(weir_task *task, void *state)
{
    source *self = state;
    (void)task;

    weir_buf_done(&self->text);
    if (!self->is_open)
        return;
    (void)close(self->fd); /* was only read */
    if (self->watch >= 0)
        (void)close(self->watch);
    self->is_open = false;
}

static const char *const aliases[] = {"org.apache.kafka.connect.file.FileStreamSourceConnector",
                                      NULL};

const weir_source file_source = {
    .name = "file",
    .version = "1.0.0",
    .summary = "Reads a file line by line.",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .state_size = sizeof(source),
    .aliases = aliases,
    .open = source_open,
    .poll = source_poll,
    .close = source_close,
};

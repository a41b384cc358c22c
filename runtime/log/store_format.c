/* store_format.c - claims a directory: its lock, its format version, its identity.
 *
 * `format` is written last when a log is made, and its name is durable before there are a journal and topics: a
 * directory without it holds nothing yet, or has lost it; one with it has a checkpoint.
 */
#include "runtime/log/store_work.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { FORMAT_VERSION = 1, FORMAT_BYTES = 4096 };

static void note_other(void *context, const char *name)
{
    char *other = context;

    if (strcmp(name, "lock") != 0 && strncmp(name, "checkpoint", 10) != 0 &&
        strncmp(name, "journal-", 8) != 0 && strcmp(name, "topics") != 0 &&
        strncmp(name, "format", 6) != 0 && strcmp(name, "lost+found") != 0)
        snprintf(other, STORE_PATH_BYTES, "%s", name);
}

static weir_code write_format(store *self, weir_error *err)
{
    char new_path[STORE_PATH_BYTES], path[STORE_PATH_BYTES], text[128];
    struct iovec buffer = {text, 0};
    disk_file *file;
    weir_code code;

    snprintf(new_path, sizeof(new_path), "%.4000s/format.new", self->path);
    snprintf(path, sizeof(path), "%.4000s/format", self->path);
    buffer.iov_len =
        (size_t)snprintf(text, sizeof(text), "weir log %d\nid %s\n", FORMAT_VERSION, self->id_text);
    if (disk_open(self->disk, new_path, DISK_CREATE, &file, err) != WEIR_OK)
        return err->code;
    code = disk_truncate(file, 0, err);
    if (code == WEIR_OK)
        code = disk_pwritev(file, &buffer, 1, 0, err);
    if (code == WEIR_OK)
        code = disk_fdatasync(file, err);
    disk_close(file);
    if (code == WEIR_OK)
        code = disk_rename(self->disk, new_path, path, err);
    return code == WEIR_OK ? disk_sync_dir(self->disk, self->path, err) : code;
}

/* The log's own directory has a name in the one above: without this a crash may undo that. */
static weir_code sync_parent(store *self, weir_error *err)
{
    char parent[STORE_PATH_BYTES];
    size_t size = strlen(self->path);

    memcpy(parent, self->path, size + 1);
    while (size > 1 && parent[size - 1] == '/')
        parent[--size] = 0;
    while (size > 0 && parent[size - 1] != '/')
        size--;
    if (size == 0)
        return disk_sync_dir(self->disk, ".", err);
    parent[size > 1 ? size - 1 : 1] = 0;
    return disk_sync_dir(self->disk, parent, err);
}

static void note_journal(void *context, const char *name)
{
    if (strncmp(name, "journal-", 8) == 0)
        snprintf(context, STORE_PATH_BYTES, "%s", name);
}

static void note_topic(void *context, const char *name)
{
    snprintf(context, STORE_PATH_BYTES, "topics/%.255s", name);
}

/* Without `format` only a log that never held anything may be made: another one would be written over. */
static weir_code check_new(store *self, const char *topics, weir_error *err)
{
    char found[STORE_PATH_BYTES] = "";

    if (disk_list(self->disk, self->path, note_journal, found, err) != WEIR_OK ||
        disk_list(self->disk, topics, note_topic, found, err) != WEIR_OK)
        return err->code;
    if (found[0] != 0)
        return weir_fail(err, WEIR_CONFIG,
                         "the log in '%s' has '%s', but its file 'format' is missing: put that "
                         "back, from a backup of this directory, or use another one",
                         self->path, found);
    return WEIR_OK;
}

static weir_code make_log(store *self, weir_error *err)
{
    log_checkpoint first = {0};
    char other[STORE_PATH_BYTES] = "", topics[STORE_PATH_BYTES];

    if (disk_list(self->disk, self->path, note_other, other, err) != WEIR_OK)
        return err->code;
    if (other[0] != 0)
        return weir_fail(err, WEIR_CONFIG,
                         "the directory '%s' is no log and not empty: it has '%s'", self->path,
                         other);
    snprintf(topics, sizeof(topics), "%.4000s/topics", self->path);
    if (disk_mkdir(self->disk, topics, err) != WEIR_OK || check_new(self, topics, err) != WEIR_OK)
        return err->code;
    store_new_id(self, self->id);
    store_id_text(self->id, self->id_text);
    memcpy(first.log_id, self->id, sizeof(first.log_id));
    if (sync_parent(self, err) != WEIR_OK ||
        checkpoint_write(&first, self->disk, self->path, err) != WEIR_OK)
        return err->code;
    return write_format(self, err);
}

static weir_code parse_format(store *self, char *text, const char *path, weir_error *err)
{
    char *line_end = strchr(text, '\n');
    int version = 0;

    /* NOLINTNEXTLINE(cert-err34-c): nine digits always fit */
    if (line_end == NULL || sscanf(text, "weir log %9d", &version) != 1 || version < 1)
        return weir_fail(err, WEIR_CONFIG, "the file '%s' is not the format of a log", path);
    if (version > FORMAT_VERSION)
        return weir_fail(err, WEIR_CONFIG,
                         "the log in '%s' has format %d, and this weir knows up to %d: it was "
                         "written by a newer weir",
                         self->path, version, FORMAT_VERSION);
    if (strncmp(line_end, "\nid ", 4) != 0 || strlen(line_end + 4) < 36 ||
        !store_id_parse((weir_str){line_end + 4, 36}, self->id))
        return weir_fail(err, WEIR_CONFIG, "the file '%s' has no identity", path);
    store_id_text(self->id, self->id_text);
    return WEIR_OK;
}

static weir_code read_format(store *self, disk_file *file, const char *path, weir_error *err)
{
    char text[FORMAT_BYTES];
    size_t got;

    if (disk_pread(file, text, sizeof(text) - 1, 0, &got, err) != WEIR_OK)
        return err->code;
    text[got] = 0;
    return parse_format(self, text, path, err);
}

static void note_format(void *context, const char *name)
{
    if (strcmp(name, "format") == 0)
        *(bool *)context = true;
}

weir_code store_claim(store *self, weir_error *err)
{
    char path[STORE_PATH_BYTES];
    bool has_format = false;
    disk_file *file;
    weir_code code;

    /* The outside world's errors here are about the directory that was configured. */
    snprintf(path, sizeof(path), "%.4000s/lock", self->path);
    if (disk_mkdir(self->disk, self->path, err) != WEIR_OK ||
        disk_lock(self->disk, path, &self->lock_file, err) != WEIR_OK) {
        if (err->code == WEIR_FATAL)
            err->code = WEIR_CONFIG;
        return weir_wrap(err, "the log's directory '%s' cannot be used", self->path);
    }
    if (disk_list(self->disk, self->path, note_format, &has_format, err) != WEIR_OK)
        return err->code;
    if (!has_format)
        return make_log(self, err);
    snprintf(path, sizeof(path), "%.4000s/format", self->path);
    if (disk_open(self->disk, path, DISK_READ, &file, err) != WEIR_OK)
        return err->code;
    code = read_format(self, file, path, err);
    disk_close(file);
    /* Who made it may not have come to this; journal and topics rely on its name. */
    return code == WEIR_OK ? disk_sync_dir(self->disk, self->path, err) : code;
}

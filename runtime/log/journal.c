/* journal.c - the journal's files: writing, reusing and freeing them.
 *
 * A file is free, or used; one of the used ones is current. The writer takes a free one when the current
 * one is full; the keeper gives used ones back when a checkpoint has passed their end. The first file is
 * small, so that a new log is ready at once; others are made in the background, before they are needed. The
 * next start removes it, if it is not the one to go on in.
 */
#include "runtime/log/journal.h"

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/metrics.h"
#include "runtime/base/plant.h"
#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ZERO_BYTES = 1 << 20, /* written at once when a file is made */
    PATH_BYTES = 4096,
};

struct log_journal {
    journal_options options;
    char dir[PATH_BYTES];

    pthread_mutex_t
        lock; /* guards: count, is_used and start of files, current (written by the writer) */
    journal_file files[JOURNAL_MAX_FILES];
    size_t count;
    bool numbers[JOURNAL_MAX_FILES + 1]; /* of files that are there or being made */
    journal_file *current;

    /* the writer's; position is read by others */
    _Atomic(uint64_t) position;
    _Atomic(uint64_t) freed; /* all below may be overwritten */

    metric *syncs, *sync_seconds;
};

static void file_path(const log_journal *journal, int number, char *path)
{
    snprintf(path, PATH_BYTES, "%.4000s/journal-%03d", journal->dir, number);
}

static weir_code write_zeros(disk_file *file, int64_t size, weir_error *err)
{
    static const char ZEROS[65536];
    struct iovec buffers[ZERO_BYTES / sizeof(ZEROS)];
    int64_t at = 0;

    while (at < size) {
        int count = 0;
        int64_t end = at;

        while (end < size && count < (int)(sizeof(buffers) / sizeof(*buffers))) {
            size_t part = sizeof(ZEROS);

            if ((int64_t)part > size - end)
                part = (size_t)(size - end);
            buffers[count++] = (struct iovec){(void *)ZEROS, part};
            end += (int64_t)part;
        }
        if (disk_pwritev(file, buffers, count, at, err) != WEIR_OK)
            return err->code;
        at = end;
    }
    return WEIR_OK;
}

/* A number for a new file; 0 when there are none left. */
static int take_number(log_journal *journal)
{
    int number = 0;

    pthread_mutex_lock(&journal->lock);
    for (int i = 1; i <= JOURNAL_MAX_FILES && number == 0; i++) {
        if (!journal->numbers[i])
            number = i;
    }
    journal->numbers[number] = true;
    pthread_mutex_unlock(&journal->lock);
    return number;
}

static void give_number(log_journal *journal, int number)
{
    pthread_mutex_lock(&journal->lock);
    journal->numbers[number] = false;
    pthread_mutex_unlock(&journal->lock);
}

static weir_code fill_file(log_journal *journal, disk_file *file, int64_t size, bool zeros,
                           weir_error *err)
{
    if (!zeros) {
        if (disk_allocate(file, 0, size, err) != WEIR_OK)
            return err->code;
    } else if (write_zeros(file, size, err) != WEIR_OK || disk_fdatasync(file, err) != WEIR_OK) {
        return err->code;
    }
    return disk_sync_dir(journal->options.disk, journal->dir, err);
}

/* Makes a file of size bytes: of zeros, or, when the writer cannot wait for so many, reserved ones. */
static weir_code make_file(log_journal *journal, int64_t size, bool zeros, weir_error *err)
{
    int number = take_number(journal);
    char path[PATH_BYTES];
    disk_file *file;
    weir_error ignored;

    if (number == 0)
        return weir_fail(err, WEIR_RETRY, "the journal waits for a checkpoint");
    file_path(journal, number, path);
    if (disk_open(journal->options.disk, path, DISK_CREATE, &file, err) != WEIR_OK) {
        give_number(journal, number);
        return err->code;
    }
    if (fill_file(journal, file, size, zeros, err) != WEIR_OK) {
        disk_close(file);
        if (disk_unlink(journal->options.disk, path, &ignored) == WEIR_OK)
            give_number(journal, number); /* else a later start removes it */
        return err->code;
    }
    pthread_mutex_lock(&journal->lock);
    journal->files[journal->count++] =
        (journal_file){.file = file, .number = number, .capacity = size};
    pthread_mutex_unlock(&journal->lock);
    return WEIR_OK;
}

static void note_number(void *context, const char *name)
{
    log_journal *journal = context;
    int number = 0;

    /* NOLINTNEXTLINE(cert-err34-c): three digits always fit */
    if (strlen(name) == strlen("journal-001") && sscanf(name, "journal-%3d", &number) == 1 &&
        number > 0 && number <= JOURNAL_MAX_FILES)
        journal->numbers[number] = true;
}

static weir_code open_file(log_journal *journal, int number, weir_error *err)
{
    journal_file opened = {.number = number};
    char path[PATH_BYTES];

    file_path(journal, number, path);
    if (disk_open(journal->options.disk, path, DISK_WRITE, &opened.file, err) != WEIR_OK)
        return err->code;
    if (disk_size(opened.file, &opened.capacity, err) != WEIR_OK) {
        disk_close(opened.file);
        return err->code;
    }
    journal->files[journal->count++] = opened;
    return WEIR_OK;
}

weir_code journal_open(const journal_options *options, log_journal **out, weir_error *err)
{
    log_journal *opened = mem_zalloc(1, sizeof(*opened));

    opened->options = *options;
    snprintf(opened->dir, sizeof(opened->dir), "%s", options->path);
    pthread_mutex_init(&opened->lock, NULL);
    opened->syncs = metrics_counter("weir_log_syncs_total", "Syncs of the log's journal.", NULL, 0);
    opened->sync_seconds =
        metrics_counter("weir_log_sync_seconds_total", "Time that these syncs took.", NULL, 0);
    if (disk_list(options->disk, opened->dir, note_number, opened, err) != WEIR_OK)
        goto failed;
    for (int number = 1; number <= JOURNAL_MAX_FILES; number++) {
        if (opened->numbers[number] && open_file(opened, number, err) != WEIR_OK)
            goto failed;
    }
    *out = opened;
    return WEIR_OK;
failed:
    journal_close(opened);
    return err->code;
}

void journal_close(log_journal *journal)
{
    if (journal == NULL)
        return;
    for (size_t i = 0; i < journal->count; i++)
        disk_close(journal->files[i].file);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

const uint8_t *journal_log_id(const log_journal *journal)
{
    return journal->options.log_id;
}

size_t journal_file_count(const log_journal *journal)
{
    return journal->count;
}

journal_file *journal_file_at(log_journal *journal, size_t i)
{
    assert(i < journal->count);
    return &journal->files[i];
}

/* Begins to use a free file at the current position. Its front is synced with the first entries. */
static weir_code use_file(log_journal *journal, journal_file *file, weir_error *err)
{
    journal_front front = {.magic = JOURNAL_FILE_MAGIC,
                           .generation = journal->options.generation,
                           .start = atomic_load(&journal->position)};
    struct iovec buffer = {&front, sizeof(front)};

    memcpy(front.log_id, journal->options.log_id, sizeof(front.log_id));
    front.crc = crc32c(0, &front.generation, sizeof(front) - offsetof(journal_front, generation));
    if (disk_pwritev(file->file, &buffer, 1, 0, err) != WEIR_OK)
        return err->code;
    pthread_mutex_lock(&journal->lock);
    file->start = front.start;
    file->is_used = true;
    file->is_left = file->is_sized = false;
    journal->current = file;
    pthread_mutex_unlock(&journal->lock);
    return WEIR_OK;
}

static journal_file *find_free(log_journal *journal, uint64_t size)
{
    journal_file *found = NULL;

    pthread_mutex_lock(&journal->lock);
    for (size_t i = 0; i < journal->count && found == NULL; i++) {
        journal_file *file = &journal->files[i];

        if (!file->is_used && file->capacity >= (int64_t)size + JOURNAL_FRONT_BYTES)
            found = file;
    }
    pthread_mutex_unlock(&journal->lock);
    return found;
}

/* The first file of a log. */
static weir_code use_first(log_journal *journal, weir_error *err)
{
    journal_file *file = find_free(journal, 0);
    int64_t size = journal->options.first_file_bytes > 0 ? journal->options.first_file_bytes
                                                         : journal->options.file_bytes;

    if (file == NULL) {
        if (make_file(journal, size, true, err) != WEIR_OK)
            return err->code;
        file = find_free(journal, 0);
    }
    assert(file != NULL);
    return use_file(journal, file, err);
}

/* Goes on in a file. Its front is written again as it is: when the last run ended because a sync failed, it may be in
 * memory only, and the system takes it for written. */
static weir_code use_again(log_journal *journal, journal_file *file, weir_error *err)
{
    journal_front front;
    struct iovec buffer = {&front, sizeof(front)};
    size_t got;

    if (disk_pread(file->file, &front, sizeof(front), 0, &got, err) != WEIR_OK)
        return err->code;
    assert(got == sizeof(front)); /* the scan has read it */
    file->is_used = true;
    journal->current = file;
    return disk_pwritev(file->file, &buffer, 1, 0, err);
}

weir_code journal_resume(log_journal *journal, journal_file *file, uint64_t position,
                         weir_error *err)
{
    atomic_store(&journal->position, position);
    atomic_store(&journal->freed, position);
    if ((file != NULL ? use_again(journal, file, err) : use_first(journal, err)) != WEIR_OK)
        return err->code;
    return disk_fdatasync(journal->current->file, err);
}

/* A file that is shorter than the others, and not the current one; NULL: there is none. */
static journal_file *find_short(log_journal *journal)
{
    for (size_t i = 0; i < journal->count; i++) {
        journal_file *file = &journal->files[i];

        if (file != journal->current && file->capacity < journal->options.file_bytes)
            return file;
    }
    return NULL;
}

weir_code journal_drop_short(log_journal *journal, weir_error *err)
{
    journal_file *file;

    while ((file = find_short(journal)) != NULL) {
        journal_file *last = &journal->files[journal->count - 1];
        char path[PATH_BYTES];

        file_path(journal, file->number, path);
        if (disk_unlink(journal->options.disk, path, err) != WEIR_OK)
            return err->code;
        disk_close(file->file);
        journal->numbers[file->number] = false;
        if (last == journal->current)
            journal->current = file;
        *file = *last;
        journal->count--;
    }
    return WEIR_OK;
}

uint64_t journal_position(const log_journal *journal)
{
    return atomic_load(&journal->position);
}

uint64_t journal_generation(const log_journal *journal)
{
    return journal->options.generation;
}

int64_t journal_max_entry(const log_journal *journal)
{
    return journal->options.file_bytes - JOURNAL_FRONT_BYTES;
}

static int64_t place_of(const journal_file *file, uint64_t position)
{
    return (int64_t)(position - file->start) + JOURNAL_FRONT_BYTES;
}

bool journal_is_crowded(const log_journal *journal)
{
    bool crowded;

    pthread_mutex_lock(&((struct log_journal *)journal)->lock); /* any thread asks */
    crowded = journal->count == JOURNAL_MAX_FILES;
    for (size_t i = 0; i < journal->count; i++)
        crowded &= journal->files[i].is_used;
    pthread_mutex_unlock(&((struct log_journal *)journal)->lock);
    return crowded;
}

weir_code journal_reserve(log_journal *journal, uint64_t size, weir_error *err)
{
    uint64_t position = atomic_load(&journal->position);
    journal_file *file = journal->current;

    assert((int64_t)size <= journal_max_entry(journal));
    if (place_of(file, position) + (int64_t)size <= file->capacity)
        return WEIR_OK;
    file = find_free(journal, size);
    if (file == NULL && journal_is_crowded(journal))
        return weir_fail(err, WEIR_RETRY, "the journal waits for a checkpoint");
    if (file == NULL) {
        if (make_file(journal, journal->options.file_bytes, false, err) != WEIR_OK)
            return err->code;
        file = find_free(journal, size);
    }
    assert(file != NULL);
    journal->current->is_left = true;
    return use_file(journal, file, err);
}

journal_file *journal_current(const log_journal *journal, int64_t *at)
{
    *at = place_of(journal->current, atomic_load(&journal->position));
    return journal->current;
}

/* The sync that everything waits for is what an operator looks at first: how often, and how long. */
static weir_code sync_timed(log_journal *journal, disk_file *file, weir_error *err)
{
    int64_t before_ns = clock_system()->mono_ns(clock_system());
    weir_code code = disk_fdatasync(file, err);

    metric_add(journal->syncs, 1);
    metric_add(journal->sync_seconds,
               (double)(clock_system()->mono_ns(clock_system()) - before_ns) / 1e9);
    return code;
}

static weir_code write_mark(const log_journal *journal, const journal_file *file, int64_t at,
                            uint64_t value, weir_error *err)
{
    journal_mark mark = {.magic = JOURNAL_MARK_MAGIC, .start = file->start, .value = value};
    struct iovec buffer = {&mark, sizeof(mark)};

    memcpy(mark.log_id, journal->options.log_id, sizeof(mark.log_id));
    mark.crc = crc32c(0, &mark.start, sizeof(mark) - offsetof(journal_mark, start));
    return disk_pwritev(file->file, &buffer, 1, at, err);
}

/* Behind the sync of the first entries of a file: how large it is, and, in those that were left for it, that they have
 * one behind them. */
static weir_code write_marks(log_journal *journal, weir_error *err)
{
    journal_file *current = journal->current;

    if (current->is_sized)
        return WEIR_OK;
    if (write_mark(journal, current, JOURNAL_SIZE_AT, (uint64_t)current->capacity, err) != WEIR_OK)
        return err->code; /* durable with the next sync: it is a second line */
    for (size_t i = 0; i < journal->count; i++) {
        journal_file *file = &journal->files[i];

        if (!file->is_left)
            continue;
        if (write_mark(journal, file, JOURNAL_NEXT_AT, current->start, err) != WEIR_OK ||
            disk_fdatasync(file->file, err) != WEIR_OK)
            return err->code;
        file->is_left = false;
    }
    current->is_sized = true;
    return WEIR_OK;
}

weir_code journal_write(log_journal *journal, struct iovec *buffers, int count, uint64_t size,
                        weir_error *err)
{
    int64_t at;
    journal_file *file = journal_current(journal, &at);

    assert(size % JOURNAL_ALIGN == 0);
    assert(at + (int64_t)size <= file->capacity);
    if (PLANTED(PLANT_ACK_FIRST) && disk_fdatasync(file->file, err) != WEIR_OK)
        return err->code;
    if (disk_pwritev(file->file, buffers, count, at, err) != WEIR_OK)
        return err->code;
    /* NOLINTNEXTLINE(misc-redundant-expression): both are false, except in the planted build */
    if (!PLANTED(PLANT_NO_SYNC) && !PLANTED(PLANT_ACK_FIRST) &&
        sync_timed(journal, file->file, err) != WEIR_OK)
        return err->code;
    if (write_marks(journal, err) != WEIR_OK)
        return err->code;
    atomic_fetch_add(&journal->position, size);
    return WEIR_OK;
}

void journal_free_below(log_journal *journal, uint64_t position)
{
    assert(position <= atomic_load(&journal->position));
    atomic_store(&journal->freed, position); /* before a file can be used again */
    pthread_mutex_lock(&journal->lock);
    for (size_t i = 0; i < journal->count; i++) {
        journal_file *file = &journal->files[i];

        /* A used file that is not the current one ends where a later one starts, or before. */
        for (size_t j = 0; j < journal->count && file->is_used && file != journal->current; j++) {
            const journal_file *later = &journal->files[j];

            if (later->is_used && later->start > file->start && later->start <= position)
                file->is_used = false;
        }
    }
    pthread_mutex_unlock(&journal->lock);
}

bool journal_keeps(const log_journal *journal, uint64_t position)
{
    return position >= atomic_load(&journal->freed);
}

uint64_t journal_kept_bytes(const log_journal *journal)
{
    return atomic_load(&journal->position) - atomic_load(&journal->freed);
}

bool journal_wants_spare(const log_journal *journal)
{
    journal_file *current;
    bool has_spare = false, has_room;
    int64_t used;

    pthread_mutex_lock(&((struct log_journal *)journal)->lock);
    current = journal->current;
    for (size_t i = 0; i < journal->count; i++)
        has_spare |=
            !journal->files[i].is_used && journal->files[i].capacity >= journal->options.file_bytes;
    has_room = journal->count < JOURNAL_MAX_FILES;
    used = place_of(current, atomic_load(&journal->position));
    pthread_mutex_unlock(&((struct log_journal *)journal)->lock);
    return !has_spare && has_room && used > current->capacity / 2;
}

weir_code journal_prepare(log_journal *journal, weir_error *err)
{
    if (!journal_wants_spare(journal))
        return WEIR_OK;
    return make_file(journal, journal->options.file_bytes, true, err);
}

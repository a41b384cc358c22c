/* journal_scan.c - reads the journal at recovery, and tells a torn tail from damage. */
#include "runtime/log/journal_scan.h"

#include "runtime/base/mem.h"
#include "runtime/base/plant.h"
#include "runtime/wire/record_batch.h"
#include "weir/buf.h"

#include <assert.h>
#include <string.h>

enum { WINDOW_BYTES = 1 << 20 };

/* The fronts of all files, and a window of the one being read. */
typedef struct journal_scanner {
    log_journal *journal;
    uint64_t generation; /* of the checkpoint, and of all entries that belong behind it */
    journal_front fronts[JOURNAL_MAX_FILES];
    bool valid[JOURNAL_MAX_FILES];
    size_t file;                      /* being read */
    bool was_read[JOURNAL_MAX_FILES]; /* to its end */
    weir_buf window;
    int64_t window_at; /* its place in the file */
} journal_scanner;

static uint32_t front_crc(const journal_front *front)
{
    return crc32c(0, &front->generation, sizeof(*front) - offsetof(journal_front, generation));
}

static weir_code read_fronts(journal_scanner *scan, const uint8_t *log_id, weir_error *err)
{
    for (size_t i = 0; i < journal_file_count(scan->journal); i++) {
        journal_front *front = &scan->fronts[i];
        size_t got;

        if (disk_pread(journal_file_at(scan->journal, i)->file, front, sizeof(*front), 0, &got,
                       err) != WEIR_OK)
            return err->code;
        scan->valid[i] = got == sizeof(*front) && front->magic == JOURNAL_FILE_MAGIC &&
                         front->crc == front_crc(front) && front->generation <= scan->generation &&
                         memcmp(front->log_id, log_id, sizeof(front->log_id)) == 0;
    }
    return WEIR_OK;
}

/* The file that holds position: of those that start at or below it, the last. */
static bool find_file(const journal_scanner *scan, uint64_t position, size_t *found)
{
    bool any = false;

    for (size_t i = 0; i < journal_file_count(scan->journal); i++) {
        if (!scan->valid[i] || scan->fronts[i].start > position)
            continue;
        if (!any || scan->fronts[i].start > scan->fronts[*found].start) {
            *found = i;
            any = true;
        }
    }
    return any;
}

static journal_file *current_file(const journal_scanner *scan)
{
    return journal_file_at(scan->journal, scan->file);
}

static int64_t place_of(const journal_scanner *scan, uint64_t position)
{
    return (int64_t)(position - scan->fronts[scan->file].start) + JOURNAL_FRONT_BYTES;
}

/* size bytes of the file at a place; NULL when the file is shorter. */
static weir_code view(journal_scanner *scan, int64_t at, size_t size, const char **bytes,
                      weir_error *err)
{
    size_t want = size > WINDOW_BYTES ? size : WINDOW_BYTES;
    size_t got;

    if (at < scan->window_at || at + (int64_t)size > scan->window_at + (int64_t)scan->window.len) {
        weir_buf_clear(&scan->window);
        if (disk_pread(current_file(scan)->file, weir_buf_reserve(&scan->window, want), want, at,
                       &got, err) != WEIR_OK)
            return err->code;
        scan->window.len = got;
        scan->window_at = at;
    }
    *bytes = scan->window.ptr + (at - scan->window_at);
    if (at + (int64_t)size > scan->window_at + (int64_t)scan->window.len)
        *bytes = NULL;
    return WEIR_OK;
}

static bool front_is_plausible(const journal_scanner *scan, const journal_entry *front,
                               uint64_t position, int64_t at)
{
    if (front->magic != JOURNAL_ENTRY_MAGIC || front->position != position)
        return false;
    if (front->generation != scan->generation || front->synced > position)
        return false;
    if (front->length < sizeof(*front) ||
        front->length > (uint64_t)(current_file(scan)->capacity - at))
        return false;
    return front->piece_count <= (front->length - sizeof(*front)) / sizeof(journal_piece);
}

/* Reads the entry at position; *valid says whether there is one. */
static weir_code read_entry(journal_scanner *scan, uint64_t position, journal_scan_entry *entry,
                            bool *valid, weir_error *err)
{
    int64_t at = place_of(scan, position);
    size_t skip = offsetof(journal_entry, generation);
    const char *bytes = NULL;

    *valid = false;
    if (view(scan, at, sizeof(entry->front), &bytes, err) != WEIR_OK)
        return err->code;
    if (bytes == NULL)
        return WEIR_OK;
    memcpy(&entry->front, bytes, sizeof(entry->front));
    if (!front_is_plausible(scan, &entry->front, position, at))
        return WEIR_OK;
    if (view(scan, at, entry->front.length, &bytes, err) != WEIR_OK)
        return err->code;
    if (bytes == NULL)
        return WEIR_OK;
    if (!PLANTED(PLANT_TORN_TAIL) &&
        crc32c(0, bytes + skip, entry->front.length - skip) != entry->front.crc)
        return WEIR_OK;
    entry->pieces = bytes + sizeof(entry->front);
    entry->bytes = entry->pieces + entry->front.piece_count * sizeof(journal_piece);
    entry->size = (size_t)(bytes + entry->front.length - entry->bytes);
    *valid = true;
    return WEIR_OK;
}

static weir_code fail_damaged(const journal_scanner *scan, uint64_t position, weir_error *err)
{
    return weir_fail(
        err, WEIR_FATAL,
        "the journal is damaged: file journal-%03d at offset %lld holds no valid entry, "
        "but one was acknowledged there",
        current_file(scan)->number, (long long)place_of(scan, position));
}

/* There is no valid entry at position. Is there anything behind it that says there was one? */
static weir_code find_proof(journal_scanner *scan, uint64_t position, bool *found, weir_error *err)
{
    int64_t end = current_file(scan)->capacity;
    journal_scan_entry entry;
    bool valid;

    *found = true;
    for (size_t i = 0; i < journal_file_count(scan->journal); i++) {
        if (scan->valid[i] && scan->fronts[i].start > position)
            return WEIR_OK; /* what lies before a file was synced */
    }
    for (uint64_t at = position + JOURNAL_ALIGN; place_of(scan, at) < end; at += JOURNAL_ALIGN) {
        if (read_entry(scan, at, &entry, &valid, err) != WEIR_OK)
            return err->code;
        if (valid && entry.front.synced > position)
            return WEIR_OK;
    }
    *found = false;
    return WEIR_OK;
}

/* The end, unless what is not valid there was acknowledged. reason: why it is not; NULL: the journal itself. */
static weir_code check_end(journal_scanner *scan, uint64_t position, const weir_error *reason,
                           weir_error *err)
{
    bool found;

    if (find_proof(scan, position, &found, err) != WEIR_OK)
        return err->code;
    if (!found)
        return WEIR_OK;
    if (reason == NULL)
        return fail_damaged(scan, position, err);
    *err = *reason;
    return err->code = WEIR_FATAL;
}

/* Moves to the file that begins at position, when there is one behind the current. */
static bool next_file(journal_scanner *scan, uint64_t position)
{
    for (size_t i = 0; i < journal_file_count(scan->journal); i++) {
        if (i != scan->file && scan->valid[i] && scan->fronts[i].start == position &&
            !scan->was_read[i]) { /* nothing may have fitted into a file that begins here, too */
            scan->was_read[scan->file] = true;
            scan->file = i;
            weir_buf_clear(&scan->window);
            return true;
        }
    }
    return false;
}

static weir_code visit_all(journal_scanner *scan, journal_visit *visit, void *context,
                           journal_scan_end *end, weir_error *err)
{
    for (;;) {
        journal_scan_entry entry;
        weir_error reason;
        weir_code code;
        bool valid;

        if (read_entry(scan, end->position, &entry, &valid, err) != WEIR_OK)
            return err->code;
        if (!valid) {
            if (next_file(scan, end->position))
                continue;
            return check_end(scan, end->position, NULL, err);
        }
        code = visit(context, &entry, &reason);
        if (code == WEIR_END)
            return check_end(scan, end->position, &reason, err);
        if (code != WEIR_OK) {
            *err = reason;
            return code;
        }
        end->position += journal_padded(entry.front.length);
        end->entry_count++;
    }
}

/* NOLINTNEXTLINE(readability-function-size): a place to begin at, a visitor, and where it ended */
weir_code journal_scan(log_journal *journal, uint64_t position, uint64_t generation,
                       journal_visit *visit, void *context, journal_scan_end *end, weir_error *err)
{
    journal_scanner scan = {.journal = journal, .generation = generation};
    weir_code code;

    *end = (journal_scan_end){.position = position};
    if (read_fronts(&scan, journal_log_id(journal), err) != WEIR_OK)
        return err->code;
    if (!find_file(&scan, position, &scan.file)) {
        if (position > 0)
            return weir_fail(err, WEIR_FATAL,
                             "no journal file holds position %llu, where the checkpoint ends",
                             (unsigned long long)position);
        return WEIR_OK;
    }
    code = visit_all(&scan, visit, context, end, err);
    weir_buf_done(&scan.window);
    if (code != WEIR_OK)
        return code;
    end->file = current_file(&scan);
    end->file->start = scan.fronts[scan.file].start;
    return WEIR_OK;
}

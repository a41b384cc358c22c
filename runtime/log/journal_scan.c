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
    bool damaged[JOURNAL_MAX_FILES];  /* the front is none */
    bool is_later[JOURNAL_MAX_FILES]; /* of a later start than the checkpoint */
    bool has_next[JOURNAL_MAX_FILES]; /* another one followed, with entries */
    bool was_cut[JOURNAL_MAX_FILES];  /* it was longer */
    size_t file;                      /* being read */
    bool was_read[JOURNAL_MAX_FILES]; /* to its end */
    weir_buf window;
    int64_t window_at; /* its place in the file */
} journal_scanner;

static uint32_t front_crc(const journal_front *front)
{
    return crc32c(0, &front->generation, sizeof(*front) - offsetof(journal_front, generation));
}

/* What a file says of itself in its present use; UINT64_MAX: nothing. */
static weir_code read_mark(const journal_scanner *scan, size_t i, int64_t at, uint64_t *value,
                           weir_error *err)
{
    journal_mark mark;
    size_t got;

    *value = UINT64_MAX;
    if (disk_pread(journal_file_at(scan->journal, i)->file, &mark, sizeof(mark), at, &got, err) !=
        WEIR_OK)
        return err->code;
    if (got == sizeof(mark) && mark.magic == JOURNAL_MARK_MAGIC &&
        mark.crc == crc32c(0, &mark.start, sizeof(mark) - offsetof(journal_mark, start)) &&
        mark.start == scan->fronts[i].start &&
        memcmp(mark.log_id, scan->fronts[i].log_id, sizeof(mark.log_id)) == 0)
        *value = mark.value;
    return WEIR_OK;
}

/* Of a file whose front is valid. */
static weir_code read_marks(journal_scanner *scan, size_t i, weir_error *err)
{
    int64_t capacity = journal_file_at(scan->journal, i)->capacity;
    uint64_t size, next;

    if (read_mark(scan, i, JOURNAL_SIZE_AT, &size, err) != WEIR_OK ||
        read_mark(scan, i, JOURNAL_NEXT_AT, &next, err) != WEIR_OK)
        return err->code;
    scan->was_cut[i] = size != UINT64_MAX && size > (uint64_t)capacity;
    scan->has_next[i] = next != UINT64_MAX;
    return WEIR_OK;
}

static weir_code read_fronts(journal_scanner *scan, const uint8_t *log_id, weir_error *err)
{
    for (size_t i = 0; i < journal_file_count(scan->journal); i++) {
        journal_front *front = &scan->fronts[i];
        size_t got;

        if (disk_pread(journal_file_at(scan->journal, i)->file, front, sizeof(*front), 0, &got,
                       err) != WEIR_OK)
            return err->code;
        scan->damaged[i] = got != sizeof(*front) || front->magic != JOURNAL_FILE_MAGIC ||
                           front->crc != front_crc(front);
        if (scan->damaged[i] || memcmp(front->log_id, log_id, sizeof(front->log_id)) != 0)
            continue;
        if (read_marks(scan, i, err) != WEIR_OK)
            return err->code;
        scan->is_later[i] = front->generation > scan->generation;
        scan->valid[i] = !scan->is_later[i];
    }
    return WEIR_OK;
}

/* Whether what a position says is in file i rather than in file j. Of two that start at the same place nothing fitted
 * into the smaller one. */
static bool is_nearer(const journal_scanner *scan, size_t i, size_t j)
{
    if (scan->fronts[i].start != scan->fronts[j].start)
        return scan->fronts[i].start > scan->fronts[j].start;
    return journal_file_at(scan->journal, i)->capacity >
           journal_file_at(scan->journal, j)->capacity;
}

/* The file that holds position: of those that start at or below it, the last. */
static bool find_file(const journal_scanner *scan, uint64_t position, size_t *found)
{
    bool any = false;

    for (size_t i = 0; i < journal_file_count(scan->journal); i++) {
        if (!scan->valid[i] || scan->fronts[i].start > position)
            continue;
        if (!any || is_nearer(scan, i, *found)) {
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

static bool front_is_plausible(const journal_scanner *scan, const journal_entry *front, int64_t at)
{
    if (front->magic != JOURNAL_ENTRY_MAGIC || front->synced > front->position)
        return false;
    if (front->length < sizeof(*front) ||
        front->length > (uint64_t)(current_file(scan)->capacity - at))
        return false;
    return front->piece_count <= (front->length - sizeof(*front)) / sizeof(journal_piece);
}

/* Reads the front of an entry at a place in the file; *valid says whether it may be one. */
static weir_code read_front(journal_scanner *scan, int64_t at, journal_entry *front, bool *valid,
                            weir_error *err)
{
    const char *bytes = NULL;

    if (view(scan, at, sizeof(*front), &bytes, err) != WEIR_OK)
        return err->code;
    *valid = bytes != NULL;
    if (bytes != NULL)
        memcpy(front, bytes, sizeof(*front));
    *valid = *valid && front_is_plausible(scan, front, at);
    return WEIR_OK;
}

/* Reads the rest of an entry whose front may be one. */
static weir_code read_rest(journal_scanner *scan, int64_t at, journal_scan_entry *entry,
                           bool *valid, weir_error *err)
{
    size_t skip = offsetof(journal_entry, generation);
    const char *bytes = NULL;

    *valid = false;
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

/* Reads the entry at position; *valid says whether there is one, of the checkpoint's generation or a later one. */
static weir_code read_entry(journal_scanner *scan, uint64_t position, journal_scan_entry *entry,
                            bool *valid, weir_error *err)
{
    int64_t at = place_of(scan, position);

    if (read_front(scan, at, &entry->front, valid, err) != WEIR_OK)
        return err->code;
    *valid =
        *valid && entry->front.position == position && entry->front.generation >= scan->generation;
    return *valid ? read_rest(scan, at, entry, valid, err) : WEIR_OK;
}

static void go_to(journal_scanner *scan, size_t file)
{
    scan->file = file;
    weir_buf_clear(&scan->window);
}

/* --- Proof of damage ------------------------------------------------------------------------ */

static weir_code fail_damaged(const journal_scanner *scan, uint64_t position, weir_error *err)
{
    bool is_last = true;

    for (size_t i = 0; i < journal_file_count(scan->journal); i++)
        is_last &= !scan->valid[i] || scan->fronts[i].start <= scan->fronts[scan->file].start;
    if (scan->was_cut[scan->file])
        return weir_fail(err, WEIR_FATAL,
                         "the journal is damaged: file journal-%03d was cut off at offset %lld",
                         current_file(scan)->number, (long long)current_file(scan)->capacity);
    if (scan->has_next[scan->file] && is_last)
        return weir_fail(err, WEIR_FATAL,
                         "the journal is damaged: the file behind journal-%03d, with position "
                         "%llu, is missing or its front is not valid",
                         current_file(scan)->number, (unsigned long long)position);
    return weir_fail(
        err, WEIR_FATAL,
        "the journal is damaged: file journal-%03d at offset %lld holds no valid entry, "
        "but one was acknowledged there",
        current_file(scan)->number, (long long)place_of(scan, position));
}

/* Whether an entry of the file, from a position on, says that what is at another one was durable: so does each of a
 * later start, which wrote nothing before a checkpoint was behind what it found. */
static weir_code has_proof(journal_scanner *scan, uint64_t from, uint64_t position, bool *found,
                           weir_error *err)
{
    int64_t end = current_file(scan)->capacity;

    *found = false;
    for (uint64_t at = from; place_of(scan, at) < end && !*found; at += JOURNAL_ALIGN) {
        journal_scan_entry entry;
        bool valid;

        if (read_entry(scan, at, &entry, &valid, err) != WEIR_OK)
            return err->code;
        *found =
            valid && (entry.front.synced > position || entry.front.generation > scan->generation);
    }
    return WEIR_OK;
}

/* A file with a damaged front: its first entry says where it starts. */
static weir_code guess_start(journal_scanner *scan, bool *known, weir_error *err)
{
    journal_scan_entry first = {0};

    if (read_front(scan, JOURNAL_FRONT_BYTES, &first.front, known, err) != WEIR_OK ||
        (*known && read_rest(scan, JOURNAL_FRONT_BYTES, &first, known, err) != WEIR_OK))
        return err->code;
    if (*known)
        scan->fronts[scan->file].start = first.front.position;
    return WEIR_OK;
}

/* Was there anything at position or behind it, in a file that is not read because its front is damaged? A front is
 * synced with the first entries, so one that never arrived has none that speaks of later syncs. */
static weir_code check_damaged(journal_scanner *scan, uint64_t position, weir_error *err)
{
    size_t kept = scan->file;

    for (size_t i = 0; i < journal_file_count(scan->journal); i++) {
        bool found = false;

        if (!scan->damaged[i])
            continue;
        go_to(scan, i);
        if (guess_start(scan, &found, err) != WEIR_OK ||
            (found && has_proof(scan, scan->fronts[i].start, position, &found, err) != WEIR_OK))
            return err->code;
        if (found)
            return weir_fail(err, WEIR_FATAL,
                             "the journal is damaged: the front of file journal-%03d is not valid, "
                             "but entries in it were acknowledged",
                             current_file(scan)->number);
    }
    go_to(scan, kept);
    return WEIR_OK;
}

/* There is no valid entry at position. Is there anything behind it that says there was one? */
static weir_code find_proof(journal_scanner *scan, uint64_t position, bool *found, weir_error *err)
{
    *found = true;
    for (size_t i = 0; i < journal_file_count(scan->journal); i++) {
        if ((scan->valid[i] || scan->is_later[i]) && scan->fronts[i].start > position)
            return WEIR_OK; /* what lies before a file was synced */
    }
    if (has_proof(scan, position, position, found, err) != WEIR_OK)
        return err->code;
    if (!*found && check_damaged(scan, position, err) != WEIR_OK)
        return err->code;
    /* Its first entries were durable, and all of this file before; or more of this file was. */
    *found |= scan->has_next[scan->file] || scan->was_cut[scan->file];
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
            go_to(scan, i);
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
        if (!valid || entry.front.generation > scan->generation) {
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

/* No file holds position: so it is with a new log, before its first checkpoint but one. That and all later ones rely on
 * a front that is durable. */
static weir_code check_none(journal_scanner *scan, uint64_t position, weir_error *err)
{
    if (check_damaged(scan, position, err) != WEIR_OK)
        return err->code;
    if (scan->generation > 0 && journal_file_count(scan->journal) == 0)
        return weir_fail(err, WEIR_FATAL, "there is no journal file, but there was one");
    if (scan->generation > 0)
        return weir_fail(err, WEIR_FATAL,
                         "no journal file holds position %llu, where the checkpoint ends",
                         (unsigned long long)position);
    return WEIR_OK;
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
    if (find_file(&scan, position, &scan.file)) {
        code = visit_all(&scan, visit, context, end, err);
        end->file = current_file(&scan);
        end->file->start = scan.fronts[scan.file].start;
    } else {
        code = check_none(&scan, position, err);
    }
    weir_buf_done(&scan.window);
    return code;
}

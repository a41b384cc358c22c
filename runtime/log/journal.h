/* journal.h - the commit point of the log: entries in files that are written once with zeros, then reused.
 *
 * A **position** counts the journal's bytes since the log was made. Files take turns; how they and their entries
 * look is in journal_format.h, how recovery tells a torn tail from damage in journal_scan.h.
 *
 * Threads: reserve, write and sync by the writer; free and prepare by the keeper; read by any, and
 * what was read counts only if journal_keeps(position) is still true after it.
 */
#ifndef RUNTIME_LOG_JOURNAL_H
#define RUNTIME_LOG_JOURNAL_H

#include "runtime/base/disk.h"
#include "runtime/log/journal_format.h"

enum { JOURNAL_MAX_FILES = 8 };

typedef struct log_journal log_journal;

typedef struct journal_file {
    disk_file *file;
    int number;
    int64_t capacity; /* bytes of the file */
    uint64_t start;   /* of the current use */
    bool is_used;     /* holds entries that are not freed, or is the current one */
    bool is_left;     /* the writer's: it does not say yet that another one follows */
    bool is_sized;    /* the writer's: it says how large it is */
} journal_file;

typedef struct journal_options {
    disk *disk;
    const char *path; /* of the log's directory */
    uint8_t log_id[JOURNAL_ID_BYTES];
    uint64_t generation;
    int64_t file_bytes;
    int64_t first_file_bytes; /* of a new log's first file; 0: as the others */
} journal_options;

/* Opens the files that are there. What they hold is found by journal_scan; then journal_resume says where
 * to go on. */
WEIR_MUST_CHECK weir_code journal_open(const journal_options *options, log_journal **out,
                                       weir_error *err);
void journal_close(log_journal *journal);

/* Goes on writing at a position: in the file that holds it, or, when file is NULL, in a free one, which is
 * made when there is none. All other files are free. Its front is durable when this returns: from then on a checkpoint
 * may rely on the journal being found. */
WEIR_MUST_CHECK weir_code journal_resume(log_journal *journal, journal_file *file,
                                         uint64_t position, weir_error *err);

/* Removes files that are shorter than the others: the first one of a log, or one whose making was interrupted.
 * After a resume, before anything is written, and not before a checkpoint is behind all that they hold. */
WEIR_MUST_CHECK weir_code journal_drop_short(log_journal *journal, weir_error *err);

const uint8_t *journal_log_id(const log_journal *journal);
size_t journal_file_count(const log_journal *journal);
journal_file *journal_file_at(log_journal *journal, size_t i);

/* --- The writer ----------------------------------------------------------------------------- */

uint64_t journal_position(const log_journal *journal); /* where the next entry goes */
uint64_t journal_generation(const log_journal *journal);
/* The largest entry that a file can hold. */
int64_t journal_max_entry(const log_journal *journal);
/* Rounded up to whole blocks. */
static inline uint64_t journal_padded(uint64_t size)
{
    return (size + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
}

/* Sees to it that the next size bytes fit into the current file: what is written then cannot fail for want
 * of space. WEIR_RETRY: the disk is full, or (journal_is_crowded) nothing is free before a checkpoint. */
WEIR_MUST_CHECK weir_code journal_reserve(log_journal *journal, uint64_t size, weir_error *err);
bool journal_is_crowded(const log_journal *journal);

/* Where the next write goes: file and place in it. */
journal_file *journal_current(const log_journal *journal, int64_t *at);

/* Writes whole entries, padded, at the current position, and makes them durable: entries [position,
 * position + size). */
WEIR_MUST_CHECK weir_code journal_write(log_journal *journal, struct iovec *buffers, int count,
                                        uint64_t size, weir_error *err);

/* --- Others --------------------------------------------------------------------------------- */

/* Entries below position are not needed any more. */
void journal_free_below(log_journal *journal, uint64_t position);
/* True while the bytes at position have not been freed. */
bool journal_keeps(const log_journal *journal, uint64_t position);
uint64_t journal_kept_bytes(const log_journal *journal);

/* True when a spare file should be prepared; prepare makes one, by writing zeros. */
bool journal_wants_spare(const log_journal *journal);
WEIR_MUST_CHECK weir_code journal_prepare(log_journal *journal, weir_error *err);

#endif

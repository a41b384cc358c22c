/* journal_scan.h - what recovery reads in the journal.
 *
 * From the checkpoint's position on, entries are valid as long as their CRC, position and generation
 * are, and as long as the bytes are there that they say are in a segment. The first one that is not is the end, if nothing acknowledged lies behind it: an entry says up to
 * where the journal was durable when it was written. When a valid entry behind the bad one says that the
 * bad one was durable, then it is damage, and the log is not opened.
 */
#ifndef RUNTIME_LOG_JOURNAL_SCAN_H
#define RUNTIME_LOG_JOURNAL_SCAN_H

#include "runtime/log/journal.h"

/* A valid entry, as long as the callback runs. */
typedef struct journal_scan_entry {
    journal_entry front;
    const char *pieces; /* front.piece_count of journal_piece, not aligned */
    const char *bytes;  /* of the pieces that are not large, back to back */
    size_t size;
} journal_scan_entry;

/* WEIR_END: what the entry speaks of is not there; it is no valid entry, and err says why. */
typedef weir_code journal_visit(void *context, const journal_scan_entry *entry, weir_error *err);

typedef struct journal_scan_end {
    journal_file *file; /* that holds position; NULL: none does, the journal is empty */
    uint64_t position;
    uint64_t entry_count;
} journal_scan_end;

/* Visits all entries from position on, in order, and finds the end. generation is that of
 * the checkpoint: who opens a log makes a checkpoint before anything else, so all that belongs behind it
 * has its generation, and what has an older one was cut. WEIR_FATAL: damaged; the message names file and offset. */
WEIR_MUST_CHECK weir_code journal_scan(log_journal *journal, uint64_t position, uint64_t generation,
                                       journal_visit *visit, void *context, journal_scan_end *end,
                                       weir_error *err);

#endif

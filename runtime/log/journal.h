/* journal.h - the commit point of the log: entries in files that are written once with zeros, then reused.
 *
 * A **position** counts the journal's bytes since the log was made. Files take turns: each begins with a
 * block that says at which position it starts; entries follow, each at a multiple of 512 bytes, none
 * spanning two files. Of an entry and its file are known:
 *
 *     generation  how often the log was opened: after a torn tail was cut, what lay behind it is older
 *     position    where it is: an old entry of a reused file does not pass for a new one
 *     synced      up to where the journal was durable when this was written
 *     crc         CRC-32C of all of this and what follows
 *
 * so that recovery (journal_scan.h) can tell a torn tail, which was never acknowledged, from damage.
 *
 * Threads: reserve, write and sync by the writer; free and prepare by the keeper; read by any, and
 * what was read counts only if journal_keeps(position) is still true after it.
 */
#ifndef RUNTIME_LOG_JOURNAL_H
#define RUNTIME_LOG_JOURNAL_H

#include "runtime/base/disk.h"

enum {
    JOURNAL_ALIGN = 512,        /* what a disk writes wholly or not at all */
    JOURNAL_FRONT_BYTES = 4096, /* of a file, before its first entry */
    JOURNAL_SIZE_AT = 1024,     /* in these */
    JOURNAL_NEXT_AT = 2048,     /* likewise */
    JOURNAL_MAX_FILES = 8,
    JOURNAL_ID_BYTES = 16,
};

#define JOURNAL_ENTRY_MAGIC UINT32_C(0x31454a57) /* "WJE1" */
#define JOURNAL_FILE_MAGIC  UINT32_C(0x31464a57) /* "WJF1" */
#define JOURNAL_MARK_MAGIC  UINT32_C(0x314e4a57) /* "WJN1" */

/* These are written as they are: little-endian, without padding. */
typedef struct journal_front {
    uint32_t magic;
    uint32_t crc; /* of what follows in this struct */
    uint64_t generation;
    uint64_t start; /* position of the file's first entry; all before it was synced */
    uint8_t log_id[JOURNAL_ID_BYTES];
} journal_front;

typedef struct journal_entry {
    uint32_t magic;
    uint32_t crc; /* of what follows, up to length */
    uint64_t generation;
    uint64_t position;
    uint64_t synced;
    uint64_t length; /* this struct, the pieces, and the bytes of those that are not large */
    uint32_t piece_count;
    uint32_t flags; /* 0 */
    uint64_t reserved[2];
} journal_entry;

/* Two more facts about a file, without which a later one that is gone, or an end that was cut off, would look like the
 * end of the journal. They are written when they are durable themselves. */
typedef struct journal_mark {
    uint32_t magic;
    uint32_t crc;   /* of what follows in this struct */
    uint64_t start; /* of the file: else it is of an earlier use */
    uint64_t
        value; /* JOURNAL_NEXT_AT: where the file behind it starts; JOURNAL_SIZE_AT: its capacity */
    uint8_t log_id[JOURNAL_ID_BYTES];
} journal_mark;

/* One partition's part of an entry, and where in its segment it belongs. */
typedef struct journal_piece {
    uint8_t topic_id[16];
    int32_t partition;
    uint32_t flags;
    int64_t base_offset;
    int64_t last_offset;
    int64_t segment_base;
    int64_t segment_at; /* position in the segment */
    int64_t size;
    int64_t max_timestamp_ms;
    uint32_t crc; /* of a large piece's bytes */
    uint32_t reserved;
} journal_piece;

enum { JOURNAL_LARGE = 1 }; /* flags: the bytes are in the segment already, not behind the pieces */

_Static_assert(sizeof(journal_front) == 40, "no padding");
_Static_assert(sizeof(journal_mark) == 40, "no padding");
_Static_assert(sizeof(journal_entry) == 64, "no padding");
_Static_assert(sizeof(journal_piece) == 80, "no padding");

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

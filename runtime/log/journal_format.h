/* journal_format.h - how the journal lies on the disk.
 *
 * Each file begins with a block that says at which position it starts; entries follow, each at a multiple of 512
 * bytes, none spanning two files. Of an entry and its file are known:
 *
 *     generation  how often the log was opened: after a torn tail was cut, what lay behind it is older
 *     position    where it is: an old entry of a reused file does not pass for a new one
 *     synced      up to where the journal was durable when this was written
 *     crc         CRC-32C of all of this and what follows
 *
 * so that recovery (journal_scan.h) can tell a torn tail, which was never acknowledged, from damage. All of it is
 * written as it is in memory: little-endian, without padding.
 */
#ifndef RUNTIME_LOG_JOURNAL_FORMAT_H
#define RUNTIME_LOG_JOURNAL_FORMAT_H

#include <stdint.h>

enum {
    JOURNAL_ALIGN = 512,        /* what a disk writes wholly or not at all */
    JOURNAL_FRONT_BYTES = 4096, /* of a file, before its first entry */
    JOURNAL_SIZE_AT = 1024,     /* in these */
    JOURNAL_NEXT_AT = 2048,     /* likewise */
    JOURNAL_ID_BYTES = 16,
};

#define JOURNAL_ENTRY_MAGIC UINT32_C(0x31454a57) /* "WJE1" */
#define JOURNAL_FILE_MAGIC  UINT32_C(0x31464a57) /* "WJF1" */
#define JOURNAL_MARK_MAGIC  UINT32_C(0x314e4a57) /* "WJN1" */

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
    uint64_t value; /* at NEXT: where the file behind it starts; at SIZE: its capacity */
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

#endif

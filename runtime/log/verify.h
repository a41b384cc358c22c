/* verify.h - reads a whole log: `weir log verify` checks it, `weir log dump` shows it.
 *
 * Both work on an open store, which has passed recovery: what is wrong with its journal or checkpoint was
 * refused by store_open. One thread.
 */
#ifndef RUNTIME_LOG_VERIFY_H
#define RUNTIME_LOG_VERIFY_H

#include "runtime/log/store.h"

/* --- Checking ------------------------------------------------------------------------------- */

typedef struct verify_partition {
    weir_str topic;
    int32_t partition;
    int64_t start_offset, end_offset;
    int64_t segments, batches, records;
    int64_t size_bytes;
    int64_t problems;
    const char *problem; /* the first one; NULL: there is none. Lives as long as the call */
} verify_partition;

typedef struct verify_options {
    weir_str topic; /* this one alone; len 0: all */
    /* Each may be NULL: each problem as it is found, with topic, partition and place; each partition when it
     * is done. */
    void (*problem)(void *context, const char *problem);
    void (*partition)(void *context, const verify_partition *partition);
    void *context;
} verify_options;

typedef struct verify_result {
    int64_t topics, partitions, segments, batches, records, bytes;
    int64_t problems, damaged_partitions;
} verify_result;

/* Reads every batch of every partition (CRC, decompression, every record, offsets that rise) and compares
 * the indexes with their segments. Checking goes on behind a problem with the next segment. */
void verify_log(store *store, const verify_options *options, verify_result *result);

/* --- Showing -------------------------------------------------------------------------------- */

typedef struct dump_options {
    weir_str topic;
    int32_t partition; /* -1: all */
    int64_t from;      /* the first offset; lower ones that are there are left out */
    int64_t count;     /* of each partition at most; -1: all */
    bool json;         /* else a line of text: partition, offset, timestamp; key; value */
    /* Adds the JSON of a datum that is framed with a schema's id; false: it is not known, or the bytes are
     * none of it. NULL: none is known. */
    bool (*decode)(void *context, int32_t schema_id, weir_str datum, weir_buf *out);
    /* Takes a line, without its end; false ends the dump. */
    bool (*line)(void *context, weir_str line);
    void *context;
} dump_options;

/* Makes a line of each record. As JSON it is an object: topic, partition, offset, timestamp, headers (a list
 * of key and value), key, value. Keys and values that begin with 0x00 and the id of a schema are decoded by
 * it; others that are JSON are shown as it, or else as a text, or, when they are not UTF-8, as
 * {"hex":"..."}. WEIR_CONFIG: no such topic or partition. WEIR_FATAL: damaged. */
WEIR_MUST_CHECK weir_code dump_topic(store *store, const dump_options *options, weir_error *err);

#endif

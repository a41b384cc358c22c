/* verify.h - reads a whole log: `weir log verify` checks it, `weir log dump` shows it.
 *
 * Both work on an open store, which has passed recovery: what is wrong with its journal or checkpoint was
 * refused by store_open. One thread.
 */
#ifndef RUNTIME_LOG_VERIFY_H
#define RUNTIME_LOG_VERIFY_H

#include "runtime/log/store.h"

typedef struct verify_result {
    int64_t topics, partitions, segments, batches, records, bytes;
    int64_t problems;
} verify_result;

/* Reads every batch of every partition (CRC, decompression, every record, offsets that rise) and compares
 * the indexes with their segments. Each problem is told to report, with topic, partition and place, and
 * checking goes on behind it with the next segment. */
void verify_log(store *store, void (*report)(void *context, const char *problem), void *context,
                verify_result *result);

typedef struct dump_options {
    weir_str topic;
    int32_t partition; /* -1: all */
    int64_t from;      /* the first offset; lower ones that are there are left out */
    int64_t count;     /* of each partition at most; -1: all */
    bool json;         /* else a line of text */
} dump_options;

/* Makes a line of each record, without its end, and hands it on; false ends the dump. As JSON it is an
 * object: topic, partition, offset, timestamp, headers (a list of name and value), key, value. Keys and
 * values that begin with 0x00 and the id of a schema in topic _schemas are decoded by it; others are
 * shown as text, or, when they are not UTF-8, as base64 in {"base64": ...}.
 * WEIR_CONFIG: no such topic or partition. WEIR_FATAL: damaged. */
WEIR_MUST_CHECK weir_code dump_topic(store *store, const dump_options *options,
                                     bool (*line)(void *context, weir_str line), void *context,
                                     weir_error *err);

#endif

/* log.h - the log as the worker sees it: asynchronous, of records, nothing of files.
 *
 * Two implementations stand behind it: the embedded log (runtime/log/embedded.h) and, later, a Kafka
 * cluster reached through librdkafka. Nothing above this header may assume a file, a mapping, a local
 * offset index, or that a commit that was sent will succeed.
 *
 * A **writer** belongs to one task. It builds one unit at a time (begin, add ..., commit) and may
 * have several commits under way; outcomes come in the order of the commits. All records of a unit,
 * of any number of partitions, become readable together or not at all. Opening a writer with an id
 * fences every older writer of that id: their commits end as LOG_FENCED.
 *
 * A **reader** belongs to one task. It fills batches with the records of its partitions.
 *
 * Threads: the log itself may be used by any thread; a writer or reader by one thread at a time.
 */
#ifndef RUNTIME_LOG_LOG_H
#define RUNTIME_LOG_LOG_H

#include "weir/base.h"
#include "weir/batch.h"

typedef struct log log;
typedef struct log_writer log_writer;
typedef struct log_reader log_reader;

/* A record to be added. Everything is copied by log_add. A key or value is its prefix (the frame of a
 * converter, at most 16 bytes) followed by its content; both ptr NULL: there is none. */
typedef struct log_record {
    weir_str topic;
    int32_t partition;    /* -1: murmur2 of the key, or any one for a record without key */
    int64_t timestamp_ms; /* -1: the time when its unit was begun */
    weir_str key_prefix, key;
    weir_str value_prefix, value;
    weir_str
        coded_headers; /* as RecordBatch v2 has them, and a weir_batch: they come before headers */
    uint32_t coded_count;
    const weir_header *headers;
    uint32_t header_count;
} log_record;

/* What became of a commit. */
typedef enum log_outcome {
    LOG_PENDING,   /* not known yet */
    LOG_COMMITTED, /* durable and readable */
    LOG_ABORTED,   /* nothing of it will ever be seen: submit it again, from the last commit on */
    LOG_FENCED,    /* a newer writer has this id: the task ends */
    LOG_UNKNOWN,   /* may or may not be there: restart the task and read its offset */
    LOG_STOPPED,   /* the log has failed or was closed; the error says why */
} log_outcome;

typedef int64_t log_ticket; /* counts the commits of one writer from 0 */

/* --- Topics --------------------------------------------------------------------------------- */

/* Which subject the schema of each key or value has to be a version of, for a topic that has that checked:
 * confluent.{key,value}.schema.validation and ...subject.name.strategy. Kept in the log by number. */
typedef enum log_schema_check {
    LOG_UNCHECKED,
    LOG_CHECK_TOPIC_NAME,        /* "orders-value" */
    LOG_CHECK_RECORD_NAME,       /* "com.shop.Order" */
    LOG_CHECK_TOPIC_RECORD_NAME, /* "orders-com.shop.Order" */
    LOG_SCHEMA_CHECKS,
} log_schema_check;

typedef struct log_topic_config {
    int32_t partitions;      /* 1 or more */
    bool compact;            /* cleanup.policy=compact: the last value of each key stays */
    int64_t retention_ms;    /* -1: for ever */
    int64_t retention_bytes; /* of each partition; -1: no limit */
    bool trim;       /* on.full=trim: a full partition drops its oldest records, not waits */
    int compression; /* 0 none, 3 lz4, 4 zstd: the numbers of RecordBatch v2 */
    int64_t max_message_bytes;
    log_schema_check key_check, value_check;
} log_topic_config;

/* 1 partition, delete, 7 days, no size limit, wait, uncompressed. */
#define LOG_TOPIC_DEFAULTS                                                                         \
    ((log_topic_config){.partitions = 1,                                                           \
                        .retention_ms = 604800000,                                                 \
                        .retention_bytes = -1,                                                     \
                        .max_message_bytes = 1 << 30})

typedef struct log_topic {
    weir_str name; /* lives as long as the log */
    char id[37];   /* UUID as text: another one after the topic was deleted and made again */
    log_topic_config config;
} log_topic;

/* Makes a topic; WEIR_OK too when it is there already, whatever its configuration. Durable when it
 * returns; WEIR_RETRY when the log has no room for some seconds. Names: Kafka's rules ([a-zA-Z0-9._-]{1,249}, not "." or ".."). */
WEIR_MUST_CHECK weir_code log_topic_create(log *log, weir_str name, const log_topic_config *config,
                                           weir_error *err);
WEIR_MUST_CHECK weir_code log_topic_delete(log *log, weir_str name, weir_error *err);
/* False when there is no such topic. */
bool log_topic_find(log *log, weir_str name, log_topic *out);
/* Steps through all topics, by name: `weir_str after = {0}; while (log_topic_next(log, &after, &t))`. */
bool log_topic_next(log *log, weir_str *after, log_topic *out);
/* Changes whenever a topic was made or deleted. */
uint64_t log_topics_generation(log *log);

typedef enum log_place { LOG_EARLIEST, LOG_LATEST } log_place;

/* The first offset that is still there, or the one that the next record will get (the last stable
 * offset, that is: all below it can be read). WEIR_RETRY when a cluster does not answer. */
WEIR_MUST_CHECK weir_code log_offset_of(log *log, weir_str topic, int32_t partition,
                                        log_place place, int64_t *offset, weir_error *err);
/* The first offset whose record is not older than timestamp_ms; the latest when there is none. */
WEIR_MUST_CHECK weir_code log_offset_at_time(log *log, weir_str topic, int32_t partition,
                                             int64_t timestamp_ms, int64_t *offset,
                                             weir_error *err);

/* Retention keeps everything from offset on for the reader called holder ("shop.dwh"), until the hold
 * is moved or, with offset -1, given up. Not durable: whoever holds says it again after a start, before
 * log_start_retention. An implementation whose retention is not ours ignores it. */
void log_hold(log *log, weir_str holder, weir_str topic, int32_t partition, int64_t offset);

/* All holds have been said: retention may begin. */
void log_start_retention(log *log);

/* The log's identity: a UUID as text. */
const char *log_id(log *log);

/* --- Checking what is written --------------------------------------------------------------- */

/* Who looks at the records of topics whose configuration asks for it, before they are in the log: the schema
 * registry. Called by any thread; it neither writes to the log nor waits. WEIR_REJECT says what is wrong with the
 * record, and where. */
typedef struct log_checker {
    weir_code (*check)(void *context, const log_topic *topic, int32_t partition,
                       const log_record *record, weir_error *err);
    void *context;
} log_checker;

/* Set while nobody writes; check NULL: none. */
void log_set_checker(log *log, log_checker checker);

/* Whatever puts records into a partition calls this for each of them first: log_add does, and what appends whole
 * batches has to. WEIR_OK when the topic's configuration asks for nothing. WEIR_FATAL: it does, and there is no
 * checker. */
WEIR_MUST_CHECK weir_code log_check_record(log *log, const log_topic *topic, int32_t partition,
                                           const log_record *record, weir_error *err);

/* --- Writing -------------------------------------------------------------------------------- */

/* Opens a writer and fences older ones of the same id. An empty id fences nobody. */
WEIR_MUST_CHECK weir_code log_writer_open(log *log, weir_str id, log_writer **out, weir_error *err);
/* How often a writer of this id was opened, this time included, also by processes that are gone: an outside
 * system refuses what comes with a lower one. 0 without an id. (A cluster keeps no such number for its clients:
 * there it is counted in a compacted topic, in a transaction of this id, which an older writer cannot commit.) */
int64_t log_writer_epoch(const log_writer *writer);
/* Waits for nothing: what is under way may still be committed. NULL is fine. */
void log_writer_close(log_writer *writer);

/* Adds a record to the unit that is being built; the first one begins it. The topic exists. WEIR_REJECT:
 * the record is larger than its topic allows, or refused by log_check_record; the unit is as before. */
WEIR_MUST_CHECK weir_code log_add(log_writer *writer, const log_record *record, weir_error *err);
/* Bytes of the unit that is being built. */
size_t log_unit_bytes(const log_writer *writer);
/* Throws away the unit that is being built. */
void log_discard(log_writer *writer);

/* Sends the unit on its way. Never blocks. */
log_ticket log_commit(log_writer *writer);
/* The outcome of a commit; err is filled for all but PENDING and COMMITTED. */
log_outcome log_outcome_of(log_writer *writer, log_ticket ticket, weir_error *err);
/* Waits until the outcome of ticket is known, for at most timeout_ms; 0 only looks. */
log_outcome log_wait(log_writer *writer, log_ticket ticket, int timeout_ms, weir_error *err);

/* For those that must not wait for long: when the log has had no room for some seconds, commits of this writer that
 * wait for it end as LOG_STOPPED with WEIR_RETRY. Nothing of them is there; it has to be opened again. */
void log_writer_give_up(log_writer *writer);

/* True while a commit of this writer waits for room (a full topic with on.full=wait, or a full disk):
 * the task calls idle. reason, which may be NULL, says what is full and whom it waits for. */
bool log_is_full(log_writer *writer, weir_buf *reason);

/* --- Reading -------------------------------------------------------------------------------- */

WEIR_MUST_CHECK weir_code log_reader_open(log *log, log_reader **out, weir_error *err);
void log_reader_close(log_reader *reader);

/* Reads this partition from offset on; called again it moves. WEIR_FATAL when the offset is not there
 * (any more): the message names both ends. */
WEIR_MUST_CHECK weir_code log_reader_assign(log_reader *reader, weir_str topic, int32_t partition,
                                            int64_t offset, weir_error *err);
void log_reader_revoke(log_reader *reader, weir_str topic, int32_t partition);

/* Adds records to an empty batch, until it is full or there are no more, waiting at most timeout_ms for
 * the first. Partitions take turns; within one the order is kept. topic and log_topic are both the
 * topic read; key and value are the bytes of the log; schemas are NULL. What fails leaves the batch empty: an
 * error comes behind what was read before it, by the next call. */
WEIR_MUST_CHECK weir_code log_read(log_reader *reader, weir_batch *batch, int timeout_ms,
                                   weir_error *err);

/* The offset that comes next in a partition (control records and gaps are stepped over); -1 when it is
 * not assigned. After log_read it is past all that was returned. */
int64_t log_reader_position(log_reader *reader, weir_str topic, int32_t partition);

/* Wakes a log_read or log_wait of any thread that waits, once: for stopping. */
void log_reader_wake(log_reader *reader);
void log_writer_wake(log_writer *writer);

/* --- Implementing --------------------------------------------------------------------------- */

/* The table behind the functions above, which do nothing but call it (runtime/log/log.c). An
 * implementation's log, writer and reader begin with these structs. */
typedef struct log_ops {
    weir_code (*topic_create)(log *, weir_str, const log_topic_config *, weir_error *);
    weir_code (*topic_delete)(log *, weir_str, weir_error *);
    bool (*topic_find)(log *, weir_str, log_topic *);
    bool (*topic_next)(log *, weir_str *, log_topic *);
    uint64_t (*topics_generation)(log *);
    weir_code (*offset_of)(log *, weir_str, int32_t, log_place, int64_t *, weir_error *);
    weir_code (*offset_at_time)(log *, weir_str, int32_t, int64_t, int64_t *, weir_error *);
    void (*hold)(log *, weir_str, weir_str, int32_t, int64_t);
    void (*start_retention)(log *);
    const char *(*id)(log *);
    weir_code (*writer_open)(log *, weir_str, log_writer **, weir_error *);
    int64_t (*writer_epoch)(const log_writer *);
    void (*writer_close)(log_writer *);
    weir_code (*add)(log_writer *, const log_record *, weir_error *);
    size_t (*unit_bytes)(const log_writer *);
    void (*discard)(log_writer *);
    log_ticket (*commit)(log_writer *);
    log_outcome (*wait)(log_writer *, log_ticket, int, weir_error *);
    bool (*is_full)(log_writer *, weir_buf *);
    void (*writer_give_up)(log_writer *);
    void (*writer_wake)(log_writer *);
    weir_code (*reader_open)(log *, log_reader **, weir_error *);
    void (*reader_close)(log_reader *);
    weir_code (*reader_assign)(log_reader *, weir_str, int32_t, int64_t, weir_error *);
    void (*reader_revoke)(log_reader *, weir_str, int32_t);
    weir_code (*read)(log_reader *, weir_batch *, int, weir_error *);
    int64_t (*reader_position)(log_reader *, weir_str, int32_t);
    void (*reader_wake)(log_reader *);
} log_ops;

struct log {
    const log_ops *ops;
    log_checker checker; /* log_set_checker's */
};

struct log_writer {
    const log_ops *ops;
};

struct log_reader {
    const log_ops *ops;
};

#endif

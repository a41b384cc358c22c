/* dead_letter.c - writing to the dead letter queue. */
#include "runtime/connect/dead_letter.h"

#include "runtime/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { READ_WAIT_MS = 5000, COMMIT_WAIT_MS = 1000, OWN_HEADERS = 7, BATCH_BYTES = 65536 };

/* The record at this offset, alone in the batch's front. */
static weir_code read_again(connect_task *task, weir_str topic, int32_t partition, int64_t offset,
                            weir_batch *batch, weir_record *record, weir_error *err)
{
    log_reader *reader;
    weir_code code;

    if (log_reader_open(task->world->log, &reader, err) != WEIR_OK)
        return err->code;
    code = log_reader_assign(reader, topic, partition, offset, err);
    if (code == WEIR_OK)
        code = log_read(reader, batch, READ_WAIT_MS, err);
    log_reader_close(reader);
    if (code == WEIR_OK && (!weir_record_next(batch, record) || record->log_offset != offset))
        code = weir_fail(err, WEIR_FATAL, "the record is not in the log any more");
    return code;
}

/* The context of the failure as headers; texts live in memory. */
static void fill_headers(const connect_task *task, const weir_record *record, const char *stage,
                         const char *reason, weir_buf texts[OWN_HEADERS], weir_header *out)
{
    static const char *const names[OWN_HEADERS] = {"__connect.errors.topic",
                                                   "__connect.errors.partition",
                                                   "__connect.errors.offset",
                                                   "__connect.errors.connector.name",
                                                   "__connect.errors.task.id",
                                                   "__connect.errors.stage",
                                                   "__connect.errors.exception.message"};

    weir_buf_add_str(&texts[0], record->log_topic);
    weir_buf_printf(&texts[1], "%d", record->log_partition);
    weir_buf_printf(&texts[2], "%" PRId64, record->log_offset);
    weir_buf_add_str(&texts[3], task->connector);
    weir_buf_printf(&texts[4], "%d", task->number);
    weir_buf_add_str(&texts[5], weir_cstr(stage));
    weir_buf_add_str(&texts[6], weir_cstr(reason));
    for (int i = 0; i < OWN_HEADERS; i++)
        out[i] = (weir_header){weir_cstr(names[i]), weir_buf_str(&texts[i])};
}

static weir_code write_record(connect_task *task, const log_record *record, weir_error *err)
{
    log_writer *writer;
    log_outcome outcome = LOG_PENDING;
    weir_code code;

    if (task_ensure_topic(task, record->topic, err) != WEIR_OK ||
        log_writer_open(task->world->log, WEIR_STR(""), &writer, err) != WEIR_OK)
        return err->code;
    code = log_add(writer, record, err);
    if (code == WEIR_OK) {
        log_ticket ticket = log_commit(writer);

        while (outcome == LOG_PENDING)
            outcome = log_wait(writer, ticket, COMMIT_WAIT_MS, err);
        if (outcome != LOG_COMMITTED)
            code = WEIR_RETRY;
    }
    log_writer_close(writer);
    return code;
}

weir_code dead_letter_write(connect_task *task, weir_str topic, int32_t partition, int64_t offset,
                            const char *stage, const char *reason, weir_error *err)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(BATCH_BYTES);
    weir_buf texts[OWN_HEADERS] = {{0}};
    weir_record record = {0};
    weir_header *headers;
    uint32_t own = task->common.dead_letter_headers ? OWN_HEADERS : 0;
    weir_code code;

    if (read_again(task, topic, partition, offset, batch, &record, err) != WEIR_OK)
        return weir_wrap(err, "reading offset %" PRId64 " of %.*s again for the dead letter queue",
                         offset, WEIR_ARG(topic));
    headers = mem_zalloc(record.header_count + OWN_HEADERS, sizeof(*headers));
    for (uint32_t i = 0; i < record.header_count; i++)
        headers[i] = weir_record_header_at(batch, &record, i);
    fill_headers(task, &record, stage, reason, texts, headers + record.header_count);
    code = write_record(task,
                        &(log_record){.topic = task->common.dead_letter_topic,
                                      .partition = -1,
                                      .timestamp_ms = record.timestamp_ms,
                                      .key = record.key,
                                      .value = record.value,
                                      .headers = headers,
                                      .header_count = record.header_count + own},
                        err);
    for (int i = 0; i < OWN_HEADERS; i++)
        weir_buf_done(&texts[i]);
    free(headers);
    return code == WEIR_OK ? code : weir_wrap(err, "writing to the dead letter queue");
}

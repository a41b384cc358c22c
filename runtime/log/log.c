/* log.c - the log's functions, most of which call the implementation they were given. */
#include "runtime/log/log.h"

weir_code log_topic_create(log *self, weir_str name, const log_topic_config *config,
                           weir_error *err)
{
    return self->ops->topic_create(self, name, config, err);
}

weir_code log_topic_delete(log *self, weir_str name, weir_error *err)
{
    return self->ops->topic_delete(self, name, err);
}

bool log_topic_find(log *self, weir_str name, log_topic *out)
{
    return self->ops->topic_find(self, name, out);
}

bool log_topic_next(log *self, weir_str *after, log_topic *out)
{
    return self->ops->topic_next(self, after, out);
}

uint64_t log_topics_generation(log *self)
{
    return self->ops->topics_generation(self);
}

weir_code log_offset_of(log *self, weir_str topic, int32_t partition, log_place place,
                        int64_t *offset, weir_error *err)
{
    return self->ops->offset_of(self, topic, partition, place, offset, err);
}

weir_code log_offset_at_time(log *self, weir_str topic, int32_t partition, int64_t timestamp_ms,
                             int64_t *offset, weir_error *err)
{
    return self->ops->offset_at_time(self, topic, partition, timestamp_ms, offset, err);
}

void log_hold(log *self, weir_str holder, weir_str topic, int32_t partition, int64_t offset)
{
    self->ops->hold(self, holder, topic, partition, offset);
}

void log_start_retention(log *self)
{
    self->ops->start_retention(self);
}

const char *log_id(log *self)
{
    return self->ops->id(self);
}

void log_set_checker(log *self, log_checker checker)
{
    self->checker = checker;
}

weir_code log_check_record(log *self, const log_topic *topic, int32_t partition,
                           const log_record *record, weir_error *err)
{
    if (topic->config.key_check == LOG_UNCHECKED && topic->config.value_check == LOG_UNCHECKED)
        return WEIR_OK;
    if (self->checker.check == NULL)
        return weir_fail(err, WEIR_FATAL,
                         "topic %.*s has its schemas checked (confluent.*.schema.validation), and "
                         "there is no schema registry that could",
                         WEIR_ARG(topic->name));
    return self->checker.check(self->checker.context, topic, partition, record, err);
}

weir_code log_writer_open(log *self, weir_str id, log_writer **out, weir_error *err)
{
    return self->ops->writer_open(self, id, out, err);
}

int64_t log_writer_epoch(const log_writer *writer)
{
    return writer->ops->writer_epoch(writer);
}

void log_writer_close(log_writer *writer)
{
    if (writer != NULL)
        writer->ops->writer_close(writer);
}

weir_code log_add(log_writer *writer, const log_record *record, weir_error *err)
{
    return writer->ops->add(writer, record, err);
}

size_t log_unit_bytes(const log_writer *writer)
{
    return writer->ops->unit_bytes(writer);
}

void log_discard(log_writer *writer)
{
    writer->ops->discard(writer);
}

void log_writer_give_up(log_writer *writer)
{
    writer->ops->writer_give_up(writer);
}

log_ticket log_commit(log_writer *writer)
{
    return writer->ops->commit(writer);
}

log_outcome log_outcome_of(log_writer *writer, log_ticket ticket, weir_error *err)
{
    return writer->ops->wait(writer, ticket, 0, err);
}

log_outcome log_wait(log_writer *writer, log_ticket ticket, int timeout_ms, weir_error *err)
{
    return writer->ops->wait(writer, ticket, timeout_ms, err);
}

bool log_is_full(log_writer *writer, weir_buf *reason)
{
    return writer->ops->is_full(writer, reason);
}

weir_code log_reader_open(log *self, log_reader **out, weir_error *err)
{
    return self->ops->reader_open(self, out, err);
}

void log_reader_close(log_reader *reader)
{
    if (reader != NULL)
        reader->ops->reader_close(reader);
}

weir_code log_reader_assign(log_reader *reader, weir_str topic, int32_t partition, int64_t offset,
                            weir_error *err)
{
    return reader->ops->reader_assign(reader, topic, partition, offset, err);
}

void log_reader_revoke(log_reader *reader, weir_str topic, int32_t partition)
{
    reader->ops->reader_revoke(reader, topic, partition);
}

weir_code log_read(log_reader *reader, weir_batch *batch, int timeout_ms, weir_error *err)
{
    return reader->ops->read(reader, batch, timeout_ms, err);
}

int64_t log_reader_position(log_reader *reader, weir_str topic, int32_t partition)
{
    return reader->ops->reader_position(reader, topic, partition);
}

void log_reader_wake(log_reader *reader)
{
    reader->ops->reader_wake(reader);
}

void log_writer_wake(log_writer *writer)
{
    writer->ops->writer_wake(writer);
}

/* dead_letter.h - the dead letter queue: a topic for records that a sink cannot write.
 *
 * A record is read again from the log by its position, so that it gets there as it was, whatever transforms
 * made of it and however late the destination refused it.
 */
#ifndef RUNTIME_CONNECT_DEAD_LETTER_H
#define RUNTIME_CONNECT_DEAD_LETTER_H

#include "runtime/connect/task.h"

/* Copies the record to the task's dead letter topic, with the headers that Kafka Connect adds
 * (__connect.errors.topic, .partition, .offset, .connector.name, .task.id, .stage, .exception.message), and
 * waits until it is durable. */
WEIR_MUST_CHECK weir_code dead_letter_write(connect_task *task, weir_str topic, int32_t partition,
                                            int64_t offset, const char *stage, const char *reason,
                                            weir_error *err);

#endif

/* dead_letter.h - the records that a sink cannot write: what the error policy makes of them.
 *
 * A record that was refused is noted by its place in the log. When the sink's offsets are committed, what was
 * noted below them goes into the dead letter queue in the same unit: so each refused record gets there exactly
 * once, however often its batch is put again, and whatever crashes. A destination that keeps the offsets itself
 * commits before that: what was refused in a flush that a crash follows is in its past and not in the queue, and
 * the next start warns of it. A refused record is read again from the log, so that it gets into the queue as it
 * was, whatever transforms made of it.
 *
 * Belongs to one task.
 */
#ifndef RUNTIME_CONNECT_DEAD_LETTER_H
#define RUNTIME_CONNECT_DEAD_LETTER_H

#include "runtime/connect/task.h"

typedef struct dead_letters dead_letters;

dead_letters *dead_letters_new(connect_task *task);
void dead_letters_free(dead_letters *self);

/* A place in the log, where the record was refused, by what, and why: Kafka Connect's stages and class names. */
typedef struct dead_letter {
    weir_str topic;
    int32_t partition;
    int64_t offset, timestamp_ms;
    const char *stage;     /* "VALUE_CONVERTER"; a literal */
    weir_str class_name;   /* of what refused it; lives as long as the task */
    const char *exception; /* the class name of the failure; a literal */
    const char *reason;
} dead_letter;

/* Applies errors.tolerance: WEIR_FATAL with none; else the record is noted, once. */
WEIR_MUST_CHECK weir_code dead_letters_add(dead_letters *self, const dead_letter *refused,
                                           weir_error *err);
/* How many are noted. */
size_t dead_letters_count(const dead_letters *self);

/* Adds those below the offsets to the unit that is being built, if there is a dead letter queue. */
WEIR_MUST_CHECK weir_code dead_letters_write(dead_letters *self, log_writer *writer,
                                             const weir_offsets *durable_now, weir_error *err);
/* The unit was committed: those below the offsets are done with. */
void dead_letters_forget(dead_letters *self, const weir_offsets *durable_now);
/* The topic is gone, and they with it. */
void dead_letters_drop(dead_letters *self, weir_str topic);

#endif

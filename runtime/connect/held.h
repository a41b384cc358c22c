/* held.h - topics of a source whose records wait, because the registry does not take their schema.
 *
 * Under schema.incompatible.policy=hold such a record, and all that the source has for its topic behind it, goes
 * in order to the topic __weir_held.TOPIC, with ids of schemas in the context CONVERTER_HELD, where everything is
 * compatible. It is durable there: the source is acknowledged as ever, and other topics go on. When the registry
 * takes the first one's schema, because a compatible version or another level has come, they are read again and
 * go where they belong, before anything newer. How far that came is the connector's offset in that topic, in the
 * same unit as what was released; so nothing is lost, twice, or out of order, whatever crashes.
 *
 * Belongs to one task; a connector that holds has one task only.
 */
#ifndef RUNTIME_CONNECT_HELD_H
#define RUNTIME_CONNECT_HELD_H

#include "runtime/connect/task.h"

#define HELD_TOPIC_PREFIX "__weir_held."
#define HELD_HEADER       WEIR_STR("weir.held") /* {"connector":"shop.source","partition":-1,...} */

typedef struct held held;

/* Finds what waits since an earlier start. */
WEIR_MUST_CHECK weir_code held_open(connect_task *task, held **out, weir_error *err);
void held_free(held *held); /* NULL is fine */

/* Whether records of a topic have to wait. */
bool held_has(const held *held, weir_str topic);
size_t held_count(const held *held); /* topics */

/* Lets a topic's records wait from now on; reason is the registry's, for whoever looks at the task's status. */
WEIR_MUST_CHECK weir_code held_begin(held *held, weir_str topic, const char *reason,
                                     weir_error *err);

/* Adds a record of such a topic to the unit that is being built. Its topic is the one it is meant for; key and
 * value are what converter_write_held gave. */
WEIR_MUST_CHECK weir_code held_add(held *held, log_writer *writer, const log_record *record,
                                   weir_error *err);

/* --- Releasing -------------------------------------------------------------------------------- */

/* True when it is time to ask the registry again: once a second while there is something. */
bool held_is_due(held *held);

/* What a step of held_release has put into the unit that is being built. */
typedef struct held_step {
    bool is_refused; /* the registry still refuses the next one */
    bool is_at_end;  /* there was nothing to release any more */
    weir_buf key,
        value; /* of the offset that belongs to it: into DURABLE_OFFSETS, in the same unit */
} held_step;

/* Releases the next records of the number-th topic, if the registry takes them now. Neither refused nor at the
 * end: the unit has records, commit it with the offset; then the next step. */
WEIR_MUST_CHECK weir_code held_release(held *held, size_t number, log_writer *writer,
                                       held_step *step, weir_error *err);
void held_step_done(held_step *step);

/* All of the number-th topic is released, durably: its records go their way again. */
void held_end(held *held, size_t number);

#endif

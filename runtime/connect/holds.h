/* holds.h - what of the log is kept for whom: all that a deployed sink has not committed.
 *
 * A sink that runs moves its own holds (log_hold) when it has committed. This is for the rest: a sink that is
 * paused, stopped, failed, or has not read a topic yet. Such a topic is held from its first record on, so a
 * topic must be told here before anything is written to it.
 *
 * A topic with on.full=trim keeps nothing for anybody. A sink that has not committed anything of it gets an
 * offset committed where the topic begins now, so that it fails, and does not jump, when that is gone.
 *
 * Threads: any; one lock, held while the log's list of topics is walked and such offsets are committed.
 */
#ifndef RUNTIME_CONNECT_HOLDS_H
#define RUNTIME_CONNECT_HOLDS_H

#include "runtime/connect/durable.h"
#include "weir/config.h"

typedef struct holds holds;

/* log and durable stay the caller's. */
holds *holds_new(log *log, durable *durable);
void holds_free(holds *holds);

/* A sink is deployed, or has other topics now: what it reads is held, what it does not is given up. Its tasks
 * do not run. topics and regex are copied. A regex that is none holds nothing: the sink cannot run either. */
void holds_add(holds *holds, weir_str connector, weir_list topics, weir_str regex);
/* It is deployed no more: all that it held is given up. */
void holds_remove(holds *holds, weir_str connector);

/* Topics were made, perhaps: those that are new are held for the sinks that read them. */
void holds_refresh(holds *holds);

#endif

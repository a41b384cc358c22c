/* replay.h - reading a topic from its beginning to its end: how state is brought back from the log. */
#ifndef RUNTIME_LOG_REPLAY_H
#define RUNTIME_LOG_REPLAY_H

#include "runtime/log/log.h"

/* Calls each for every record of partition 0 that is there now, in order. key and value live during the call;
 * value ptr NULL is a tombstone. Ends with the error of each, if it returns one. */
WEIR_MUST_CHECK weir_code log_replay(log *log, weir_str topic,
                                     weir_code (*each)(void *context, weir_str key, weir_str value,
                                                       weir_error *err),
                                     void *context, weir_error *err);

#endif

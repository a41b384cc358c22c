/* retention.h - removes what topics need not keep any longer: by time and by size, whole segments at a time.
 *
 * What a reader holds (log_hold) stays, whatever its age and the topic's size; while that is in the way a
 * warning says so once a minute, with topic, holder and bytes. Only a topic with on.full=trim drops what is
 * held, and only when it is larger than retention.bytes; that is a warning, too. Internal and compacted
 * topics are left alone.
 *
 * A record from the future does not keep its segment for ever: then the next segment's age counts.
 *
 * Keeper's thread (store_keep.h).
 */
#ifndef RUNTIME_LOG_RETENTION_H
#define RUNTIME_LOG_RETENTION_H

#include "runtime/log/store.h"

void retention_run(store *store, int64_t now_ms);

#endif

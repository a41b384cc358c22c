/* backoff.h - how long to wait before something is tried again.
 *
 * Pure: the caller brings chance, and does the waiting.
 */
#ifndef ELASTICSEARCH_BACKOFF_H
#define ELASTICSEARCH_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_MAX_MS = 10000 }; /* the longest pause, unless the first is longer */

/* The pause after so many failures in a row, at least one: the first, doubled for each further one. */
int64_t backoff_pause(int64_t first_ms, int failures);

/* From the half of a pause to all of it, by chance. */
int64_t backoff_jitter(int64_t pause_ms, unsigned chance);

#endif

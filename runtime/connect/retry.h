/* retry.h - how often and after what pause something that may pass is tried again: Kafka Connect's rules.
 *
 * errors.retry.timeout says how long, counted from the first failure: 0 not at all, -1 for ever. The pause is
 * 300 ms and doubles; one that would be longer than errors.retry.delay.max.ms is a random part of that
 * instead, so that tasks that failed together do not come back together.
 *
 * Pure: the caller brings time and chance, and does the waiting.
 */
#ifndef RUNTIME_CONNECT_RETRY_H
#define RUNTIME_CONNECT_RETRY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct retry {
    int64_t timeout_ms;   /* 0: none; -1: for ever */
    int64_t delay_max_ms; /* at least 1 */
    int attempts_min;     /* are made whatever the timeout says; 1 as Kafka Connect */
    int failure_count;
    int64_t deadline_ms; /* set by the first failure */
} retry;

/* After a failure: how long to wait until the next attempt; -1: there is none. */
int64_t retry_after(retry *self, int64_t now_ms, uint64_t chance);

/* How a task that failed is started again: after first_ms, doubled for each failure in a row, at most most_ms.
 * After a fault that passes it waits no longer than RETRY_PASSING_MS (or first_ms): a server that is back
 * is found within seconds, however long it was away, and to look for it costs nothing. */
typedef struct retry_restart {
    int64_t first_ms, most_ms; /* at least 1 */
    int64_t failure_count;     /* before this one, in a row */
    bool is_passing;
} retry_restart;

enum { RETRY_PASSING_MS = 4000 };

/* The pause: from half of what the rules say to all of it, by chance. */
int64_t retry_restart_after(const retry_restart *rules, uint64_t chance);

#endif

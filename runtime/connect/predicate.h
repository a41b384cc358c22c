/* predicate.h - which records a transform is for.
 *
 * Kafka Connect's three, with their settings: a topic's name matches an expression, a header is there, the
 * record is a tombstone. A predicate belongs to one task.
 */
#ifndef RUNTIME_CONNECT_PREDICATE_H
#define RUNTIME_CONNECT_PREDICATE_H

#include "sdk/src/batch.h"
#include "sdk/src/config.h"

typedef struct predicate predicate;

/* Makes the predicate that the settings predicates.NAME.* describe. NULL when they do not; then there is a
 * problem on the list. Settings that are bound live in memory. */
predicate *predicate_open(const config_setting *settings, size_t count, weir_str name,
                          config_severity unknown, weir_task *memory, config_issues *issues);
void predicate_close(predicate *self);

/* Fails only when a regular expression cannot tell: java_regex.h. */
WEIR_MUST_CHECK weir_code predicate_holds(predicate *self, const weir_batch *batch,
                                          const batch_entry *entry, bool *out, weir_error *err);

#endif

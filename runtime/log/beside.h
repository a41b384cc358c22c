/* beside.h - runs one function on a thread of its own while its owner does something else.
 *
 * The writer uses it to have two files synced at once. One function at a time; begin and end are called by the
 * owner, in turn.
 */
#ifndef RUNTIME_LOG_BESIDE_H
#define RUNTIME_LOG_BESIDE_H

#include "weir/base.h"

typedef struct beside beside;
typedef weir_code beside_run(void *context, weir_error *err);

/* Starts the thread; name, at most 15 characters, is for whoever looks with ps. */
beside *beside_new(const char *name);
/* Ends the thread; nothing runs. NULL is fine. */
void beside_free(beside *self);

/* Has run called soon. context stays as it is until end. */
void beside_begin(beside *self, beside_run *run, void *context);
/* Waits for it and returns what it returned. */
WEIR_MUST_CHECK weir_code beside_end(beside *self, weir_error *err);

#endif

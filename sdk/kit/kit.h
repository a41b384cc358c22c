/* kit.h - runs a connector without a worker, a log or a network of its own: for its author's tests.
 *
 * The caller is the worker: it says when a source is polled and what is acknowledged, and hands a sink its
 * batches. Every put is checked against its schema. Nothing happens by itself, so that a test that passes once
 * passes always.
 *
 * A kit belongs to one thread. The program that uses it is linked with the whole library and exports its
 * functions, as weir does: the Makefile's rule of weir-kit shows how.
 */
#ifndef SDK_KIT_KIT_H
#define SDK_KIT_KIT_H

#include "runtime/connect/plugin.h"
#include "sdk/src/batch.h"

typedef struct kit kit;

/* A connector with these settings, not open yet. connector and its plugins outlive the kit. WEIR_CONFIG when a
 * setting is wrong; the settings are copied. */
WEIR_MUST_CHECK weir_code kit_new(const plugin *connector, const config_setting *settings,
                                  size_t count, kit **out, weir_error *err);
/* Closes it first, if it is open. NULL is fine. */
void kit_free(kit *self);
void kit_freep(kit **self);

/* Where diagnostics go; at first, and with NULL, nowhere. */
void kit_on_diag(kit *self, void (*diag)(void *context, weir_level level, weir_str text),
                 void *context);

/* Opens it with fresh state; a source resumes from the offsets of the checkpoints that were acknowledged. */
WEIR_MUST_CHECK weir_code kit_open(kit *self, weir_error *err);
void kit_close(kit *self);

/* Polls a source once. *batch is what it added, without what has no checkpoint yet when it failed; it lives
 * until the next call. WEIR_END, with the last records: there is nothing more. */
WEIR_MUST_CHECK weir_code kit_poll(kit *self, int timeout_ms, weir_batch **batch, weir_error *err);
WEIR_MUST_CHECK weir_code kit_idle(kit *self, weir_error *err);
/* Everything up to the last checkpoint is durable: its offsets are kept, and the source is told. */
WEIR_MUST_CHECK weir_code kit_ack(kit *self, weir_error *err);

/* Hands a batch to a sink: its records have partition 0 and count on from the last offset. */
WEIR_MUST_CHECK weir_code kit_put(kit *self, weir_batch *batch, weir_error *err);
/* *next_offset: the first offset that is not durable, as the sink says. */
WEIR_MUST_CHECK weir_code kit_flush(kit *self, int64_t *next_offset, weir_error *err);
/* How many records the sink refused; a refused record does not stop it. */
size_t kit_rejected(const kit *self);

/* The conformance check: what plugin_check finds in the tables, and, while it runs with these settings, whether
 * a source keeps its times (poll: timeout + 100 ms; idle: 100 ms), writes offsets that are JSON objects, and
 * goes on where it was after close and open; whether a sink takes records and flushes all of them. One message
 * for each finding. */
void kit_check(const plugin *connector, const config_setting *settings, size_t count,
               void (*found)(void *context, const char *message), void *context);

#endif

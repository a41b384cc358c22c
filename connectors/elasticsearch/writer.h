/* writer.h - the way of records into bulk requests.
 *
 * A record's index, id and version are found, its document is made, and both go to the lane of that id. Changes
 * that lack fields are completed (present.h), for which the writer looks ahead in its batch; deletions that may be
 * needed for that wait (moves.h).
 *
 * Belongs to the task's thread.
 */
#ifndef ELASTICSEARCH_WRITER_H
#define ELASTICSEARCH_WRITER_H

#include "client.h"
#include "moves.h"
#include "present.h"

#include "weir/sink.h"

typedef struct writer {
    weir_task *task;
    const es_settings *settings;
    es_client *client;
    index_table indices;
    present_table present;
    weir_buf id, document; /* of the record that is being written */
    moves moves;           /* deletions that wait */
} writer;

void writer_init(writer *self, weir_task *task, const es_settings *settings, es_client *client);
/* Adds an item to the lane of its id. source: of an index action. */
WEIR_MUST_CHECK weir_code writer_add(writer *self, const bulk_action *action, weir_str source,
                                     weir_error *err);
/* Also of one that was never initialised. */
void writer_done(writer *self);

/* As put and flush of a sink. Records that can never be written go to the task's error policy. */
WEIR_MUST_CHECK weir_code writer_put(writer *self, const weir_batch *batch, weir_error *err);
WEIR_MUST_CHECK weir_code writer_flush(writer *self, weir_offsets *offsets, weir_error *err);

#endif

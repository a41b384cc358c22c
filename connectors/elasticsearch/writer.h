/* writer.h - the way of records into bulk requests.
 *
 * A record's index, id and version are found, its document is made, and both go to the lane of that id. Changes
 * that lack fields are completed (present.h), for which the writer looks ahead in its batch.
 *
 * A key that changes comes as two records of one version: the old id's deletion, then the new id's document.
 * When that lacks fields, they are in the old document, so this one may be deleted only when the new one is
 * safely there: such deletions are sent at the window's end. A deletion that is the last record of a batch is
 * held until the next batch, or the second flush, shows what it is.
 *
 * Belongs to the task's thread.
 */
#ifndef ELASTICSEARCH_WRITER_H
#define ELASTICSEARCH_WRITER_H

#include "client.h"
#include "index.h"
#include "present.h"

#include "weir/sink.h"

/* A deletion that is not sent yet. */
typedef struct writer_deletion {
    const index_entry *index; /* NULL: there is none */
    weir_buf id;
    int64_t version;
    int32_t partition;
    int64_t offset;
} writer_deletion;

typedef struct writer {
    weir_task *task;
    const es_settings *settings;
    es_client *client;
    index_table indices;
    present_table present;
    weir_buf id, document; /* of the record that is being written */
    writer_deletion held;
    int held_flushes;   /* since it is held */
    weir_buf deletions; /* of writer_deletion: for the window's end */
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

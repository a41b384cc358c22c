/* unsent.h - fields that a source did not send, across the log.
 *
 * In a batch they are a bitmap by column; in the log they are the header weir.unsent, a JSON array of the
 * columns' paths, beside the placeholder that other readers of the log know. Sinks get the bitmap back, so that
 * none of them writes the placeholder.
 */
#ifndef RUNTIME_CONNECT_UNSENT_H
#define RUNTIME_CONNECT_UNSENT_H

#include "sdk/src/batch.h"

#define UNSENT_HEADER WEIR_STR("weir.unsent")

/* Adds the header's value for a record that has a bitmap. */
void unsent_write(const weir_record *record, weir_buf *out);

/* Sets the entry's bitmap from its header, if it has one and its value has a schema. Paths that the schema
 * does not have are passed over. WEIR_REJECT when the header is no JSON array. */
WEIR_MUST_CHECK weir_code unsent_read(weir_batch *batch, uint32_t index, weir_error *err);

#endif

/* document.h - from a record to a document: its id, its JSON, its version.
 *
 * Pure functions over bytes. Values are streamed from the record's Avro bytes into the request body; no
 * tree of values is built.
 */
#ifndef ELASTICSEARCH_DOCUMENT_H
#define ELASTICSEARCH_DOCUMENT_H

#include "weir/batch.h"
#include "weir/buf.h"

enum { DOCUMENT_ID_MAX_BYTES = 512 }; /* Elasticsearch's own limit */

/* Adds the id that a record's key makes: the text of a plain key or of a key record's only field; a JSON
 * array of the fields when there are several, so that no two keys make one id. WEIR_REJECT when there is no
 * key, or none that can be an id: empty, null, not UTF-8, too long. */
WEIR_MUST_CHECK weir_code document_id(const weir_record *record, weir_buf *out, weir_error *err);

/* Adds the record's value as a JSON object on one line. Fields that were not sent are taken, byte for byte,
 * from present, the JSON of the document that is there; with merge, so are those that the record's schema
 * does not have. present is empty when there is none. WEIR_REJECT when the value is no record, or a field
 * inside of a field was not sent. */
WEIR_MUST_CHECK weir_code document_json(const weir_record *record, weir_str present, bool merge,
                                        weir_buf *out, weir_error *err);

/* The version of a document: the position of the change in its source (header weir.position) when the id
 * is the key, else the offset in the log. */
typedef struct document_version {
    int64_t number;
    bool is_position;
    weir_str source; /* of a position: within what positions compare (header weir.source) */
} document_version;

/* False: the header is not a number. */
bool document_version_of(const weir_batch *batch, const weir_record *record, bool id_is_key,
                         document_version *out);

#endif

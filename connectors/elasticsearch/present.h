/* present.h - the documents that are there already, for changes that do not have all fields.
 *
 * The update action of Elasticsearch takes no version, so a change that lacks fields is completed to a whole
 * document before it is indexed (docs/decisions/0002-completing-documents.md). The sink looks ahead in its
 * batch: it wants the documents of a window of records, reads all of them with one request, when nothing
 * else is on its way, and then keeps what it writes itself, so that several changes of a document in one
 * window build on each other.
 *
 * Belongs to the task's thread.
 */
#ifndef ELASTICSEARCH_PRESENT_H
#define ELASTICSEARCH_PRESENT_H

#include "http.h"

#include "weir/map.h"

typedef struct present_document {
    bool is_there;
    int64_t version;   /* of one that is there */
    weir_buf source;   /* its JSON, byte for byte */
    weir_buf action;   /* its line in the request */
    int64_t moves_at;  /* the version of the change that gives it another id; -1: none does */
    size_t moved_from; /* the place + 1 of the document that this one was before; 0: none */
} present_document;

typedef struct present_table {
    weir_map *places;   /* index and id -> place in documents + 1 */
    weir_buf documents; /* of present_document */
    weir_buf key;       /* the one looked for last */
    size_t most;        /* documents of a window: fewer when they are large */
} present_table;

void present_init(present_table *table);
void present_done(present_table *table);

/* Forgets all documents: the next window begins. */
void present_clear(present_table *table);
size_t present_count(const present_table *table);
/* A window has as many documents as one request should ask for. */
bool present_is_full(const present_table *table);

/* Adds a document to the window, once; returns its place. */
size_t present_want(present_table *table, weir_str index, weir_str id);
present_document *present_at(const present_table *table, size_t place);

/* Reads all of them. Nothing is on its way to them. *too_large: the answer was larger than is
 * taken; nothing was read, and the next window is smaller. */
WEIR_MUST_CHECK weir_code present_read(present_table *table, es_http *http, bool *too_large,
                                       weir_error *err);

/* Takes the documents out of an answer of _mget. WEIR_RETRY when it does not answer for each of them.
 * Exposed for its test. */
WEIR_MUST_CHECK weir_code present_take_answer(present_table *table, weir_str answer,
                                              weir_error *err);

/* NULL: it was not wanted. Valid until the next present_want. */
present_document *present_find(present_table *table, weir_str index, weir_str id);

#endif

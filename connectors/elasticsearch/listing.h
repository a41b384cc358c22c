/* listing.h - the ids of all documents of an index, page by page.
 *
 * What is in the index when the listing is opened is listed, whatever is written or deleted meanwhile.
 * Belongs to the task's thread.
 */
#ifndef ELASTICSEARCH_LISTING_H
#define ELASTICSEARCH_LISTING_H

#include "http.h"

typedef struct listing {
    es_http *http;
    weir_buf path;   /* of the first page; empty behind it */
    weir_buf scroll; /* its id on the server, as a JSON text; empty: none */
    weir_buf answer; /* the last page */
} listing;

/* Makes what was written before visible. listing_close in any case. */
WEIR_MUST_CHECK weir_code listing_open(listing *self, es_http *http, weir_str index,
                                       weir_error *err);

/* What to do with an id. Not WEIR_OK ends the listing with that error. */
typedef weir_code (*listing_take)(void *context, weir_str id, weir_error *err);

/* Gives the ids of the next page; *done: there were none left. */
WEIR_MUST_CHECK weir_code listing_page(listing *self, listing_take take, void *context, bool *done,
                                       weir_error *err);
void listing_close(listing *self);

#endif

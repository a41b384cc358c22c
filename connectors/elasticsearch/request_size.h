/* request_size.h - how large the next requests may be, from what became of those before.
 *
 * A slow answer, or a refusal for want of room, makes requests smaller for a while; a 413 says once and for all
 * what the server takes. Pure.
 */
#ifndef ELASTICSEARCH_REQUEST_SIZE_H
#define ELASTICSEARCH_REQUEST_SIZE_H

#include <stddef.h>

enum { REQUEST_SIZE_MIN = 65536 }; /* a request is not made smaller than this, but for 413 */

typedef struct request_size {
    size_t limit; /* of the next requests; grows again up to ... */
    size_t most;  /* ... this, which a 413 lowers for good */
} request_size;

/* The server could not, or took long. A request that was sent when larger ones were still thought right says
 * nothing new. */
void request_size_shrink(request_size *self, size_t sent);
/* The server answered soon. A request that was much smaller than the limit says nothing. */
void request_size_grow(request_size *self, size_t sent);
/* The server takes no request of this size. */
void request_size_halve(request_size *self, size_t sent);

#endif

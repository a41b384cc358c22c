/* http_path.h - the path of a request: matched against the patterns of routes, and percent-decoded.
 *
 * A pattern is a path whose segments may be {…}: "/connectors/{name}/config". A path is cut into segments before it
 * is decoded, so that "%2F" in a name is no slash; a slash at its end does not count. What a segment in braces
 * stands for is a parameter; it is never empty and has no NUL in it.
 *
 * Belongs to one thread. A zeroed http_path is empty; http_path_done releases it.
 */
#ifndef RUNTIME_BASE_HTTP_PATH_H
#define RUNTIME_BASE_HTTP_PATH_H

#include "weir/buf.h"

#define HTTP_PARAMETERS 4

typedef struct http_path {
    weir_buf
        text; /* as it came; behind it is room for the parameters, which together are not longer */
    size_t decoded;                          /* bytes of the room that are used */
    const char *parameters[HTTP_PARAMETERS]; /* of the pattern that matched last; then NULL */
} http_path;

/* Takes a path, without its query, in place of the one before. */
void http_path_set(http_path *self, weir_str path);
void http_path_done(http_path *self);

/* True when the path is one of the pattern's; the parameters are those of this pattern then. */
bool http_path_matches(http_path *self, const char *pattern);

#endif

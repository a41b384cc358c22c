/* context_path.h - "/contexts/.ctx/subjects/orders/versions": the paths of a context.
 *
 * Behind /contexts/C stands any path of the API; what it names is in that context, unless it says another one:
 * subjects in the path, the subject or subjectPrefix of the query, configuration and mode. It is routed as the
 * path without it, "/subjects/:.ctx:orders/versions". Pure functions; any thread.
 */
#ifndef SCHEMA_REGISTRY_API_CONTEXT_PATH_H
#define SCHEMA_REGISTRY_API_CONTEXT_PATH_H

#include "weir/buf.h"

/* True when the path is one of a context; the path that it stands for is added to out. Both are as they are
 * sent, percent-encoded. A context whose name has a colon inside is none. */
bool context_path_rewrite(weir_str path, weir_buf *out);

/* Adds the context that a path is of, as subjects begin: ":.ctx:"; nothing for the default one. False when the
 * path is of none. */
bool context_path_add(weir_str path, weir_buf *out);

/* Does a text (not encoded) name its context itself, as subjects and prefixes may? */
bool context_path_is_qualified(weir_str text);

#endif

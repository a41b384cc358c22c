/* subject_name.h - names of subjects with their context: ":.ctx:orders-value".
 *
 * A name without a context is in the default one, called "."; ":*:" in front stands for all contexts.
 * Pure functions; any thread. Results point into what they were made of.
 */
#ifndef SCHEMA_REGISTRY_REGISTRY_SUBJECT_NAME_H
#define SCHEMA_REGISTRY_REGISTRY_SUBJECT_NAME_H

#include "weir/buf.h"

typedef struct subject_name {
    weir_str context; /* ".", ".ctx"; "*": all of them */
    weir_str subject; /* empty: the context itself */
} subject_name;

subject_name subject_name_of(weir_str text);

/* Adds the name in its one spelling: without a context that is the default, with both colons. */
void subject_name_add(subject_name name, weir_buf *out);
/* Adds ":.ctx:", or nothing for the default context. */
void subject_name_add_context(weir_str context, weir_buf *out);

bool subject_name_is_default_context(weir_str text); /* "", ":.:", and ptr NULL */
bool subject_name_is_global_context(weir_str text);  /* ":.__GLOBAL:" */

/* Clients may use the name: no control characters, no reserved word. Settings may also be of the global
 * context. */
bool subject_name_is_valid(weir_str text, bool is_setting);

/* Adds a subject as something in the parent's context names it: its own context counts, if it has one. */
void subject_name_add_beside(weir_str parent, weir_str subject, weir_buf *out);

/* True when the name is the subject, or a context (with nothing behind it) that the subject is in. Both are
 * spelled as subject_name_add does; ptr NULL matches every subject. */
bool subject_name_matches(weir_str name, weir_str subject);

#endif

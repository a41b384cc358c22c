/* registry_reply.h - pieces of answers. registry_state.h includes it. */
#ifndef SCHEMA_REGISTRY_REGISTRY_REGISTRY_REPLY_H
#define SCHEMA_REGISTRY_REGISTRY_REGISTRY_REPLY_H

#include "schema-registry/registry/registry_state.h"

/* A version in an answer; subject ptr NULL: without it, and the id first, as registrations are answered;
 * timestamp_ms < 0: neither ts nor deleted. */
typedef struct reply_parts {
    weir_str subject;
    int32_t version;
    int64_t timestamp_ms;
    bool is_deleted;
    weir_str tags; /* JSON; ptr NULL: none */
} reply_parts;

/* {"subject":..,"version":..,"id":..,BODY,"ts":..,"deleted":..}. */
void reply_version(const reply_parts *parts, const stored_schema *schema, weir_buf *reply);
/* Adds the tags of a schema that a query wants. */
void reply_tags(registry *self, weir_str subject, stored_schema *schema,
                const registry_query *query, weir_buf *tags);
/* What stands behind a schema's body: schemaTags, ts, deleted. */
void reply_rest(const reply_parts *parts, weir_buf *reply);
/* The text of a schema of a subject as a query wants it. Takes the read lock. False: it cannot be parsed. */
bool reply_text(registry *self, weir_str subject, stored_schema *schema,
                const registry_query *query, weir_buf *text, registry_error *error);
/* The schema with its text and references as a query wants them, held; it is the schema itself when nothing
 * changes. NULL: it cannot be parsed. */
stored_schema *reply_formatted(registry *self, weir_str subject, stored_schema *schema,
                               const registry_query *query, registry_error *error);

/* Is the item at this place on the page? */
bool page_has(registry_page page, int64_t place);
/* All contexts by name, as pointers; for a writer or under the read lock. */
void sorted_contexts(const registry *self, weir_buf *out);

#endif

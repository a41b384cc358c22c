/* registry_requests.h - the requests of registry.h, each one a function.
 *
 * registry.h says what reply and error are, and which threads may call; it includes this.
 */
#ifndef SCHEMA_REGISTRY_REGISTRY_REGISTRY_REQUESTS_H
#define SCHEMA_REGISTRY_REGISTRY_REGISTRY_REQUESTS_H

#include "schema-registry/registry/registry.h"

/* Adds the subject that a subject's alias stands for, or the subject itself. What names a subject in the
 * path behind /subjects/, or in the query of /schemas/ids/, goes through it; configuration does not. */
void registry_resolve_alias(registry *self, weir_str subject, weir_buf *out);

/* --- Changing --------------------------------------------------------------------------------- */

/* POST /subjects/S/versions. Finds the schema under the subject, or makes it the next version. force
 * leaves compatibility out. Reply: {"id":1,"version":1,"guid":..,"schemaType":..,"schema":..,...}. */
WEIR_MUST_CHECK bool registry_register(registry *self, weir_str subject,
                                       const registry_schema *schema, bool normalize, bool force,
                                       weir_buf *reply, registry_error *error);

/* DELETE /subjects/S: [1,2]; DELETE /subjects/S/versions/V (-1: the latest): 1. */
WEIR_MUST_CHECK bool registry_delete_subject(registry *self, weir_str subject, bool permanent,
                                             weir_buf *reply, registry_error *error);
WEIR_MUST_CHECK bool registry_delete_version(registry *self, weir_str subject, int32_t version,
                                             bool permanent, weir_buf *reply,
                                             registry_error *error);

/* PUT and DELETE /config and /config/S. json is the body. */
WEIR_MUST_CHECK bool registry_set_config(registry *self, weir_str subject, weir_str json,
                                         weir_buf *reply, registry_error *error);
WEIR_MUST_CHECK bool registry_delete_config(registry *self, weir_str subject, weir_buf *reply,
                                            registry_error *error);

/* PUT and DELETE /mode and /mode/S. recursive: also the modes of all subjects of a context. */
WEIR_MUST_CHECK bool registry_set_mode(registry *self, weir_str subject, weir_str json, bool force,
                                       weir_buf *reply, registry_error *error);
WEIR_MUST_CHECK bool registry_delete_mode(registry *self, weir_str subject, bool recursive,
                                          weir_buf *reply, registry_error *error);

/* DELETE /contexts/C, which has no subjects any more. */
WEIR_MUST_CHECK bool registry_delete_context(registry *self, weir_str context,
                                             registry_error *error);

/* --- Asking ----------------------------------------------------------------------------------- */

/* POST /subjects/S: is this schema a version of the subject? */
WEIR_MUST_CHECK bool registry_lookup(registry *self, weir_str subject,
                                     const registry_schema *schema, bool normalize, bool deleted,
                                     weir_buf *reply, registry_error *error);

/* GET /subjects; prefix ptr NULL: all contexts. */
void registry_list_subjects(registry *self, weir_str prefix, registry_filter filter,
                            registry_page page, weir_buf *reply);

/* GET /subjects/S/versions, .../V, .../V/schema, .../V/referencedby. Version -1: the latest. format is
 * the parameter of that name ("resolved"), or nothing. */
WEIR_MUST_CHECK bool registry_list_versions(registry *self, weir_str subject,
                                            registry_filter filter, registry_page page,
                                            weir_buf *reply, registry_error *error);
WEIR_MUST_CHECK bool registry_get_version(registry *self, weir_str subject, int32_t version,
                                          bool deleted, weir_str format, weir_buf *reply,
                                          registry_error *error);
WEIR_MUST_CHECK bool registry_get_version_text(registry *self, weir_str subject, int32_t version,
                                               bool deleted, weir_str format, weir_buf *reply,
                                               registry_error *error);
WEIR_MUST_CHECK bool registry_referenced_by(registry *self, weir_str subject, int32_t version,
                                            bool deleted, registry_page page, weir_buf *reply,
                                            registry_error *error);

/* GET /schemas/ids/I, .../schema, .../subjects, .../versions. The subject, which may be none, says in
 * which context to look, and which of a schema's subjects is meant. */
WEIR_MUST_CHECK bool registry_get_schema(registry *self, int64_t id, weir_str subject,
                                         weir_str format, bool fetch_max_id, weir_buf *reply,
                                         registry_error *error);
WEIR_MUST_CHECK bool registry_get_schema_text(registry *self, int64_t id, weir_str subject,
                                              weir_str format, weir_buf *reply,
                                              registry_error *error);
WEIR_MUST_CHECK bool registry_get_schema_subjects(registry *self, int64_t id, weir_str subject,
                                                  bool deleted, registry_page page, weir_buf *reply,
                                                  registry_error *error);
WEIR_MUST_CHECK bool registry_get_schema_versions(registry *self, int64_t id, weir_str subject,
                                                  bool deleted, registry_page page, weir_buf *reply,
                                                  registry_error *error);

/* GET /schemas/guids/G and /schemas/guids/G/ids. */
WEIR_MUST_CHECK bool registry_get_guid(registry *self, weir_str guid, weir_str format,
                                       weir_buf *reply, registry_error *error);
void registry_get_guid_ids(registry *self, weir_str guid, weir_buf *reply);

/* GET /schemas. prefix ptr NULL: all contexts. */
void registry_list_schemas(registry *self, weir_str prefix, bool deleted, bool latest_only,
                           registry_page page, weir_buf *reply);

/* GET /contexts: [".",".ctx"]. */
void registry_list_contexts(registry *self, weir_buf *reply);

/* POST /compatibility/subjects/S/versions/V; version 0: against all of them, /versions.
 * Reply: {"is_compatible":false,"messages":[..]}, messages when verbose. */
WEIR_MUST_CHECK bool registry_check(registry *self, weir_str subject, int32_t version,
                                    const registry_schema *schema, bool normalize, bool verbose,
                                    weir_buf *reply, registry_error *error);

/* GET /config, /config/S, /mode, /mode/S. */
WEIR_MUST_CHECK bool registry_get_config(registry *self, weir_str subject, bool default_to_global,
                                         weir_buf *reply, registry_error *error);
WEIR_MUST_CHECK bool registry_get_mode(registry *self, weir_str subject, bool default_to_global,
                                       weir_buf *reply, registry_error *error);

#endif

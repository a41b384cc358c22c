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

/* POST /subjects/S/versions. Finds the schema under the subject, or makes it the next version. Query: force
 * leaves compatibility out; normalize, format. Reply: {"id":1,"version":1,"guid":..,"schema":..,...}. */
typedef bool registry_schema_request(registry *self, weir_str subject,
                                     const registry_schema *schema, const registry_query *query,
                                     weir_buf *reply, registry_error *error);
registry_schema_request registry_register WEIR_MUST_CHECK;

/* POST /subjects/S/versions/V/tags: a version with other tags, metadata or rules becomes the next version. */
WEIR_MUST_CHECK bool registry_tag_version(registry *self, weir_str subject, int32_t version,
                                          weir_str json, weir_buf *reply, registry_error *error);

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
registry_schema_request registry_lookup WEIR_MUST_CHECK;

/* GET /subjects/S/metadata: the latest version whose metadata has all of these properties. */
WEIR_MUST_CHECK bool registry_get_by_metadata(registry *self, weir_str subject,
                                              const registry_properties *wanted,
                                              const registry_query *query, weir_buf *reply,
                                              registry_error *error);

/* GET /subjects; prefix ptr NULL: all contexts. */
void registry_list_subjects(registry *self, weir_str prefix, const registry_query *query,
                            weir_buf *reply);

/* GET /subjects/S/versions. */
WEIR_MUST_CHECK bool registry_list_versions(registry *self, weir_str subject,
                                            const registry_query *query, weir_buf *reply,
                                            registry_error *error);

/* GET /subjects/S/versions/V, .../schema, .../referencedby. Version -1: the latest. */
typedef bool registry_version_request(registry *self, weir_str subject, int32_t version,
                                      const registry_query *query, weir_buf *reply,
                                      registry_error *error);
registry_version_request registry_get_version WEIR_MUST_CHECK;
registry_version_request registry_get_version_text WEIR_MUST_CHECK;
registry_version_request registry_referenced_by WEIR_MUST_CHECK;

/* GET /schemas/ids/I, .../schema, .../subjects, .../versions. The subject, which may be none, says in
 * which context to look, and which of a schema's subjects is meant. */
typedef bool registry_id_request(registry *self, int64_t id, weir_str subject,
                                 const registry_query *query, weir_buf *reply,
                                 registry_error *error);
registry_id_request registry_get_schema WEIR_MUST_CHECK;
registry_id_request registry_get_schema_text WEIR_MUST_CHECK;
registry_id_request registry_get_schema_subjects WEIR_MUST_CHECK;
registry_id_request registry_get_schema_versions WEIR_MUST_CHECK;

/* GET /schemas/guids/G and /schemas/guids/G/ids. */
WEIR_MUST_CHECK bool registry_get_guid(registry *self, weir_str guid, const registry_query *query,
                                       weir_buf *reply, registry_error *error);
void registry_get_guid_ids(registry *self, weir_str guid, weir_buf *reply);

/* GET /schemas, of the default context unless the prefix names another one. */
void registry_list_schemas(registry *self, weir_str prefix, const registry_query *query,
                           weir_buf *reply);

/* GET /contexts: [".",".ctx"], of those that begin with the prefix. */
void registry_list_contexts(registry *self, weir_str prefix, registry_page page, weir_buf *reply);

/* POST /compatibility/subjects/S/versions/V and, with version 0: against all of them, /versions.
 * Reply: {"is_compatible":false,"messages":[..]}, messages when verbose. */
WEIR_MUST_CHECK bool registry_check(registry *self, const registry_versions *against,
                                    const registry_schema *schema, const registry_query *query,
                                    weir_buf *reply, registry_error *error);

/* GET /config, /config/S, /mode, /mode/S. */
WEIR_MUST_CHECK bool registry_get_config(registry *self, weir_str subject, bool default_to_global,
                                         weir_buf *reply, registry_error *error);
WEIR_MUST_CHECK bool registry_get_mode(registry *self, weir_str subject, bool default_to_global,
                                       weir_buf *reply, registry_error *error);

#endif

/* schema_store.h - subjects, versions and ids of schemas, kept in the topic _schemas.
 *
 * The topic has Confluent's record format (key {"keytype":"SCHEMA","subject","version","magic":1}), so that
 * it can be moved in and out. In memory is a replay of it. A schema has one id whatever subjects use it, and
 * no id is ever given twice; a schema is durable before its id is handed out. This program is the topic's
 * only writer.
 *
 * Threads: any. A lock guards the tables; it is held while a registration is written, so that ids and
 * versions follow the order of the log. Schemas that are handed out live until schema_store_close.
 */
#ifndef SCHEMA_REGISTRY_STORE_SCHEMA_STORE_H
#define SCHEMA_REGISTRY_STORE_SCHEMA_STORE_H

#include "runtime/log/log.h"
#include "weir/schema.h"

typedef struct schema_store schema_store;

/* Makes the topic when it is not there, and replays it. */
WEIR_MUST_CHECK weir_code schema_store_open(log *log, schema_store **out, weir_error *err);
void schema_store_close(schema_store *store);

/* The id of a schema under a subject; registers it as the next version when it is not there. */
WEIR_MUST_CHECK weir_code schema_store_register(schema_store *store, weir_str subject,
                                                const weir_schema *schema, int32_t *id,
                                                weir_error *err);

/* The schema of an id. WEIR_REJECT when there is none. */
WEIR_MUST_CHECK weir_code schema_store_get(schema_store *store, int32_t id, const weir_schema **out,
                                           weir_error *err);

#endif

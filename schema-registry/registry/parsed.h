/* parsed.h - parsed Avro schemas with what they refer to, and a bounded cache of them.
 *
 * A parsed schema never changes; whoever holds it releases it. The cache keeps those that were used last,
 * each beside its stored schema, which it holds.
 *
 * Threads: any. The cache has a lock of its own, which nothing else is taken under.
 */
#ifndef SCHEMA_REGISTRY_REGISTRY_PARSED_H
#define SCHEMA_REGISTRY_REGISTRY_PARSED_H

#include "schema-registry/registry/tables.h"
#include "weir/schema.h"

#include <pthread.h>

typedef struct parsed_schema {
    atomic_uint holders;
    weir_schema *schema;
    weir_schema **known; /* what it refers to, in the order in which it was parsed */
    size_t known_count;
    uint8_t normal[RECORD_MD5_SIZE]; /* of the normalized text: equal for equal schemas */
    uint8_t whole[RECORD_MD5_SIZE];  /* the same with the definitions of all references in it */
} parsed_schema;

typedef struct parsed_cache {
    pthread_mutex_t lock;
    stored_schema *newest, *oldest;
    size_t count, max;
} parsed_cache;

/* Parses texts one after the other, each with those in front of it known; the last one is the schema. is_new:
 * nobody has taken it before, so its defaults and all its names are checked as well. NULL with the reason. */
parsed_schema *parsed_schema_new(const weir_str *texts, size_t count, bool is_new, weir_error *err);
void parsed_schema_hold(parsed_schema *parsed);
void parsed_schema_release(parsed_schema *parsed);
void parsed_schema_releasep(parsed_schema **parsed);

void parsed_cache_init(parsed_cache *cache, size_t max);
void parsed_cache_done(parsed_cache *cache);

/* What is parsed of a schema, held; NULL when that is not in the cache. */
parsed_schema *parsed_cache_get(parsed_cache *cache, stored_schema *schema);
void parsed_cache_put(parsed_cache *cache, stored_schema *schema, parsed_schema *parsed);

#endif

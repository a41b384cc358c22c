/* parsed.c - parsed Avro schemas with what they refer to, and a bounded cache of them. */
#include "schema-registry/registry/parsed.h"

#include "runtime/base/mem.h"
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/canonical.h"
#include "schema-registry/registry/schema_hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void free_parsed(parsed_schema *parsed)
{
    avro_schema_free(parsed->schema);
    for (size_t i = parsed->known_count; i > 0; i--)
        avro_schema_free(parsed->known[i - 1]);
    free(parsed->known);
    free(parsed);
}

static void hash_normal(const weir_schema *schema, uint8_t out[RECORD_MD5_SIZE])
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0};

    avro_normalize(schema, &text);
    schema_hash_text(weir_buf_str(&text), out);
}

/* A schema with references may be sent with all of them resolved; then this is what is the same. */
static void hash_whole(parsed_schema *self)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0};
    weir_error err;
    weir_schema *whole;

    memcpy(self->whole, self->normal, RECORD_MD5_SIZE);
    if (self->known_count == 0)
        return;
    avro_resolved(self->schema, &text);
    whole = avro_parse_stored(weir_buf_str(&text), NULL, 0, &err);
    if (whole != NULL)
        hash_normal(whole, self->whole);
    avro_schema_free(whole);
}

parsed_schema *parsed_schema_new(const weir_str *texts, size_t count, bool is_new, weir_error *err)
{
    parsed_schema *self = mem_zalloc(1, sizeof(*self));
    const weir_schema *const *known;

    assert(count > 0);
    atomic_init(&self->holders, 1);
    self->known = mem_zalloc(count, sizeof(self->known[0]));
    known = (const weir_schema *const *)self->known;
    for (size_t i = 0; i < count; i++) {
        bool is_checked = is_new && i + 1 == count;
        weir_schema *schema = (is_checked ? avro_parse_with : avro_parse_stored)(
            texts[i], known, self->known_count, err);

        if (schema == NULL) {
            free_parsed(self);
            return NULL;
        }
        if (i + 1 == count)
            self->schema = schema;
        else
            self->known[self->known_count++] = schema;
    }
    hash_normal(self->schema, self->normal);
    hash_whole(self);
    return self;
}

void parsed_schema_hold(parsed_schema *parsed)
{
    atomic_fetch_add_explicit(&parsed->holders, 1, memory_order_relaxed);
}

void parsed_schema_release(parsed_schema *parsed)
{
    if (parsed != NULL && atomic_fetch_sub_explicit(&parsed->holders, 1, memory_order_acq_rel) == 1)
        free_parsed(parsed);
}

void parsed_schema_releasep(parsed_schema **parsed)
{
    parsed_schema_release(*parsed);
    *parsed = NULL;
}

/* --- The cache: a list of stored schemas, newest first ---------------------------------------- */

void parsed_cache_init(parsed_cache *cache, size_t max)
{
    *cache = (parsed_cache){.max = max};
    pthread_mutex_init(&cache->lock, NULL);
}

static void unlink_schema(parsed_cache *cache, stored_schema *schema)
{
    if (schema->newer != NULL)
        schema->newer->older = schema->older;
    else
        cache->newest = schema->older;
    if (schema->older != NULL)
        schema->older->newer = schema->newer;
    else
        cache->oldest = schema->newer;
    schema->newer = schema->older = NULL;
}

static void link_newest(parsed_cache *cache, stored_schema *schema)
{
    schema->older = cache->newest;
    if (cache->newest != NULL)
        cache->newest->newer = schema;
    else
        cache->oldest = schema;
    cache->newest = schema;
}

static void evict_oldest(parsed_cache *cache)
{
    stored_schema *schema = cache->oldest;

    unlink_schema(cache, schema);
    parsed_schema_releasep(&schema->parsed);
    stored_schema_release(schema);
    cache->count--;
}

void parsed_cache_done(parsed_cache *cache)
{
    while (cache->oldest != NULL)
        evict_oldest(cache);
    pthread_mutex_destroy(&cache->lock);
}

parsed_schema *parsed_cache_get(parsed_cache *cache, stored_schema *schema)
{
    parsed_schema *found;

    pthread_mutex_lock(&cache->lock);
    found = schema->parsed;
    if (found != NULL) {
        parsed_schema_hold(found);
        unlink_schema(cache, schema);
        link_newest(cache, schema);
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

void parsed_cache_put(parsed_cache *cache, stored_schema *schema, parsed_schema *parsed)
{
    pthread_mutex_lock(&cache->lock);
    if (schema->parsed == NULL) { /* else somebody was faster */
        if (cache->count == cache->max)
            evict_oldest(cache);
        stored_schema_hold(schema);
        parsed_schema_hold(parsed);
        schema->parsed = parsed;
        link_newest(cache, schema);
        cache->count++;
    }
    pthread_mutex_unlock(&cache->lock);
}

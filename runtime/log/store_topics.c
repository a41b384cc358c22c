/* store_topics.c - topics and facts: made, deleted, and kept as records of an internal topic.
 *
 * Keys of `__weir_metadata` are "topic/NAME" and "fact/KEY", values are small JSON objects, a null value
 * deletes. The table of topics (store_table.c) is a replay of it: of its segments first, then of the journal.
 *
 * A topic's files are removed after a checkpoint that is behind its deletion, so that the journal never
 * names a topic whose files are gone.
 */
#include "runtime/base/mem.h"
#include "runtime/log/store_read.h"
#include "runtime/log/store_table.h"
#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_NAME_BYTES = 249,
    MAX_PARTITIONS = 100000,
    MAX_KEY_BYTES = 255,
    MAX_RECORDS_BYTES = 64 << 20, /* what one batch of definitions may decompress to */
};

/* --- Records -------------------------------------------------------------------------------- */

static char *config_to_json(const store_topic *topic)
{
    const log_topic_config *config = &topic->info.config;
    json_t *object =
        json_pack("{s:s, s:i, s:b, s:I, s:I, s:b, s:i, s:I, s:i, s:i}", "id", topic->info.id,
                  "partitions", (int)config->partitions, "compact", (int)config->compact,
                  "retention.ms", (json_int_t)config->retention_ms, "retention.bytes",
                  (json_int_t)config->retention_bytes, "trim", (int)config->trim, "compression",
                  config->compression, "max.message.bytes", (json_int_t)config->max_message_bytes,
                  "key.check", (int)config->key_check, "value.check", (int)config->value_check);
    char *text = json_dumps(object, JSON_COMPACT);

    assert(text != NULL);
    json_decref(object);
    return text;
}

static bool config_from_json(weir_str text, uint8_t *id, log_topic_config *config)
{
    json_t *object = json_loadb(text.ptr, text.len, 0, NULL);
    const char *id_text = NULL;
    int partitions = 0, compact = 0, trim = 0, compression = 0;
    int key_check = LOG_UNCHECKED, value_check = LOG_UNCHECKED; /* older definitions have none */
    json_int_t retention_ms = -1, retention_bytes = -1, max_message_bytes = 1 << 20;
    bool good;

    good = object != NULL &&
           json_unpack(object, "{s:s, s:i, s:b, s:I, s:I, s:b, s:i, s:I, s?i, s?i}", "id", &id_text,
                       "partitions", &partitions, "compact", &compact, "retention.ms",
                       &retention_ms, "retention.bytes", &retention_bytes, "trim", &trim,
                       "compression", &compression, "max.message.bytes", &max_message_bytes,
                       "key.check", &key_check, "value.check", &value_check) == 0 &&
           key_check >= 0 && key_check < LOG_SCHEMA_CHECKS && value_check >= 0 &&
           value_check < LOG_SCHEMA_CHECKS && partitions >= 1 && partitions <= MAX_PARTITIONS &&
           store_id_parse(weir_cstr(id_text), id);
    json_decref(object);
    *config = (log_topic_config){.partitions = partitions,
                                 .compact = compact != 0,
                                 .retention_ms = retention_ms,
                                 .retention_bytes = retention_bytes,
                                 .trim = trim != 0,
                                 .compression = compression,
                                 .max_message_bytes = max_message_bytes,
                                 .key_check = (log_schema_check)key_check,
                                 .value_check = (log_schema_check)value_check};
    return good;
}

static void fact_set(store *self, weir_str key, int64_t value)
{
    int64_t *kept = weir_map_get(self->facts, key);

    if (kept == NULL) {
        kept = mem_zalloc(1, sizeof(*kept));
        weir_map_put(self->facts, key, kept);
    }
    *kept = value;
}

static bool starts_with(weir_str text, weir_str prefix, weir_str *rest)
{
    if (text.len < prefix.len || memcmp(text.ptr, prefix.ptr, prefix.len) != 0)
        return false;
    *rest = (weir_str){text.ptr + prefix.len, text.len - prefix.len};
    return true;
}

static void replay_deletion(store *self, store_topic *topic)
{
    table_remove(self, topic);
    topic->deleted_at = 0; /* recovery's own checkpoint is behind it */
    topic->deletion_offset = -1;
    atomic_store(&topic->is_deleted, true);
}

static weir_code replay_topic(store *self, weir_str name, weir_str value, weir_error *err)
{
    store_topic *topic = weir_map_get(self->topics, name);
    uint8_t id[STORE_ID_BYTES];
    log_topic_config config;

    if (value.ptr == NULL) {
        if (topic != NULL && topic != self->metadata)
            replay_deletion(self, topic);
        return WEIR_OK;
    }
    if (!config_from_json(value, id, &config))
        return weir_fail(err, WEIR_FATAL, "the definition of topic '%.*s' is damaged",
                         WEIR_ARG(name));
    if (topic != NULL && memcmp(topic->id, id, sizeof(id)) == 0)
        return WEIR_OK;
    if (topic != NULL)
        replay_deletion(self, topic);
    topic = topic_new(self, name, id, &config);
    table_add(self, topic);
    /* Of what the segments say, some may be deleted again; what the journal says is written to. */
    if (self->journal == NULL)
        return WEIR_OK;
    topic->dirs_are_new = true;
    return topics_make_dirs(topic, err);
}

static weir_code replay_record(store *self, const record_view *record, weir_error *err)
{
    weir_str name;

    if (starts_with(record->key, WEIR_STR("topic/"), &name))
        return replay_topic(self, name, record->value, err);
    if (starts_with(record->key, WEIR_STR("fact/"), &name) && record->value.ptr != NULL) {
        json_t *number = json_loadb(record->value.ptr, record->value.len, JSON_DECODE_ANY, NULL);

        if (!json_is_integer(number)) {
            json_decref(number);
            return weir_fail(err, WEIR_FATAL, "the fact '%.*s' is damaged", WEIR_ARG(name));
        }
        fact_set(self, name, json_integer_value(number));
        json_decref(number);
    }
    return WEIR_OK; /* what a later version keeps here is not for us */
}

weir_code topics_replay(store *self, weir_str batches, weir_error *err)
{
    weir_buf scratch = {0};
    weir_code code = WEIR_OK;

    while (batches.len > 0 && code == WEIR_OK) {
        record_iterator records;
        record_view record;

        code = record_iterator_begin(&records, batches, &scratch, MAX_RECORDS_BYTES, err);
        if (code != WEIR_OK)
            break;
        while ((code = record_iterator_next(&records, &record, err)) == WEIR_OK &&
               (code = replay_record(self, &record, err)) == WEIR_OK)
            ;
        if (code == WEIR_END)
            code = WEIR_OK;
        batches.ptr += records.info.size_bytes;
        batches.len -= records.info.size_bytes;
    }
    weir_buf_done(&scratch);
    return code == WEIR_OK ? WEIR_OK : weir_wrap(err, "reading topic " STORE_METADATA_NAME);
}

/* Appends one record to the metadata topic; value NULL deletes. Durable when it returns. */
static weir_code put_record(store *self, const char *kind, weir_str name, const char *value,
                            weir_error *err)
{
    weir_buf key = {0}, bytes = {0}, scratch = {0};
    store_piece piece = {.partition = &self->metadata->partitions[0]};
    store_append append = {.pieces = &piece, .piece_count = 1};
    record_batch_builder builder = {0};
    record_fields fields = {.timestamp_ms = clock_wall_ms(self->clock)};
    weir_code code;

    weir_buf_printf(&key, "%s/%.*s", kind, WEIR_ARG(name));
    fields.key = weir_buf_str(&key);
    fields.value = weir_cstr(value);
    record_batch_begin(&builder, &bytes);
    record_batch_add(&builder, &fields);
    code = record_batch_end(&builder, RECORD_NONE, &scratch, err);
    piece.bytes = bytes.ptr;
    piece.size = bytes.len;
    if (code == WEIR_OK)
        code = store_append_now(self, &append, err);
    weir_buf_done(&key);
    weir_buf_done(&bytes);
    weir_buf_done(&scratch);
    return code;
}

/* --- The interface -------------------------------------------------------------------------- */

static weir_code check_name(weir_str name, weir_error *err)
{
    if (name.len == 0 || name.len > MAX_NAME_BYTES || weir_str_eq(name, WEIR_STR(".")) ||
        weir_str_eq(name, WEIR_STR("..")))
        return weir_fail(err, WEIR_CONFIG, "'%.*s' is no name for a topic: 1 to %d characters",
                         WEIR_ARG(name), MAX_NAME_BYTES);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '-'))
            return weir_fail(err, WEIR_CONFIG,
                             "'%.*s' is no name for a topic: only a-z, A-Z, 0-9, '.', '_' and '-'",
                             WEIR_ARG(name));
    }
    return WEIR_OK;
}

static weir_code check_config(weir_str name, const log_topic_config *config, weir_error *err)
{
    if (config->partitions < 1 || config->partitions > MAX_PARTITIONS)
        return weir_fail(err, WEIR_CONFIG, "topic '%.*s' cannot have %d partitions", WEIR_ARG(name),
                         config->partitions);
    if (config->compression != RECORD_NONE && config->compression != RECORD_LZ4 &&
        config->compression != RECORD_ZSTD)
        return weir_fail(err, WEIR_CONFIG, "topic '%.*s': compression is none, lz4 or zstd",
                         WEIR_ARG(name));
    return WEIR_OK;
}

static weir_code create(store *self, weir_str name, const log_topic_config *config, weir_error *err)
{
    uint8_t id[STORE_ID_BYTES];
    store_topic *topic;
    char *json;
    weir_code code;

    store_new_id(self, id);
    topic = topic_new(self, name, id, config);
    topic->dirs_are_new = true;
    json = config_to_json(topic);
    code = topics_make_dirs(topic, err);
    if (code == WEIR_OK)
        code = put_record(self, "topic", name, json, err);
    free(json);
    if (code != WEIR_OK) { /* directories that nothing names are removed at the next start */
        topic_free(topic);
        return weir_wrap(err, "could not create topic %.*s", WEIR_ARG(name));
    }
    pthread_mutex_lock(&self->lock);
    table_add(self, topic);
    pthread_mutex_unlock(&self->lock);
    return WEIR_OK;
}

weir_code store_topic_create(store *self, weir_str name, const log_topic_config *config,
                             weir_error *err)
{
    weir_code code = check_name(name, err);

    if (code == WEIR_OK)
        code = check_config(name, config, err);
    if (code != WEIR_OK)
        return code;
    pthread_mutex_lock(&self->admin);
    if (store_topic_find(self, name) == NULL)
        code = create(self, name, config, err);
    pthread_mutex_unlock(&self->admin);
    return code;
}

static weir_code delete_topic(store *self, store_topic *topic, weir_error *err)
{
    weir_str name = topic->info.name;
    const store_partition *definitions = &self->metadata->partitions[0];

    /* First no append to it is taken any more; then the record: so none comes behind it. A checkpoint may be made as
     * soon as that is applied, before we are told: its offset says on which side of it the checkpoint is. */
    pthread_mutex_lock(&self->lock);
    table_remove(self, topic);
    atomic_store(&topic->is_deleted, true);
    topic->deletion_offset = definitions->visible_offset; /* under `admin` nobody else adds one */
    pthread_mutex_unlock(&self->lock);
    if (put_record(self, "topic", name, NULL, err) != WEIR_OK) {
        pthread_mutex_lock(&self->lock);
        atomic_store(&topic->is_deleted, false);
        topic->deletion_offset = INT64_MAX;
        table_link(self, topic);
        pthread_mutex_unlock(&self->lock);
        return weir_wrap(err, "could not delete topic %.*s", WEIR_ARG(name));
    }
    pthread_mutex_lock(&self->lock);
    assert(definitions->visible_offset == topic->deletion_offset + 1);
    topic->deleted_at = journal_position(self->journal);
    topic->next_doomed = self->doomed;
    self->doomed = topic;
    for (int32_t i = 0; i < topic->info.config.partitions; i++) {
        store_partition *partition = &topic->partitions[i];

        for (size_t at = 0; at < partition->watches.len; at += sizeof(store_watch *)) {
            store_watch *watch;

            memcpy(&watch, partition->watches.ptr + at, sizeof(watch));
            watch->is_set = true;
            pthread_cond_broadcast(&watch->signal);
        }
    }
    self->recheck_parked = true;
    pthread_cond_signal(&self->to_write);
    pthread_cond_signal(&self->to_keep);
    pthread_mutex_unlock(&self->lock);
    return WEIR_OK;
}

weir_code store_topic_delete(store *self, weir_str name, weir_error *err)
{
    store_topic *topic;
    weir_code code;

    pthread_mutex_lock(&self->admin);
    topic = store_topic_find(self, name);
    if (topic == NULL)
        code = weir_fail(err, WEIR_CONFIG, "there is no topic '%.*s'", WEIR_ARG(name));
    else if (topic == self->metadata)
        code = weir_fail(err, WEIR_CONFIG, "topic " STORE_METADATA_NAME " cannot be deleted");
    else
        code = delete_topic(self, topic, err);
    pthread_mutex_unlock(&self->admin);
    return code;
}

store_topic *store_topic_find(store *self, weir_str name)
{
    store_topic *topic;

    pthread_mutex_lock(&self->lock);
    topic = weir_map_get(self->topics, name);
    pthread_mutex_unlock(&self->lock);
    return topic;
}

store_topic *store_topic_next(store *self, weir_str after)
{
    store_topic *topic = NULL;
    size_t at;

    pthread_mutex_lock(&self->lock);
    at = table_find(self, after, after.len > 0);
    if (at < self->sorted.len / sizeof(topic))
        topic = table_at(self, at);
    pthread_mutex_unlock(&self->lock);
    return topic;
}

uint64_t store_topics_generation(store *self)
{
    uint64_t generation;

    pthread_mutex_lock(&self->lock);
    generation = self->topics_generation;
    pthread_mutex_unlock(&self->lock);
    return generation;
}

const log_topic *store_topic_info(const store_topic *topic)
{
    return &topic->info;
}

bool store_topic_is_internal(const store_topic *topic)
{
    return topic->is_internal;
}

store_partition *store_partition_at(store_topic *topic, int32_t partition)
{
    if (partition < 0 || partition >= topic->info.config.partitions)
        return NULL;
    return &topic->partitions[partition];
}

store_topic *store_partition_topic(const store_partition *partition)
{
    return partition->topic;
}

int32_t store_partition_number(const store_partition *partition)
{
    return partition->number;
}

weir_code store_fact_put(store *self, weir_str key, int64_t value, weir_error *err)
{
    char text[24];
    weir_code code;

    if (key.len == 0 || key.len > MAX_KEY_BYTES)
        return weir_fail(err, WEIR_CONFIG, "a fact's key has 1 to %d bytes", MAX_KEY_BYTES);
    snprintf(text, sizeof(text), "%lld", (long long)value);
    pthread_mutex_lock(&self->admin);
    code = put_record(self, "fact", key, text, err);
    if (code == WEIR_OK)
        fact_set(self, key, value);
    pthread_mutex_unlock(&self->admin);
    return code;
}

int64_t store_fact_get(store *self, weir_str key, int64_t otherwise)
{
    const int64_t *kept;
    int64_t value;

    pthread_mutex_lock(&self->admin);
    kept = weir_map_get(self->facts, key);
    value = kept != NULL ? *kept : otherwise;
    pthread_mutex_unlock(&self->admin);
    return value;
}

/* store_topics.c - the table of topics, and the internal topic that its contents are records of.
 *
 * Keys of `__weir_metadata` are "topic/NAME" and "fact/KEY", values are small JSON objects, a null value
 * deletes. The table is a replay of that topic: of its segments first, then of the journal.
 *
 * A topic's files are removed after a checkpoint that is behind its deletion, so that the journal never
 * names a topic whose files are gone.
 */
#include "runtime/base/mem.h"
#include "runtime/log/store_read.h"
#include "runtime/log/store_work.h"
#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_NAME_BYTES = 249,
    DIR_NAME_BYTES = 200, /* of a long name in its directory's; the identity tells them apart */
    MAX_PARTITIONS = 100000,
    MAX_KEY_BYTES = 255,
    MAX_RECORDS_BYTES = 64 << 20, /* what one batch of definitions may decompress to */
};

const uint8_t STORE_METADATA_ID[STORE_ID_BYTES] = {[15] = 1};

static const char METADATA_NAME[] = "__weir_metadata";

void store_id_text(const uint8_t *id, char *text)
{
    static const char DIGITS[] = "0123456789abcdef";

    for (int i = 0; i < STORE_ID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *text++ = '-';
        *text++ = DIGITS[id[i] >> 4];
        *text++ = DIGITS[id[i] & 15];
    }
    *text = 0;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool store_id_parse(weir_str text, uint8_t *id)
{
    size_t digits = 0;

    if (text.len != 36)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = digit_of(text.ptr[i]);
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_dash ? text.ptr[i] != '-' : digit < 0)
            return false;
        if (is_dash)
            continue;
        id[digits / 2] = (uint8_t)(digits % 2 == 0 ? digit << 4 : id[digits / 2] | digit);
        digits++;
    }
    return true;
}

/* --- The table ------------------------------------------------------------------------------ */

static weir_str topic_name_of(const store_topic *topic)
{
    return topic->info.name;
}

static store_topic *sorted_at(const store *self, size_t i)
{
    store_topic *topic;

    memcpy(&topic, self->sorted.ptr + i * sizeof(topic), sizeof(topic));
    return topic;
}

static int compare_names(weir_str a, weir_str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.ptr, b.ptr, shorter);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* The first topic by name that is not below; after: that is above. */
static size_t sorted_find(const store *self, weir_str name, bool after)
{
    size_t low = 0, high = self->sorted.len / sizeof(store_topic *);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_names(topic_name_of(sorted_at(self, middle)), name);

        if (order < 0 || (after && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool name_is_internal(weir_str name)
{
    return (name.len >= 2 && memcmp(name.ptr, "__", 2) == 0) ||
           weir_str_eq(name, WEIR_STR("_schemas"));
}

static char *copy_text(weir_str text)
{
    char *copy = mem_zalloc(1, text.len + 1);

    memcpy(copy, text.ptr, text.len);
    return copy;
}

static store_topic *topic_new(store *self, weir_str name, const uint8_t *id,
                              const log_topic_config *config)
{
    store_topic *topic = mem_zalloc(1, sizeof(*topic));
    size_t shown = name.len < DIR_NAME_BYTES ? name.len : DIR_NAME_BYTES;
    size_t dir_size = shown + 1 + 36 + 1;

    topic->store = self;
    topic->info.name = (weir_str){copy_text(name), name.len};
    topic->info.config = *config;
    topic->is_internal = name_is_internal(name);
    topic->deleted_at = UINT64_MAX;
    if (topic->is_internal)
        topic->info.config.compact = true;
    memcpy(topic->id, id, sizeof(topic->id));
    store_id_text(id, topic->info.id);
    topic->dir = mem_zalloc(1, dir_size);
    snprintf(topic->dir, dir_size, "%.*s-%s", (int)shown, name.ptr, topic->info.id);
    topic->partitions = mem_zalloc((size_t)config->partitions, sizeof(*topic->partitions));
    for (int32_t i = 0; i < config->partitions; i++) {
        topic->partitions[i].topic = topic;
        topic->partitions[i].number = i;
        topic->partitions[i].epoch = 1;
    }
    return topic;
}

static void topic_free(store_topic *topic)
{
    for (int32_t i = 0; i < topic->info.config.partitions; i++)
        partition_done(&topic->partitions[i]);
    free(topic->partitions);
    free(topic->dir);
    free((char *)topic->info.name.ptr);
    free(topic);
}

/* Locked, or before there are threads. */
static void table_link(store *self, store_topic *topic)
{
    size_t at = sorted_find(self, topic->info.name, false);
    char *room;

    weir_map_put(self->topics, topic->info.name, topic);
    weir_buf_reserve(&self->sorted, sizeof(topic));
    room = self->sorted.ptr + at * sizeof(topic);
    memmove(room + sizeof(topic), room, self->sorted.len - at * sizeof(topic));
    memcpy(room, &topic, sizeof(topic));
    self->sorted.len += sizeof(topic);
    self->topics_generation++;
}

static void table_add(store *self, store_topic *topic)
{
    weir_buf_add(&self->all_topics, &topic, sizeof(topic));
    weir_map_put(self->by_id, (weir_str){(const char *)topic->id, sizeof(topic->id)}, topic);
    table_link(self, topic);
}

static void table_remove(store *self, store_topic *topic)
{
    size_t at = sorted_find(self, topic->info.name, false);
    char *room = self->sorted.ptr + at * sizeof(topic);

    assert(sorted_at(self, at) == topic);
    weir_map_remove(self->topics, topic->info.name);
    self->sorted.len -= sizeof(topic);
    memmove(room, room + sizeof(topic), self->sorted.len - at * sizeof(topic));
    self->topics_generation++;
}

static store_topic *topic_by_number(const store *self, size_t i)
{
    store_topic *topic;

    memcpy(&topic, self->all_topics.ptr + i * sizeof(topic), sizeof(topic));
    return topic;
}

void topics_init(store *self)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    config.compact = true;
    config.retention_ms = -1;
    self->topics = weir_map_new();
    self->by_id = weir_map_new();
    self->facts = weir_map_new();
    self->metadata = topic_new(self, weir_cstr(METADATA_NAME), STORE_METADATA_ID, &config);
    table_add(self, self->metadata);
}

void topics_done(store *self)
{
    size_t at = 0;
    weir_str key;
    void *value;

    for (size_t i = 0; i < self->all_topics.len / sizeof(store_topic *); i++)
        topic_free(topic_by_number(self, i));
    while (self->facts != NULL && weir_map_next(self->facts, &at, &key, &value))
        free(value);
    weir_map_free(self->facts);
    weir_map_free(self->by_id);
    weir_map_free(self->topics);
    weir_buf_done(&self->sorted);
    weir_buf_done(&self->all_topics);
}

store_topic *topics_by_id(store *self, const uint8_t *id)
{
    return weir_map_get(self->by_id, (weir_str){(const char *)id, STORE_ID_BYTES});
}

/* --- Directories ---------------------------------------------------------------------------- */

static void topic_path(const store_topic *topic, char *path)
{
    snprintf(path, STORE_PATH_BYTES, "%s/topics/%s", topic->store->path, topic->dir);
}

weir_code topics_make_dirs(store_topic *topic, weir_error *err)
{
    char path[STORE_PATH_BYTES];

    topic_path(topic, path);
    if (disk_mkdir(topic->store->disk, path, err) != WEIR_OK)
        return err->code;
    for (int32_t i = 0; i < topic->info.config.partitions; i++) {
        partition_dir(&topic->partitions[i], path);
        if (disk_mkdir(topic->store->disk, path, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

weir_code topics_sync_dirs(store_topic *topic, weir_error *err)
{
    char path[STORE_PATH_BYTES];

    topic_path(topic, path);
    if (disk_sync_dir(topic->store->disk, path, err) != WEIR_OK)
        return err->code;
    snprintf(path, sizeof(path), "%s/topics", topic->store->path);
    return disk_sync_dir(topic->store->disk, path, err);
}

/* Names in a directory, each with its NUL. */
static void add_name(void *context, const char *name)
{
    weir_buf_add(context, name, strlen(name) + 1);
}

static weir_code remove_files(store *self, const char *dir, weir_error *err)
{
    weir_buf names = {0};
    char path[STORE_PATH_BYTES];
    weir_code code = disk_list(self->disk, dir, add_name, &names, err);

    for (size_t at = 0; at < names.len && code == WEIR_OK; at += strlen(names.ptr + at) + 1) {
        snprintf(path, sizeof(path), "%.3000s/%.255s", dir, names.ptr + at);
        code = disk_unlink(self->disk, path, err);
    }
    weir_buf_done(&names);
    return code == WEIR_OK ? disk_rmdir(self->disk, dir, err) : code;
}

weir_code topics_remove_dir(store *self, const char *name, weir_error *err)
{
    weir_buf names = {0};
    char dir[STORE_PATH_BYTES], path[STORE_PATH_BYTES];
    weir_code code;

    snprintf(dir, sizeof(dir), "%s/topics/%s", self->path, name);
    code = disk_list(self->disk, dir, add_name, &names, err);
    for (size_t at = 0; at < names.len && code == WEIR_OK; at += strlen(names.ptr + at) + 1) {
        snprintf(path, sizeof(path), "%.3000s/%.255s", dir, names.ptr + at);
        code = remove_files(self, path, err);
    }
    weir_buf_done(&names);
    return code == WEIR_OK ? disk_rmdir(self->disk, dir, err) : code;
}

/* --- Records -------------------------------------------------------------------------------- */

static char *config_to_json(const store_topic *topic)
{
    const log_topic_config *config = &topic->info.config;
    json_t *object =
        json_pack("{s:s, s:i, s:b, s:I, s:I, s:b, s:i, s:I}", "id", topic->info.id, "partitions",
                  (int)config->partitions, "compact", (int)config->compact, "retention.ms",
                  (json_int_t)config->retention_ms, "retention.bytes",
                  (json_int_t)config->retention_bytes, "trim", (int)config->trim, "compression",
                  config->compression, "max.message.bytes", (json_int_t)config->max_message_bytes);
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
    json_int_t retention_ms = -1, retention_bytes = -1, max_message_bytes = 1 << 20;
    bool good;

    good = object != NULL &&
           json_unpack(object, "{s:s, s:i, s:b, s:I, s:I, s:b, s:i, s:I}", "id", &id_text,
                       "partitions", &partitions, "compact", &compact, "retention.ms",
                       &retention_ms, "retention.bytes", &retention_bytes, "trim", &trim,
                       "compression", &compression, "max.message.bytes", &max_message_bytes) == 0 &&
           partitions >= 1 && partitions <= MAX_PARTITIONS &&
           store_id_parse(weir_cstr(id_text), id);
    json_decref(object);
    *config = (log_topic_config){.partitions = partitions,
                                 .compact = compact != 0,
                                 .retention_ms = retention_ms,
                                 .retention_bytes = retention_bytes,
                                 .trim = trim != 0,
                                 .compression = compression,
                                 .max_message_bytes = max_message_bytes};
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
    return code == WEIR_OK ? WEIR_OK : weir_wrap(err, "reading topic %s", METADATA_NAME);
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

    /* First no append to it is taken any more; then the record: so none comes behind it. */
    pthread_mutex_lock(&self->lock);
    table_remove(self, topic);
    atomic_store(&topic->is_deleted, true);
    pthread_mutex_unlock(&self->lock);
    if (put_record(self, "topic", name, NULL, err) != WEIR_OK) {
        pthread_mutex_lock(&self->lock);
        atomic_store(&topic->is_deleted, false);
        table_link(self, topic);
        pthread_mutex_unlock(&self->lock);
        return weir_wrap(err, "could not delete topic %.*s", WEIR_ARG(name));
    }
    pthread_mutex_lock(&self->lock);
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
        code = weir_fail(err, WEIR_CONFIG, "topic %s cannot be deleted", METADATA_NAME);
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
    at = sorted_find(self, after, after.len > 0);
    if (at < self->sorted.len / sizeof(topic))
        topic = sorted_at(self, at);
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

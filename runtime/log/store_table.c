/* store_table.c - the table of topics in memory, their identities and their directories. */
#include "runtime/log/store_table.h"

#include "runtime/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a long name, in its directory's; the identity tells them apart. */
enum { DIR_NAME_BYTES = 200 };

const uint8_t STORE_METADATA_ID[STORE_ID_BYTES] = {[15] = 1};

/* --- Identities ----------------------------------------------------------------------------- */

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

store_topic *table_at(const store *self, size_t i)
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

size_t table_find(const store *self, weir_str name, bool after)
{
    size_t low = 0, high = self->sorted.len / sizeof(store_topic *);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_names(topic_name_of(table_at(self, middle)), name);

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

store_topic *topic_new(store *self, weir_str name, const uint8_t *id,
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
    topic->deletion_offset = INT64_MAX;
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

void topic_free(store_topic *topic)
{
    for (int32_t i = 0; i < topic->info.config.partitions; i++)
        partition_done(&topic->partitions[i]);
    free(topic->partitions);
    free(topic->dir);
    free((char *)topic->info.name.ptr);
    free(topic);
}

void table_link(store *self, store_topic *topic)
{
    size_t at = table_find(self, topic->info.name, false);
    char *room;

    weir_map_put(self->topics, topic->info.name, topic);
    weir_buf_reserve(&self->sorted, sizeof(topic));
    room = self->sorted.ptr + at * sizeof(topic);
    memmove(room + sizeof(topic), room, self->sorted.len - at * sizeof(topic));
    memcpy(room, &topic, sizeof(topic));
    self->sorted.len += sizeof(topic);
    self->topics_generation++;
}

void table_add(store *self, store_topic *topic)
{
    weir_buf_add(&self->all_topics, &topic, sizeof(topic));
    weir_map_put(self->by_id, (weir_str){(const char *)topic->id, sizeof(topic->id)}, topic);
    table_link(self, topic);
}

void table_remove(store *self, store_topic *topic)
{
    size_t at = table_find(self, topic->info.name, false);
    char *room = self->sorted.ptr + at * sizeof(topic);

    assert(table_at(self, at) == topic);
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
    self->metadata = topic_new(self, WEIR_STR(STORE_METADATA_NAME), STORE_METADATA_ID, &config);
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

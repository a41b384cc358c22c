/* tables.c - subjects, versions, schemas and settings: how they are kept, and finding them. */
#include "schema-registry/registry/tables.h"

#include "runtime/base/mem.h"
#include "schema-registry/registry/subject_name.h"
#include "schema-registry/registry/tables_change.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tables_init(tables *self)
{
    *self = (tables){.contexts = weir_map_new(),
                     .subjects = weir_map_new(),
                     .settings = weir_map_new(),
                     .referrers = weir_map_new()};
}

static void free_subject(registry_subject *subject)
{
    for (size_t i = 0; i < subject->count; i++) {
        stored_schema_release(subject->versions[i].schema);
        free(subject->versions[i].extra);
        free(subject->versions[i].odd_key);
    }
    free(subject->versions);
    free(subject);
}

static void free_settings(weir_map *settings)
{
    void *value;

    for (size_t at = 0; weir_map_next(settings, &at, NULL, &value);)
        registry_setting_free(value);
    weir_map_free(settings);
}

void tables_done(tables *self)
{
    void *value;

    if (self->contexts == NULL)
        return;
    for (size_t i = 0; i < self->sorted_count; i++)
        free_subject(self->sorted[i]);
    free(self->sorted);
    weir_map_free(self->subjects);
    for (size_t at = 0; weir_map_next(self->referrers, &at, NULL, &value);) {
        weir_buf_done(value);
        free(value);
    }
    weir_map_free(self->referrers);
    for (size_t at = 0; weir_map_next(self->contexts, &at, NULL, &value);) {
        registry_context *context = value;

        weir_map_free(context->by_id);
        weir_map_free(context->by_md5);
        free((char *)context->name.ptr);
        free(context);
    }
    weir_map_free(self->contexts);
    free_settings(self->settings);
    *self = (tables){0};
}

registry_context *tables_context(const tables *self, weir_str name)
{
    return weir_map_get(self->contexts, name);
}

registry_subject *tables_subject(const tables *self, weir_str name)
{
    return weir_map_get(self->subjects, name);
}

weir_str subject_name_text(const registry_subject *subject)
{
    return (weir_str){subject->name, subject->name_size};
}

size_t subject_version_place(const registry_subject *subject, int32_t version)
{
    size_t low = 0, high = subject->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (subject->versions[middle].version < version)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

registry_version *subject_version(const registry_subject *subject, int32_t version)
{
    size_t place;

    if (subject == NULL)
        return NULL;
    place = subject_version_place(subject, version);
    if (place == subject->count || subject->versions[place].version != version)
        return NULL;
    return &subject->versions[place];
}

registry_version *subject_latest(const registry_subject *subject)
{
    if (subject == NULL)
        return NULL;
    for (size_t i = subject->count; i > 0; i--)
        if (!subject->versions[i - 1].is_deleted)
            return &subject->versions[i - 1];
    return NULL;
}

stored_schema *context_schema(const registry_context *context, int64_t id)
{
    int32_t key = (int32_t)id;

    if (context == NULL || id < 0 || id > INT32_MAX)
        return NULL;
    return weir_map_get(context->by_id, (weir_str){(const char *)&key, sizeof(key)});
}

stored_schema *context_schema_by_md5(const registry_context *context,
                                     const uint8_t md5[RECORD_MD5_SIZE])
{
    if (context == NULL)
        return NULL;
    return weir_map_get(context->by_md5, (weir_str){(const char *)md5, RECORD_MD5_SIZE});
}

void setting_key(record_kind kind, weir_str subject, weir_buf *out)
{
    weir_buf_add_str(out, kind == RECORD_CONFIG ? WEIR_STR("CONFIG ") : WEIR_STR("MODE "));
    weir_buf_add_str(out, subject);
}

const registry_setting *tables_setting(const tables *self, record_kind kind, weir_str subject)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};

    setting_key(kind, subject, &key);
    return weir_map_get(self->settings, weir_buf_str(&key));
}

static int compare_text(weir_str a, weir_str b)
{
    size_t size = a.len < b.len ? a.len : b.len;
    int order = size > 0 ? memcmp(a.ptr, b.ptr, size) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

size_t tables_lower_bound(const tables *self, weir_str name)
{
    size_t low = 0, high = self->sorted_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_text(subject_name_text(self->sorted[middle]), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int compare_subjects(const void *a, const void *b)
{
    return compare_text(subject_name_text(*(registry_subject *const *)a),
                        subject_name_text(*(registry_subject *const *)b));
}

void tables_sort(tables *self)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->sorted_count; i++) {
        registry_subject *subject = self->sorted[i];

        if (subject->count > 0) {
            self->sorted[kept++] = subject;
            continue;
        }
        weir_map_remove(self->subjects, subject_name_text(subject));
        free_subject(subject);
    }
    self->sorted_count = kept;
    if (self->sorted_count > 0)
        qsort(self->sorted, self->sorted_count, sizeof(registry_subject *), compare_subjects);
    self->is_unsorted = false;
}

bool tables_has_subjects(const tables *self, weir_str name, bool deleted)
{
    const registry_subject *exact = tables_subject(self, name);

    if (exact != NULL && (deleted || exact->live_count > 0))
        return true;
    if (name.ptr != NULL && subject_name_of(name).subject.len > 0)
        return false;
    for (size_t i = 0; i < self->sorted_count; i++) {
        const registry_subject *subject = self->sorted[i];

        if ((deleted || subject->live_count > 0) &&
            subject_name_matches(name, subject_name_text(subject)))
            return true;
    }
    return false;
}

void referrers_key(weir_str subject, int32_t version, weir_buf *out)
{
    weir_buf_add_str(out, subject);
    weir_buf_printf(out, "\n%" PRId32, version);
}

size_t tables_referrers(const tables *self, weir_str subject, int32_t version,
                        stored_schema *const **out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};
    const weir_buf *list;

    referrers_key(subject, version, &key);
    list = weir_map_get(self->referrers, weir_buf_str(&key));
    *out = list != NULL ? (stored_schema *const *)(const void *)list->ptr : NULL;
    return list != NULL ? list->len / sizeof(stored_schema *) : 0;
}

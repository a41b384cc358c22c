/* lists.c - all subjects, all schemas, all contexts. */
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/subject_name.h"

#include <string.h>

/* Steps through the subjects that a prefix names: of one context, or of all (":*:"). */
typedef struct subject_walk {
    const tables *tables;
    subject_name prefix;
    bool is_everywhere;
    size_t at;
} subject_walk;

static subject_walk walk_of(const registry *self, weir_str prefix)
{
    subject_walk walk = {.tables = &self->tables};

    walk.prefix = subject_name_of(prefix.ptr != NULL ? prefix : WEIR_STR(":*:"));
    walk.is_everywhere = weir_str_eq(walk.prefix.context, WEIR_STR("*"));
    if (!walk.is_everywhere)
        walk.at = tables_lower_bound(walk.tables, walk.prefix.context, walk.prefix.subject);
    return walk;
}

static const registry_subject *walk_next(subject_walk *self)
{
    while (self->at < self->tables->sorted_count) {
        const registry_subject *subject = self->tables->sorted[self->at++];
        weir_str name = subject_name_of(subject_name_text(subject)).subject;
        bool is_match = name.len >= self->prefix.subject.len &&
                        memcmp(name.ptr, self->prefix.subject.ptr, self->prefix.subject.len) == 0;

        if (!self->is_everywhere &&
            (!is_match || !weir_str_eq(subject->context->name, self->prefix.context)))
            return NULL;
        if (is_match)
            return subject;
    }
    return NULL;
}

void registry_list_subjects(registry *self, weir_str prefix, registry_filter filter,
                            registry_page page, weir_buf *reply)
{
    const registry_subject *subject;
    const char *separator = "";
    int64_t place = 0;
    subject_walk walk;

    weir_buf_add_byte(reply, '[');
    registry_read_lock(self);
    walk = walk_of(self, prefix);
    while ((subject = walk_next(&walk)) != NULL) {
        bool is_deleted = subject->live_count == 0;

        if ((is_deleted && filter == REGISTRY_LIVE) ||
            (!is_deleted && filter == REGISTRY_DELETED_ONLY) || !page_has(page, place++))
            continue;
        weir_buf_add_str(reply, weir_cstr(separator));
        weir_buf_add_json(reply, subject_name_text(subject));
        separator = ",";
    }
    registry_read_unlock(self);
    weir_buf_add_byte(reply, ']');
}

void registry_list_schemas(registry *self, weir_str prefix, bool deleted, bool latest_only,
                           registry_page page, weir_buf *reply)
{
    const registry_subject *subject;
    size_t start = reply->len + 1;
    int64_t place = 0;
    subject_walk walk;

    weir_buf_add_byte(reply, '[');
    registry_read_lock(self);
    walk = walk_of(self, prefix);
    while ((subject = walk_next(&walk)) != NULL) {
        const registry_version *latest =
            deleted ? &subject->versions[subject->count - 1] : subject_latest(subject);

        for (size_t i = 0; i < subject->count; i++) {
            const registry_version *version = &subject->versions[i];

            if ((version->is_deleted && !deleted) || (latest_only && version != latest) ||
                !page_has(page, place++))
                continue;
            if (reply->len > start)
                weir_buf_add_byte(reply, ',');
            reply_version(subject_name_text(subject), version->version, version->schema,
                          version->timestamp_ms, version->is_deleted, reply);
        }
    }
    registry_read_unlock(self);
    weir_buf_add_byte(reply, ']');
}

void registry_list_contexts(registry *self, weir_buf *reply)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf contexts = {0};

    weir_buf_add_str(reply, WEIR_STR("[\".\""));
    registry_read_lock(self);
    sorted_contexts(self, &contexts);
    for (size_t i = 0; i < contexts.len / sizeof(void *); i++) {
        const registry_context *context = ((registry_context **)(void *)contexts.ptr)[i];

        if (!context->has_record || weir_str_eq(context->name, WEIR_STR(".")))
            continue;
        weir_buf_add_byte(reply, ',');
        weir_buf_add_json(reply, context->name);
    }
    registry_read_unlock(self);
    weir_buf_add_byte(reply, ']');
}

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
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    subject_walk walk = {.tables = &self->tables, .prefix = subject_name_of(prefix)};

    walk.is_everywhere = weir_str_eq(walk.prefix.context, WEIR_STR("*"));
    if (!walk.is_everywhere) {
        subject_name_add(walk.prefix, &name);
        walk.at = tables_lower_bound(walk.tables, weir_buf_str(&name));
    }
    return walk;
}

static bool begins_with(weir_str text, weir_str prefix)
{
    return prefix.len == 0 ||
           (text.len >= prefix.len && memcmp(text.ptr, prefix.ptr, prefix.len) == 0);
}

/* Names are sorted as texts: those of a context are beside one another, but for the default one, whose names
 * stand around all others. */
static const registry_subject *walk_next(subject_walk *self)
{
    while (self->at < self->tables->sorted_count) {
        const registry_subject *subject = self->tables->sorted[self->at++];
        weir_str name = subject_name_of(subject_name_text(subject)).subject;
        bool is_in_context =
            self->is_everywhere || weir_str_eq(subject->context->name, self->prefix.context);

        if (is_in_context && begins_with(name, self->prefix.subject))
            return subject;
        if (!self->is_everywhere &&
            (is_in_context || !weir_str_eq(self->prefix.context, WEIR_STR("."))))
            return NULL;
    }
    return NULL;
}

void registry_list_subjects(registry *self, weir_str prefix, const registry_query *query,
                            weir_buf *reply)
{
    const registry_subject *subject;
    const char *separator = "";
    int64_t place = 0;
    subject_walk walk;

    weir_buf_add_byte(reply, '[');
    registry_read_lock(self);
    walk = walk_of(self, prefix.ptr != NULL ? prefix : WEIR_STR(":*:"));
    while ((subject = walk_next(&walk)) != NULL) {
        bool is_deleted = subject->live_count == 0;

        if ((is_deleted && query->filter == REGISTRY_LIVE) ||
            (!is_deleted && query->filter == REGISTRY_DELETED_ONLY) ||
            !page_has(query->page, place++))
            continue;
        weir_buf_add_str(reply, weir_cstr(separator));
        weir_buf_add_json(reply, subject_name_text(subject));
        separator = ",";
    }
    registry_read_unlock(self);
    weir_buf_add_byte(reply, ']');
}

void registry_list_schemas(registry *self, weir_str prefix, const registry_query *query,
                           weir_buf *reply)
{
    const registry_subject *subject;
    bool deleted = query->filter != REGISTRY_LIVE;
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
            reply_parts parts = {.subject = subject_name_text(subject),
                                 .version = version->version,
                                 .timestamp_ms = version->timestamp_ms,
                                 .is_deleted = version->is_deleted};

            if ((version->is_deleted && !deleted) || (query->latest_only && version != latest) ||
                !page_has(query->page, place++))
                continue;
            if (reply->len > start)
                weir_buf_add_byte(reply, ',');
            reply_version(&parts, version->schema, reply);
        }
    }
    registry_read_unlock(self);
    weir_buf_add_byte(reply, ']');
}

/* The default context always is; another one from its first version to its deletion. */
void registry_list_contexts(registry *self, weir_str prefix, registry_page page, weir_buf *reply)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf contexts = {0};
    const char *separator = "";
    int64_t place = 0;

    weir_buf_add_byte(reply, '[');
    if (begins_with(WEIR_STR("."), prefix) && page_has(page, place++)) {
        weir_buf_add_str(reply, WEIR_STR("\".\""));
        separator = ",";
    }
    registry_read_lock(self);
    sorted_contexts(self, &contexts);
    for (size_t i = 0; i < contexts.len / sizeof(void *); i++) {
        const registry_context *context = ((registry_context **)(void *)contexts.ptr)[i];

        if (!context->has_record || weir_str_eq(context->name, WEIR_STR(".")) ||
            !begins_with(context->name, prefix) || !page_has(page, place++))
            continue;
        weir_buf_add_str(reply, weir_cstr(separator));
        weir_buf_add_json(reply, context->name);
        separator = ",";
    }
    registry_read_unlock(self);
    weir_buf_add_byte(reply, ']');
}

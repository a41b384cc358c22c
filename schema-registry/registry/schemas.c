/* schemas.c - asking about schemas by their id or guid. */
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/schema_hash.h"
#include "schema-registry/registry/subject_name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool fail_id(int64_t id, registry_error *error)
{
    return registry_fail(error, REGISTRY_SCHEMA_NOT_FOUND, "Schema %" PRId64 " not found", id);
}

/* {"subject":..,"version":..,BODY,"ts":..,"deleted":..: what Confluent calls a SchemaString, still open. */
static void add_schema(const reply_parts *parts, const stored_schema *schema, weir_buf *reply)
{
    weir_buf_reserve(reply, schema->body_size + 128);
    weir_buf_add_byte(reply, '{');
    if (parts->subject.ptr != NULL) {
        weir_buf_add_str(reply, WEIR_STR("\"subject\":"));
        weir_buf_add_json(reply, parts->subject);
        weir_buf_printf(reply, ",\"version\":%" PRId32 ",", parts->version);
    }
    weir_buf_add(reply, schema->body, schema->body_size);
    reply_rest(parts, reply);
}

/* The way that nearly every request takes: one lock, one copy. */
static bool get_plain(registry *self, int64_t id, weir_str subject, bool fetch_max_id,
                      weir_buf *reply)
{
    const schema_use *use;
    stored_schema *schema;

    registry_read_lock(self);
    schema = find_schema(self, id, subject, &use);
    if (schema != NULL) {
        const registry_version *version = subject_version(use->subject, use->version);

        add_schema(&(reply_parts){.subject = subject.ptr != NULL ? subject_name_text(use->subject)
                                                                 : (weir_str){0},
                                  .version = use->version,
                                  .timestamp_ms = version->timestamp_ms,
                                  .is_deleted = version->is_deleted},
                   schema, reply);
        if (fetch_max_id)
            weir_buf_printf(reply, ",\"maxId\":%" PRId32, schema->context->last_id);
        weir_buf_add_byte(reply, '}');
    }
    registry_read_unlock(self);
    return schema != NULL;
}

/* The schema, held, and the subject and version it was found by. */
static stored_schema *hold_schema(registry *self, int64_t id, weir_str subject, weir_buf *owner,
                                  registry_version *version)
{
    const schema_use *use;
    stored_schema *schema;

    registry_read_lock(self);
    schema = find_schema(self, id, subject, &use);
    if (schema != NULL) {
        stored_schema_hold(schema);
        weir_buf_add_str(owner, subject_name_text(use->subject));
        *version = *subject_version(use->subject, use->version);
    }
    registry_read_unlock(self);
    return schema;
}

/* The subject of a query in its one spelling; an empty one is none. */
static weir_str query_subject(weir_str subject, weir_buf *out)
{
    if (subject.len == 0)
        return (weir_str){0};
    subject_name_add(subject_name_of(subject), out);
    return weir_buf_str(out);
}

static bool get_formatted(registry *self, int64_t id, weir_str subject, const registry_query *query,
                          weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(stored_schema_releasep) stored_schema *schema = NULL, *shown = NULL;
    WEIR_CLEANUP(weir_buf_done) weir_buf owner = {0}, tags = {0};
    registry_version version;

    schema = hold_schema(self, id, subject, &owner, &version);
    if (schema == NULL)
        return fail_id(id, error);
    shown = reply_formatted(self, weir_buf_str(&owner), schema, query, error);
    if (shown == NULL)
        return false;
    reply_tags(self, weir_buf_str(&owner), schema, query, &tags);
    add_schema(&(reply_parts){.subject = subject.ptr != NULL ? weir_buf_str(&owner) : (weir_str){0},
                              .version = version.version,
                              .timestamp_ms = version.timestamp_ms,
                              .is_deleted = version.is_deleted,
                              .tags = weir_buf_str(&tags)},
               shown, reply);
    if (query->fetch_max_id) {
        registry_read_lock(self);
        weir_buf_printf(reply, ",\"maxId\":%" PRId32, schema->context->last_id);
        registry_read_unlock(self);
    }
    weir_buf_add_byte(reply, '}');
    return true;
}

bool registry_get_schema(registry *self, int64_t id, weir_str subject, const registry_query *query,
                         weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};

    subject = query_subject(subject, &name);
    if (query->format.len > 0 || query->reference_format.len > 0 || query->find_tag_count > 0)
        return get_formatted(self, id, subject, query, reply, error);
    return get_plain(self, id, subject, query->fetch_max_id, reply) || fail_id(id, error);
}

bool registry_get_schema_text(registry *self, int64_t id, weir_str subject,
                              const registry_query *query, weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(stored_schema_releasep) stored_schema *schema = NULL;
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0}, owner = {0};
    registry_version version;

    subject = query_subject(subject, &name);
    schema = hold_schema(self, id, subject, &owner, &version);
    return schema != NULL ? reply_text(self, weir_buf_str(&owner), schema, query, reply, error)
                          : fail_id(id, error);
}

/* --- Subjects and versions of a schema -------------------------------------------------------- */

static int compare_uses(const void *a, const void *b)
{
    const schema_use *left = a, *right = b;
    int order = strcmp(left->subject->name, right->subject->name);

    return order != 0 ? order : (left->version > right->version) - (left->version < right->version);
}

/* The uses of a schema, by subject and version. */
static void copy_uses(const stored_schema *schema, bool deleted, weir_buf *uses)
{
    for (size_t i = 0; i < schema->use_count; i++) {
        const schema_use *use = &schema->uses[i];

        if (deleted || !subject_version(use->subject, use->version)->is_deleted)
            weir_buf_add(uses, use, sizeof(*use));
    }
    if (uses->len > 0)
        qsort(uses->ptr, uses->len / sizeof(schema_use), sizeof(schema_use), compare_uses);
}

static void print_uses(const weir_buf *uses, bool with_versions, registry_page page,
                       weir_buf *reply)
{
    const schema_use *all = (const schema_use *)(const void *)uses->ptr;
    const char *separator = "";
    int64_t place = 0;

    weir_buf_add_byte(reply, '[');
    for (size_t i = 0; i < uses->len / sizeof(*all); i++) {
        bool is_again = !with_versions && i > 0 && all[i].subject == all[i - 1].subject;

        if (is_again || !page_has(page, place++))
            continue;
        weir_buf_printf(reply, with_versions ? "%s{\"subject\":" : "%s", separator);
        weir_buf_add_json(reply, subject_name_text(all[i].subject));
        if (with_versions)
            weir_buf_printf(reply, ",\"version\":%" PRId32 "}", all[i].version);
        separator = ",";
    }
    weir_buf_add_byte(reply, ']');
}

/* Adds the uses that a query wants; false when there is no such schema. */
static bool find_uses(registry *self, int64_t id, weir_str subject, const registry_query *query,
                      weir_buf *uses)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    const schema_use *use;
    const stored_schema *schema = find_schema(self, id, query_subject(subject, &name), &use);

    if (schema != NULL)
        copy_uses(schema, query->filter != REGISTRY_LIVE, uses);
    return schema != NULL;
}

/* Prints them, too; false: there is no such schema. */
static bool list_uses(registry *self, int64_t id, weir_str subject, const registry_query *query,
                      bool with_versions, weir_buf *reply)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf uses = {0};
    bool is_found;

    registry_read_lock(self);
    is_found = find_uses(self, id, subject, query, &uses);
    if (is_found)
        print_uses(&uses, with_versions, query->page, reply);
    registry_read_unlock(self);
    return is_found;
}

bool registry_get_schema_subjects(registry *self, int64_t id, weir_str subject,
                                  const registry_query *query, weir_buf *reply,
                                  registry_error *error)
{
    return list_uses(self, id, subject, query, false, reply) ||
           registry_fail(error, REGISTRY_SCHEMA_NOT_FOUND, "Schema not found");
}

bool registry_get_schema_versions(registry *self, int64_t id, weir_str subject,
                                  const registry_query *query, weir_buf *reply,
                                  registry_error *error)
{
    return list_uses(self, id, subject, query, true, reply) ||
           registry_fail(error, REGISTRY_SCHEMA_NOT_FOUND, "Schema not found");
}

/* --- By guid ---------------------------------------------------------------------------------- */

static int compare_contexts(const void *a, const void *b)
{
    const registry_context *left = *(registry_context *const *)a;
    const registry_context *right = *(registry_context *const *)b;

    return strcmp(left->name.ptr, right->name.ptr);
}

/* All contexts by name, the default one first. */
void sorted_contexts(const registry *self, weir_buf *out)
{
    void *value;

    for (size_t at = 0; weir_map_next(self->tables.contexts, &at, NULL, &value);)
        weir_buf_add(out, &value, sizeof(value));
    if (out->len > 0)
        qsort(out->ptr, out->len / sizeof(void *), sizeof(void *), compare_contexts);
}

/* The first context that has the schema, as a subject that names it; its id, or -1. */
static int64_t find_guid(registry *self, weir_str guid, weir_buf *name)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf contexts = {0};
    uint8_t md5[RECORD_MD5_SIZE];
    int64_t id = -1;

    if (!schema_guid_read(guid, md5))
        return -1;
    registry_read_lock(self);
    sorted_contexts(self, &contexts);
    for (size_t i = 0; id < 0 && i < contexts.len / sizeof(void *); i++) {
        registry_context *context = ((registry_context **)(void *)contexts.ptr)[i];
        const stored_schema *schema = context_schema_by_md5(context, md5);

        if (schema == NULL)
            continue;
        id = schema->id;
        subject_name_add_context(context->name, name);
    }
    registry_read_unlock(self);
    return id;
}

bool registry_get_guid(registry *self, weir_str guid, const registry_query *query, weir_buf *reply,
                       registry_error *error)
{
    WEIR_CLEANUP(stored_schema_releasep) stored_schema *schema = NULL, *shown = NULL;
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0}, owner = {0};
    int64_t id = find_guid(self, guid, &name);
    registry_version version;

    schema = id < 0 ? NULL : hold_schema(self, id, weir_buf_str(&name), &owner, &version);
    if (schema == NULL)
        return registry_fail(error, REGISTRY_SCHEMA_NOT_FOUND, "Schema %.*s not found",
                             WEIR_ARG(guid));
    shown = reply_formatted(self, weir_buf_str(&owner), schema, query, error);
    if (shown == NULL)
        return false;
    add_schema(
        &(reply_parts){.timestamp_ms = version.timestamp_ms, .is_deleted = version.is_deleted},
        shown, reply);
    weir_buf_add_byte(reply, '}');
    return true;
}

void registry_get_guid_ids(registry *self, weir_str guid, weir_buf *reply)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf contexts = {0};
    uint8_t md5[RECORD_MD5_SIZE];
    const char *separator = "";
    bool is_guid = schema_guid_read(guid, md5);

    weir_buf_add_byte(reply, '[');
    registry_read_lock(self);
    sorted_contexts(self, &contexts);
    for (size_t i = 0; is_guid && i < contexts.len / sizeof(void *); i++) {
        registry_context *context = ((registry_context **)(void *)contexts.ptr)[i];
        stored_schema *schema = context_schema_by_md5(context, md5);

        if (schema == NULL)
            continue;
        weir_buf_printf(reply, "%s{\"context\":", separator);
        weir_buf_add_json(reply, context->name);
        weir_buf_printf(reply, ",\"id\":%" PRId32 "}", schema->id);
        separator = ",";
    }
    registry_read_unlock(self);
    weir_buf_add_byte(reply, ']');
}

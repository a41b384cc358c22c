/* lookup.c - is this schema a version of that subject? */
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/subject_name.h"

#include <string.h>

void found_version_done(found_version *found)
{
    stored_schema_release(found->schema);
    weir_buf_done(&found->subject);
    *found = (found_version){0};
}

static void take(found_version *out, stored_schema *schema, weir_str subject, int32_t version)
{
    stored_schema_hold(schema);
    out->schema = schema;
    out->version = version;
    weir_buf_clear(&out->subject);
    weir_buf_add_str(&out->subject, subject);
}

/* The quick way: the subject has exactly this schema. */
static bool find_same(const registry_subject *subject, const candidate *wanted, bool deleted,
                      found_version *out)
{
    stored_schema *schema = context_schema_by_md5(subject->context, wanted->md5);

    for (size_t i = schema != NULL ? schema->use_count : 0; i > 0; i--) {
        const schema_use *use = &schema->uses[i - 1];

        if (use->subject != subject ||
            (!deleted && subject_version(subject, use->version)->is_deleted))
            continue;
        take(out, schema, subject_name_text(subject), use->version);
        return true;
    }
    return false;
}

static void add_old_version(weir_buf *versions, const registry_version *version)
{
    old_version old = {.schema = version->schema, .version = version->version};

    stored_schema_hold(old.schema);
    weir_buf_add(versions, &old, sizeof(old));
}

/* Adds the versions to look through, newest last, or the newest alone. */
static void add_versions(weir_buf *versions, const registry_subject *subject, bool deleted,
                         bool latest_only)
{
    for (size_t i = subject->count; latest_only && i > 0; i--)
        if (deleted || !subject->versions[i - 1].is_deleted) {
            add_old_version(versions, &subject->versions[i - 1]);
            return;
        }
    for (size_t i = 0; !latest_only && i < subject->count; i++)
        if (deleted || !subject->versions[i].is_deleted)
            add_old_version(versions, &subject->versions[i]);
}

bool lookup_under(registry *self, weir_str subject, const candidate *wanted, bool deleted,
                  bool latest_only, found_version *out)
{
    weir_buf versions = {0};
    const old_version *all;
    const registry_subject *owner;
    bool is_found = false;

    registry_read_lock(self);
    owner = tables_subject(&self->tables, subject);
    if (owner != NULL && !latest_only)
        is_found = find_same(owner, wanted, deleted, out);
    if (owner != NULL && !is_found)
        add_versions(&versions, owner, deleted, latest_only);
    registry_read_unlock(self);
    all = (const old_version *)(const void *)versions.ptr;
    for (size_t i = versions.len / sizeof(old_version); i > 0 && !is_found; i--) {
        const old_version *old = &all[i - 1];

        if (!candidate_is(wanted, self, subject, old->schema, old->version))
            continue;
        take(out, old->schema, subject, old->version);
        is_found = true;
    }
    old_versions_done(&versions);
    return is_found;
}

/* --- POST /subjects/S ------------------------------------------------------------------------- */

typedef struct lookup {
    registry *self;
    const registry_schema *request;
    const registry_query *query;
    bool deleted;
} lookup;

/* The version in front, whose metadata the schema would get. */
static stored_schema *hold_latest(registry *self, weir_str subject)
{
    const registry_version *latest;
    stored_schema *schema = NULL;

    registry_read_lock(self);
    latest = subject_latest(tables_subject(&self->tables, subject));
    if (latest != NULL) {
        schema = latest->schema;
        stored_schema_hold(schema);
    }
    registry_read_unlock(self);
    return schema;
}

/* Looks for the schema as it is, then as a registration would complete it. */
static bool look_completed(const lookup *search, weir_str subject, candidate *wanted,
                           const registry_config *config, found_version *out, registry_error *error)
{
    parse_request request = {.subject = subject,
                             .text = search->request->text,
                             .references = search->request->references,
                             .normalize = search->query->normalize || config->normalize};
    stored_schema *latest;
    bool is_changed;

    if (!candidate_parse(wanted, search->self, &request, error))
        return false;
    if (lookup_under(search->self, subject, wanted, search->deleted, false, out))
        return true;
    latest = hold_latest(search->self, subject);
    is_changed = latest != NULL && metadata_populate(wanted, config, latest, 0);
    stored_schema_release(latest);
    return is_changed && candidate_hash(wanted, error) &&
           lookup_under(search->self, subject, wanted, search->deleted, false, out);
}

/* In one subject; false with an error when the schema is none. */
static bool look_in(const lookup *search, weir_str subject, found_version *out,
                    registry_error *error)
{
    candidate wanted;
    registry_config config;
    bool is_found;

    registry_read_lock(search->self);
    config_in_scope(search->self, subject, &config);
    registry_read_unlock(search->self);
    is_found = candidate_init(&wanted, search->request, error) &&
               look_completed(search, subject, &wanted, &config, out, error);
    candidate_done(&wanted);
    config_done(&config);
    return is_found;
}

/* The names of all other contexts, a NUL behind each. */
static void add_context_names(registry *self, weir_buf *out)
{
    void *value;

    registry_read_lock(self);
    for (size_t at = 0; weir_map_next(self->tables.contexts, &at, NULL, &value);) {
        const registry_context *context = value;

        if (!weir_str_eq(context->name, WEIR_STR(".")))
            weir_buf_add(out, context->name.ptr, context->name.len + 1);
    }
    registry_read_unlock(self);
}

/* What a name without a context means in the others. A schema that is none there is not there. */
static bool look_elsewhere(const lookup *search, weir_str subject, found_version *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf contexts = {0}, name = {0};
    bool is_found = false;

    add_context_names(search->self, &contexts);
    for (size_t at = 0; at < contexts.len && !is_found;) {
        weir_str context = weir_cstr(contexts.ptr + at);
        registry_error ignored = {0};

        weir_buf_clear(&name);
        subject_name_add((subject_name){context, subject}, &name);
        is_found = look_in(search, weir_buf_str(&name), out, &ignored);
        registry_error_done(&ignored);
        at += context.len + 1;
    }
    return is_found;
}

static bool reply_found(const lookup *search, const found_version *found, weir_buf *reply,
                        registry_error *error)
{
    WEIR_CLEANUP(stored_schema_releasep) stored_schema *shown = NULL;
    reply_parts parts = {
        .subject = weir_buf_str(&found->subject), .version = found->version, .timestamp_ms = -1};

    shown = reply_formatted(search->self, parts.subject, found->schema, search->query, error);
    if (shown != NULL)
        reply_version(&parts, shown, reply);
    return shown != NULL;
}

bool registry_lookup(registry *self, weir_str subject, const registry_schema *schema,
                     const registry_query *query, weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(found_version_done) found_version found = {0};
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    lookup search = {
        .self = self, .request = schema, .query = query, .deleted = query->filter != REGISTRY_LIVE};
    subject_name parts = subject_name_of(subject);
    bool is_found, is_known;

    subject_name_add(parts, &name);
    subject = weir_buf_str(&name);
    is_found = look_in(&search, subject, &found, error);
    if (!is_found && error->code != REGISTRY_OK)
        return false;
    if (!is_found && weir_str_eq(parts.context, WEIR_STR(".")))
        is_found = look_elsewhere(&search, parts.subject, &found);
    if (is_found)
        return reply_found(&search, &found, reply, error);
    registry_read_lock(self);
    is_known = tables_has_subjects(&self->tables, subject, search.deleted);
    registry_read_unlock(self);
    if (!is_known)
        return registry_fail(error, REGISTRY_SUBJECT_NOT_FOUND, "Subject '%.*s' not found.",
                             WEIR_ARG(subject));
    return registry_fail(error, REGISTRY_SCHEMA_NOT_FOUND, "Schema not found");
}

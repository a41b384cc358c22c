/* versions.c - asking about the versions of a subject. */
#include "runtime/base/text.h"
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/subject_name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool registry_version_of(weir_str text, int32_t *version, registry_error *error)
{
    weir_str word = text_trim(text);
    int64_t number;

    if (word.len == 6 && strncasecmp(word.ptr, "latest", 6) == 0) {
        *version = -1;
        return true;
    }
    if (word.len > 1 && word.ptr[0] == '+' && word.ptr[1] != '-')
        word = (weir_str){word.ptr + 1, word.len - 1}; /* as Integer.parseInt */
    if (text_to_int(word, &number) && number <= INT32_MAX && (number > 0 || number == -1)) {
        *version = (int32_t)number;
        return true;
    }
    return registry_fail(error, REGISTRY_BAD_VERSION,
                         "The specified version '%.*s' is not a valid version id. Allowed values "
                         "are between [1, 2^31-1] and the string \"latest\"",
                         WEIR_ARG(text));
}

bool page_has(registry_page page, int64_t place)
{
    return place >= page.offset && (page.limit <= 0 || place - page.offset < page.limit);
}

static bool is_wanted(bool is_deleted, registry_filter filter)
{
    switch (filter) {
    case REGISTRY_LIVE:
        return !is_deleted;
    case REGISTRY_WITH_DELETED:
    case REGISTRY_DELETED_NEGATIVE:
        return true;
    case REGISTRY_DELETED_ONLY:
        return is_deleted;
    }
    return false;
}

static bool fail_subject(weir_str subject, registry_error *error)
{
    return registry_fail(error, REGISTRY_SUBJECT_NOT_FOUND, "Subject '%.*s' not found.",
                         WEIR_ARG(subject));
}

bool registry_list_versions(registry *self, weir_str subject, const registry_query *query,
                            weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    bool with_deleted =
        query->filter == REGISTRY_WITH_DELETED || query->filter == REGISTRY_DELETED_ONLY;
    const registry_subject *found;
    const char *separator = "";
    int64_t place = 0;
    bool is_known;

    subject_name_add(subject_name_of(subject), &name);
    subject = weir_buf_str(&name);
    registry_read_lock(self);
    is_known = tables_has_subjects(&self->tables, subject, with_deleted);
    found = tables_subject(&self->tables, subject);
    if (is_known)
        weir_buf_add_byte(reply, '[');
    for (size_t i = 0; is_known && found != NULL && i < found->count; i++) {
        const registry_version *version = &found->versions[i];
        bool is_negative = query->filter == REGISTRY_DELETED_NEGATIVE && version->is_deleted;

        if (!is_wanted(version->is_deleted, query->filter) || !page_has(query->page, place++))
            continue;
        weir_buf_printf(reply, "%s%s%" PRId32, separator, is_negative ? "-" : "", version->version);
        separator = ",";
    }
    registry_read_unlock(self);
    if (!is_known)
        return fail_subject(subject, error);
    weir_buf_add_byte(reply, ']');
    return true;
}

/* A version, its schema held, as GET finds it. */
typedef struct fetched {
    stored_schema *schema;
    weir_buf subject;
    int32_t version;
    int64_t timestamp_ms;
    bool is_deleted;
} fetched;

static void fetched_done(fetched *self)
{
    stored_schema_release(self->schema);
    weir_buf_done(&self->subject);
}

/* Under the read lock. */
static void take(fetched *out, const registry_subject *owner, const registry_version *version)
{
    *out = (fetched){.schema = version->schema,
                     .version = version->version,
                     .timestamp_ms = version->timestamp_ms,
                     .is_deleted = version->is_deleted};
    stored_schema_hold(version->schema);
    weir_buf_add_str(&out->subject, subject_name_text(owner));
}

static bool fetch(registry *self, weir_str subject, int32_t version, bool deleted, fetched *out,
                  registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    const registry_subject *owner;
    const registry_version *found;
    bool is_known;

    subject_name_add(subject_name_of(subject), &name);
    registry_read_lock(self);
    found = find_version(self, weir_buf_str(&name), version, deleted, &owner);
    is_known = found != NULL || tables_has_subjects(&self->tables, weir_buf_str(&name), deleted);
    if (found != NULL)
        take(out, owner, found);
    registry_read_unlock(self);
    if (found != NULL)
        return true;
    if (!is_known)
        return fail_subject(weir_buf_str(&name), error);
    return registry_fail(error, REGISTRY_VERSION_NOT_FOUND, "Version %" PRId32 " not found.",
                         version);
}

static bool reply_fetched(registry *self, const fetched *found, const registry_query *query,
                          weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(stored_schema_releasep) stored_schema *shown = NULL;
    WEIR_CLEANUP(weir_buf_done) weir_buf tags = {0};
    reply_parts parts = {.subject = weir_buf_str(&found->subject),
                         .version = found->version,
                         .timestamp_ms = found->timestamp_ms,
                         .is_deleted = found->is_deleted};

    shown = reply_formatted(self, parts.subject, found->schema, query, error);
    if (shown == NULL)
        return false;
    reply_tags(self, parts.subject, found->schema, query, &tags);
    parts.tags = weir_buf_str(&tags);
    reply_version(&parts, shown, reply);
    return true;
}

bool registry_get_version(registry *self, weir_str subject, int32_t version,
                          const registry_query *query, weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(fetched_done) fetched found = {0};

    return fetch(self, subject, version, query->filter != REGISTRY_LIVE, &found, error) &&
           reply_fetched(self, &found, query, reply, error);
}

bool registry_get_version_text(registry *self, weir_str subject, int32_t version,
                               const registry_query *query, weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(fetched_done) fetched found = {0};

    return fetch(self, subject, version, query->filter != REGISTRY_LIVE, &found, error) &&
           reply_text(self, weir_buf_str(&found.subject), found.schema, query, reply, error);
}

/* --- GET .../metadata ------------------------------------------------------------------------- */

static bool has_properties(const stored_schema *schema, const registry_properties *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf value = {0};

        if (!metadata_property(schema->metadata, wanted->names[i].ptr, &value) ||
            !weir_str_eq(weir_buf_str(&value), wanted->values[i]))
            return false;
    }
    return metadata_has_properties(schema->metadata);
}

bool registry_get_by_metadata(registry *self, weir_str subject, const registry_properties *wanted,
                              const registry_query *query, weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    WEIR_CLEANUP(fetched_done) fetched found = {0};
    bool deleted = query->filter != REGISTRY_LIVE, is_known;
    const registry_subject *owner;

    subject_name_add(subject_name_of(subject), &name);
    registry_read_lock(self);
    owner = tables_subject(&self->tables, weir_buf_str(&name));
    is_known = tables_has_subjects(&self->tables, weir_buf_str(&name), deleted);
    for (size_t i = owner != NULL ? owner->count : 0; i > 0 && found.schema == NULL; i--) {
        const registry_version *version = &owner->versions[i - 1];

        if ((deleted || !version->is_deleted) && has_properties(version->schema, wanted))
            take(&found, owner, version);
    }
    registry_read_unlock(self);
    if (found.schema != NULL)
        return reply_fetched(self, &found, query, reply, error);
    if (!is_known)
        return fail_subject(weir_buf_str(&name), error);
    return registry_fail(error, REGISTRY_SCHEMA_NOT_FOUND, "Schema not found");
}

/* --- GET .../referencedby --------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;

    return (left > right) - (left < right);
}

/* The ids of the schemas that refer to a version, ascending, each once. */
static void add_referrers(const registry *self, weir_str subject, int32_t version, bool deleted,
                          weir_buf *ids)
{
    stored_schema *const *referrers;
    size_t count = tables_referrers(&self->tables, subject, version, &referrers);

    for (size_t i = 0; i < count; i++)
        if (deleted || stored_schema_is_live(referrers[i]))
            weir_buf_add(ids, &referrers[i]->id, sizeof(int32_t));
    if (ids->len > 0)
        qsort(ids->ptr, ids->len / sizeof(int32_t), sizeof(int32_t), compare_ids);
}

bool registry_referenced_by(registry *self, weir_str subject, int32_t version,
                            const registry_query *query, weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(fetched_done) fetched found = {0};
    WEIR_CLEANUP(weir_buf_done) weir_buf ids = {0};
    const char *separator = "";
    const int32_t *all;
    int64_t place = 0;

    if (!fetch(self, subject, version, true, &found, error))
        return false;
    registry_read_lock(self);
    add_referrers(self, weir_buf_str(&found.subject), found.version, query->filter != REGISTRY_LIVE,
                  &ids);
    registry_read_unlock(self);
    all = (const int32_t *)(const void *)ids.ptr;
    weir_buf_add_byte(reply, '[');
    for (size_t i = 0; i < ids.len / sizeof(int32_t); i++) {
        if ((i > 0 && all[i] == all[i - 1]) || !page_has(query->page, place++))
            continue;
        weir_buf_printf(reply, "%s%" PRId32, separator, all[i]);
        separator = ",";
    }
    weir_buf_add_byte(reply, ']');
    return true;
}

/* --- Compatibility ---------------------------------------------------------------------------- */

/* The versions to compare with: one, or all. */
static bool choose_versions(registry *self, const registry_versions *against, weir_buf *old,
                            registry_error *error)
{
    int32_t version = against->version;
    const registry_subject *found;
    const registry_version *one = NULL;

    registry_read_lock(self);
    found = tables_subject(&self->tables, against->subject);
    if (version == 0)
        old_versions_add(old, found);
    else
        one = version == -1 ? subject_latest(found) : subject_version(found, version);
    if (one != NULL && !one->is_deleted) {
        old_version single = {.schema = one->schema, .version = one->version};

        stored_schema_hold(single.schema);
        weir_buf_add(old, &single, sizeof(single));
    }
    registry_read_unlock(self);
    if (version <= 0 || old->len > 0)
        return true;
    return registry_fail(error, REGISTRY_VERSION_NOT_FOUND, "Version %" PRId32 " not found.",
                         version);
}

/* Adds why the schema is incompatible with versions; one that is no schema is, for that reason. */
static bool judge(registry *self, const verdict_question *versions, const registry_schema *schema,
                  bool normalize, weir_buf *reasons, registry_error *error)
{
    verdict_question question = *versions;
    parse_request request = {
        .subject = question.subject, .text = schema->text, .references = schema->references};
    registry_config config;
    candidate wanted;
    bool is_good = false;

    registry_read_lock(self);
    config_in_scope(self, question.subject, &config);
    registry_read_unlock(self);
    request.normalize = normalize || config.normalize;
    request.is_new = request.is_checked = config.validate_new;
    question.wanted = &wanted;
    question.config = &config;
    if (schema->text.len == 0) {
        (void)registry_fail(error, REGISTRY_BAD_SCHEMA, "Empty schema");
    } else if (candidate_init(&wanted, schema, error)) {
        if (candidate_parse(&wanted, self, &request, error))
            is_good = verdict_on(self, &question, reasons, NULL);
        candidate_done(&wanted);
    }
    config_done(&config);
    return is_good;
}

bool registry_check(registry *self, const registry_versions *against, const registry_schema *schema,
                    const registry_query *query, weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0}, reasons = {0};
    WEIR_CLEANUP(old_versions_done) weir_buf old = {0};
    verdict_question question = {.versions = &old};
    bool is_good;

    subject_name_add(subject_name_of(against->subject), &name);
    question.subject = weir_buf_str(&name);
    if (!choose_versions(self, &(registry_versions){question.subject, against->version}, &old,
                         error))
        return false;
    is_good = judge(self, &question, schema, query->normalize, &reasons, error);
    if (error->code == REGISTRY_BAD_SCHEMA && query->verbose) {
        weir_buf_add_json(&reasons, weir_buf_str(&error->message));
        error->code = REGISTRY_OK;
    }
    if (error->code != REGISTRY_OK)
        return false;
    weir_buf_printf(reply, "{\"is_compatible\":%s", is_good ? "true" : "false");
    if (query->verbose) {
        weir_buf_add_str(reply, WEIR_STR(",\"messages\":["));
        weir_buf_add_str(reply, weir_buf_str(&reasons));
        weir_buf_add_byte(reply, ']');
    }
    weir_buf_add_byte(reply, '}');
    return true;
}

/* versions.c - asking about the versions of a subject. */
#include "runtime/base/text.h"
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/subject_name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static weir_str trimmed(weir_str text)
{
    while (text.len > 0 && (unsigned char)text.ptr[0] <= ' ') {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && (unsigned char)text.ptr[text.len - 1] <= ' ')
        text.len--;
    return text;
}

bool registry_version_of(weir_str text, int32_t *version, registry_error *error)
{
    weir_str word = trimmed(text);
    int64_t number;

    if (word.len == 6 && strncasecmp(word.ptr, "latest", 6) == 0) {
        *version = -1;
        return true;
    }
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

bool registry_list_versions(registry *self, weir_str subject, registry_filter filter,
                            registry_page page, weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    const registry_subject *found;
    const char *separator = "";
    int64_t place = 0;
    bool is_known;

    subject_name_add(subject_name_of(subject), &name);
    subject = weir_buf_str(&name);
    registry_read_lock(self);
    is_known = tables_has_subjects(&self->tables, subject, filter != REGISTRY_LIVE);
    found = tables_subject(&self->tables, subject);
    if (is_known)
        weir_buf_add_byte(reply, '[');
    for (size_t i = 0; is_known && found != NULL && i < found->count; i++) {
        const registry_version *version = &found->versions[i];

        if (!is_wanted(version->is_deleted, filter) || !page_has(page, place++))
            continue;
        weir_buf_printf(reply, "%s%" PRId32, separator, version->version);
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
    if (found != NULL) {
        *out = (fetched){.schema = found->schema,
                         .version = found->version,
                         .timestamp_ms = found->timestamp_ms,
                         .is_deleted = found->is_deleted};
        stored_schema_hold(found->schema);
        weir_buf_add_str(&out->subject, subject_name_text(owner));
    }
    registry_read_unlock(self);
    if (found != NULL)
        return true;
    if (!is_known)
        return fail_subject(weir_buf_str(&name), error);
    return registry_fail(error, REGISTRY_VERSION_NOT_FOUND, "Version %" PRId32 " not found.",
                         version);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters of a request, its answer, its failure */
bool registry_get_version(registry *self, weir_str subject, int32_t version, bool deleted,
                          weir_str format, weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(fetched_done) fetched found = {0};
    WEIR_CLEANUP(stored_schema_releasep) stored_schema *shown = NULL;

    if (!fetch(self, subject, version, deleted, &found, error))
        return false;
    shown = reply_formatted(self, weir_buf_str(&found.subject), found.schema, format, error);
    if (shown == NULL)
        return false;
    reply_version(weir_buf_str(&found.subject), found.version, shown, found.timestamp_ms,
                  found.is_deleted, reply);
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): as above */
bool registry_get_version_text(registry *self, weir_str subject, int32_t version, bool deleted,
                               weir_str format, weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(fetched_done) fetched found = {0};

    return fetch(self, subject, version, deleted, &found, error) &&
           reply_text(self, weir_buf_str(&found.subject), found.schema, format, reply, error);
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

/* NOLINTNEXTLINE(readability-function-size): as above */
bool registry_referenced_by(registry *self, weir_str subject, int32_t version, bool deleted,
                            registry_page page, weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(fetched_done) fetched found = {0};
    WEIR_CLEANUP(weir_buf_done) weir_buf ids = {0};
    const char *separator = "";
    const int32_t *all;
    int64_t place = 0;

    if (!fetch(self, subject, version, true, &found, error))
        return false;
    registry_read_lock(self);
    add_referrers(self, weir_buf_str(&found.subject), found.version, deleted, &ids);
    registry_read_unlock(self);
    all = (const int32_t *)(const void *)ids.ptr;
    weir_buf_add_byte(reply, '[');
    for (size_t i = 0; i < ids.len / sizeof(int32_t); i++) {
        if ((i > 0 && all[i] == all[i - 1]) || !page_has(page, place++))
            continue;
        weir_buf_printf(reply, "%s%" PRId32, separator, all[i]);
        separator = ",";
    }
    weir_buf_add_byte(reply, ']');
    return true;
}

/* --- Compatibility ---------------------------------------------------------------------------- */

/* The versions to compare with: one, or all. */
static bool choose_versions(registry *self, weir_str subject, int32_t version, weir_buf *old,
                            registry_error *error)
{
    const registry_subject *found;
    const registry_version *one = NULL;

    registry_read_lock(self);
    found = tables_subject(&self->tables, subject);
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

/* Adds why the schema is incompatible; one that is no schema is, for that reason. */
/* NOLINTNEXTLINE(readability-function-size): as above */
static bool judge(registry *self, weir_str subject, const registry_schema *schema, bool normalize,
                  const weir_buf *old, weir_buf *reasons, registry_error *error)
{
    registry_config config;
    candidate wanted;
    bool is_good = false;

    registry_read_lock(self);
    config_in_scope(self, subject, &config);
    registry_read_unlock(self);
    if (schema->text.len == 0)
        (void)registry_fail(error, REGISTRY_BAD_SCHEMA, "Empty schema");
    else if (candidate_init(&wanted, schema, error)) {
        if (candidate_parse(&wanted, self, subject, schema->text, schema->references,
                            normalize || config.normalize, true, error))
            is_good = verdict_on(self, subject, &wanted, &config, old, reasons, NULL);
        candidate_done(&wanted);
    }
    config_done(&config);
    return is_good;
}

/* NOLINTNEXTLINE(readability-function-size): as above */
bool registry_check(registry *self, weir_str subject, int32_t version,
                    const registry_schema *schema, bool normalize, bool verbose, weir_buf *reply,
                    registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0}, reasons = {0};
    WEIR_CLEANUP(old_versions_done) weir_buf old = {0};
    bool is_good;

    subject_name_add(subject_name_of(subject), &name);
    subject = weir_buf_str(&name);
    if (!choose_versions(self, subject, version, &old, error))
        return false;
    is_good = judge(self, subject, schema, normalize, &old, &reasons, error);
    if (error->code == REGISTRY_BAD_SCHEMA && verbose) {
        weir_buf_add_json(&reasons, weir_buf_str(&error->message));
        error->code = REGISTRY_OK;
    }
    if (error->code != REGISTRY_OK)
        return false;
    weir_buf_printf(reply, "{\"is_compatible\":%s", is_good ? "true" : "false");
    if (verbose) {
        weir_buf_add_str(reply, WEIR_STR(",\"messages\":["));
        weir_buf_add_str(reply, weir_buf_str(&reasons));
        weir_buf_add_byte(reply, ']');
    }
    weir_buf_add_byte(reply, '}');
    return true;
}

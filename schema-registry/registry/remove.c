/* remove.c - deleting versions, subjects and contexts: softly, then for good. */
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/subject_name.h"

#include <inttypes.h>

static bool fail_referenced(const registry_subject *subject, int32_t version, registry_error *error)
{
    return registry_fail(error, REGISTRY_REFERENCE_EXISTS,
                         "One or more references exist to the schema "
                         "{magic=1,keytype=SCHEMA,subject=%.*s,version=%" PRId32 "}.",
                         WEIR_ARG(subject_name_text(subject)), version);
}

/* True when a schema refers to the version that has a use outside of `except` (which may be NULL). */
static bool is_referenced(const registry *self, const registry_subject *subject, int32_t version,
                          bool deleted, const registry_subject *except)
{
    stored_schema *const *referrers;
    size_t count = tables_referrers(&self->tables, subject_name_text(subject), version, &referrers);

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < referrers[i]->use_count; k++) {
            const schema_use *use = &referrers[i]->uses[k];

            if (use->subject != except &&
                (deleted || !subject_version(use->subject, use->version)->is_deleted))
                return true;
        }
    }
    return false;
}

/* --- A version -------------------------------------------------------------------------------- */

static void soften(const registry_subject *subject, const registry_version *version,
                   registry_change *change)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    const stored_schema *schema = version->schema;
    record_schema record = {.version = version->version,
                            .id = schema->id,
                            .type = schema->type,
                            .text = schema->text,
                            .references = schema->references,
                            .metadata = schema->metadata,
                            .rule_set = schema->rule_set,
                            .has_md5 = true,
                            .is_deleted = true};

    for (size_t i = 0; i < RECORD_MD5_SIZE; i++)
        record.md5[i] = schema->md5[i];
    if (version->extra != NULL)
        weir_buf_add_str(&record.extra, weir_cstr(version->extra));
    change_add_odd(change, version->odd_key);
    record_schema_key_add(subject_name_text(subject), version->version, &key);
    record_schema_add(subject_name_text(subject), &record, &value);
    change_add(change, &key, &value);
    record_schema_done(&record);
}

/* The version that is meant; NULL with the error. */
static const registry_version *find_deletable(const registry *self, weir_str name, int32_t version,
                                              bool permanent, registry_error *error)
{
    const registry_subject *subject = tables_subject(&self->tables, name);
    const registry_version *found =
        version == -1 ? subject_latest(subject) : subject_version(subject, version);

    if (found == NULL && !tables_has_subjects(&self->tables, name, true)) {
        (void)registry_fail(error, REGISTRY_SUBJECT_NOT_FOUND, "Subject '%.*s' not found.",
                            WEIR_ARG(name));
    } else if (found == NULL) {
        (void)registry_fail(error, REGISTRY_VERSION_NOT_FOUND, "Version %" PRId32 " not found.",
                            version);
    } else if (!permanent && found->is_deleted) {
        (void)registry_fail(error, REGISTRY_VERSION_SOFT_DELETED,
                            "Subject '%.*s' Version %" PRId32
                            " was soft deleted.Set permanent=true to delete permanently",
                            WEIR_ARG(name), version);
        return NULL;
    }
    return found;
}

static bool delete_version(registry *self, weir_str name, int32_t *version, bool permanent,
                           registry_error *error)
{
    const registry_subject *subject = tables_subject(&self->tables, name);
    const registry_version *found = find_deletable(self, name, *version, permanent, error);
    registry_change change = {0};
    bool is_good;

    if (found == NULL || !check_not_read_only(self, name, error))
        return false;
    if (is_referenced(self, subject, found->version, permanent, NULL))
        return fail_referenced(subject, found->version, error);
    if (permanent && !found->is_deleted)
        return registry_fail(error, REGISTRY_VERSION_NOT_SOFT_DELETED,
                             "Subject '%.*s' Version %" PRId32
                             " was not deleted first before being permanently deleted",
                             WEIR_ARG(name), found->version);
    *version = found->version;
    if (!permanent) {
        soften(subject, found, &change);
    } else {
        change_add_ids(&change, self);
        change_remove_version(&change, subject, found);
        if (subject->count == 1) {
            change_remove_setting(&change, self, RECORD_MODE, name);
            change_remove_setting(&change, self, RECORD_CONFIG, name);
        }
    }
    is_good = registry_commit(self, &change, "Delete Schema Version", error);
    change_done(&change);
    return is_good;
}

bool registry_delete_version(registry *self, weir_str subject, int32_t version, bool permanent,
                             weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    bool is_good;

    subject_name_add(subject_name_of(subject), &name);
    if (!registry_write_begin(self, error))
        return false;
    is_good = delete_version(self, weir_buf_str(&name), &version, permanent, error);
    registry_write_end(self);
    if (is_good)
        weir_buf_printf(reply, "%" PRId32, version);
    return is_good;
}

/* --- A subject -------------------------------------------------------------------------------- */

static bool check_versions(const registry *self, const registry_subject *subject, bool permanent,
                           registry_error *error)
{
    for (size_t i = 0; subject != NULL && i < subject->count; i++) {
        const registry_version *version = &subject->versions[i];

        if (version->is_deleted && !permanent)
            continue;
        if (is_referenced(self, subject, version->version, permanent, subject))
            return fail_referenced(subject, version->version, error);
        if (permanent && !version->is_deleted)
            return registry_fail(error, REGISTRY_SUBJECT_NOT_SOFT_DELETED,
                                 "Subject '%.*s' was not deleted first before being permanently "
                                 "deleted",
                                 WEIR_ARG(subject_name_text(subject)));
    }
    return true;
}

/* The versions that go, as JSON; returns the last of them. */
static int32_t list_versions(const registry_subject *subject, bool permanent, weir_buf *reply)
{
    const char *separator = "";
    int32_t last = 0;

    weir_buf_add_byte(reply, '[');
    for (size_t i = 0; subject != NULL && i < subject->count; i++) {
        if (subject->versions[i].is_deleted && !permanent)
            continue;
        last = subject->versions[i].version;
        weir_buf_printf(reply, "%s%" PRId32, separator, last);
        separator = ",";
    }
    weir_buf_add_byte(reply, ']');
    return last;
}

static void remove_all(const registry *self, const registry_subject *subject,
                       registry_change *change)
{
    change_add_ids(change, self);
    for (size_t i = subject->count; i > 0; i--)
        change_remove_version(change, subject, &subject->versions[i - 1]);
    change_remove_setting(change, self, RECORD_MODE, subject_name_text(subject));
    change_remove_setting(change, self, RECORD_CONFIG, subject_name_text(subject));
}

static void soften_all(weir_str name, int32_t up_to, registry_change *change)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};

    record_subject_key_add(RECORD_DELETE_SUBJECT, name, &key);
    record_delete_add(name, up_to, &value);
    change_add(change, &key, &value);
}

static bool delete_subject(registry *self, weir_str name, bool permanent, weir_buf *reply,
                           registry_error *error)
{
    const registry_subject *subject = tables_subject(&self->tables, name);
    registry_change change = {0};
    int32_t last;
    bool is_good;

    if (!tables_has_subjects(&self->tables, name, true))
        return registry_fail(error, REGISTRY_SUBJECT_NOT_FOUND, "Subject '%.*s' not found.",
                             WEIR_ARG(name));
    if (!permanent && !tables_has_subjects(&self->tables, name, false))
        return registry_fail(error, REGISTRY_SUBJECT_SOFT_DELETED,
                             "Subject '%.*s' was soft deleted."
                             "Set permanent=true to delete permanently",
                             WEIR_ARG(name));
    if (!check_not_read_only(self, name, error) || !check_versions(self, subject, permanent, error))
        return false;
    last = list_versions(subject, permanent, reply);
    if (subject == NULL || last == 0)
        return true; /* the name of a context, which has subjects */
    if (permanent)
        remove_all(self, subject, &change);
    else
        soften_all(name, last, &change);
    is_good = registry_commit(self, &change, "Delete subject", error);
    change_done(&change);
    return is_good;
}

bool registry_delete_subject(registry *self, weir_str subject, bool permanent, weir_buf *reply,
                             registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    size_t before = reply->len;
    bool is_good;

    subject_name_add(subject_name_of(subject), &name);
    if (!registry_write_begin(self, error))
        return false;
    is_good = delete_subject(self, weir_buf_str(&name), permanent, reply, error);
    registry_write_end(self);
    if (!is_good)
        reply->len = before;
    return is_good;
}

/* --- A context -------------------------------------------------------------------------------- */

static bool delete_context(registry *self, weir_str name, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};
    weir_str context = subject_name_of(name).context;
    const registry_context *known = tables_context(&self->tables, context);
    registry_change change = {0};
    bool is_good;

    if (tables_has_subjects(&self->tables, name, true))
        return registry_fail(error, REGISTRY_CONTEXT_NOT_EMPTY,
                             "The specified context '%.*s' is not empty.", WEIR_ARG(context));
    if (known == NULL || !known->has_record)
        return true;
    record_context_key_add(context, &key);
    change_add(&change, &key, NULL);
    is_good = registry_commit(self, &change, "Delete context", error);
    change_done(&change);
    return is_good;
}

bool registry_delete_context(registry *self, weir_str context, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    bool is_good;

    if (context.len > 0 && context.ptr[0] == '.')
        subject_name_add_context(context, &name);
    else
        subject_name_add(subject_name_of(context), &name);
    if (!registry_write_begin(self, error))
        return false;
    is_good = delete_context(self, weir_buf_str(&name), error);
    registry_write_end(self);
    return is_good;
}

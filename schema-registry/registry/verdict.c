/* verdict.c - may a schema follow the versions in front of it, and if not, why: in Confluent's words. */
#include "runtime/base/text.h"
#include "schema-registry/registry/json_span.h"
#include "schema-registry/registry/registry_state.h"

#include <inttypes.h>
#include <string.h>

#define RESERVED "confluent:reserved"

enum { SHOWN_SCHEMA_MAX = 10240 };

/* Collects reasons, as JSON strings and as one text. */
typedef struct reasons {
    weir_buf *json;
    weir_buf *text; /* may be NULL */
    weir_buf one;   /* the reason that is being written */
    size_t count;
} reasons;

static void end_reason(reasons *self)
{
    if (self->count > 0)
        weir_buf_add_byte(self->json, ',');
    weir_buf_add_json(self->json, weir_buf_str(&self->one));
    if (self->text != NULL) {
        if (self->count > 0)
            weir_buf_add_str(self->text, WEIR_STR(", "));
        weir_buf_add_str(self->text, weir_buf_str(&self->one));
    }
    weir_buf_clear(&self->one);
    self->count++;
}

/* Adds why one cannot read what the other wrote. */
static bool compare(reasons *self, const parsed_schema *reader, const parsed_schema *writer,
                    bool is_new_reader)
{
    compat_result result = {0};
    bool is_good = compat_reads(reader->schema, writer->schema, &result);

    for (size_t i = 0; i < compat_result_count(&result); i++) {
        compat_error found = *compat_result_at(&result, i);

        found.is_forward = !is_new_reader;
        compat_error_text(&found, &self->one);
        end_reason(self);
    }
    compat_result_done(&result);
    return is_good;
}

static void add_old_version(reasons *self, const old_version *old)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0};
    size_t size;

    weir_buf_printf(&self->one, "{oldSchemaVersion: %" PRId32 "}", old->version);
    end_reason(self);
    json_span_add_text(old->schema->text, &text);
    size = text.len < SHOWN_SCHEMA_MAX ? text.len : SHOWN_SCHEMA_MAX;
    weir_buf_printf(&self->one,
                    text.len > size ? "{oldSchema: <truncated> '%.*s...'}" : "{oldSchema: '%.*s'}",
                    (int)size, text.ptr);
    end_reason(self);
}

static bool compare_avro(reasons *self, registry *owner, weir_str subject, const candidate *wanted,
                         compat_level level, const old_version *old)
{
    WEIR_CLEANUP(parsed_schema_releasep) parsed_schema *before = NULL;
    bool is_full = level == COMPAT_FULL || level == COMPAT_FULL_TRANSITIVE;
    bool is_forward = is_full || level == COMPAT_FORWARD || level == COMPAT_FORWARD_TRANSITIVE;
    bool is_good = true;
    weir_error err;

    before = registry_parse(owner, subject, old->schema, &err);
    if (before == NULL) {
        weir_buf_printf(&self->one, "version %" PRId32 " cannot be read: %s", old->version,
                        err.message);
        end_reason(self);
        return false;
    }
    if (is_forward && !compare(self, before, wanted->parsed, false))
        is_good = false;
    if ((is_full || !is_forward) && !compare(self, wanted->parsed, before, true))
        is_good = false;
    if (!is_good)
        add_old_version(self, old);
    return is_good;
}

static bool compare_version(reasons *self, registry *owner, weir_str subject,
                            const candidate *wanted, compat_level level, const old_version *old)
{
    if (wanted->type != old->schema->type) {
        weir_buf_add_str(&self->one, WEIR_STR("Incompatible because of different schema type"));
    } else if (wanted->type == RECORD_AVRO) {
        return compare_avro(self, owner, subject, wanted, level, old);
    } else if (candidate_is(wanted, owner, subject, old->schema, old->version)) {
        return true;
    } else {
        weir_buf_printf(&self->one,
                        "Schemas of type %s are not compared: set the compatibility of the "
                        "subject to NONE to register another version",
                        record_type_name(wanted->type));
    }
    end_reason(self);
    return false;
}

/* True when the version counts for the candidate: always, or when both are of the same group. */
static bool is_in_group(const candidate *wanted, const stored_schema *schema, const char *group)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf mine = {0}, theirs = {0};
    bool has_mine, has_theirs;

    if (group[0] == '\0')
        return true;
    has_mine = metadata_property(weir_buf_str(&wanted->metadata), group, &mine);
    has_theirs = metadata_property(schema->metadata, group, &theirs);
    return has_mine == has_theirs && weir_str_eq(weir_buf_str(&mine), weir_buf_str(&theirs));
}

/* --- Reserved fields: names that a schema's metadata says will never be fields ----------------- */

/* Cuts the next name off a list with commas; false at its end. */
static bool next_name(weir_str *left, weir_str *name)
{
    while (left->len > 0) {
        const char *comma = memchr(left->ptr, ',', left->len);
        size_t size = comma != NULL ? (size_t)(comma - left->ptr) : left->len;

        *name = text_trim((weir_str){left->ptr, size});
        size += comma != NULL ? 1 : 0;
        *left = (weir_str){left->ptr + size, left->len - size};
        if (name->len > 0)
            return true;
    }
    return false;
}

static bool is_listed(weir_str list, weir_str wanted)
{
    weir_str name;

    while (next_name(&list, &name))
        if (weir_str_eq(name, wanted))
            return true;
    return false;
}

static bool has_field(const candidate *wanted, weir_str name)
{
    const weir_schema *schema = wanted->type == RECORD_AVRO ? wanted->parsed->schema : NULL;

    if (schema == NULL || weir_schema_type(schema) != WEIR_TYPE_RECORD)
        return false;
    for (size_t i = 0; i < weir_schema_field_count(schema); i++)
        if (weir_str_eq(weir_schema_field_avro_name(schema, i), name))
            return true;
    return false;
}

/* A reserved name stays reserved, and is no field. newest: NULL for the first version. */
static bool check_reserved(reasons *self, const candidate *wanted, const old_version *newest)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf now = {0}, before = {0};
    weir_str left, name;

    (void)metadata_property(weir_buf_str(&wanted->metadata), RESERVED, &now); /* none: no names */
    if (newest != NULL)
        (void)metadata_property(newest->schema->metadata, RESERVED, &before);
    for (left = weir_buf_str(&before); next_name(&left, &name);) {
        if (is_listed(weir_buf_str(&now), name))
            continue;
        weir_buf_printf(&self->one,
                        "The new schema has reserved field %.*s removed from its metadata which is "
                        "present in the old schema's metadata.",
                        WEIR_ARG(name));
        end_reason(self);
    }
    for (left = weir_buf_str(&now); next_name(&left, &name);) {
        if (!has_field(wanted, name))
            continue;
        weir_buf_printf(&self->one,
                        "The new schema has field that conflicts with the reserved field %.*s.",
                        WEIR_ARG(name));
        end_reason(self);
    }
    return self->count == 0;
}

/* --- The verdict ------------------------------------------------------------------------------ */

static bool compare_all(reasons *self, registry *owner, const verdict_question *question)
{
    const old_version *old = (const old_version *)(const void *)question->versions->ptr;
    compat_level level = question->config->level;
    bool is_transitive = level == COMPAT_BACKWARD_TRANSITIVE ||
                         level == COMPAT_FORWARD_TRANSITIVE || level == COMPAT_FULL_TRANSITIVE;

    for (size_t i = question->versions->len / sizeof(*old); i > 0 && level != COMPAT_NONE; i--) {
        if (!is_in_group(question->wanted, old[i - 1].schema, question->config->group))
            continue;
        if (!compare_version(self, owner, question->subject, question->wanted, level, &old[i - 1]))
            return false;
        if (!is_transitive)
            break;
    }
    return true;
}

bool verdict_on(registry *self, const verdict_question *question, weir_buf *reasons_json,
                weir_buf *text)
{
    const registry_config *config = question->config;
    const old_version *old = (const old_version *)(const void *)question->versions->ptr;
    size_t count = question->versions->len / sizeof(*old);
    reasons all = {.json = reasons_json, .text = text};
    bool is_good = true;

    if (config->validate_fields)
        is_good = check_reserved(&all, question->wanted, count > 0 ? &old[count - 1] : NULL);
    is_good = compare_all(&all, self, question) && is_good;
    if (!is_good) {
        weir_buf_printf(&all.one, "{validateFields: '%s', compatibility: '%s'}",
                        config->validate_fields ? "true" : "false", level_name(config->level));
        end_reason(&all);
    }
    weir_buf_done(&all.one);
    return is_good;
}

void old_versions_add(weir_buf *versions, const registry_subject *subject)
{
    for (size_t i = 0; subject != NULL && i < subject->count; i++) {
        const registry_version *version = &subject->versions[i];
        old_version old = {.schema = version->schema, .version = version->version};

        if (version->is_deleted)
            continue;
        stored_schema_hold(old.schema);
        weir_buf_add(versions, &old, sizeof(old));
    }
}

void old_versions_done(weir_buf *versions)
{
    old_version *old = (old_version *)(void *)versions->ptr;

    for (size_t i = 0; i < versions->len / sizeof(*old); i++)
        stored_schema_release(old[i].schema);
    weir_buf_done(versions);
}

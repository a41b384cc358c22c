/* verdict.c - may a schema follow the versions in front of it, and if not, why: in Confluent's words. */
#include "schema-registry/registry/json_span.h"
#include "schema-registry/registry/registry_state.h"

#include <inttypes.h>
#include <string.h>

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

/* NOLINTNEXTLINE(readability-function-size): the parameters of a request, its answer, its failure */
bool verdict_on(registry *self, weir_str subject, const candidate *wanted,
                const registry_config *config, const weir_buf *versions, weir_buf *reasons_json,
                weir_buf *text)
{
    const old_version *old = (const old_version *)(const void *)versions->ptr;
    compat_level level = config->level;
    bool is_transitive = level == COMPAT_BACKWARD_TRANSITIVE ||
                         level == COMPAT_FORWARD_TRANSITIVE || level == COMPAT_FULL_TRANSITIVE;
    reasons all = {.json = reasons_json, .text = text};
    bool is_good = true;

    if (level == COMPAT_NONE)
        return true;
    for (size_t i = versions->len / sizeof(*old); i > 0 && is_good; i--) {
        if (!is_in_group(wanted, old[i - 1].schema, config->group))
            continue;
        is_good = compare_version(&all, self, subject, wanted, level, &old[i - 1]);
        if (!is_transitive)
            break;
    }
    if (!is_good) {
        weir_buf_printf(&all.one, "{validateFields: '%s', compatibility: '%s'}",
                        config->validate_fields ? "true" : "false", level_name(level));
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

/* tag_version.c - POST /subjects/S/versions/V/tags: a version again, with other tags, metadata or rules. */
#include "schema-registry/registry/json_span.h"
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/subject_name.h"

#include <inttypes.h>
#include <stdlib.h>

/* The texts that a request of registration lends. */
typedef struct tag_job {
    json_t *body;
    weir_buf subject, text, references, add, remove, metadata, rule_set, merged;
    registry_schema request;
} tag_job;

static void job_done(tag_job *job)
{
    json_decref(job->body);
    weir_buf_done(&job->subject);
    weir_buf_done(&job->text);
    weir_buf_done(&job->references);
    weir_buf_done(&job->add);
    weir_buf_done(&job->remove);
    weir_buf_done(&job->metadata);
    weir_buf_done(&job->rule_set);
    weir_buf_done(&job->merged);
}

/* What a member of the body is; ptr NULL when it is not there. */
static weir_str member_of(const tag_job *job, const char *name, weir_buf *out)
{
    const json_t *value = json_object_get(job->body, name);
    char *text = value != NULL && !json_is_null(value)
                     ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY)
                     : NULL;

    if (text == NULL)
        return (weir_str){0};
    weir_buf_add_str(out, weir_cstr(text));
    free(text);
    return weir_buf_str(out);
}

/* The version's parts, under the read lock. */
static void take_version(tag_job *job, const stored_schema *schema)
{
    json_span_add_text(schema->text, &job->text);
    weir_buf_add_str(&job->references, schema->references);
    weir_buf_add_str(&job->metadata, schema->metadata);
    job->request.text = weir_buf_str(&job->text);
    job->request.type = weir_cstr(record_type_name(schema->type));
    if (job->references.len > 0)
        job->request.references = weir_buf_str(&job->references);
}

static bool find(registry *self, weir_str name, int32_t version, tag_job *job,
                 registry_error *error)
{
    const registry_version *found;
    const registry_subject *owner;
    bool is_known;

    registry_read_lock(self);
    found = find_version(self, name, version, false, &owner);
    is_known = found != NULL || tables_has_subjects(&self->tables, name, false);
    if (found != NULL)
        take_version(job, found->schema);
    registry_read_unlock(self);
    if (found != NULL)
        return true;
    if (!is_known)
        return registry_fail(error, REGISTRY_SUBJECT_NOT_FOUND, "Subject '%.*s' not found.",
                             WEIR_ARG(name));
    return registry_fail(error, REGISTRY_VERSION_NOT_FOUND, "Version %" PRId32 " not found.",
                         version);
}

/* The rules of the version in front of the new one, with some merged in and some taken out. */
static void change_rules(registry *self, weir_str name, tag_job *job)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf old = {0}, fresh = {0};
    int32_t before = job->request.version > 0 ? (int32_t)job->request.version - 1 : -1;
    weir_str merged = member_of(job, "rulesToMerge", &fresh);
    const registry_version *version;
    const registry_subject *owner;

    registry_read_lock(self);
    version = find_version(self, name, before, false, &owner);
    if (version != NULL)
        weir_buf_add_str(&old, version->schema->rule_set);
    registry_read_unlock(self);
    rule_set_change(weir_buf_str(&old), merged, json_object_get(job->body, "rulesToRemove"),
                    &job->merged);
    job->request.rule_set = job->merged.len > 0 ? weir_buf_str(&job->merged) : (weir_str){0};
}

static bool read_body(registry *self, weir_str name, tag_job *job, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf merged = {0}, metadata = {0};
    json_t *number = json_object_get(job->body, "newVersion");
    bool has_changes = json_object_get(job->body, "rulesToMerge") != NULL ||
                       json_object_get(job->body, "rulesToRemove") != NULL;
    weir_str own;

    if (number != NULL && !json_is_null(number) &&
        (!json_is_integer(number) || json_integer_value(number) > INT32_MAX ||
         json_integer_value(number) < -1))
        return registry_fail(error, REGISTRY_BAD_REQUEST, "newVersion is not a version");
    job->request.version = json_integer_value(number);
    job->request.tags_to_add = member_of(job, "tagsToAdd", &job->add);
    job->request.tags_to_remove = member_of(job, "tagsToRemove", &job->remove);
    job->request.rule_set = member_of(job, "ruleSet", &job->rule_set);
    own = member_of(job, "metadata", &metadata);
    if (own.ptr != NULL && own.ptr[0] != '{')
        return registry_fail(error, REGISTRY_BAD_REQUEST, "metadata is not a JSON object");
    metadata_set_version(own.ptr != NULL ? own : weir_buf_str(&job->metadata),
                         (int32_t)job->request.version, &merged);
    weir_buf_clear(&job->metadata);
    weir_buf_add_str(&job->metadata, weir_buf_str(&merged));
    job->request.metadata = weir_buf_str(&job->metadata);
    if (!has_changes)
        return true;
    if (job->request.rule_set.ptr != NULL)
        return registry_fail(
            error, REGISTRY_BAD_RULE_SET,
            "ruleSet should be omitted if specifying rulesToMerge or rulesToRemove");
    change_rules(self, name, job);
    return true;
}

bool registry_tag_version(registry *self, weir_str subject, int32_t version, weir_str json,
                          weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(job_done) tag_job job = {0};
    weir_str name;

    if (subject.len > REGISTRY_NAME_MAX || !subject_name_is_valid(subject, false))
        return registry_fail(error, REGISTRY_BAD_SUBJECT,
                             "The specified subject '%.*s' is not a valid.", WEIR_ARG(subject));
    subject_name_add(subject_name_of(subject), &job.subject);
    name = weir_buf_str(&job.subject);
    job.body = json_loadb(json.ptr, json.len, 0, NULL);
    if (!json_is_object(job.body))
        return registry_fail(error, REGISTRY_BAD_REQUEST, "the body is not a JSON object");
    return find(self, name, version, &job, error) && read_body(self, name, &job, error) &&
           registry_register(self, name, &job.request, REGISTRY_PLAIN, reply, error);
}

/* register.c - a schema becomes a version of a subject. */
#include "schema-registry/registry/json_span.h"
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/schema_tags.h"
#include "schema-registry/registry/subject_name.h"

#include <inttypes.h>
#include <string.h>

typedef struct registration {
    registry *self;
    weir_str subject;
    const registry_schema *request;
    const registry_query *query;
    bool normalize;
    bool is_tagged; /* the text is not the client's: it is not looked for before */
    registry_config config;
    registry_mode mode;
    candidate candidate;
    bool
        is_parsed; /* the candidate, normalized when was_normalized; nothing it refers to can change */
    bool was_normalized;
    weir_buf old; /* of old_version: what is not deleted, oldest first */
    int32_t new_version;
    found_version found; /* the outcome */
} registration;

static bool is_blank(weir_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr(" \t\r\n", text.ptr[i]) == NULL)
            return false;
    return true;
}

static bool fail_mode(const registration *self, const char *mode, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf context = {0};

    subject_name_add_context(subject_name_of(self->subject).context, &context);
    return registry_fail(error, REGISTRY_NOT_PERMITTED,
                         "Subject %.*s in context %s is not in %s mode", WEIR_ARG(self->subject),
                         weir_buf_cstr(&context), mode);
}

static bool check_mode(const registration *self, registry_error *error)
{
    if (!check_not_read_only(self->self, self->subject, error))
        return false;
    if (self->candidate.id >= 0)
        return mode_is_import(self->mode) || fail_mode(self, "import", error);
    return self->mode == MODE_READWRITE || fail_mode(self, "read-write", error);
}

static const old_version *newest_of(const registration *self)
{
    size_t count = self->old.len / sizeof(old_version);

    return count > 0 ? (const old_version *)(const void *)self->old.ptr + (count - 1) : NULL;
}

/* The text and references to parse: the request's, or those of the version in front when it has none. */
static bool choose_text(registration *self, weir_buf *text, weir_str *references,
                        registry_error *error)
{
    const old_version *newest = newest_of(self);

    *references = self->request->references;
    if (!is_blank(self->request->text)) {
        weir_buf_add_str(text, self->request->text);
        return true;
    }
    if (newest == NULL || mode_is_import(self->mode))
        return registry_fail(error, REGISTRY_BAD_SCHEMA, "Empty schema");
    json_span_add_text(newest->schema->text, text);
    *references = newest->schema->references;
    self->candidate.type = newest->schema->type;
    return true;
}

/* Adds the tags that the version in front has. */
static bool propagate_tags(registration *self, weir_buf *text, registry_error *error)
{
    static const weir_str any = WEIR_STR("*");
    WEIR_CLEANUP(parsed_schema_releasep) parsed_schema *parsed = NULL;
    WEIR_CLEANUP(weir_buf_done) weir_buf tags = {0}, tagged = {0}, reason = {0};
    const old_version *newest = newest_of(self);
    weir_error ignored;

    if (!self->request->propagate_tags || newest == NULL || self->candidate.type != RECORD_AVRO)
        return true;
    parsed = registry_parse(self->self, self->subject, newest->schema, &ignored);
    if (parsed != NULL)
        schema_tags_find(parsed->schema, &any, 1, &tags);
    if (tags.len == 0)
        return true;
    if (!schema_tags_change(weir_buf_str(text), weir_buf_str(&tags), (weir_str){0}, &tagged,
                            &reason))
        return registry_fail(error, REGISTRY_BAD_SCHEMA, "%s", weir_buf_cstr(&reason));
    weir_buf_clear(text);
    weir_buf_add_str(text, weir_buf_str(&tagged));
    return true;
}

/* Completes the schema, and parses it where that was not done before. */
static bool prepare(registration *self, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0};
    const old_version *newest = newest_of(self);
    bool is_import = mode_is_import(self->mode);
    parse_request request = {.subject = self->subject,
                             .normalize = self->normalize && !is_import,
                             .is_new = self->candidate.id < 0 && self->config.validate_new};

    request.is_checked = request.is_new;

    if (!choose_text(self, &text, &request.references, error))
        return false;
    if (!is_import && !propagate_tags(self, &text, error))
        return false;
    if (!is_import)
        (void)metadata_populate(&self->candidate, &self->config,
                                newest != NULL ? newest->schema : NULL, self->new_version);
    if (self->is_parsed && self->was_normalized == request.normalize)
        return candidate_hash(&self->candidate, error);
    request.text = weir_buf_str(&text);
    return candidate_parse(&self->candidate, self->self, &request, error);
}

/* True when the schema is a version already; else it may have learned its id. */
static bool find_existing(registration *self)
{
    const registry_subject *subject = tables_subject(&self->self->tables, self->subject);
    const registry_context *context =
        tables_context(&self->self->tables, subject_name_of(self->subject).context);
    stored_schema *same = context_schema_by_md5(context, self->candidate.md5);
    candidate *wanted = &self->candidate;
    bool is_any_version = wanted->version == 0;

    if (same != NULL && (wanted->id < 0 || wanted->id == same->id)) {
        if (is_any_version && subject != NULL &&
            lookup_under(self->self, self->subject, wanted, false, false, &self->found))
            return true;
        wanted->id = same->id;
    }
    if (!is_any_version || subject == NULL ||
        !lookup_under(self->self, self->subject, wanted, false, false, &self->found))
        return false;
    if (wanted->id < 0 || wanted->id == self->found.schema->id)
        return true;
    found_version_done(&self->found);
    return false;
}

static bool check_compatible(registration *self, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf reasons = {0}, text = {0};
    verdict_question question = {
        .subject = self->subject,
        .wanted = &self->candidate,
        .config = &self->config,
        .versions = &self->old,
    };

    if (mode_is_import(self->mode) || self->query->force ||
        verdict_on(self->self, &question, &reasons, &text))
        return true;
    return registry_fail(error,
                         self->self->options.long_incompatible ? REGISTRY_INCOMPATIBLE_LONG
                                                               : REGISTRY_INCOMPATIBLE,
                         "Schema being registered is incompatible with an earlier schema for "
                         "subject \"%.*s\", details: [%s]",
                         WEIR_ARG(self->subject), weir_buf_cstr(&text));
}

static bool choose_version(registration *self, registry_error *error)
{
    candidate *wanted = &self->candidate;

    if (wanted->version <= 0)
        wanted->version = self->new_version;
    else if (wanted->version != self->new_version && !mode_is_import(self->mode))
        return registry_fail(error, REGISTRY_BAD_SCHEMA,
                             "Version is not one more than previous version");
    if (wanted->version <= 0)
        return registry_fail(error, REGISTRY_BAD_SCHEMA, "there are no versions left");
    return true;
}

/* An id that the client chose must not have another schema; else it gets the next one. */
static bool choose_id(registration *self, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    weir_str context_name = subject_name_of(self->subject).context;
    const registry_context *context = tables_context(&self->self->tables, context_name);
    const stored_schema *other;

    if (self->candidate.id < 0) {
        int32_t last = context != NULL ? context->last_id : 0;

        if (last == INT32_MAX)
            return registry_fail(error, REGISTRY_STORE_FAILED, "there are no ids left");
        self->candidate.id = last + 1;
        return true;
    }
    other = context_schema(context, self->candidate.id);
    if (other == NULL || memcmp(other->md5, self->candidate.md5, RECORD_MD5_SIZE) == 0)
        return true;
    subject_name_add_context(context_name, &name);
    return registry_fail(error, REGISTRY_NOT_PERMITTED,
                         "Overwrite new schema with id %" PRId32 " in context %s is not permitted.",
                         self->candidate.id, weir_buf_cstr(&name));
}

static void add_context_record(const registration *self, registry_change *change)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    weir_str name = subject_name_of(self->subject).context;
    const registry_context *context = tables_context(&self->self->tables, name);

    if (weir_str_eq(name, WEIR_STR(".")) || (context != NULL && context->has_record))
        return;
    record_context_key_add(name, &key);
    record_context_add(name, &value);
    change_add(change, &key, &value);
}

/* Deleted versions with the same id give way, unless something refers to them. */
static void add_tombstones(const registration *self, registry_change *change)
{
    const registry_subject *subject = tables_subject(&self->self->tables, self->subject);

    for (size_t i = 0; subject != NULL && i < subject->count; i++) {
        const registry_version *version = &subject->versions[i];
        stored_schema *const *referrers;

        if (!version->is_deleted || version->schema->id != self->candidate.id ||
            version->version >= self->candidate.version)
            continue;
        if (tables_referrers(&self->self->tables, self->subject, version->version, &referrers) == 0)
            change_remove_version(change, subject, version);
    }
}

static bool write_version(registration *self, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0}, text = {0};
    registry_change change = {0};
    record_schema record = candidate_record(&self->candidate, &text);
    const registry_version *version;
    bool is_good;

    add_context_record(self, &change);
    record_schema_key_add(self->subject, record.version, &key);
    record_schema_add(self->subject, &record, &value);
    change_add(&change, &key, &value);
    add_tombstones(self, &change);
    is_good = registry_commit(self->self, &change, "Register schema", error);
    change_done(&change);
    if (!is_good)
        return false;
    version = subject_version(tables_subject(&self->self->tables, self->subject), record.version);
    self->found.schema = version->schema;
    stored_schema_hold(version->schema);
    self->found.version = record.version;
    return true;
}

/* Under the write lock. */
static bool run(registration *self, registry_error *error)
{
    const registry_subject *subject = tables_subject(&self->self->tables, self->subject);

    config_in_scope(self->self, self->subject, &self->config);
    self->mode = mode_in_scope(self->self, self->subject);
    self->normalize = self->normalize || self->config.normalize;
    self->new_version = 1;
    if (subject != NULL && subject->count > 0) {
        int32_t last = subject->versions[subject->count - 1].version;

        self->new_version = last < INT32_MAX ? last + 1 : 0;
    }
    old_versions_add(&self->old, subject);
    if (!check_mode(self, error) || !prepare(self, error))
        return false;
    if (find_existing(self))
        return true;
    return check_compatible(self, error) && choose_version(self, error) && choose_id(self, error) &&
           write_version(self, error);
}

static void registration_done(registration *self)
{
    candidate_done(&self->candidate);
    config_done(&self->config);
    old_versions_done(&self->old);
    found_version_done(&self->found);
}

static bool has_defaults(const registry_config *config)
{
    return config->default_metadata != NULL || config->override_metadata != NULL ||
           config->default_rule_set != NULL || config->override_rule_set != NULL;
}

static bool parse_before(registration *self, parse_request *request, bool is_checked)
{
    registry_error ignored = {0};
    bool is_good;

    request->is_checked = is_checked;
    is_good = !is_blank(self->request->text) &&
              candidate_parse(&self->candidate, self->self, request, &ignored);
    registry_error_done(&ignored);
    return is_good;
}

/* What is there already is found without waiting for a writer. What is parsed for that is used again when
 * it is not there. */
static bool find_before(registration *self)
{
    candidate *wanted = &self->candidate;
    parse_request request = {.subject = self->subject,
                             .text = self->request->text,
                             .references = self->request->references};
    registry_config config;
    bool is_found = false, is_import, is_checked;

    registry_read_lock(self->self);
    config_in_scope(self->self, self->subject, &config);
    is_import = mode_is_import(mode_in_scope(self->self, self->subject));
    registry_read_unlock(self->self);
    self->was_normalized = request.normalize = (self->normalize || config.normalize) && !is_import;
    self->is_parsed = is_checked = parse_before(self, &request, true);
    if (!is_checked) /* what would be refused today may be there already */
        self->is_parsed = parse_before(self, &request, false);
    if (self->is_parsed && wanted->version <= 0 && !has_defaults(&config))
        is_found = lookup_under(self->self, self->subject, wanted, false, wanted->version == -1,
                                &self->found);
    if (is_found && wanted->id >= 0 && wanted->id != self->found.schema->id) {
        found_version_done(&self->found);
        is_found = false;
    }
    self->is_parsed = is_checked && self->request->references.ptr == NULL;
    config_done(&config);
    return is_found;
}

static bool register_alone(registration *self, registry_error *error)
{
    bool is_good;

    if (!registry_write_begin(self->self, error))
        return false;
    is_good = run(self, error);
    registry_write_end(self->self);
    return is_good;
}

/* Puts tags into the text, of which tagged becomes the owner. A schema with other tags is another version, which
 * its metadata says. */
static bool change_tags(registry_schema *schema, weir_buf *tagged, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf reason = {0};
    bool is_avro = schema->type.ptr == NULL || weir_str_eq(schema->type, WEIR_STR("AVRO"));

    if (schema->tags_to_add.ptr == NULL && schema->tags_to_remove.ptr == NULL)
        return true;
    if (!is_avro)
        return registry_fail(error, REGISTRY_BAD_SCHEMA, "Only Avro schemas can have tags here");
    if (!schema_tags_change(schema->text, schema->tags_to_add, schema->tags_to_remove, tagged,
                            &reason))
        return registry_fail(error, REGISTRY_BAD_SCHEMA, "%s", weir_buf_cstr(&reason));
    schema->text = weir_buf_str(tagged);
    if (schema->version == 0)
        schema->version = -1;
    return true;
}

bool register_schema(registry *self, weir_str subject, const registry_schema *schema,
                     const registry_query *query, found_version *out, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0}, tagged = {0};
    registry_schema request = *schema;
    registration job = {
        .self = self, .request = &request, .query = query, .normalize = query->normalize};
    bool is_good;

    if (subject.len > REGISTRY_NAME_MAX || !subject_name_is_valid(subject, false))
        return registry_fail(error, REGISTRY_BAD_SUBJECT,
                             "The specified subject '%.*s' is not a valid.", WEIR_ARG(subject));
    subject_name_add(subject_name_of(subject), &name);
    job.subject = weir_buf_str(&name);
    job.is_tagged = request.propagate_tags || request.tags_to_add.ptr != NULL ||
                    request.tags_to_remove.ptr != NULL;
    is_good = rule_set_check(request.rule_set, error) && change_tags(&request, &tagged, error) &&
              candidate_init(&job.candidate, &request, error) &&
              ((!job.is_tagged && find_before(&job)) || register_alone(&job, error));
    if (is_good) {
        *out = job.found;
        job.found = (found_version){0};
    }
    registration_done(&job);
    return is_good;
}

bool registry_register(registry *self, weir_str subject, const registry_schema *schema,
                       const registry_query *query, weir_buf *reply, registry_error *error)
{
    WEIR_CLEANUP(stored_schema_releasep) stored_schema *shown = NULL;
    WEIR_CLEANUP(found_version_done) found_version found = {0};

    if (!register_schema(self, subject, schema, query, &found, error))
        return false;
    shown = reply_formatted(self, subject, found.schema, query, error);
    if (shown == NULL)
        return false;
    reply_version(&(reply_parts){.version = found.version, .timestamp_ms = -1}, shown, reply);
    return true;
}

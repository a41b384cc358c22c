/* candidate.c - a schema that came in a request: checked, and in the text that is stored. */
#include "schema-registry/avro/canonical.h"
#include "schema-registry/registry/json_span.h"
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/schema_hash.h"

#include <ctype.h>
#include <string.h>

static bool copy_object(const char *name, weir_str value, weir_buf *out, registry_error *error)
{
    if (value.ptr == NULL || weir_str_eq(value, WEIR_STR("null")))
        return true;
    if (value.len == 0 || value.ptr[0] != '{' || !json_span_is_value(value))
        return registry_fail(error, REGISTRY_BAD_REQUEST, "%s is not a JSON object", name);
    json_span_add_compact(value, out);
    return true;
}

bool candidate_init(candidate *self, const registry_schema *request, registry_error *error)
{
    weir_str type = request->type;

    *self = (candidate){.id = -1};
    if (type.ptr == NULL)
        type = WEIR_STR("AVRO");
    if (!record_type_of(type, &self->type))
        return registry_fail(error, REGISTRY_BAD_SCHEMA, "Invalid schema type %.*s",
                             WEIR_ARG(type));
    if (request->text.len > REGISTRY_TEXT_MAX)
        return registry_fail(error, REGISTRY_SCHEMA_TOO_LARGE,
                             "Register operation failed because schema is too large");
    if (request->id > INT32_MAX)
        return registry_fail(error, REGISTRY_BAD_SCHEMA, "Invalid schema id");
    if (request->version < -1 || request->version > INT32_MAX)
        return registry_fail(error, REGISTRY_BAD_SCHEMA, "Invalid schema version");
    self->id = request->id > 0 ? (int32_t)request->id : -1;
    self->version = (int32_t)request->version;
    return copy_object("metadata", request->metadata, &self->metadata, error) &&
           copy_object("ruleSet", request->rule_set, &self->rule_set, error);
}

void candidate_done(candidate *self)
{
    weir_buf_done(&self->text);
    weir_buf_done(&self->references);
    weir_buf_done(&self->metadata);
    weir_buf_done(&self->rule_set);
    parsed_schema_releasep(&self->parsed);
}

static bool fail_schema(const candidate *self, const char *details, registry_error *error)
{
    return registry_fail(error, REGISTRY_BAD_SCHEMA, "Invalid schema of type %s, details: %s",
                         record_type_name(self->type), details);
}

static bool parse_avro(candidate *self, const parse_request *request,
                       const reference_closure *closure, registry_error *error)
{
    weir_error err;

    self->parsed = closure_parse(closure, request, &err);
    if (self->parsed == NULL)
        return fail_schema(self, err.message, error);
    if (request->normalize)
        avro_normalize(self->parsed->schema, &self->text);
    else
        avro_canonical(self->parsed->schema, &self->text);
    return true;
}

bool candidate_parse(candidate *self, registry *owner, const parse_request *request,
                     registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf reason = {0};
    reference_closure closure = {0};
    weir_str text = request->text;
    bool is_good = true;

    weir_buf_clear(&self->text);
    weir_buf_clear(&self->references);
    parsed_schema_releasep(&self->parsed);
    if (!closure_find(owner, request, &closure, &reason))
        is_good = fail_schema(self, weir_buf_cstr(&reason), error);
    else if (self->type == RECORD_AVRO)
        is_good = parse_avro(self, request, &closure, error);
    else if (self->type == RECORD_JSON && !json_span_is_value(text))
        is_good = fail_schema(self, "it is not JSON", error);
    else if (self->type == RECORD_JSON)
        json_span_add_compact(text, &self->text);
    else
        weir_buf_add_str(&self->text, text);
    weir_buf_add_str(&self->references, weir_buf_str(&closure.json));
    closure_done(&closure);
    return is_good && candidate_hash(self, error);
}

/* A piece of JSON, ptr NULL where there is none. */
static weir_str piece(const weir_buf *buf)
{
    return buf->len > 0 ? weir_buf_str(buf) : (weir_str){0};
}

bool candidate_hash(candidate *self, registry_error *error)
{
    if (schema_hash(weir_buf_str(&self->text), piece(&self->references), piece(&self->metadata),
                    piece(&self->rule_set), self->md5))
        return true;
    return registry_fail(error, REGISTRY_BAD_REQUEST,
                         "metadata or ruleSet is not what it should be");
}

record_schema candidate_record(const candidate *self, weir_buf *text_json)
{
    record_schema record = {.version = self->version,
                            .id = self->id,
                            .type = self->type,
                            .references = piece(&self->references),
                            .metadata = piece(&self->metadata),
                            .rule_set = piece(&self->rule_set),
                            .has_md5 = true};

    weir_buf_add_json(text_json, weir_buf_str(&self->text));
    record.text = weir_buf_str(text_json);
    memcpy(record.md5, self->md5, RECORD_MD5_SIZE);
    return record;
}

/* Both mean the same types: the same text, when references are the same or when they are resolved. */
static bool has_same_text(const candidate *self, registry *owner, weir_str subject,
                          stored_schema *schema)
{
    WEIR_CLEANUP(parsed_schema_releasep) parsed_schema *other = NULL;
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0};
    bool same_references = json_texts_equal(piece(&self->references), schema->references);
    weir_error err;

    if (self->type != schema->type)
        return false;
    if (self->type != RECORD_AVRO) {
        json_span_add_text(schema->text, &text);
        return same_references &&
               (weir_str_eq(weir_buf_str(&self->text), weir_buf_str(&text)) ||
                (self->type == RECORD_JSON &&
                 json_texts_equal(weir_buf_str(&self->text), weir_buf_str(&text))));
    }
    if (!same_references && self->references.len > 0)
        return false;
    other = registry_parse(owner, subject, schema, &err);
    if (other == NULL)
        return false; /* what cannot be read is not the same as what can */
    if (same_references)
        return memcmp(self->parsed->normal, other->normal, RECORD_MD5_SIZE) == 0;
    return memcmp(self->parsed->whole, other->whole, RECORD_MD5_SIZE) == 0;
}

bool candidate_is(const candidate *self, registry *owner, weir_str subject, stored_schema *schema,
                  int32_t version)
{
    if (memcmp(self->md5, schema->md5, RECORD_MD5_SIZE) == 0)
        return true;
    return metadata_matches(weir_buf_str(&self->metadata), schema->metadata, version) &&
           json_texts_equal(weir_buf_str(&self->rule_set), schema->rule_set) &&
           has_same_text(self, owner, subject, schema);
}

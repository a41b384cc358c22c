/* reply.c - pieces of answers. */
#include "schema-registry/avro/canonical.h"
#include "schema-registry/registry/json_span.h"
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/schema_tags.h"
#include "schema-registry/registry/subject_name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void reply_version(const reply_parts *parts, const stored_schema *schema, weir_buf *reply)
{
    weir_buf_add_byte(reply, '{');
    if (parts->subject.ptr != NULL) {
        weir_buf_add_str(reply, WEIR_STR("\"subject\":"));
        weir_buf_add_json(reply, parts->subject);
        weir_buf_printf(reply, ",\"version\":%" PRId32 ",\"id\":%" PRId32 ",", parts->version,
                        schema->id);
    } else {
        weir_buf_printf(reply, "\"id\":%" PRId32 ",\"version\":%" PRId32 ",", schema->id,
                        parts->version);
    }
    weir_buf_add(reply, schema->body, schema->body_size);
    reply_rest(parts, reply);
    weir_buf_add_byte(reply, '}');
}

void reply_rest(const reply_parts *parts, weir_buf *reply)
{
    if (parts->tags.len > 0)
        weir_buf_printf(reply, ",\"schemaTags\":%.*s", WEIR_ARG(parts->tags));
    if (parts->timestamp_ms >= 0)
        weir_buf_printf(reply, ",\"ts\":%" PRId64 ",\"deleted\":%s", parts->timestamp_ms,
                        parts->is_deleted ? "true" : "false");
}

void reply_tags(registry *self, weir_str subject, stored_schema *schema,
                const registry_query *query, weir_buf *tags)
{
    WEIR_CLEANUP(parsed_schema_releasep) parsed_schema *parsed = NULL;
    weir_error ignored;

    if (query->find_tag_count == 0 || schema->type != RECORD_AVRO)
        return;
    parsed = registry_parse(self, subject, schema, &ignored); /* NULL: it has none to be found */
    if (parsed != NULL)
        schema_tags_find(parsed->schema, query->find_tags, query->find_tag_count, tags);
}

static bool is_resolved(const stored_schema *schema, const registry_query *query)
{
    return schema->type == RECORD_AVRO && weir_str_eq(query->format, WEIR_STR("resolved"));
}

bool reply_text(registry *self, weir_str subject, stored_schema *schema,
                const registry_query *query, weir_buf *text, registry_error *error)
{
    WEIR_CLEANUP(parsed_schema_releasep) parsed_schema *parsed = NULL;
    weir_error err;

    if (!is_resolved(schema, query)) {
        json_span_add_text(schema->text, text);
        return true;
    }
    parsed = registry_parse(self, subject, schema, &err);
    if (parsed == NULL)
        return registry_fail(error, REGISTRY_BAD_SCHEMA, "%s", err.message);
    avro_resolved(parsed->schema, text);
    return true;
}

static bool is_qualified(weir_str subject, const stored_schema *schema, const registry_query *query)
{
    return schema->references.ptr != NULL &&
           weir_str_eq(query->reference_format, WEIR_STR("qualified")) &&
           !weir_str_eq(subject_name_of(subject).context, WEIR_STR("."));
}

/* The references of a schema, each with the context that its subject is looked for in. */
static void add_qualified(weir_str subject, weir_str references, weir_buf *out)
{
    json_t *list = json_loadb(references.ptr, references.len, 0, NULL), *item;
    char *text;
    size_t i;

    json_array_foreach(list, i, item)
    {
        WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
        const char *own = json_string_value(json_object_get(item, "subject"));

        subject_name_add_beside(subject, weir_cstr(own != NULL ? own : ""), &name);
        json_object_set_new(item, "subject", json_stringn(name.ptr, name.len));
    }
    text = json_dumps(list, JSON_COMPACT);
    weir_buf_add_str(out, weir_cstr(text));
    free(text);
    json_decref(list);
}

stored_schema *reply_formatted(registry *self, weir_str subject, stored_schema *schema,
                               const registry_query *query, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0}, json = {0}, references = {0};
    record_schema record = {.id = schema->id,
                            .type = schema->type,
                            .text = schema->text,
                            .references = schema->references,
                            .metadata = schema->metadata,
                            .rule_set = schema->rule_set,
                            .has_md5 = true};

    if (!is_resolved(schema, query) && !is_qualified(subject, schema, query)) {
        stored_schema_hold(schema);
        return schema;
    }
    if (is_resolved(schema, query)) {
        if (!reply_text(self, subject, schema, query, &text, error))
            return NULL;
        weir_buf_add_json(&json, weir_buf_str(&text));
        record.text = weir_buf_str(&json);
    }
    if (is_qualified(subject, schema, query)) {
        add_qualified(subject, schema->references, &references);
        record.references = weir_buf_str(&references);
    }
    memcpy(record.md5, schema->md5, RECORD_MD5_SIZE); /* the guid stays that of what is stored */
    return stored_schema_new(&record, schema->context);
}

/* reply.c - pieces of answers. */
#include "schema-registry/avro/canonical.h"
#include "schema-registry/registry/json_span.h"
#include "schema-registry/registry/registry_state.h"

#include <inttypes.h>
#include <string.h>

void reply_version(weir_str subject, int32_t version, const stored_schema *schema,
                   int64_t timestamp_ms, bool is_deleted, weir_buf *reply)
{
    weir_buf_add_byte(reply, '{');
    if (subject.ptr != NULL) {
        weir_buf_add_str(reply, WEIR_STR("\"subject\":"));
        weir_buf_add_json(reply, subject);
        weir_buf_add_byte(reply, ',');
    }
    weir_buf_printf(reply, "\"version\":%" PRId32 ",\"id\":%" PRId32 ",", version, schema->id);
    weir_buf_add(reply, schema->body, schema->body_size);
    if (timestamp_ms >= 0)
        weir_buf_printf(reply, ",\"ts\":%" PRId64 ",\"deleted\":%s", timestamp_ms,
                        is_deleted ? "true" : "false");
    weir_buf_add_byte(reply, '}');
}

bool reply_text(registry *self, weir_str subject, stored_schema *schema, weir_str format,
                weir_buf *text, registry_error *error)
{
    WEIR_CLEANUP(parsed_schema_releasep) parsed_schema *parsed = NULL;
    weir_error err;

    if (schema->type != RECORD_AVRO || !weir_str_eq(format, WEIR_STR("resolved"))) {
        json_span_add_text(schema->text, text);
        return true;
    }
    parsed = registry_parse(self, subject, schema, &err);
    if (parsed == NULL)
        return registry_fail(error, REGISTRY_BAD_SCHEMA, "%s", err.message);
    avro_resolved(parsed->schema, text);
    return true;
}

stored_schema *reply_formatted(registry *self, weir_str subject, stored_schema *schema,
                               weir_str format, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0}, json = {0};
    record_schema record = {.id = schema->id,
                            .type = schema->type,
                            .references = schema->references,
                            .metadata = schema->metadata,
                            .rule_set = schema->rule_set,
                            .has_md5 = true};

    if (schema->type != RECORD_AVRO || !weir_str_eq(format, WEIR_STR("resolved"))) {
        stored_schema_hold(schema);
        return schema;
    }
    if (!reply_text(self, subject, schema, format, &text, error))
        return NULL;
    memcpy(record.md5, schema->md5, RECORD_MD5_SIZE); /* the guid stays that of what is stored */
    weir_buf_add_json(&json, weir_buf_str(&text));
    record.text = weir_buf_str(&json);
    return stored_schema_new(&record, schema->context);
}

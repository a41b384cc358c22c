/* stored_schema.c - a schema's text and what else an answer about it needs. */
#include "runtime/base/mem.h"
#include "schema-registry/registry/json_span.h"
#include "schema-registry/registry/parsed.h"
#include "schema-registry/registry/schema_hash.h"
#include "schema-registry/registry/tables.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* True when the text is escaped as nobody has to: then it gets the one spelling that texts are compared
 * in. */
static bool is_odd(weir_str text)
{
    return memmem(text.ptr, text.len, "\\u", 2) != NULL ||
           memmem(text.ptr, text.len, "\\/", 2) != NULL;
}

static void hash(stored_schema *self, const record_schema *record)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0};

    if (record->has_md5) {
        memcpy(self->md5, record->md5, RECORD_MD5_SIZE);
        return;
    }
    json_span_add_text(record->text, &text);
    if (!schema_hash(weir_buf_str(&text), record->references, record->metadata, record->rule_set,
                     self->md5))
        schema_hash_text(weir_buf_str(&text), self->md5); /* the rest is not what it should be */
}

/* Adds a member and says where its value will be in the body: offsets, as the buffer moves. */
static size_t add_member(weir_buf *body, const char *name, weir_str value)
{
    if (value.ptr == NULL)
        return 0;
    weir_buf_printf(body, ",\"%s\":", name);
    weir_buf_add_str(body, value);
    return body->len - value.len;
}

static weir_str piece(const stored_schema *self, size_t at, weir_str value)
{
    if (value.ptr == NULL)
        return (weir_str){0};
    return (weir_str){self->body + at, value.len};
}

stored_schema *stored_schema_new(const record_schema *record, registry_context *context)
{
    stored_schema *self = mem_zalloc(1, sizeof(*self));
    WEIR_CLEANUP(weir_buf_done) weir_buf plain = {0}, even = {0};
    weir_buf body = {0};
    char guid[37];
    size_t references, metadata, rule_set, at;
    weir_str text = record->text;

    atomic_init(&self->holders, 1);
    self->id = record->id;
    self->type = record->type;
    self->context = context;
    hash(self, record);
    schema_guid(self->md5, guid);
    if (is_odd(text)) {
        json_span_add_text(text, &plain);
        weir_buf_add_json(&even, weir_buf_str(&plain));
        text = weir_buf_str(&even);
    }
    weir_buf_reserve(&body, text.len + record->references.len + record->metadata.len +
                                record->rule_set.len + 160);
    weir_buf_printf(&body, "\"guid\":\"%s\",\"schemaType\":\"%s\"", guid,
                    record_type_name(record->type));
    references = add_member(&body, "references", record->references);
    metadata = add_member(&body, "metadata", record->metadata);
    rule_set = add_member(&body, "ruleSet", record->rule_set);
    at = add_member(&body, "schema", text);
    self->body = mem_realloc(body.ptr, body.len);
    self->body_size = body.len;
    self->references = piece(self, references, record->references);
    self->metadata = piece(self, metadata, record->metadata);
    self->rule_set = piece(self, rule_set, record->rule_set);
    self->text = piece(self, at, text);
    return self;
}

void stored_schema_hold(stored_schema *schema)
{
    atomic_fetch_add_explicit(&schema->holders, 1, memory_order_relaxed);
}

void stored_schema_release(stored_schema *schema)
{
    if (schema == NULL || atomic_fetch_sub_explicit(&schema->holders, 1, memory_order_acq_rel) != 1)
        return;
    assert(schema->parsed == NULL);
    free(schema->uses);
    free(schema->body);
    free(schema);
}

void stored_schema_releasep(stored_schema **schema)
{
    stored_schema_release(*schema);
    *schema = NULL;
}

bool stored_schema_is_live(const stored_schema *schema)
{
    for (size_t i = 0; i < schema->use_count; i++) {
        const schema_use *use = &schema->uses[i];

        if (!subject_version(use->subject, use->version)->is_deleted)
            return true;
    }
    return false;
}

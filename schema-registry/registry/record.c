/* record.c - the records of the topic _schemas. */
#include "schema-registry/registry/record.h"

#include "runtime/base/text.h"
#include "schema-registry/registry/json_span.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

static const char *const kinds[] = {
    [RECORD_SCHEMA] = "SCHEMA",
    [RECORD_CONFIG] = "CONFIG",
    [RECORD_MODE] = "MODE",
    [RECORD_CONTEXT] = "CONTEXT",
    [RECORD_DELETE_SUBJECT] = "DELETE_SUBJECT",
    [RECORD_CLEAR_SUBJECT] = "CLEAR_SUBJECT",
    [RECORD_NOOP] = "NOOP",
};

static const char *const types[] = {
    [RECORD_AVRO] = "AVRO",
    [RECORD_JSON] = "JSON",
    [RECORD_PROTOBUF] = "PROTOBUF",
};

bool record_type_of(weir_str name, record_type *out)
{
    for (record_type i = RECORD_AVRO; i <= RECORD_PROTOBUF; i++) {
        if (weir_str_eq(name, weir_cstr(types[i]))) {
            *out = i;
            return true;
        }
    }
    return false;
}

const char *record_type_name(record_type type)
{
    return types[type];
}

static record_kind kind_of(weir_str value)
{
    for (record_kind i = RECORD_SCHEMA; i < RECORD_OTHER; i++)
        if (json_span_says(value, weir_cstr(kinds[i])))
            return i;
    return RECORD_OTHER;
}

static bool read_key_member(weir_str name, weir_str value, record_key *out)
{
    bool is_null = weir_str_eq(value, WEIR_STR("null"));

    if (json_span_says(name, WEIR_STR("keytype"))) {
        out->kind = kind_of(value);
    } else if ((json_span_says(name, WEIR_STR("subject")) ||
                json_span_says(name, WEIR_STR("context"))) &&
               !is_null) {
        if (!json_span_is_string(value))
            return false;
        out->has_subject = true;
        weir_buf_clear(&out->subject);
        json_span_add_text(value, &out->subject);
    } else if (json_span_says(name, WEIR_STR("version"))) {
        return json_span_to_int(value, &out->version);
    }
    return true;
}

bool record_key_read(weir_str bytes, record_key *out)
{
    json_span span = json_span_of(bytes);
    weir_str name, value;

    *out = (record_key){.kind = RECORD_OTHER};
    while (json_span_next(&span, &name, &value))
        if (!read_key_member(name, value, out))
            return false;
    if (span.is_bad || (out->kind == RECORD_SCHEMA && out->version <= 0))
        return false;
    return out->kind != RECORD_CONTEXT || out->has_subject;
}

void record_key_done(record_key *key)
{
    weir_buf_done(&key->subject);
}

/* The MD5 in a value: base64, 24 characters for 16 bytes. Another is none: it can be computed. */
static bool read_md5(weir_str value, record_schema *out)
{
    unsigned char bytes[20];

    out->has_md5 = json_span_is_string(value) && value.len == 26 &&
                   EVP_DecodeBlock(bytes, (const unsigned char *)value.ptr + 1, 24) == 18;
    if (out->has_md5)
        memcpy(out->md5, bytes, RECORD_MD5_SIZE);
    return true;
}

static bool read_type(weir_str value, record_schema *out)
{
    weir_str inside = {value.ptr + 1, value.len - 2};

    return json_span_is_string(value) && record_type_of(inside, &out->type);
}

/* A piece that is only there when it says something. */
static bool read_piece(weir_str value, char open, weir_str *out)
{
    if (value.ptr[0] != open)
        return false;
    if (value.len > 2)
        *out = value;
    return true;
}

static void keep_extra(weir_str name, weir_str value, weir_buf *extra)
{
    weir_buf_add_byte(extra, ',');
    weir_buf_add_str(extra, name);
    weir_buf_add_byte(extra, ':');
    json_span_add_compact(value, extra);
}

static bool read_schema_member(weir_str name, weir_str value, record_schema *out)
{
    if (json_span_says(name, WEIR_STR("version")))
        return json_span_to_int(value, &out->version);
    if (json_span_says(name, WEIR_STR("id")))
        return json_span_to_int(value, &out->id);
    if (json_span_says(name, WEIR_STR("schema"))) {
        out->text = value;
        return json_span_is_string(value);
    }
    if (json_span_says(name, WEIR_STR("deleted"))) {
        out->is_deleted = weir_str_eq(value, WEIR_STR("true"));
        return true;
    }
    if (weir_str_eq(value, WEIR_STR("null")) || json_span_says(name, WEIR_STR("subject")))
        return true;
    if (json_span_says(name, WEIR_STR("md5")))
        return read_md5(value, out);
    if (json_span_says(name, WEIR_STR("schemaType")))
        return read_type(value, out);
    if (json_span_says(name, WEIR_STR("references")))
        return read_piece(value, '[', &out->references);
    if (json_span_says(name, WEIR_STR("metadata")))
        return read_piece(value, '{', &out->metadata);
    if (json_span_says(name, WEIR_STR("ruleSet")))
        return read_piece(value, '{', &out->rule_set);
    keep_extra(name, value, &out->extra);
    return true;
}

bool record_schema_read(weir_str bytes, record_schema *out)
{
    json_span span = json_span_of(bytes);
    weir_str name, value;

    *out = (record_schema){.type = RECORD_AVRO, .id = -1};
    while (json_span_next(&span, &name, &value))
        if (!read_schema_member(name, value, out))
            return false;
    return !span.is_bad && out->text.ptr != NULL && out->version > 0 && out->id >= 0;
}

void record_schema_done(record_schema *schema)
{
    weir_buf_done(&schema->extra);
}

bool record_delete_read(weir_str bytes, int32_t *version)
{
    json_span span = json_span_of(bytes);
    weir_str name, value;
    bool is_found = false;

    while (json_span_next(&span, &name, &value))
        if (json_span_says(name, WEIR_STR("version")))
            is_found = json_span_to_int(value, version);
    return is_found && !span.is_bad;
}

bool record_ids_read(weir_str bytes, weir_str *ids)
{
    json_span span = json_span_of(bytes);
    weir_str name, value;
    bool is_found = false;

    while (json_span_next(&span, &name, &value)) {
        if (json_span_says(name, WEIR_STR("lastIds"))) {
            *ids = value;
            is_found = true;
        }
    }
    return is_found && !span.is_bad;
}

/* Confluent leaves out what is empty. */
static void add_key_start(record_kind kind, weir_str subject, weir_buf *out)
{
    weir_buf_printf(out, "{\"keytype\":\"%s\",", kinds[kind]);
    if (subject.ptr == NULL || subject.len == 0)
        return;
    weir_buf_add_str(out, WEIR_STR("\"subject\":"));
    weir_buf_add_json(out, subject);
    weir_buf_add_byte(out, ',');
}

void record_schema_key_add(weir_str subject, int32_t version, weir_buf *out)
{
    add_key_start(RECORD_SCHEMA, subject, out);
    weir_buf_printf(out, "\"version\":%" PRId32 ",\"magic\":1}", version);
}

void record_subject_key_add(record_kind kind, weir_str subject, weir_buf *out)
{
    add_key_start(kind, subject, out);
    weir_buf_add_str(out, WEIR_STR("\"magic\":0}"));
}

void record_context_key_add(weir_str context, weir_buf *out)
{
    weir_buf_add_str(out, WEIR_STR("{\"keytype\":\"CONTEXT\",\"tenant\":\"default\",\"context\":"));
    weir_buf_add_json(out, context);
    weir_buf_add_str(out, WEIR_STR(",\"magic\":0}"));
}

void record_noop_key_add(weir_buf *out)
{
    weir_buf_add_str(out, WEIR_STR("{\"keytype\":\"NOOP\",\"magic\":0}"));
}

static void add_piece(const char *name, weir_str value, weir_buf *out)
{
    if (value.ptr == NULL)
        return;
    weir_buf_printf(out, ",\"%s\":", name);
    weir_buf_add_str(out, value);
}

void record_schema_add(weir_str subject, const record_schema *schema, weir_buf *out)
{
    unsigned char md5[25];

    weir_buf_add_str(out, WEIR_STR("{\"subject\":"));
    weir_buf_add_json(out, subject);
    weir_buf_printf(out, ",\"version\":%" PRId32 ",\"id\":%" PRId32, schema->version, schema->id);
    if (schema->has_md5) {
        (void)EVP_EncodeBlock(md5, schema->md5, RECORD_MD5_SIZE); /* always 24 characters */
        weir_buf_printf(out, ",\"md5\":\"%s\"", (const char *)md5);
    }
    if (schema->type != RECORD_AVRO)
        weir_buf_printf(out, ",\"schemaType\":\"%s\"", types[schema->type]);
    add_piece("references", schema->references, out);
    add_piece("metadata", schema->metadata, out);
    add_piece("ruleSet", schema->rule_set, out);
    add_piece("schema", schema->text, out);
    weir_buf_printf(out, ",\"deleted\":%s", schema->is_deleted ? "true" : "false");
    weir_buf_add_str(out, weir_buf_str(&schema->extra));
    weir_buf_add_byte(out, '}');
}

void record_context_add(weir_str context, weir_buf *out)
{
    weir_buf_add_str(out, WEIR_STR("{\"tenant\":\"default\",\"context\":"));
    weir_buf_add_json(out, context);
    weir_buf_add_byte(out, '}');
}

void record_delete_add(weir_str subject, int32_t version, weir_buf *out)
{
    weir_buf_add_str(out, WEIR_STR("{\"subject\":"));
    weir_buf_add_json(out, subject);
    weir_buf_printf(out, ",\"version\":%" PRId32 "}", version);
}

void record_clear_add(weir_str subject, weir_buf *out)
{
    weir_buf_add_str(out, WEIR_STR("{"));
    if (subject.len > 0) {
        weir_buf_add_str(out, WEIR_STR("\"subject\":"));
        weir_buf_add_json(out, subject);
    }
    weir_buf_add_byte(out, '}');
}

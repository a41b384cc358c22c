/* relation_schema.c - the text of the Avro schemas of a table's events. */
#include "relation_schema.h"

static bool is_name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static bool is_avro_name(weir_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_char(name.ptr[i], i == 0))
            return false;
    }
    return name.len > 0;
}

/* A legal name for any: illegal bytes in hexadecimal. Two names never become one, because a legal name
 * that looks like a changed one is changed, too. */
static void add_avro_name(weir_str name, weir_buf *out)
{
    bool looks_changed = name.len > 2 && memcmp(name.ptr, "_x", 2) == 0;

    if (is_avro_name(name) && !looks_changed) {
        weir_buf_add_str(out, name);
        return;
    }
    weir_buf_add_str(out, WEIR_STR("_x"));
    for (size_t i = 0; i < name.len; i++) {
        if (is_name_char(name.ptr[i], false) && name.ptr[i] != '_')
            weir_buf_add_byte(out, name.ptr[i]);
        else
            weir_buf_printf(out, "_%02x", (uint8_t)name.ptr[i]);
    }
}

/* The topic as a namespace: what Avro forbids becomes an underscore. */
static void add_namespace(weir_str topic, weir_buf *out)
{
    bool first = true;

    for (size_t i = 0; i < topic.len; i++) {
        char c = topic.ptr[i];

        if (c == '.') {
            first = true;
            weir_buf_add_byte(out, c);
            continue;
        }
        if (first && c >= '0' && c <= '9')
            weir_buf_add_byte(out, '_');
        weir_buf_add_byte(out, is_name_char(c, false) ? c : '_');
        first = false;
    }
}

static void add_connect_name(const relation *self, const char *suffix, weir_buf *out)
{
    weir_buf name = {0}, adjusted = {0};

    weir_buf_printf(&name, "%.*s.%s", WEIR_ARG(self->topic), suffix);
    adjust_schema_name(weir_buf_str(&name), self->schema_names, &adjusted);
    weir_buf_add_str(out, WEIR_STR(",\"connect.name\":"));
    weir_buf_add_json(out, weir_buf_str(&adjusted));
    weir_buf_done(&name);
    weir_buf_done(&adjusted);
}

static void add_field(const relation_column *column, weir_str default_json, unsigned *defined,
                      weir_buf *out)
{
    weir_buf_add_str(out, WEIR_STR("{\"name\":\""));
    add_avro_name(column->field, out);
    weir_buf_add_str(out, WEIR_STR("\",\"type\":"));
    if (column->nullable)
        weir_buf_add_str(out, column->value_branch == 0 ? WEIR_STR("[") : WEIR_STR("[\"null\","));
    codec_schema(&column->codec, default_json, defined, out);
    if (column->nullable)
        weir_buf_add_str(out, column->value_branch == 0 ? WEIR_STR(",\"null\"]") : WEIR_STR("]"));
    if (default_json.len > 0)
        weir_buf_printf(out, ",\"default\":%.*s", WEIR_ARG(default_json));
    else if (column->nullable)
        weir_buf_add_str(out, WEIR_STR(",\"default\":null"));
    if (!is_avro_name(column->field) || memcmp(column->field.ptr, "_x", 2) == 0) {
        weir_buf_add_str(out, WEIR_STR(",\"weir.name\":"));
        weir_buf_add_json(out, column->field);
    }
    weir_buf_add_byte(out, '}');
}

void relation_schema_key(const relation *self, const relation_defaults *defaults, weir_buf *out)
{
    unsigned defined = 0;

    weir_buf_add_str(out, WEIR_STR("{\"type\":\"record\",\"name\":\"Key\",\"namespace\":\""));
    add_namespace(self->topic, out);
    weir_buf_add_str(out, WEIR_STR("\",\"fields\":["));
    for (size_t i = 0; i < self->key_count; i++) {
        if (i > 0)
            weir_buf_add_byte(out, ',');
        add_field(&self->columns[self->key[i]], defaults->json[self->key[i]], &defined, out);
    }
    weir_buf_add_byte(out, ']');
    add_connect_name(self, "Key", out);
    weir_buf_add_byte(out, '}');
}

static void add_value(const relation *self, const relation_defaults *defaults, weir_buf *out)
{
    unsigned defined = 0;
    bool first = true;

    weir_buf_add_str(out, WEIR_STR("{\"type\":\"record\",\"name\":\"Value\",\"fields\":["));
    for (size_t i = 0; i < self->column_count; i++) {
        if (!self->columns[i].included)
            continue;
        if (!first)
            weir_buf_add_byte(out, ',');
        first = false;
        add_field(&self->columns[i], defaults->json[i], &defined, out);
    }
    weir_buf_add_byte(out, ']');
    add_connect_name(self, "Value", out);
    weir_buf_add_byte(out, '}');
}

static const char source_schema[] =
    "{\"type\":\"record\",\"name\":\"Source\",\"namespace\":\"io.debezium.connector.postgresql\","
    "\"fields\":[{\"name\":\"version\",\"type\":\"string\"},"
    "{\"name\":\"connector\",\"type\":\"string\"},"
    "{\"name\":\"name\",\"type\":\"string\"},"
    "{\"name\":\"ts_ms\",\"type\":\"long\"},"
    "{\"name\":\"snapshot\",\"type\":[{\"type\":\"string\",\"connect.version\":1,"
    "\"connect.parameters\":{\"allowed\":\"true,first,first_in_data_collection,"
    "last_in_data_collection,last,false,incremental\"},\"connect.default\":\"false\","
    "\"connect.name\":\"io.debezium.data.Enum\"},\"null\"],\"default\":\"false\"},"
    "{\"name\":\"db\",\"type\":\"string\"},"
    "{\"name\":\"sequence\",\"type\":[\"null\",\"string\"],\"default\":null},"
    "{\"name\":\"ts_us\",\"type\":[\"null\",\"long\"],\"default\":null},"
    "{\"name\":\"ts_ns\",\"type\":[\"null\",\"long\"],\"default\":null},"
    "{\"name\":\"schema\",\"type\":\"string\"},"
    "{\"name\":\"table\",\"type\":\"string\"},"
    "{\"name\":\"txId\",\"type\":[\"null\",\"long\"],\"default\":null},"
    "{\"name\":\"lsn\",\"type\":[\"null\",\"long\"],\"default\":null},"
    "{\"name\":\"xmin\",\"type\":[\"null\",\"long\"],\"default\":null}],"
    "\"connect.version\":1,\"connect.name\":\"io.debezium.connector.postgresql.Source\"}";

/* What follows the source. */
static const char rest_schema[] =
    ",{\"name\":\"transaction\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"block\","
    "\"namespace\":\"event\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},"
    "{\"name\":\"total_order\",\"type\":\"long\"},"
    "{\"name\":\"data_collection_order\",\"type\":\"long\"}],"
    "\"connect.version\":1,\"connect.name\":\"event.block\"}],\"default\":null},"
    "{\"name\":\"op\",\"type\":\"string\"},"
    "{\"name\":\"ts_ms\",\"type\":[\"null\",\"long\"],\"default\":null},"
    "{\"name\":\"ts_us\",\"type\":[\"null\",\"long\"],\"default\":null},"
    "{\"name\":\"ts_ns\",\"type\":[\"null\",\"long\"],\"default\":null}],\"connect.version\":2";

void relation_schema_envelope(const relation *self, const relation_defaults *defaults,
                              weir_buf *out)
{
    weir_buf_add_str(out, WEIR_STR("{\"type\":\"record\",\"name\":\"Envelope\",\"namespace\":\""));
    add_namespace(self->topic, out);
    weir_buf_add_str(out, WEIR_STR("\",\"fields\":[{\"name\":\"before\",\"type\":[\"null\","));
    add_value(self, defaults, out);
    weir_buf_add_str(out, WEIR_STR("],\"default\":null},{\"name\":\"after\",\"type\":[\"null\","
                                   "\"Value\"],\"default\":null},"
                                   "{\"name\":\"source\",\"type\":"));
    weir_buf_add_str(out, weir_cstr(source_schema));
    weir_buf_add_byte(out, '}');
    weir_buf_add_str(out, weir_cstr(rest_schema));
    add_connect_name(self, "Envelope", out);
    weir_buf_add_byte(out, '}');
}

/* --- Defaults ------------------------------------------------------------------------------- */

/* What Debezium puts into the schema where a function makes the default. */
static const struct {
    const char *type;
    const char *placeholder;
} generated_defaults[] = {
    {"bool", "f"},
    {"bpchar", ""},
    {"varchar", ""},
    {"text", ""},
    {"numeric", "0"},
    {"float4", "0"},
    {"float8", "0"},
    {"int2", "0"},
    {"int4", "0"},
    {"int8", "0"},
    {"json", "{}"},
    {"jsonb", "{}"},
    {"xml", ""},
    {"uuid", "00000000-0000-0000-0000-000000000000"},
    {"date", "1970-01-01"},
    {"time", "00:00:00"},
    {"timestamp", "1970-01-01 00:00:00"},
    {"timestamptz", "1970-01-01 00:00:00+00"},
    {"interval", "00:00:00"},
    {"bit", "0"},
    {"varbit", "0"},
};

static bool is_call(weir_str sql)
{
    static const char *const clocks[] = {"CURRENT_TIMESTAMP", "CURRENT_TIME", "CURRENT_DATE",
                                         "LOCALTIME", "LOCALTIMESTAMP"};
    size_t at = sql.len > 0 && sql.ptr[0] == '(';
    size_t start = at;

    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        if (weir_str_eq(sql, weir_cstr(clocks[i])))
            return true;
    }
    for (bool quoted = false;
         at < sql.len &&
         (quoted || sql.ptr[at] == '"' || is_name_char(sql.ptr[at], false) || sql.ptr[at] == '.');
         at++)
        quoted = quoted != (sql.ptr[at] == '"');
    return at > start && at < sql.len && sql.ptr[at] == '(' &&
           memchr(sql.ptr + at, ')', sql.len - at) != NULL;
}

/* The text of a literal such as 'it''s'::text or 42; false when it is none. */
static bool literal(weir_str sql, weir_buf *out)
{
    const char *quote = sql.len > 0 ? memchr(sql.ptr, '\'', sql.len) : NULL;

    if (quote == NULL) {
        bool is_null = sql.len >= 4 && memcmp(sql.ptr, "NULL", 4) == 0;

        if (!is_null)
            weir_buf_add_str(out, sql);
        return !is_null;
    }
    if (quote != sql.ptr && !(quote == sql.ptr + 1 && sql.ptr[0] == 'B'))
        return false; /* an expression with a literal somewhere in it */
    for (const char *at = quote + 1; at < sql.ptr + sql.len; at++) {
        if (*at == '\'' && (at + 1 == sql.ptr + sql.len || at[1] != '\''))
            return at + 1 == sql.ptr + sql.len || at[1] == ':';
        at += *at == '\'';
        weir_buf_add_byte(out, *at);
    }
    return false;
}

bool relation_schema_default(const codec *column, weir_str sql, weir_buf *out)
{
    weir_str name = column->type->name;
    const char *placeholder = column->type->kind == 'e' ? "" : NULL;

    for (size_t i = 0; i < sizeof(generated_defaults) / sizeof(generated_defaults[0]); i++) {
        if (weir_str_eq(name, weir_cstr(generated_defaults[i].type)))
            placeholder = generated_defaults[i].placeholder;
    }
    if (placeholder == NULL || sql.len == 0)
        return false; /* of other types Debezium knows no default */
    if (is_call(sql)) {
        weir_buf_add_str(out, weir_cstr(placeholder));
        return column->type->kind != 'e';
    }
    return literal(sql, out);
}

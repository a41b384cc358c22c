/* json.c - values as the JSON of Kafka Connect's JsonConverter. */
#include "schema-registry/avro/json.h"

#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/json_parts.h"
#include "schema-registry/avro/walk.h"

#include <assert.h>

/* NOLINTBEGIN(misc-no-recursion): values nest; AVRO_DEPTH_MAX bounds it */

/* --- Parts ------------------------------------------------------------------------------------ */

void avro_json_base64(weir_buf *out, weir_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = (const uint8_t *)bytes.ptr;
    char *at = weir_buf_reserve(out, bytes.len / 3 * 4 + 4);
    size_t i = 0;

    for (; i + 3 <= bytes.len; i += 3) {
        uint32_t three = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];

        *at++ = digits[three >> 18];
        *at++ = digits[three >> 12 & 63];
        *at++ = digits[three >> 6 & 63];
        *at++ = digits[three & 63];
    }
    if (i < bytes.len) {
        bool has_two = i + 2 == bytes.len;
        uint32_t rest = (uint32_t)in[i] << 16 | (has_two ? (uint32_t)in[i + 1] << 8 : 0);

        *at++ = digits[rest >> 18];
        *at++ = digits[rest >> 12 & 63];
        *at++ = '=';
        if (has_two)
            at[-1] = digits[rest >> 6 & 63];
        *at++ = '=';
    }
    out->len = (size_t)(at - out->ptr);
}

/* Connect reads the number and writes it again, in as few bytes as it takes. */
weir_str avro_json_unscaled(weir_str bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    size_t len = bytes.len;

    while (len > 1 && ((at[0] == 0x00 && at[1] < 0x80) || (at[0] == 0xff && at[1] >= 0x80))) {
        at++;
        len--;
    }
    return (weir_str){(const char *)at, len};
}

void avro_json_long(weir_buf *out, int64_t value)
{
    char text[20], *at = text + sizeof(text);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--at = '-';
    weir_buf_add(out, at, (size_t)(text + sizeof(text) - at));
}

weir_str avro_json_branch_name(const weir_schema *branch)
{
    return avro_type_is_named(branch->type) ? avro_simple_name(branch->name) : branch->name;
}

bool avro_json_is_wrapped(const weir_schema *unions)
{
    return unions->branch_count > 1 && unions->unwrapped == unions;
}

/* --- Values ----------------------------------------------------------------------------------- */

typedef struct writer {
    avro_walk walk;
    weir_buf *out;
    size_t max_len; /* of out */
    bool replace_null;
} writer;

static void add(writer *w, const char *text)
{
    weir_buf_add_str(w->out, weir_cstr(text));
}

static bool has_room(writer *w)
{
    return w->out->len <= w->max_len || avro_walk_fail(&w->walk, "its JSON is too long");
}

static bool write_value(writer *w, const weir_schema *schema);

static bool write_bytes(writer *w, const weir_schema *schema)
{
    bool is_fixed = schema->type == WEIR_TYPE_FIXED;
    weir_str bytes;

    if (!(is_fixed ? avro_walk_fixed(&w->walk, schema->fixed_size, &bytes)
                   : avro_walk_bytes(&w->walk, &bytes)))
        return false;
    if (schema->type == WEIR_TYPE_STRING) {
        weir_buf_add_json(w->out, bytes);
        return true;
    }
    if (schema->is_decimal && bytes.len == 0)
        return avro_walk_fail(&w->walk, "a decimal has no bytes");
    weir_buf_add_byte(w->out, '"');
    avro_json_base64(w->out, schema->is_decimal ? avro_json_unscaled(bytes) : bytes);
    weir_buf_add_byte(w->out, '"');
    return true;
}

static bool write_number(writer *w, const weir_schema *schema)
{
    int64_t integer = 0;
    double number = 0;

    if (schema->type == WEIR_TYPE_FLOAT) {
        if (!avro_walk_float(&w->walk, &number))
            return false;
        avro_json_float(w->out, (float)number);
        return true;
    }
    if (schema->type == WEIR_TYPE_DOUBLE) {
        if (!avro_walk_double(&w->walk, &number))
            return false;
        avro_json_double(w->out, number);
        return true;
    }
    if (!(schema->type == WEIR_TYPE_INT ? avro_walk_int(&w->walk, &integer)
                                        : avro_walk_long(&w->walk, &integer)))
        return false;
    avro_json_long(w->out, integer);
    return true;
}

static bool write_record(writer *w, const weir_schema *record)
{
    if (!avro_walk_down(&w->walk))
        return false;
    weir_buf_add_byte(w->out, '{');
    for (size_t i = 0; i < record->field_count; i++) {
        if (i > 0)
            weir_buf_add_byte(w->out, ',');
        weir_buf_add_str(w->out, record->fields[i].json_name);
        if (!write_value(w, record->fields[i].schema) || !has_room(w))
            return false;
    }
    weir_buf_add_byte(w->out, '}');
    avro_walk_up(&w->walk);
    return true;
}

/* The member of an object for an entry of a map: `"key":value`. */
static bool write_entry(writer *w, const weir_schema *values)
{
    weir_str key;

    if (!avro_walk_bytes(&w->walk, &key))
        return false;
    weir_buf_add_json(w->out, key);
    weir_buf_add_byte(w->out, ':');
    return write_value(w, values);
}

/* One of AvroData's entries: a record of key and value, which stands for an entry of a map. */
static bool write_map_entry(writer *w, const weir_schema *entry, bool is_object)
{
    if (!is_object)
        weir_buf_add_byte(w->out, '[');
    size_t begin = w->out->len;

    if (!write_value(w, entry->fields[0].schema))
        return false;
    if (is_object && w->out->ptr[begin] != '"')
        return avro_walk_fail(&w->walk, "a null as the key of an entry");
    weir_buf_add_byte(w->out, is_object ? ':' : ',');
    if (!write_value(w, entry->fields[1].schema))
        return false;
    if (!is_object)
        weir_buf_add_byte(w->out, ']');
    return true;
}

static bool write_items(writer *w, const weir_schema *schema)
{
    bool is_entries = schema->items->is_map_entry && schema->type == WEIR_TYPE_ARRAY;
    bool is_object =
        schema->type == WEIR_TYPE_MAP ||
        (is_entries && schema->items->fields[0].schema->unwrapped->type == WEIR_TYPE_STRING);
    const char *between = "";
    avro_block block;

    if (!avro_walk_down(&w->walk))
        return false;
    weir_buf_add_byte(w->out, is_object ? '{' : '[');
    do {
        if (!avro_walk_block(&w->walk, schema, &block))
            return false;
        for (int64_t i = 0; i < block.count; i++) {
            bool is_written;

            add(w, between);
            between = ",";
            if (is_entries)
                is_written = write_map_entry(w, schema->items, is_object);
            else
                is_written =
                    is_object ? write_entry(w, schema->items) : write_value(w, schema->items);
            if (!is_written || !has_room(w))
                return false;
        }
        if (!avro_walk_block_end(&w->walk, &block))
            return false;
    } while (block.count > 0);
    weir_buf_add_byte(w->out, is_object ? '}' : ']');
    avro_walk_up(&w->walk);
    return true;
}

/* AvroData makes a struct of it: a member for each branch but null, all of them null but one. */
static bool write_wrapped(writer *w, const weir_schema *unions, size_t chosen)
{
    const char *between = "";

    weir_buf_add_byte(w->out, '{');
    for (size_t i = 0; i < unions->branch_count; i++) {
        if (unions->branches[i]->type == WEIR_TYPE_NULL)
            continue;
        add(w, between);
        between = ",";
        weir_buf_add_json(w->out, avro_json_branch_name(unions->branches[i]));
        weir_buf_add_byte(w->out, ':');
        if (i != chosen)
            add(w, "null");
        else if (!write_value(w, unions->branches[i]))
            return false;
    }
    weir_buf_add_byte(w->out, '}');
    return has_room(w);
}

static bool write_union(writer *w, const weir_schema *unions)
{
    int64_t branch;

    if (!avro_walk_index(&w->walk, unions->branch_count, &branch))
        return false;
    if (branch == unions->null_branch) {
        if (w->replace_null && unions->unwrapped->connect_default.ptr != NULL)
            weir_buf_add_str(w->out, unions->unwrapped->connect_default);
        else
            add(w, "null");
        return true;
    }
    return avro_json_is_wrapped(unions) ? write_wrapped(w, unions, (size_t)branch)
                                        : write_value(w, unions->branches[branch]);
}

static bool write_value(writer *w, const weir_schema *schema)
{
    int64_t number = 0;

    switch (schema->type) {
    case WEIR_TYPE_NULL:
        add(w, "null");
        return true;
    case WEIR_TYPE_BOOLEAN:
        if (!avro_walk_boolean(&w->walk, &number))
            return false;
        add(w, number != 0 ? "true" : "false");
        return true;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_LONG:
    case WEIR_TYPE_FLOAT:
    case WEIR_TYPE_DOUBLE:
        return write_number(w, schema);
    case WEIR_TYPE_BYTES:
    case WEIR_TYPE_STRING:
    case WEIR_TYPE_FIXED:
        return write_bytes(w, schema);
    case WEIR_TYPE_RECORD:
        return write_record(w, schema);
    case WEIR_TYPE_ENUM:
        if (!avro_walk_index(&w->walk, schema->symbols.count, &number))
            return false;
        weir_buf_add_json(w->out, schema->symbols.items[number]);
        return true;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
        return write_items(w, schema);
    case WEIR_TYPE_UNION:
        return write_union(w, schema);
    }
    assert(!"a type without JSON");
    return false;
}

weir_code avro_json_value(const weir_schema *schema, weir_str value,
                          const avro_json_options *options, weir_buf *out, weir_error *err)
{
    size_t begin = out->len;
    writer w = {
        .walk = avro_walk_of(value),
        .out = out,
        .max_len = begin + (options->max_size > 0 ? options->max_size : AVRO_JSON_MAX),
        .replace_null = options->replace_null,
    };

    if (write_value(&w, schema) && avro_walk_end(&w.walk) && has_room(&w))
        return WEIR_OK;
    out->len = begin;
    return weir_fail(err, WEIR_REJECT, "not a value of %.*s, at byte %zu of %zu: %s",
                     WEIR_ARG(schema->name), avro_walk_position(&w.walk), value.len, w.walk.wrong);
}

weir_code weir_value_json(const weir_schema *schema, weir_str value, weir_buf *out, weir_error *err)
{
    static const avro_json_options plain = {0};

    return avro_json_value(schema, value, &plain, out, err);
}

/* NOLINTEND(misc-no-recursion) */

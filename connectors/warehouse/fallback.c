/* fallback.c - the default of a field as a literal of SQL. */
#include "fallback.h"

#include "numeric.h"
#include "sql.h"

#include <string.h>

typedef struct reader {
    const char *at, *end;
} reader;

static bool read_hex(reader *in, uint32_t *out)
{
    *out = 0;
    if (in->end - in->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = *in->at++;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : UINT32_MAX;

        if (digit > 15)
            return false;
        *out = *out << 4 | digit;
    }
    return true;
}

/* Behind "\u": one code point, of two surrogates if need be. */
static bool read_escaped(reader *in, uint32_t *point)
{
    uint32_t low;

    if (!read_hex(in, point))
        return false;
    if (*point < 0xD800 || *point > 0xDFFF)
        return true;
    if (*point > 0xDBFF || in->end - in->at < 2 || memcmp(in->at, "\\u", 2) != 0)
        return false;
    in->at += 2;
    if (!read_hex(in, &low) || low < 0xDC00 || low > 0xDFFF)
        return false;
    *point = 0x10000 + ((*point - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

static void add_utf8(weir_buf *out, uint32_t point)
{
    int more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const uint8_t first[] = {0x00, 0xC0, 0xE0, 0xF0};

    weir_buf_add_byte(out, (char)(first[more] | point >> (6 * more)));
    while (more-- > 0)
        weir_buf_add_byte(out, (char)(0x80 | (point >> (6 * more) & 0x3F)));
}

/* Of a text, the code point as UTF-8; of bytes, the byte that it stands for. */
static bool read_character(reader *in, bool as_bytes, weir_buf *out)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    uint32_t point = (uint8_t)*in->at++;

    if (point == '\\' && in->at < in->end) {
        char letter = *in->at++;
        const char *found = strchr(letters, letter);

        if (letter == 'u' ? !read_escaped(in, &point) : found == NULL || letter == 0)
            return false;
        if (letter != 'u')
            point = (uint8_t)meanings[found - letters];
    } else if (point >= 0x80 && !as_bytes) {
        weir_buf_add_byte(out, (char)point); /* a part of a character as it is */
        return true;
    } else if (point >= 0x80) { /* of bytes, a character below 256: two bytes of UTF-8 */
        if ((point & 0xFC) != 0xC0 || in->at == in->end)
            return false;
        point = (point & 3) << 6 | ((uint8_t)*in->at++ & 0x3F);
    }
    if (!as_bytes) {
        add_utf8(out, point);
        return point != 0;
    }
    weir_buf_add_byte(out, (char)point);
    return point < 0x100;
}

/* The content of a JSON string; false for everything else. */
static bool read_string(weir_str json, bool as_bytes, weir_buf *out)
{
    reader in = {json.ptr + 1, json.ptr + json.len - 1};

    if (json.len < 2 || json.ptr[0] != '"' || *in.end != '"')
        return false;
    while (in.at < in.end) {
        if (!read_character(&in, as_bytes, out))
            return false;
    }
    return true;
}

static bool is_number(weir_str json)
{
    for (size_t i = 0; i < json.len; i++) {
        if (strchr("+-.0123456789eE", json.ptr[i]) == NULL || json.ptr[i] == 0)
            return false;
    }
    return json.len > 0;
}

static bool add_decimal(const value_source *source, weir_str json, weir_buf *scratch, weir_buf *out)
{
    weir_buf binary = {0};
    weir_error ignored; /* then there is no default */
    bool valid = read_string(json, true, scratch) &&
                 numeric_encode(weir_buf_str(scratch), source->scale, &binary, &ignored) == WEIR_OK;

    if (valid)
        numeric_text(weir_buf_str(&binary), out);
    weir_buf_done(&binary);
    return valid;
}

static bool add_text(weir_str json, weir_buf *scratch, weir_buf *out)
{
    if (!read_string(json, false, scratch))
        return false;
    sql_literal(out, weir_buf_str(scratch));
    return true;
}

bool fallback_sql(const value_source *source, weir_str json, weir_buf *out)
{
    weir_buf scratch = {0};
    bool added = false;

    if (source->array != NULL || json.len == 0)
        return false;
    switch (source->form) {
    case FORM_BOOLEAN:
        added = weir_str_eq(json, WEIR_STR("true")) || weir_str_eq(json, WEIR_STR("false"));
        break;
    case FORM_INTEGER:
    case FORM_NUMBER:
        added = is_number(json);
        break;
    case FORM_DECIMAL:
        added = add_decimal(source, json, &scratch, out);
        break;
    case FORM_TEXT:
    case FORM_UUID:
        added = add_text(json, &scratch, out);
        break;
    case FORM_BYTES:
    case FORM_ENUM:
    case FORM_VARIABLE_DECIMAL:
    case FORM_DAYS:
    case FORM_TIME:
    case FORM_TIMESTAMP:
    case FORM_ZONED_TIME:
    case FORM_ZONED_TIMESTAMP:
    case FORM_DURATION:
    case FORM_ISO_INTERVAL:
    case FORM_NESTED:
        break;
    }
    if (added && (source->form == FORM_BOOLEAN || source->form == FORM_INTEGER ||
                  source->form == FORM_NUMBER))
        weir_buf_add_str(out, json);
    weir_buf_done(&scratch);
    return added;
}

/* adjust.c - names with the characters that Avro allows, as Debezium's adjustment modes make them. */
#include "adjust.h"

/* The character at *at, which is moved behind it. Names of the server are valid UTF-8. */
static uint32_t next_character(weir_str name, size_t *at)
{
    uint8_t first = (uint8_t)name.ptr[(*at)++];
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    uint32_t character = more == 0 ? first : first & (0x3fu >> more);

    for (; more > 0 && *at < name.len; more--)
        character = character << 6 | ((uint8_t)name.ptr[(*at)++] & 0x3f);
    return character;
}

static bool is_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

/* One unit of UTF-16 that is not allowed. Numbers of up to two digits get two zeros in front. */
static void add_replacement(uint32_t unit, adjust_mode mode, weir_buf *out)
{
    if (mode == ADJUST_AVRO)
        weir_buf_add_byte(out, '_');
    else
        weir_buf_printf(out, unit <= 0xff ? "_u00%x" : "_u%x", unit);
}

static void adjust(weir_str name, adjust_mode mode, bool dots, weir_buf *out)
{
    for (size_t at = 0; at < name.len;) {
        bool first = at == 0;
        uint32_t c = next_character(name, &at);
        bool valid = is_letter(c) || (c == '_' && mode == ADJUST_AVRO) ||
                     (!first && (is_digit(c) || (c == '.' && dots)));

        if (!valid && c > 0xffff) {
            add_replacement(0xd800 + ((c - 0x10000) >> 10), mode, out);
            add_replacement(0xdc00 + ((c - 0x10000) & 0x3ff), mode, out);
        } else if (!valid) {
            add_replacement(c, mode, out);
        }
        /* a digit in front is kept behind its underscore */
        if (valid || (is_digit(c) && mode == ADJUST_AVRO))
            weir_buf_add_byte(out, (char)c);
    }
}

void adjust_schema_name(weir_str name, adjust_mode mode, weir_buf *out)
{
    if (mode == ADJUST_NONE)
        weir_buf_add_str(out, name);
    else
        adjust(name, mode, true, out);
}

void adjust_field_name(weir_str name, adjust_mode mode, weir_buf *out)
{
    if (mode == ADJUST_NONE)
        weir_buf_add_str(out, name);
    else
        adjust(name, mode, false, out);
}

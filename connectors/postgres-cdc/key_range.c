/* key_range.c - parts of a table by ranges of its primary key: in the offset, and in SQL. */
#include "key_range.h"

#define DIGITS_MAX 9 /* of a netstring's size: a key of an index is far shorter */

key_columns key_columns_of(const catalog_table *table)
{
    key_columns columns = {.count = 0};

    for (int position = 1; position <= KEY_COLUMNS_MAX; position++) {
        size_t before = columns.count;

        for (size_t i = 0; i < table->column_count && columns.count == before; i++) {
            if (table->columns[i].key_position == position)
                columns.list[columns.count++] = &table->columns[i];
        }
        if (columns.count == before)
            break;
    }
    return columns;
}

void key_pack(weir_buf *key, weir_str value)
{
    weir_buf_printf(key, "%zu:", value.len);
    weir_buf_add_str(key, value);
    weir_buf_add_byte(key, ',');
}

bool key_unpack(weir_str *key, weir_str *value)
{
    size_t size = 0;
    size_t at = 0;

    while (at < key->len && at < DIGITS_MAX && key->ptr[at] >= '0' && key->ptr[at] <= '9')
        size = size * 10 + (size_t)(key->ptr[at++] - '0');
    if (at == 0 || at == key->len || key->ptr[at] != ':' || key->len - at - 1 <= size ||
        key->ptr[at + 1 + size] != ',')
        return false;
    *value = (weir_str){key->ptr + at + 1, size};
    *key = (weir_str){key->ptr + at + size + 2, key->len - at - size - 2};
    return true;
}

void key_columns_write(const key_columns *columns, weir_buf *out)
{
    for (size_t i = 0; i < columns->count; i++) {
        key_pack(out, columns->list[i]->name);
        weir_buf_printf(out, "%u/", columns->list[i]->type);
    }
    weir_buf_add_byte(out, '=');
}

bool key_columns_read(const key_columns *columns, weir_str *text)
{
    weir_buf own = {0};

    key_columns_write(columns, &own);
    bool same = text->len >= own.len && memcmp(text->ptr, own.ptr, own.len) == 0;
    if (same)
        *text = (weir_str){text->ptr + own.len, text->len - own.len};
    weir_buf_done(&own);
    return same;
}

void key_range_write(const key_range *range, weir_buf *out)
{
    weir_buf_add_str(out, range->from);
    weir_buf_add_byte(out, '<');
    weir_buf_add_str(out, range->to);
    weir_buf_add_byte(out, ';');
}

/* A packed key of all columns, or none, and the byte behind it. */
static bool read_key(const key_columns *columns, char end, weir_str *text, weir_str *key)
{
    weir_str rest = *text;
    weir_str value;
    size_t count = 0;

    while (key_unpack(&rest, &value))
        count++;
    if (rest.len == 0 || rest.ptr[0] != end || (count != 0 && count != columns->count))
        return false;
    *key = (weir_str){text->ptr, (size_t)(rest.ptr - text->ptr)};
    *text = (weir_str){rest.ptr + 1, rest.len - 1};
    return true;
}

bool key_range_read(const key_columns *columns, weir_str *text, key_range *range)
{
    return read_key(columns, '<', text, &range->from) && read_key(columns, ';', text, &range->to);
}

void key_columns_list(const key_columns *columns, const char *suffix, weir_buf *sql)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (i > 0)
            weir_buf_printf(sql, ", ");
        catalog_add_identifier(sql, columns->list[i]->name);
        weir_buf_printf(sql, "%s", suffix);
    }
}

/* The literals have no type of their own: each takes that of the column it is compared with. */
static void add_comparison(const key_columns *columns, const char *operator, weir_str key,
                           weir_buf *sql)
{
    const char *separator = "";
    weir_str value;

    weir_buf_add_byte(sql, '(');
    key_columns_list(columns, "", sql);
    weir_buf_printf(sql, ") %s (", operator);
    while (key_unpack(&key, &value)) {
        weir_buf_printf(sql, "%s", separator);
        catalog_add_literal(sql, value);
        separator = ", ";
    }
    weir_buf_add_byte(sql, ')');
}

void key_range_condition(const key_range *range, const key_columns *columns, weir_buf *sql)
{
    if (range->from.len > 0)
        add_comparison(columns, ">=", range->from, sql);
    if (range->from.len > 0 && range->to.len > 0)
        weir_buf_printf(sql, " AND ");
    if (range->to.len > 0)
        add_comparison(columns, "<", range->to, sql);
    if (range->from.len == 0 && range->to.len == 0)
        weir_buf_printf(sql, "true");
}

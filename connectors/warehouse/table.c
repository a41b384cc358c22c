/* table.c - looking up columns, comparing layouts. */
#include "table.h"

#include <strings.h>

const table_column *table_find(const table *self, weir_str name, bool case_counts)
{
    for (size_t i = 0; i < table_column_count(self); i++) {
        const table_column *column = table_column_at(self, i);

        if (weir_str_eq(column->name, name) ||
            (!case_counts && column->name.len == name.len &&
             strncasecmp(column->name.ptr, name.ptr, name.len) == 0))
            return column;
    }
    return NULL;
}

bool layout_begins_alike(const layout *a, const layout *b, size_t count)
{
    if (a->count < count || b->count < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        const layout_column *x = &a->columns[i], *y = &b->columns[i];

        if (!weir_str_eq(x->name, y->name) || x->type.id != y->type.id ||
            x->type.is_array != y->type.is_array || x->type.precision != y->type.precision ||
            x->type.scale != y->type.scale || !weir_str_eq(x->cast, y->cast))
            return false;
    }
    return true;
}

bool layout_equal(const layout *a, const layout *b)
{
    return a == b || (a->count == b->count && a->key_count == b->key_count &&
                      layout_begins_alike(a, b, a->count));
}

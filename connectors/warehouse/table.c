/* table.c - looking up columns, comparing layouts. */
#include "table.h"

/* ASCII only, as PostgreSQL does with UTF-8. */
static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

bool table_name_is(weir_str there, weir_str ours, name_rule rule)
{
    if (there.len != ours.len)
        return false;
    for (size_t i = 0; i < ours.len; i++) {
        char a = rule == NAMES_ANY_CASE ? lower(there.ptr[i]) : there.ptr[i];
        char b = rule == NAMES_EXACT ? ours.ptr[i] : lower(ours.ptr[i]);

        if (a != b)
            return false;
    }
    return true;
}

const table_column *table_find(const table *self, weir_str name, name_rule rule)
{
    for (size_t i = 0; i < table_column_count(self); i++)
        if (table_name_is(table_column_at(self, i)->name, name, rule))
            return table_column_at(self, i);
    return NULL;
}

static bool is_same_type(column_type a, column_type b)
{
    return a.id == b.id && a.is_array == b.is_array && a.precision == b.precision &&
           a.scale == b.scale && a.step_micros == b.step_micros;
}

static bool is_same_column(const table_column *a, const table_column *b)
{
    return weir_str_eq(a->name, b->name) && weir_str_eq(a->declared, b->declared) &&
           is_same_type(a->type, b->type) && a->nullable == b->nullable &&
           a->has_default == b->has_default && a->is_computed == b->is_computed &&
           a->is_identity == b->is_identity && a->is_padded == b->is_padded;
}

void table_found(table *self, weir_task *task, bool exists, const table_column *columns,
                 size_t count)
{
    bool is_known =
        self->version > 0 && self->exists == exists && table_column_count(self) == count;

    self->known = true;
    self->exists = exists;
    for (size_t i = 0; i < count && is_known; i++)
        is_known = is_same_column(table_column_at(self, i), &columns[i]);
    if (is_known)
        return;
    self->version++;
    weir_buf_clear(&self->columns);
    for (size_t i = 0; i < count; i++) {
        table_column copy = columns[i];

        copy.name = weir_task_copy(task, copy.name);
        copy.declared = weir_task_copy(task, copy.declared);
        weir_buf_add(&self->columns, &copy, sizeof(copy));
    }
}

bool layout_begins_alike(const layout *a, const layout *b, size_t count)
{
    if (a->count < count || b->count < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        const layout_column *x = &a->columns[i], *y = &b->columns[i];

        if (!weir_str_eq(x->name, y->name) || !is_same_type(x->type, y->type) ||
            !weir_str_eq(x->cast, y->cast))
            return false;
    }
    return true;
}

bool layout_equal(const layout *a, const layout *b)
{
    return a == b || (a->count == b->count && a->key_count == b->key_count &&
                      layout_begins_alike(a, b, a->count));
}

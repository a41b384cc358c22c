/* snapshot_table.c - a table that a snapshot reads: its ranges, and the statements that read it. */
#include "snapshot_table.h"

#include <assert.h>
#include <libpq-fe.h>

#define SAMPLE_PAGES  20 /* looked into for each range: their sizes differ by about a quarter */
#define ROWS_PER_PAGE 50 /* of a table that was never analyzed */

static void add_range(weir_buf *ranges, key_range range)
{
    table_range added = {.range = range, .state = RANGE_WAITING};

    weir_buf_add(ranges, &added, sizeof(added));
}

static void read_left(snapshot_table *self, weir_str left)
{
    key_range range;

    if (left.len > 0 && key_columns_read(&self->key, &left)) {
        while (key_range_read(&self->key, &left, &range))
            add_range(&self->ranges, range);
        if (left.len == 0 && self->ranges.len > 0)
            return;
    }
    weir_buf_clear(&self->ranges);
    add_range(&self->ranges, (key_range){0});
}

void snapshot_table_init(snapshot_table *self, weir_task *task, const catalog_table *table,
                         const relation *shape, weir_str left)
{
    *self = (snapshot_table){.task = task,
                             .table = table,
                             .relation = shape,
                             .key = key_columns_of(table),
                             .row_count = table->row_count,
                             .page_count = table->page_count};
    read_left(self, left);
}

void snapshot_table_done(snapshot_table *self)
{
    weir_buf_done(&self->ranges);
    weir_buf_done(&self->split);
    weir_buf_done(&self->text);
}

size_t snapshot_table_range_count(const snapshot_table *self)
{
    return self->ranges.len / sizeof(table_range);
}

table_range *snapshot_table_range(snapshot_table *self, size_t index)
{
    assert(index < snapshot_table_range_count(self));
    return (table_range *)(void *)self->ranges.ptr + index;
}

static int64_t estimate_rows(const snapshot_table *self)
{
    return self->row_count > 0 ? self->row_count : self->page_count * ROWS_PER_PAGE;
}

/* A type of an extension may have its operators in any schema: only the system's are sure to be found. */
static bool is_comparable(const snapshot_table *self)
{
    for (size_t i = 0; i < self->relation->column_count; i++) {
        const pg_type *type = self->relation->columns[i].codec.type;

        if (self->table->columns[i].key_position > 0 &&
            (type == NULL || (pg_type_builtin(type->oid) == NULL && type->kind != 'e')))
            return false;
    }
    return true;
}

bool snapshot_table_is_large(const snapshot_table *self, int64_t range_rows)
{
    return self->key.count > 0 && !self->table->is_partitioned && self->page_count > 0 &&
           estimate_rows(self) > range_rows + range_rows / 2 && is_comparable(self);
}

const char *snapshot_table_split_sql(snapshot_table *self, size_t index, int64_t range_rows)
{
    weir_buf *sql = &self->text;
    double rows = (double)estimate_rows(self);
    double range_pages = (double)self->page_count * (double)range_rows / rows;
    double percent = range_pages > SAMPLE_PAGES ? 100.0 * SAMPLE_PAGES / range_pages : 100.0;
    int64_t step = (int64_t)((double)range_rows * percent / 100.0);

    weir_buf_clear(sql);
    weir_buf_printf(sql, "SELECT ");
    key_columns_list(&self->key, "::text", sql);
    weir_buf_printf(sql, " FROM (SELECT ");
    key_columns_list(&self->key, "", sql);
    weir_buf_printf(sql, ", pg_catalog.row_number() OVER (ORDER BY ");
    key_columns_list(&self->key, "", sql);
    weir_buf_printf(sql, ") AS \"place in the sample\" FROM ONLY ");
    catalog_add_name(sql, self->table->schema, self->table->name);
    weir_buf_printf(sql, " TABLESAMPLE SYSTEM (%f) REPEATABLE (0) WHERE ", percent);
    key_range_condition(&snapshot_table_range(self, index)->range, &self->key, sql);
    weir_buf_printf(sql,
                    ") AS s WHERE \"place in the sample\" %% %lld = 0 ORDER BY "
                    "\"place in the sample\"",
                    (long long)(step > 0 ? step : 1));
    return weir_buf_cstr(sql);
}

static weir_str packed_row(snapshot_table *self, const PGresult *keys, int row)
{
    weir_buf_clear(&self->text);
    for (int column = 0; column < PQnfields(keys); column++)
        key_pack(&self->text, connection_field(keys, row, column));
    return weir_task_copy(self->task, weir_buf_str(&self->text));
}

size_t snapshot_table_split(snapshot_table *self, size_t index, const PGresult *keys)
{
    const table_range *old = (const table_range *)(const void *)self->ranges.ptr;
    size_t count = snapshot_table_range_count(self);
    key_range rest = old[index].range;

    weir_buf_clear(&self->split);
    for (size_t i = 0; i < index; i++)
        add_range(&self->split, old[i].range);
    for (int row = 0; row < PQntuples(keys); row++) {
        weir_str key = packed_row(self, keys, row);

        if (weir_str_eq(key, rest.from))
            continue; /* else a part would be empty */
        add_range(&self->split, (key_range){.from = rest.from, .to = key});
        rest.from = key;
    }
    add_range(&self->split, rest);
    size_t last = self->split.len / sizeof(table_range) - 1;
    for (size_t i = index + 1; i < count; i++)
        add_range(&self->split, old[i].range);

    weir_buf before = self->ranges;
    self->ranges = self->split;
    self->split = before;
    return last;
}

const char *snapshot_table_copy_sql(snapshot_table *self, size_t index)
{
    const key_range *range = &snapshot_table_range(self, index)->range;
    const catalog_table *table = self->table;
    bool plain = self->relation->binary && !table->is_partitioned && range->from.len == 0 &&
                 range->to.len == 0 && table->row_filter.len == 0;
    const char *separator = "";
    weir_buf *sql = &self->text;

    weir_buf_clear(sql);
    weir_buf_printf(sql, plain ? "COPY " : "COPY (SELECT ");
    if (plain) {
        catalog_add_name(sql, table->schema, table->name);
        weir_buf_printf(sql, " (");
    }
    for (size_t i = 0; i < self->relation->column_count; i++) {
        const relation_column *column = &self->relation->columns[i];

        if (!column->selected)
            continue;
        weir_buf_printf(sql, "%s", separator);
        relation_add_selected(column, sql);
        separator = ", ";
    }
    if (!plain) {
        weir_buf_printf(sql, table->is_partitioned ? " FROM " : " FROM ONLY ");
        catalog_add_name(sql, table->schema, table->name);
        weir_buf_printf(sql, " WHERE ");
        key_range_condition(range, &self->key, sql);
        if (table->row_filter.len > 0)
            weir_buf_printf(sql, " AND (%.*s)", WEIR_ARG(table->row_filter));
    }
    weir_buf_printf(sql, ") TO STDOUT (FORMAT binary)");
    return weir_buf_cstr(sql);
}

/* Ranges that touch are written as one: they are cut again, as the table is then. */
void snapshot_table_left(snapshot_table *self, weir_buf *out)
{
    size_t count = snapshot_table_range_count(self);

    key_columns_write(&self->key, out);
    for (size_t i = 0; i < count; i++) {
        key_range left = snapshot_table_range(self, i)->range;

        if (snapshot_table_range(self, i)->state == RANGE_DONE)
            continue;
        while (i + 1 < count && snapshot_table_range(self, i + 1)->state != RANGE_DONE &&
               left.to.len > 0 &&
               weir_str_eq(left.to, snapshot_table_range(self, i + 1)->range.from))
            left.to = snapshot_table_range(self, ++i)->range.to;
        key_range_write(&left, out);
    }
}

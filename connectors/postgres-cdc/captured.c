/* captured.c - what of a database would be captured as it is now. */
#include "captured.h"

#include <libpq-fe.h>

/* --- Reading ---------------------------------------------------------------------------------- */

static weir_str key_of(weir_buf *text, weir_str schema, weir_str name)
{
    weir_buf_clear(text);
    weir_buf_add_str(text, schema);
    weir_buf_add_byte(text, 0);
    weir_buf_add_str(text, name);
    return weir_buf_str(text);
}

static int place_in(const weir_map *map, weir_str key)
{
    const int *place = map != NULL ? weir_map_get(map, key) : NULL;

    return place != NULL ? *place : -1;
}

int captured_find(const captured *self, weir_str schema, weir_str name)
{
    weir_buf text = {0};
    int place = place_in(self->by_name, key_of(&text, schema, name));

    weir_buf_done(&text);
    return place;
}

int captured_find_oid(const captured *self, uint32_t oid)
{
    return place_in(self->by_oid, (weir_str){(const char *)&oid, sizeof(oid)});
}

static void index_tables(captured *self)
{
    weir_buf text = {0};
    int *places =
        weir_task_alloc(self->catalog.task, (self->catalog.table_count + 1) * sizeof(*places));

    self->by_name = weir_map_new();
    self->by_oid = weir_map_new();
    for (size_t i = 0; i < self->catalog.table_count; i++) {
        const catalog_table *table = &self->catalog.tables[i];

        places[i] = (int)i;
        (void)weir_map_put(self->by_name, key_of(&text, table->schema, table->name), &places[i]);
        (void)weir_map_put(self->by_oid, (weir_str){(const char *)&table->oid, sizeof(table->oid)},
                           &places[i]);
    }
    weir_buf_done(&text);
}

static bool lists_column(const catalog_table *listed, weir_str name)
{
    for (size_t i = 0; i < listed->column_count; i++) {
        if (weir_str_eq(listed->columns[i].name, name))
            return true;
    }
    return false;
}

/* The publication of the origin lists columns by numbers that mean nothing here: by name, then. */
static void limit_columns(catalog_table *table, const captured *origin)
{
    int place = origin != NULL ? captured_find(origin, table->schema, table->name) : -1;
    const catalog_table *listed = place >= 0 ? &origin->catalog.tables[place] : NULL;
    size_t kept = 0;

    if (listed == NULL || listed->attributes.len == 0 || table->attributes.len > 0)
        return;
    for (size_t i = 0; i < table->column_count; i++) {
        if (lists_column(listed, table->columns[i].name))
            table->columns[kept++] = table->columns[i];
    }
    table->column_count = kept;
}

static weir_code compile_tables(captured *self, const captured *origin, weir_error *err)
{
    size_t count = self->catalog.table_count;

    self->relations = weir_task_alloc(self->catalog.task, (count + 1) * sizeof(self->relations[0]));
    for (size_t i = 0; i < count; i++) {
        if (catalog_columns(&self->catalog, &self->catalog.tables[i], err) != WEIR_OK)
            return err->code;
        limit_columns(&self->catalog.tables[i], origin);
        self->relations[i] = relation_new(&self->context, &self->catalog.tables[i], err);
        if (self->relations[i] == NULL)
            return err->code;
    }
    return WEIR_OK;
}

weir_code captured_read(captured *self, const source *of, PGconn *connection, bool with_roots,
                        const captured *origin, weir_error *err)
{
    self->catalog = (catalog){
        .task = of->task, .connection = connection, .filter = of->filter, .types = weir_map_new()};
    self->context = (relation_context){.task = of->task,
                                       .settings = &of->settings,
                                       .filter = of->filter,
                                       .catalog = &self->catalog,
                                       .options = settings_types(&of->settings),
                                       .quiet = true};
    if (catalog_load(&self->catalog, with_roots, err) != WEIR_OK ||
        publication_columns(&self->catalog, &of->settings, err) != WEIR_OK)
        return err->code;
    index_tables(self);
    return compile_tables(self, origin, err);
}

void captured_done(captured *self)
{
    weir_map_free(self->catalog.types);
    weir_map_free(self->by_name);
    weir_map_free(self->by_oid);
    relation_context_done(&self->context);
}

/* --- Specimens -------------------------------------------------------------------------------- */

static weir_code write_table(const relation *table, const pgoutput_tuple *row, event *out,
                             weir_batch *batch, weir_error *err)
{
    const event_change changes[] = {
        {.relation = table, .operation = 'r', .new_row = row, .lsn = 1},
        {.relation = table, .operation = 'd', .old_row = row, .lsn = 1, .order = 1},
    };

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        int step = 0;

        if (event_write(out, &changes[i], &step, batch, err) != WEIR_OK)
            return err->code;
        if (step != -1)
            return weir_fail(err, WEIR_CONFIG,
                             "more tables are captured than can be looked at in one go; choose "
                             "those that matter by table.include.list");
    }
    return WEIR_OK;
}

weir_code captured_write(const captured *self, event *out, weir_batch *batch, weir_error *err)
{
    for (size_t i = 0; i < self->catalog.table_count; i++) {
        const relation *table = self->relations[i];
        pgoutput_value *values =
            weir_task_alloc(self->catalog.task, (table->column_count + 1) * sizeof(*values));

        for (size_t j = 0; j < table->column_count; j++)
            values[j] = (pgoutput_value){.form = PGOUTPUT_NULL};
        const pgoutput_tuple row = {(uint16_t)table->column_count, values};
        if (write_table(table, &row, out, batch, err) != WEIR_OK)
            return weir_wrap(err, "table %.*s.%.*s", WEIR_ARG(table->schema),
                             WEIR_ARG(table->name));
    }
    return WEIR_OK;
}

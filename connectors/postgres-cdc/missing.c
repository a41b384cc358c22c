/* missing.c - reads what the server left out of a changed row, when no sink can have it. */
#include "missing.h"

#include <assert.h>
#include <libpq-fe.h>
#include <string.h>

/* --- The query ------------------------------------------------------------------------------ */

static bool is_missing(const relation *table, const pgoutput_tuple *row, size_t column)
{
    return table->columns[column].included && row->values[column].form == PGOUTPUT_UNCHANGED;
}

bool missing_any(const relation *table, const pgoutput_tuple *row)
{
    assert(row->count == table->column_count);
    for (size_t i = 0; i < table->column_count; i++) {
        if (is_missing(table, row, i))
            return true;
    }
    return false;
}

/* A table of the same name that is another one, or a child that inherits from it, has other rows. */
static void add_source(const relation *table, weir_buf *sql)
{
    weir_buf_printf(sql, " FROM ");
    catalog_add_name(sql, table->schema, table->name);
    weir_buf_printf(sql,
                    " WHERE (tableoid = %u OR EXISTS (SELECT FROM pg_catalog.pg_class c "
                    "WHERE c.oid = %u AND c.relkind = 'p'))",
                    table->oid, table->oid);
}

bool missing_sql(const relation *table, const pgoutput_tuple *row, weir_buf *sql)
{
    const char *separator = "";
    int key_count = 0;

    weir_buf_clear(sql);
    weir_buf_printf(sql, "SELECT ");
    for (size_t i = 0; i < table->column_count; i++) {
        if (!is_missing(table, row, i))
            continue;
        weir_buf_printf(sql, "%s", separator);
        relation_add_selected(&table->columns[i], sql);
        separator = ", ";
    }
    add_source(table, sql);
    for (size_t i = 0; i < table->column_count; i++) {
        const relation_column *column = &table->columns[i];

        if (!column->identity)
            continue;
        if (!column->supported || row->values[i].form == PGOUTPUT_UNCHANGED ||
            row->values[i].form == PGOUTPUT_NULL)
            return false;
        weir_buf_printf(sql, " AND ");
        catalog_add_identifier(sql, column->name);
        weir_buf_printf(sql, " = $%d", ++key_count);
    }
    return key_count > 0;
}

/* --- Reading -------------------------------------------------------------------------------- */

typedef struct arguments {
    Oid types[RELATION_KEY_LIMIT];
    const char *values[RELATION_KEY_LIMIT];
    int lengths[RELATION_KEY_LIMIT];
    int formats[RELATION_KEY_LIMIT]; /* 0: text, 1: binary */
    int count;
} arguments;

/* The values of the key, copied, because text has to end with a NUL. */
static bool take_arguments(const relation *table, const pgoutput_tuple *row, weir_buf *texts,
                           arguments *to)
{
    size_t starts[RELATION_KEY_LIMIT] = {0};

    *to = (arguments){.count = 0};
    weir_buf_clear(texts);
    for (size_t i = 0; i < table->column_count; i++) {
        const pgoutput_value *value = &row->values[i];

        if (!table->columns[i].identity)
            continue;
        if (to->count == RELATION_KEY_LIMIT)
            return false;
        starts[to->count] = texts->len;
        to->types[to->count] = table->columns[i].codec.type->oid;
        to->lengths[to->count] = (int)value->bytes.len;
        to->formats[to->count++] = value->form == PGOUTPUT_BINARY;
        weir_buf_add_str(texts, value->bytes);
        weir_buf_add_byte(texts, 0);
    }
    for (int i = 0; i < to->count; i++)
        to->values[i] = texts->ptr + starts[i];
    return true;
}

/* Whether each column that was read is what it was. */
static bool fits(const relation *table, const pgoutput_tuple *row, const PGresult *result)
{
    int at = 0;

    for (size_t i = 0; i < table->column_count; i++) {
        const codec *column = &table->columns[i].codec;

        if (!is_missing(table, row, i))
            continue;
        if (column->binary != NULL && PQftype(result, at) != column->type->oid)
            return false;
        at++;
    }
    return true;
}

static void fill_values(missing *self, const relation *table, const pgoutput_tuple *row)
{
    bool found = PQntuples(self->result) > 0;
    int at = 0;

    assert(table->column_count <= PGOUTPUT_COLUMN_LIMIT);
    for (size_t i = 0; i < table->column_count; i++) {
        self->values[i] = (pgoutput_value){.form = found ? PGOUTPUT_NULL : PGOUTPUT_UNCHANGED};
        if (!is_missing(table, row, i))
            continue;
        if (found && !connection_is_null(self->result, 0, at))
            self->values[i] = (pgoutput_value){
                table->columns[i].codec.binary != NULL ? PGOUTPUT_BINARY : PGOUTPUT_TEXT,
                connection_field(self->result, 0, at)};
        at++;
    }
    self->tuple = (pgoutput_tuple){(uint16_t)table->column_count, self->values};
}

/* Classes 42 and 3F of SQLSTATE: something is not there, is another, or is not allowed. */
static bool is_changed(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return state != NULL && (strncmp(state, "42", 2) == 0 || strncmp(state, "3F", 2) == 0);
}

weir_code missing_read(missing *self, PGconn *connection, const relation *table,
                       const pgoutput_tuple *row, const pgoutput_tuple **fill, weir_error *err)
{
    arguments key;

    *fill = NULL;
    if (!self->is_read) {
        missing_drop(self);
        self->is_read = true;
        if (!missing_sql(table, row, &self->sql) || !take_arguments(table, row, &self->texts, &key))
            return WEIR_OK;
        self->result = PQexecParams(connection, weir_buf_cstr(&self->sql), key.count, key.types,
                                    key.values, key.lengths, key.formats, 1);
        if (PQresultStatus(self->result) != PGRES_TUPLES_OK && !is_changed(self->result)) {
            (void)connection_failed(connection, self->result, "the server refused a query", err);
            return weir_wrap(err, "reading what was not sent of a row of %.*s.%.*s",
                             WEIR_ARG(table->schema), WEIR_ARG(table->name));
        }
        if (PQresultStatus(self->result) == PGRES_TUPLES_OK && fits(table, row, self->result))
            fill_values(self, table, row);
    }
    *fill = self->tuple.values != NULL ? &self->tuple : NULL;
    return WEIR_OK;
}

void missing_drop(missing *self)
{
    PQclear(self->result);
    self->result = NULL;
    self->tuple = (pgoutput_tuple){0};
    self->is_read = false;
}

void missing_done(missing *self)
{
    missing_drop(self);
    weir_buf_done(&self->sql);
    weir_buf_done(&self->texts);
}

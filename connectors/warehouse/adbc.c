/* adbc.c - the dialect of warehouses behind an ADBC driver, loaded at run time.
 *
 * Rows are ingested into a temporary table (Arrow columns, bulk ingest) and merged from there in the
 * vendor's SQL. What is special about a vendor is in adbc_vendor.c.
 * Statements are run one by one; none is open when a function returns.
 */
#include "adbc_connection.h"
#include "adbc_vendor.h"
#include "arrow.h"
#include "copy.h"
#include "dialect.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

typedef struct adbc {
    dialect base;
    adbc_connection to;
    bool in_transaction;
    unsigned stage_counter;
    arrow_table rows;
    weir_buf text;
} adbc;

/* --- Statements ------------------------------------------------------------------------------ */

static weir_code read_stream(struct ArrowArrayStream *stream, weir_buf *cells, size_t *row_count,
                             weir_error *err)
{
    struct ArrowSchema schema = {.format = NULL};
    struct ArrowArray array = {.length = 0};
    weir_code code = WEIR_OK;

    *row_count = 0;
    if (stream->get_schema(stream, &schema) != 0)
        return weir_fail(err, WEIR_FATAL, "could not read the result of a statement");
    while (code == WEIR_OK) {
        if (stream->get_next(stream, &array) != 0) {
            const char *reason = stream->get_last_error(stream);

            code = weir_fail(err, adbc_vendor_class_of_error(reason != NULL ? reason : ""),
                             "could not read a result: %.900s", reason != NULL ? reason : "");
            break;
        }
        if (array.release == NULL)
            break;
        *row_count += (size_t)array.length;
        if (cells != NULL) /* a command answers with a count, which is no text and no cell */
            (void)arrow_cells(&schema, &array, cells);
        array.release(&array);
    }
    schema.release(&schema);
    return code;
}

static weir_code adbc_query(dialect *base, const char *sql, weir_buf *cells, size_t *row_count,
                            weir_error *err)
{
    adbc *self = (adbc *)base;
    struct AdbcDriver *driver = &self->to.driver;
    struct AdbcStatement statement = {.private_data = NULL};
    struct AdbcError error = {.message = NULL};
    struct ArrowArrayStream stream = {.release = NULL};
    size_t ignored = 0;
    char doing[128];
    weir_code code;

    (void)snprintf(doing, sizeof(doing), "could not run %.90s", sql);
    if (driver->StatementNew(&self->to.connection, &statement, &error) != ADBC_STATUS_OK)
        return adbc_connection_failed(&error, doing, err);
    if (driver->StatementSetSqlQuery(&statement, sql, &error) != ADBC_STATUS_OK ||
        driver->StatementExecuteQuery(&statement, &stream, NULL, &error) != ADBC_STATUS_OK)
        code = adbc_connection_failed(&error, doing, err);
    else
        code = read_stream(&stream, cells, row_count != NULL ? row_count : &ignored, err);
    if (stream.release != NULL)
        stream.release(&stream);
    (void)driver->StatementRelease(&statement, NULL); /* it ran, or it failed: both are known */
    return code;
}

static weir_code run(adbc *self, const char *sql, weir_error *err)
{
    return adbc_query(&self->base, sql, NULL, NULL, err);
}

static weir_code adbc_begin(dialect *base, weir_error *err)
{
    adbc *self = (adbc *)base;

    assert(!self->in_transaction);
    if (run(self, "BEGIN TRANSACTION", err) != WEIR_OK)
        return err->code;
    self->in_transaction = true;
    return WEIR_OK;
}

static weir_code adbc_commit(dialect *base, weir_error *err)
{
    adbc *self = (adbc *)base;

    assert(self->in_transaction);
    if (run(self, "COMMIT", err) != WEIR_OK)
        return weir_wrap(err, "commit");
    self->in_transaction = false;
    return WEIR_OK;
}

static void adbc_rollback(dialect *base)
{
    adbc *self = (adbc *)base;
    weir_error ignored; /* a transaction that cannot be rolled back is gone */

    if (self->in_transaction)
        (void)run(self, "ROLLBACK", &ignored);
    self->in_transaction = false;
}

static weir_code adbc_settle(dialect *base, weir_error *err)
{
    (void)base, (void)err;
    return WEIR_OK;
}

/* --- Looking at tables ----------------------------------------------------------------------- */

static weir_str next_cell(const char **at)
{
    int32_t length = copy_length(*at);
    weir_str cell = {*at + 4, length > 0 ? (size_t)length : 0};

    *at += 4 + cell.len;
    return cell;
}

static void add_same_name(weir_buf *out, const char *column, weir_str name)
{
    weir_buf_printf(out, " AND lower(%s) = lower(", column);
    sql_literal(out, name);
    weir_buf_add_byte(out, ')');
}

static weir_code adbc_describe(dialect *base, table *target, weir_error *err)
{
    adbc *self = (adbc *)base;
    weir_buf cells = {0}, columns = {0};
    size_t count = 0;

    weir_buf_clear(&self->text);
    weir_buf_printf(&self->text,
                    "SELECT CAST(column_name AS VARCHAR), CAST(data_type AS VARCHAR), "
                    "CAST(is_nullable AS VARCHAR), CAST(column_default IS NOT NULL AS VARCHAR) "
                    "FROM information_schema.columns WHERE table_catalog = current_database()");
    add_same_name(&self->text, "table_name", target->name);
    if (target->schema.len > 0)
        add_same_name(&self->text, "table_schema", target->schema);
    else
        weir_buf_printf(&self->text, " AND table_schema = current_schema()");
    weir_buf_printf(&self->text, " ORDER BY ordinal_position");
    if (adbc_query(base, weir_buf_cstr(&self->text), &cells, &count, err) != WEIR_OK) {
        weir_buf_done(&cells);
        return err->code;
    }
    const char *at = cells.ptr;

    for (size_t i = 0; i < count; i++) {
        table_column column = {.name = next_cell(&at)};

        column.declared = next_cell(&at);
        column.type = adbc_vendor_type(column.declared);
        column.nullable = weir_str_eq(next_cell(&at), WEIR_STR("YES"));
        column.has_default = weir_str_eq(next_cell(&at), WEIR_STR("true"));
        weir_buf_add(&columns, &column, sizeof(column));
    }
    table_found(target, base->task, count > 0, (const table_column *)(const void *)columns.ptr,
                count);
    weir_buf_done(&columns);
    weir_buf_done(&cells);
    return WEIR_OK;
}

/* --- Writing --------------------------------------------------------------------------------- */

static weir_code ingest(adbc *self, table *target, weir_error *err)
{
    struct AdbcDriver *driver = &self->to.driver;
    struct AdbcStatement statement = {.private_data = NULL};
    struct AdbcError error = {.message = NULL};
    struct ArrowArrayStream stream;
    weir_code code = WEIR_OK;
    int64_t count;
    char name[32];

    (void)snprintf(name, sizeof(name), "weir_stage_%u", target->stage_number);
    arrow_stream(&self->rows, &stream);
    if (driver->StatementNew(&self->to.connection, &statement, &error) != ADBC_STATUS_OK)
        return adbc_connection_failed(&error, "could not ingest rows", err);
    if (driver->StatementSetOption(&statement, "adbc.ingest.target_table", name, &error) !=
            ADBC_STATUS_OK ||
        driver->StatementSetOption(&statement, "adbc.ingest.mode", "adbc.ingest.mode.create",
                                   &error) != ADBC_STATUS_OK ||
        driver->StatementSetOption(&statement, "adbc.ingest.temporary", "true", &error) !=
            ADBC_STATUS_OK ||
        driver->StatementBindStream(&statement, &stream, &error) != ADBC_STATUS_OK ||
        driver->StatementExecuteQuery(&statement, NULL, &count, &error) != ADBC_STATUS_OK)
        code = adbc_connection_failed(&error, "could not ingest rows", err);
    (void)driver->StatementRelease(&statement, NULL); /* it ran, or it failed: both are known */
    return code;
}

static weir_code fill_columns(adbc *self, table *target, weir_error *err)
{
    size_t at = 0;
    weir_str row;
    fold_kind kind;

    arrow_begin(&self->rows, target->layout);
    while (fold_next(&target->rows, &at, &row, &kind))
        if (arrow_add(&self->rows, target->layout, row, kind, err) != WEIR_OK)
            return err->code;
    return WEIR_OK;
}

/* Every partial row must find its row. */
static weir_code check_partial(adbc *self, table *target, weir_error *err)
{
    size_t missing = 0;

    weir_buf_clear(&self->text);
    weir_buf_printf(&self->text, "SELECT CAST(s.op AS VARCHAR) FROM ");
    sql_stage_name(&self->text, target);
    weir_buf_printf(&self->text,
                    " AS s WHERE s.op = 'p' AND NOT EXISTS (SELECT 1 FROM %.*s AS d "
                    "WHERE true",
                    WEIR_ARG(target->sql_name));
    sql_key_match(&self->text, target->layout, &self->base.vendor);
    weir_buf_printf(&self->text, ") LIMIT 1");
    if (adbc_query(&self->base, weir_buf_cstr(&self->text), NULL, &missing, err) != WEIR_OK)
        return err->code;
    if (missing == 0)
        return WEIR_OK;
    return weir_fail(
        err, WEIR_REJECT,
        "could not write to %.*s: a change without all columns (unchanged TOAST) is for a "
        "row that is not there",
        WEIR_ARG(target->sql_name));
}

static weir_code merge(adbc *self, table *target, weir_error *err)
{
    const settings *config = self->base.settings;

    for (sql_step step = 0; step < SQL_STEPS; step++) {
        if (!dialect_needs_step(config, &target->rows, step))
            continue;
        if (step == SQL_PARTIAL && dialect_upsert_step(config) == SQL_UPSERT &&
            check_partial(self, target, err) != WEIR_OK)
            return err->code;
        weir_buf_clear(&self->text);
        sql_merge(&self->text, step, target, target->layout, false, &self->base.vendor);
        if (run(self, weir_buf_cstr(&self->text), err) != WEIR_OK)
            return weir_wrap(err, "%.*s", WEIR_ARG(target->sql_name));
    }
    return WEIR_OK;
}

static weir_code adbc_write(dialect *base, table *target, bool is_last, weir_error *err)
{
    adbc *self = (adbc *)base;
    (void)is_last;

    if (target->rows.row_count == 0)
        return WEIR_OK;
    target->stage_number = ++self->stage_counter;
    if (fill_columns(self, target, err) != WEIR_OK || ingest(self, target, err) != WEIR_OK ||
        merge(self, target, err) != WEIR_OK)
        return err->code;
    weir_buf_clear(&self->text);
    weir_buf_printf(&self->text, "DROP TABLE ");
    sql_stage_name(&self->text, target);
    fold_reset(&target->rows, target->rows.key_count);
    return run(self, weir_buf_cstr(&self->text), err);
}

/* --- Connecting ------------------------------------------------------------------------------ */

static void adbc_close(dialect *base)
{
    adbc *self = (adbc *)base;

    adbc_rollback(base);
    adbc_connection_close(&self->to);
    arrow_done(&self->rows);
    weir_buf_done(&self->text);
}

static const dialect_ops adbc_ops = {
    .begin = adbc_begin,
    .commit = adbc_commit,
    .rollback = adbc_rollback,
    .query = adbc_query,
    .describe = adbc_describe,
    .write = adbc_write,
    .settle = adbc_settle,
    .close = adbc_close,
};

dialect *adbc_open(weir_task *task, const settings *config, const url *where, weir_error *err)
{
    const adbc_vendor *vendor = adbc_vendor_find(where);
    adbc *self = weir_task_alloc(task, sizeof(*self));

    if (adbc_vendor_check(where, err) != WEIR_OK)
        return NULL;
    if (vendor->one_writer && weir_task_number(task) > 0) {
        (void)weir_fail(err, WEIR_CONFIG, "%s takes one writer: set tasks.max=1 for this connector",
                        vendor->sql->name);
        return NULL;
    }
    self->base = (dialect){.ops = &adbc_ops,
                           .vendor = *vendor->sql,
                           .task = task,
                           .settings = config,
                           .direct_bytes = (size_t)config->buffer_bytes};
    if (adbc_connection_open(&self->to, where, err) == WEIR_OK &&
        run(self, "SET TimeZone = 'UTC'", err) == WEIR_OK)
        return &self->base;
    adbc_close(&self->base);
    return NULL;
}

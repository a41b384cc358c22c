/* fake_dialect.h - a destination in memory for the tests of what stands above the dialects.
 *
 * It writes down what it is asked to do, one line each, and answers statements as a test says: the first answer
 * whose text is in a statement, else no rows. Tables have the columns that a test gives them.
 */
#ifndef TESTS_WAREHOUSE_FAKE_DIALECT_H
#define TESTS_WAREHOUSE_FAKE_DIALECT_H

#include "connectors/warehouse/copy.h"
#include "connectors/warehouse/dialect.h"
#include "sdk/src/task.h"

#include <string.h>

typedef struct fake_answer {
    const char *has; /* in the statement */
    weir_code code;
    size_t row_count;
    const char *cells[8]; /* NULL behind the last; "NULL" is NULL */
} fake_answer;

typedef struct fake_dialect {
    dialect base;
    settings settings;
    weir_task task;
    weir_buf said;
    const fake_answer *answers;
    size_t answer_count;
    const table_column *columns; /* of every table; NULL: none exists until it is created */
    size_t column_count;
    bool has_created; /* so that it exists */
    weir_code write_code;
} fake_dialect;

static inline fake_dialect *fake_of(dialect *base)
{
    return (fake_dialect *)(void *)base;
}

static inline weir_code fake_query(dialect *base, const char *sql, weir_buf *cells,
                                   size_t *row_count, weir_error *err)
{
    fake_dialect *self = fake_of(base);

    weir_buf_printf(&self->said, "%s\n", sql);
    self->has_created |= strncmp(sql, "CREATE TABLE", 12) == 0;
    if (row_count != NULL)
        *row_count = 0;
    for (size_t i = 0; i < self->answer_count; i++) {
        const fake_answer *answer = &self->answers[i];

        if (strstr(sql, answer->has) == NULL)
            continue;
        if (answer->code != WEIR_OK)
            return weir_fail(err, answer->code, "refused");
        if (row_count != NULL)
            *row_count = answer->row_count;
        for (size_t k = 0; cells != NULL && k < 8 && answer->cells[k] != NULL; k++)
            if (strcmp(answer->cells[k], "NULL") == 0)
                copy_marker(cells, COPY_NULL);
            else
                copy_text(cells, weir_cstr(answer->cells[k]));
        break;
    }
    return WEIR_OK;
}

static inline weir_code fake_describe(dialect *base, table *target, weir_error *err)
{
    fake_dialect *self = fake_of(base);
    (void)err;

    table_found(target, &self->task, self->columns != NULL || self->has_created, self->columns,
                self->column_count);
    return WEIR_OK;
}

static inline weir_code fake_write(dialect *base, table *target, bool is_last, weir_error *err)
{
    fake_dialect *self = fake_of(base);
    size_t at = 0;
    fold_kind kind;
    weir_str row;
    (void)is_last;

    weir_buf_printf(&self->said, "write %.*s ", WEIR_ARG(target->sql_name));
    while (fold_next(&target->rows, &at, &row, &kind))
        weir_buf_printf(&self->said, "%c", kind);
    weir_buf_printf(&self->said, "\n");
    if (self->write_code != WEIR_OK)
        return weir_fail(err, self->write_code, "the rows are refused");
    fold_reset(&target->rows, target->rows.key_count);
    return WEIR_OK;
}

static inline weir_code fake_settle(dialect *base, weir_error *err)
{
    (void)base, (void)err;
    return WEIR_OK;
}

static inline weir_str fake_topic_id(void *host, weir_str topic)
{
    (void)host;
    return weir_str_eq(topic, WEIR_STR("orders")) ? WEIR_STR("id-1") : WEIR_STR("id-2");
}

static inline void fake_diag(void *host, weir_level level, weir_str text)
{
    (void)host, (void)level, (void)text;
}

static inline void fake_init(fake_dialect *self)
{
    static const dialect_ops ops = {
        .query = fake_query, .describe = fake_describe, .write = fake_write, .settle = fake_settle};
    static const task_host host = {.diag = fake_diag, .topic_id = fake_topic_id};

    *self = (fake_dialect){.settings = {.table_name_format = WEIR_STR("${topic}"),
                                        .ledger_table = WEIR_STR("weir_ledger"),
                                        .buffer_bytes = 1 << 20}};
    task_init(&self->task, WEIR_STR("it's.dwh"), 3, &host, self);
    self->task.log_id = WEIR_STR("log-1");
    self->task.epoch = 7;
    self->base = (dialect){.ops = &ops,
                           .vendor = sql_postgres,
                           .task = &self->task,
                           .settings = &self->settings,
                           .direct_bytes = 1 << 16};
}

static inline void fake_done(fake_dialect *self)
{
    task_done(&self->task);
    weir_buf_done(&self->said);
}

/* What it was asked since the last look, as a text of one line per request. */
static inline const char *fake_said(fake_dialect *self)
{
    return weir_buf_cstr(&self->said);
}

#endif

/* evolve.c - making and widening tables. */
#include "evolve.h"

#include "fallback.h"
#include "naming.h"

static sql_column column_of(const route_field *field)
{
    return (sql_column){.name = field->name,
                        .type = field->source.type,
                        .nullable = field->nullable,
                        .is_key = field->is_key};
}

static weir_code create_table(dialect *to, table *target, const field_list *list, weir_error *err)
{
    weir_buf columns = {0}, text = {0};

    for (size_t i = 0; i < list->count; i++) {
        sql_column column = column_of(&list->fields[i]);

        weir_buf_add(&columns, &column, sizeof(column));
    }
    sql_create_table(&text, target, (const sql_column *)(const void *)columns.ptr, list->count,
                     &to->vendor);
    weir_code code = to->ops->query(to, weir_buf_cstr(&text), NULL, NULL, err);

    weir_buf_done(&columns);
    weir_buf_done(&text);
    if (code != WEIR_OK) {
        if (code == WEIR_REJECT) /* two tasks at once collide in the catalogue: it passes */
            err->code = WEIR_RETRY;
        return weir_wrap(err, "auto.create");
    }
    if (to->ops->describe(to, target, err) != WEIR_OK)
        return err->code;
    if (target->exists)
        return WEIR_OK;
    return weir_fail(err, WEIR_FATAL,
                     "table %.*s was made by auto.create and is not found: something else has its "
                     "name, make the table yourself",
                     WEIR_ARG(target->sql_name));
}

/* The default of a field of the value, as JSON; empty when there is none. */
static weir_str default_of(const weir_record *record, const route_field *field)
{
    if (field->origin != FROM_VALUE || record->value_schema == NULL)
        return (weir_str){0};
    const weir_plan *plan = weir_schema_plan(record->value_schema);
    const weir_column *column = weir_plan_column(plan, (size_t)field->slot);
    const weir_schema *parent = column->parent < 0
                                    ? record->value_schema
                                    : weir_plan_column(plan, (size_t)column->parent)->schema;

    if (weir_schema_type(parent) != WEIR_TYPE_RECORD)
        return (weir_str){0};
    return weir_schema_field_default(parent, (size_t)column->field_index);
}

static weir_code widen(dialect *to, const table *target, const weir_record *record,
                       const route_field *field, weir_error *err)
{
    sql_column column = column_of(field);
    weir_buf literal = {0}, text = {0};

    if (fallback_sql(&field->source, default_of(record, field), &literal))
        column.fallback = weir_buf_str(&literal);
    sql_add_column(&text, target, &column, &to->vendor);
    weir_code code = to->ops->query(to, weir_buf_cstr(&text), NULL, NULL, err);

    weir_buf_done(&literal);
    weir_buf_done(&text);
    return code;
}

static weir_code add_columns(dialect *to, table *target, const weir_record *record,
                             const field_list *list, weir_error *err)
{
    bool changed = false;

    for (size_t i = 0; i < list->count; i++) {
        const route_field *field = &list->fields[i];

        if (table_find(target, field->name, to->vendor.names) != NULL)
            continue;
        if (!to->settings->auto_evolve)
            return weir_fail(err, WEIR_CONFIG,
                             "table %.*s has no column \"%.*s\": add it, or set auto.evolve=true",
                             WEIR_ARG(target->sql_name), WEIR_ARG(field->name));
        if (field->is_key)
            return weir_fail(err, WEIR_CONFIG,
                             "table %.*s has no column \"%.*s\", which is part of the key; a key "
                             "cannot be added to a table: add the column yourself",
                             WEIR_ARG(target->sql_name), WEIR_ARG(field->name));
        if (widen(to, target, record, field, err) != WEIR_OK)
            return weir_wrap(err, "auto.evolve");
        weir_task_diag(to->task, WEIR_INFO, "added column \"%.*s\" to table %.*s",
                       WEIR_ARG(field->name), WEIR_ARG(target->sql_name));
        changed = true;
    }
    return changed ? to->ops->describe(to, target, err) : WEIR_OK;
}

static bool has_field(const field_list *list, weir_str column, name_rule names)
{
    for (size_t i = 0; i < list->count; i++)
        if (table_name_is(column, list->fields[i].name, names))
            return true;
    return false;
}

/* What would refuse every row is a matter of configuration, not of records: a column that must have a value
 * and gets none, and one that gets a value and makes its own. */
static weir_code check_columns(const dialect *to, const table *target, const field_list *list,
                               weir_error *err)
{
    for (size_t i = 0; i < table_column_count(target); i++) {
        const table_column *column = table_column_at(target, i);
        bool is_written = has_field(list, column->name, to->vendor.names);

        if (!is_written && !column->nullable && !column->has_default)
            return weir_fail(
                err, WEIR_CONFIG,
                "column \"%.*s\" of table %.*s is NOT NULL, and the records do not have "
                "it: give it a default or drop the constraint",
                WEIR_ARG(column->name), WEIR_ARG(target->sql_name));
        if (is_written && column->is_computed)
            return weir_fail(err, WEIR_CONFIG,
                             "column \"%.*s\" of table %.*s is computed by the destination and "
                             "cannot be written: leave the field out with fields.whitelist",
                             WEIR_ARG(column->name), WEIR_ARG(target->sql_name));
    }
    return WEIR_OK;
}

static weir_code check_names(const sql_vendor *vendor, const field_list *list, weir_error *err)
{
    for (size_t i = 0; i < list->count; i++)
        if (naming_check_length(vendor, list->fields[i].name,
                                "rename the field, or leave it out with fields.whitelist",
                                err) != WEIR_OK)
            return err->code;
    return WEIR_OK;
}

weir_code evolve_table(dialect *to, table *target, const weir_record *record,
                       const field_list *list, weir_error *err)
{
    const settings *config = to->settings;
    bool is_delete = record->value.ptr == NULL;

    if (check_names(&to->vendor, list, err) != WEIR_OK)
        return err->code;
    if (!target->known && to->ops->describe(to, target, err) != WEIR_OK)
        return err->code;
    if (!target->exists && !config->auto_create)
        return weir_fail(err, WEIR_CONFIG,
                         "table %.*s does not exist: create it, or set auto.create=true",
                         WEIR_ARG(target->sql_name));
    if (!target->exists && is_delete)
        return WEIR_OK; /* nothing to delete, and the key alone makes no table */
    if (!target->exists)
        return create_table(to, target, list, err);
    if (add_columns(to, target, record, list, err) != WEIR_OK)
        return err->code;
    if (is_delete || config->insert_mode.index == INSERT_MODE_UPDATE)
        return WEIR_OK;
    return check_columns(to, target, list, err);
}

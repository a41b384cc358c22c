/* route.c - compiling routes: a table, the fields of a record, and how they meet. */
#include "route.h"

#include "encode.h"
#include "evolve.h"
#include "naming.h"

#include <string.h>

static table *find_table(routes *self, weir_str topic, weir_error *err)
{
    weir_task *task = self->dialect->task;
    const sql_vendor *vendor = &self->dialect->vendor;
    weir_str schema, name;

    weir_buf_clear(&self->text);
    naming_format(self->dialect->settings, topic, &self->text);
    table *found = weir_map_get(self->tables, weir_buf_str(&self->text));

    if (found != NULL)
        return found;
    weir_str full = weir_task_copy(task, weir_buf_str(&self->text));

    if (naming_split(task, full, &schema, &name, err) != WEIR_OK ||
        naming_check_length(vendor, name, "shorten it with the route transform", err) != WEIR_OK ||
        naming_check_length(vendor, schema, "shorten it with the route transform", err) != WEIR_OK)
        return NULL;
    weir_buf_clear(&self->text);
    if (schema.len > 0) {
        sql_identifier(&self->text, schema, vendor);
        weir_buf_add_byte(&self->text, '.');
    }
    sql_identifier(&self->text, name, vendor);
    found = weir_task_alloc(task, sizeof(*found));
    found->schema = schema;
    found->name = name;
    found->sql_name = weir_task_copy(task, weir_buf_str(&self->text));
    (void)weir_map_put(self->tables, full, found);
    return found;
}

/* How a field is encoded for its column: as the column's type, or as its own and cast. The column may be
 * missing for a delete, whose table is not there. */
static layout_column resolve(route_field *field, const table_column *column)
{
    layout_column made = {.name = field->name, .nullable = true};

    field->type = field->source.type;
    if (column != NULL) {
        bool direct = encode_is_direct(&field->source, column->type);

        made.name = column->name; /* as it is there: in any case, where that does not count */
        made.nullable = column->nullable;
        field->type = direct ? column->type : field->type;
        /* a padded key is found as the destination compares it, not as texts are compared */
        if (!direct || (field->is_key && column->is_padded))
            made.cast = column->declared;
    }
    made.type = field->type;
    return made;
}

static void resolve_all(const routes *self, route *made, layout_column *columns)
{
    for (size_t i = 0; i < made->layout.count; i++) {
        const table_column *column =
            table_find(made->target, made->fields[i].name, self->dialect->vendor.names);

        columns[i] = resolve(&made->fields[i], column);
        made->layout.has_cast |= columns[i].cast.len > 0;
        made->layout.has_identity |= column != NULL && column->is_identity;
    }
    made->layout.columns = columns;
}

/* A staging table has two columns more. */
static weir_code check_count(const routes *self, const route *made, weir_error *err)
{
    const dialect *to = self->dialect;
    bool is_direct = dialect_is_direct(to->settings, made->target, &made->layout);
    size_t limit = to->vendor.column_max;

    if (limit == 0 || is_direct || made->layout.count + 2 <= limit)
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG,
                     "the record has %zu columns for table %.*s, and %zu can be merged: a staging "
                     "table needs two of the %zu that a table can have; leave some out with "
                     "fields.whitelist",
                     made->layout.count, WEIR_ARG(made->target->sql_name), limit - 2, limit);
}

/* Of a tombstone there is no value's schema, whatever the record says. */
static const weir_schema *value_schema_of(const weir_record *record)
{
    return record->value.ptr != NULL ? record->value_schema : NULL;
}

static route *compile(routes *self, const weir_record *record, weir_error *err)
{
    weir_task *task = self->dialect->task;
    table *target = find_table(self, record->topic, err);
    weir_buf memory = {0};
    field_list list = {.fields = (route_field *)(void *)weir_buf_reserve(
                           &memory, FIELDS_MAX * sizeof(route_field))};
    route *made = NULL;

    if (target == NULL || fields_collect(self->dialect->settings, record, &list, err) != WEIR_OK ||
        evolve_table(self->dialect, target, record, &list, err) != WEIR_OK)
        goto out;
    made = weir_task_alloc(task, sizeof(*made));
    made->topic = weir_task_copy(task, record->topic);
    made->key_schema = record->key_schema;
    made->value_schema = value_schema_of(record);
    made->target = target;
    made->version = target->version;
    made->layout.count = list.count;
    made->fields = weir_task_alloc(task, list.count * sizeof(*made->fields));
    memcpy(made->fields, list.fields, list.count * sizeof(*made->fields));
    for (size_t i = 0; i < list.count; i++)
        made->layout.key_count += list.fields[i].is_key;
    resolve_all(self, made, weir_task_alloc(task, list.count * sizeof(layout_column)));
    if (check_count(self, made, err) != WEIR_OK)
        made = NULL;
out:
    weir_buf_done(&memory);
    return made;
}

table *routes_table(routes *self, weir_str topic, weir_error *err)
{
    table *target = find_table(self, topic, err);

    if (target != NULL && !target->known &&
        self->dialect->ops->describe(self->dialect, target, err) != WEIR_OK)
        return NULL;
    return target;
}

void routes_init(routes *self, dialect *to)
{
    *self = (routes){.dialect = to, .tables = weir_map_new(), .routes = weir_map_new()};
}

void routes_done(routes *self)
{
    size_t at = 0;
    void *value;

    while (self->tables != NULL && weir_map_next(self->tables, &at, NULL, &value)) {
        table *target = value;

        fold_done(&target->rows);
        weir_buf_done(&target->columns);
    }
    weir_map_freep(&self->tables);
    weir_map_freep(&self->routes);
    weir_buf_done(&self->text);
    *self = (routes){.dialect = NULL};
}

bool route_fits(const route *self, const weir_record *record)
{
    return self->key_schema == record->key_schema &&
           self->value_schema == value_schema_of(record) &&
           weir_str_eq(self->topic, record->topic) && self->target->known &&
           self->version == self->target->version;
}

/* Schemas are compared by address: they live as long as the task. */
static weir_str route_key(routes *self, const weir_record *record)
{
    const weir_schema *value_schema = value_schema_of(record);

    weir_buf_clear(&self->text);
    weir_buf_add(&self->text, &record->key_schema, sizeof(void *));
    weir_buf_add(&self->text, &value_schema, sizeof(void *));
    weir_buf_add_str(&self->text, record->topic);
    return weir_buf_str(&self->text);
}

const route *routes_known(routes *self, const weir_record *record)
{
    const route *found = weir_map_get(self->routes, route_key(self, record));

    return found != NULL && route_fits(found, record) ? found : NULL;
}

const route *routes_find(routes *self, const weir_record *record, weir_error *err)
{
    dialect *to = self->dialect;
    route *found = weir_map_get(self->routes, route_key(self, record));

    /* behind a rollback the table is looked at again, and is as it was nearly always */
    if (found != NULL && !found->target->known &&
        to->ops->describe(to, found->target, err) != WEIR_OK)
        return NULL;
    if (found != NULL && route_fits(found, record))
        return found;
    found = compile(self, record, err);
    if (found != NULL)
        (void)weir_map_put(self->routes, route_key(self, record), found);
    return found;
}

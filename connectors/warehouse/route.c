/* route.c - compiling routes: the table's name, the fields, the table itself, the encodings. */
#include "route.h"

#include "change.h"
#include "copy.h"
#include "fallback.h"

#include <assert.h>
#include <string.h>

enum { COLUMNS_MAX = 1600, FIELDS_MAX }; /* PostgreSQL's limit of columns; one more is too many */

typedef struct field_list {
    route_field *fields;
    size_t count;
} field_list;

/* --- Which table ----------------------------------------------------------------------------- */

static void add_topic(const settings *config, weir_str topic, weir_buf *out)
{
    for (size_t i = 0; i < topic.len; i++)
        weir_buf_add_byte(out, config->flattens_topic && topic.ptr[i] == '.' ? '_' : topic.ptr[i]);
}

/* table.name.format with the topic in the place of ${topic}. */
static void format_name(const settings *config, weir_str topic, weir_buf *out)
{
    static const weir_str mark = {"${topic}", 8};
    weir_str format = config->table_name_format;

    for (size_t i = 0; i < format.len; i++) {
        if (format.len - i >= mark.len && memcmp(format.ptr + i, mark.ptr, mark.len) == 0) {
            add_topic(config, topic, out);
            i += mark.len - 1;
        } else {
            weir_buf_add_byte(out, format.ptr[i]);
        }
    }
}

/* schema.table, or table. A name of three parts would be another database. */
static weir_code split_name(weir_str full, weir_str *schema, weir_str *name, weir_error *err)
{
    const char *dot = memrchr(full.ptr, '.', full.len);

    *schema = (weir_str){0};
    *name = full;
    if (dot != NULL) {
        *schema = (weir_str){full.ptr, (size_t)(dot - full.ptr)};
        *name = (weir_str){dot + 1, full.len - schema->len - 1};
    }
    if (name->len == 0 || (dot != NULL && schema->len == 0))
        return weir_fail(err, WEIR_CONFIG, "\"%.*s\" is no name of a table", WEIR_ARG(full));
    if (schema->len > 0 && memchr(schema->ptr, '.', schema->len) != NULL)
        return weir_fail(
            err, WEIR_CONFIG,
            "the table name \"%.*s\" has more than a schema and a table; shorten it with "
            "the route transform or set table.name.format",
            WEIR_ARG(full));
    return WEIR_OK;
}

/* What the destination would cut could be the name of something else. */
static weir_code check_length(const sql_vendor *vendor, weir_str name, const char *remedy,
                              weir_error *err)
{
    if (vendor->name_max == 0 || name.len <= vendor->name_max)
        return WEIR_OK;
    return weir_fail(
        err, WEIR_CONFIG,
        "the name \"%.*s\" is longer than the %zu bytes that the destination keeps: %s",
        WEIR_ARG(name), vendor->name_max, remedy);
}

static table *find_table(routes *self, weir_str topic, weir_error *err)
{
    weir_task *task = self->dialect->task;
    const sql_vendor *vendor = &self->dialect->vendor;
    weir_str schema, name;

    weir_buf_clear(&self->text);
    format_name(self->dialect->settings, topic, &self->text);
    table *found = weir_map_get(self->tables, weir_buf_str(&self->text));

    if (found != NULL)
        return found;
    weir_str full = weir_task_copy(task, weir_buf_str(&self->text));

    if (split_name(full, &schema, &name, err) != WEIR_OK ||
        check_length(vendor, name, "shorten it with the route transform", err) != WEIR_OK ||
        check_length(vendor, schema, "shorten it with the route transform", err) != WEIR_OK)
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

/* --- Which fields ---------------------------------------------------------------------------- */

static route_field *add_field(field_list *list, weir_str name, field_origin origin)
{
    if (list->count == FIELDS_MAX)
        return NULL;
    route_field *field = &list->fields[list->count++];

    *field = (route_field){.name = name, .origin = origin};
    return field;
}

static void add_column(field_list *list, weir_str name, field_origin origin, int slot,
                       const weir_column *column)
{
    route_field *field = add_field(list, name, origin);

    if (field == NULL)
        return;
    field->slot = slot;
    field->source = type_of_schema(column->schema);
    field->nullable = column->nullable;
}

static weir_code add_place_fields(const settings *config, field_list *list, weir_error *err)
{
    static const char *const names[] = {"__connect_topic", "__connect_partition",
                                        "__connect_offset"};
    static const type_id types[] = {TYPE_TEXT, TYPE_INT4, TYPE_INT8};

    if (config->pk_fields.count != 0 && config->pk_fields.count != 3)
        return weir_fail(err, WEIR_CONFIG, "pk.fields must have three names");
    for (size_t i = 0; i < 3; i++) {
        weir_str name =
            config->pk_fields.count > 0 ? config->pk_fields.items[i] : weir_cstr(names[i]);
        route_field *field = add_field(list, name, (field_origin)(FROM_TOPIC + i));

        field->source.type.id = types[i];
        field->source.form = types[i] == TYPE_TEXT ? FORM_TEXT : FORM_INTEGER;
        field->is_key = true;
    }
    return WEIR_OK;
}

/* The column of a field of the row; -1 when it has none of that name. */
static int find_row_field(const weir_plan *plan, const change_shape *shape, weir_str name)
{
    for (int i = shape->first; i < shape->end; i = weir_plan_column(plan, (size_t)i)->next)
        if (weir_str_eq(weir_plan_column(plan, (size_t)i)->name, name))
            return i;
    return -1;
}

/* Fields of the key record, or of the value for record_value: those of pk.fields, in that order, or
 * all of them. */
static weir_code add_key_fields(const settings *config, const weir_schema *schema,
                                field_origin origin, field_list *list, weir_error *err)
{
    const weir_plan *plan = weir_schema_plan(schema);
    const char *which = origin == FROM_KEY ? "key" : "value";
    change_shape shape = change_shape_of(schema);

    if (weir_schema_type(schema) != WEIR_TYPE_RECORD) {
        if (config->pk_fields.count != 1)
            return weir_fail(err, WEIR_CONFIG,
                             "the record's %s is no record: name its one column in pk.fields",
                             which);
        add_column(list, config->pk_fields.items[0], origin, 0, weir_plan_column(plan, 0));
    } else if (config->pk_fields.count == 0) {
        for (int i = shape.first; i < shape.end; i = weir_plan_column(plan, (size_t)i)->next)
            add_column(list, weir_plan_column(plan, (size_t)i)->name, origin, i,
                       weir_plan_column(plan, (size_t)i));
    } else {
        for (size_t i = 0; i < config->pk_fields.count; i++) {
            int slot = find_row_field(plan, &shape, config->pk_fields.items[i]);

            if (slot < 0)
                return weir_fail(err, WEIR_REJECT,
                                 "the record's %s has no field \"%.*s\", which pk.fields names",
                                 which, WEIR_ARG(config->pk_fields.items[i]));
            add_column(list, config->pk_fields.items[i], origin, slot,
                       weir_plan_column(plan, (size_t)slot));
        }
    }
    for (size_t i = 0; i < list->count; i++)
        list->fields[i].is_key = true;
    return WEIR_OK;
}

static bool has_field(const field_list *list, weir_str name)
{
    for (size_t i = 0; i < list->count; i++)
        if (weir_str_eq(list->fields[i].name, name))
            return true;
    return false;
}

static void add_value_fields(const settings *config, const weir_schema *schema, field_list *list)
{
    const weir_plan *plan = weir_schema_plan(schema);
    change_shape shape = change_shape_of(schema);

    for (int i = shape.first; i < shape.end;) {
        const weir_column *column = weir_plan_column(plan, (size_t)i);

        if (settings_list_takes(&config->fields_whitelist, column->name) &&
            !has_field(list, column->name))
            add_column(list, column->name, FROM_VALUE, i, column);
        i = column->next;
    }
}

static weir_code check_value(const weir_schema *schema, weir_error *err)
{
    if (weir_schema_type(schema) == WEIR_TYPE_RECORD)
        return WEIR_OK;
    return weir_fail(err, WEIR_REJECT, "the value is a %.*s and no record: a row needs fields",
                     WEIR_ARG(weir_schema_name(schema)));
}

static weir_code collect_fields(const settings *config, const weir_record *record, field_list *list,
                                weir_error *err)
{
    weir_code code = WEIR_OK;

    if (record->value_schema != NULL && record->value.ptr != NULL)
        code = check_value(record->value_schema, err);
    if (code != WEIR_OK)
        return code;
    switch ((pk_mode)config->pk_mode.index) {
    case PK_NONE:
        break;
    case PK_KAFKA:
        code = add_place_fields(config, list, err);
        break;
    case PK_RECORD_KEY:
        if (record->key.ptr == NULL || record->key_schema == NULL)
            return weir_fail(err, WEIR_REJECT,
                             "the record has no key with a schema, which pk.mode=record_key needs");
        code = add_key_fields(config, record->key_schema, FROM_KEY, list, err);
        break;
    case PK_RECORD_VALUE:
        code = add_key_fields(config, record->value_schema, FROM_VALUE, list, err);
        break;
    }
    if (code == WEIR_OK && record->value.ptr != NULL)
        add_value_fields(config, record->value_schema, list);
    if (code == WEIR_OK && list->count == 0)
        return weir_fail(err, WEIR_REJECT, "no field of the record is written");
    if (code == WEIR_OK && list->count == FIELDS_MAX)
        return weir_fail(err, WEIR_CONFIG,
                         "the record has more than %d fields: too many columns for a table; leave "
                         "some out with fields.whitelist",
                         COLUMNS_MAX);
    return code;
}

/* --- Making and widening tables -------------------------------------------------------------- */

static sql_column column_of(const route_field *field)
{
    return (sql_column){.name = field->name,
                        .type = field->source.type,
                        .nullable = field->nullable,
                        .is_key = field->is_key};
}

static weir_code run_ddl(routes *self, weir_error *err)
{
    return self->dialect->ops->query(self->dialect, weir_buf_cstr(&self->text), NULL, NULL, err);
}

static weir_code create_table(routes *self, table *target, const field_list *list, weir_error *err)
{
    weir_buf columns = {0};

    for (size_t i = 0; i < list->count; i++) {
        sql_column column = column_of(&list->fields[i]);

        weir_buf_add(&columns, &column, sizeof(column));
    }
    weir_buf_clear(&self->text);
    sql_create_table(&self->text, target, (const sql_column *)(const void *)columns.ptr,
                     list->count, &self->dialect->vendor);
    weir_buf_done(&columns);
    if (run_ddl(self, err) != WEIR_OK) {
        if (err->code == WEIR_REJECT) /* two tasks at once collide in the catalogue: it passes */
            err->code = WEIR_RETRY;
        return weir_wrap(err, "auto.create");
    }
    return self->dialect->ops->describe(self->dialect, target, err);
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

static weir_code widen(routes *self, const table *target, const weir_record *record,
                       const route_field *field, weir_error *err)
{
    sql_column column = column_of(field);
    weir_buf literal = {0};

    if (fallback_sql(&field->source, default_of(record, field), &literal))
        column.fallback = weir_buf_str(&literal);
    weir_buf_clear(&self->text);
    sql_add_column(&self->text, target, &column, &self->dialect->vendor);
    weir_buf_done(&literal);
    return run_ddl(self, err);
}

static weir_code add_columns(routes *self, table *target, const weir_record *record,
                             const field_list *list, weir_error *err)
{
    bool case_counts = !self->dialect->vendor.unquoted;
    bool changed = false;

    for (size_t i = 0; i < list->count; i++) {
        const route_field *field = &list->fields[i];

        if (table_find(target, field->name, case_counts) != NULL)
            continue;
        if (!self->dialect->settings->auto_evolve)
            return weir_fail(err, WEIR_CONFIG,
                             "table %.*s has no column \"%.*s\": add it, or set auto.evolve=true",
                             WEIR_ARG(target->sql_name), WEIR_ARG(field->name));
        if (field->is_key)
            return weir_fail(err, WEIR_CONFIG,
                             "table %.*s has no column \"%.*s\", which is part of the key; a key "
                             "cannot be added to a table: add the column yourself",
                             WEIR_ARG(target->sql_name), WEIR_ARG(field->name));
        if (widen(self, target, record, field, err) != WEIR_OK)
            return weir_wrap(err, "auto.evolve");
        weir_task_diag(self->dialect->task, WEIR_INFO, "added column \"%.*s\" to table %.*s",
                       WEIR_ARG(field->name), WEIR_ARG(target->sql_name));
        changed = true;
    }
    return changed ? self->dialect->ops->describe(self->dialect, target, err) : WEIR_OK;
}

/* A column that must have a value and gets none refuses every row: a matter of configuration, not of
 * records. */
static weir_code check_required(const table *target, const field_list *list, bool case_counts,
                                weir_error *err)
{
    for (size_t i = 0; i < table_column_count(target); i++) {
        const table_column *column = table_column_at(target, i);
        bool found = column->nullable || column->has_default;

        for (size_t k = 0; k < list->count && !found; k++)
            found = weir_str_eq(list->fields[k].name, column->name) || !case_counts;
        if (!found)
            return weir_fail(
                err, WEIR_CONFIG,
                "column \"%.*s\" of table %.*s is NOT NULL, and the records do not have "
                "it: give it a default or drop the constraint",
                WEIR_ARG(column->name), WEIR_ARG(target->sql_name));
    }
    return WEIR_OK;
}

static weir_code check_names(const sql_vendor *vendor, const field_list *list, weir_error *err)
{
    for (size_t i = 0; i < list->count; i++)
        if (check_length(vendor, list->fields[i].name,
                         "rename the field, or leave it out with fields.whitelist", err) != WEIR_OK)
            return err->code;
    return WEIR_OK;
}

static weir_code prepare_table(routes *self, table *target, const weir_record *record,
                               const field_list *list, weir_error *err)
{
    const settings *config = self->dialect->settings;
    bool is_delete = record->value.ptr == NULL;

    if (check_names(&self->dialect->vendor, list, err) != WEIR_OK)
        return err->code;
    if (!target->known && self->dialect->ops->describe(self->dialect, target, err) != WEIR_OK)
        return err->code;
    if (!target->exists && !config->auto_create)
        return weir_fail(err, WEIR_CONFIG,
                         "table %.*s does not exist: create it, or set auto.create=true",
                         WEIR_ARG(target->sql_name));
    if (!target->exists && is_delete)
        return WEIR_OK; /* nothing to delete, and the key alone makes no table */
    if (!target->exists)
        return create_table(self, target, list, err);
    if (add_columns(self, target, record, list, err) != WEIR_OK)
        return err->code;
    if (is_delete || config->insert_mode.index == INSERT_MODE_UPDATE)
        return WEIR_OK;
    return check_required(target, list, !self->dialect->vendor.unquoted, err);
}

/* --- Compiling ------------------------------------------------------------------------------- */

/* How a field is encoded for its column: as the column's type, or as its own and cast. The column may be
 * missing for a delete, whose table is not there. */
static layout_column resolve(route_field *field, const table_column *column)
{
    layout_column made = {.name = field->name, .nullable = true};

    field->type = field->source.type;
    if (column != NULL) {
        bool direct = copy_is_direct(&field->source, column->type);

        made.nullable = column->nullable;
        field->type = direct ? column->type : field->type;
        made.cast = direct ? made.cast : column->declared;
    }
    made.type = field->type;
    return made;
}

static void resolve_all(const routes *self, route *made, layout_column *columns)
{
    for (size_t i = 0; i < made->layout.count; i++) {
        columns[i] = resolve(&made->fields[i], table_find(made->target, made->fields[i].name,
                                                          !self->dialect->vendor.unquoted));
        made->layout.has_cast |= columns[i].cast.len > 0;
    }
    made->layout.columns = columns;
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

    if (target == NULL || collect_fields(self->dialect->settings, record, &list, err) != WEIR_OK ||
        prepare_table(self, target, record, &list, err) != WEIR_OK)
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

const route *routes_find(routes *self, const weir_record *record, weir_error *err)
{
    route *found = weir_map_get(self->routes, route_key(self, record));

    if (found != NULL && route_fits(found, record))
        return found;
    found = compile(self, record, err);
    if (found != NULL)
        (void)weir_map_put(self->routes, route_key(self, record), found);
    return found;
}

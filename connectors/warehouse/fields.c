/* fields.c - from schemas to the fields of a row. */
#include "fields.h"

#include "change.h"

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

weir_code fields_collect(const settings *config, const weir_record *record, field_list *list,
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
                         FIELDS_COLUMNS_MAX);
    return code;
}

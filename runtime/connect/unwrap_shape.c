/* unwrap_shape.c - compiling schemas of change events, and copying spans of their values. */
#include "runtime/connect/unwrap_shape.h"

#include "runtime/base/mem.h"
#include "runtime/connect/varint.h"
#include "schema-registry/avro/avro.h"
#include "weir/batch.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DELETED_FIELD "__deleted"

/* --- References ------------------------------------------------------------------------------- */

static bool is_one_of(weir_str text, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++)
        if (weir_str_eq(text, weir_cstr(names[i])))
            return true;
    return false;
}

/* Where a field without a parent is looked for. */
static weir_str parent_of(weir_str field)
{
    static const char *const in_envelope[] = {"op", "ts_ms", "ts_us", "ts_ns", NULL};
    static const char *const in_transaction[] = {"id", "data_collection_order", "total_order",
                                                 NULL};

    if (is_one_of(field, in_envelope))
        return WEIR_STR("");
    return is_one_of(field, in_transaction) ? WEIR_STR("transaction") : WEIR_STR("source");
}

static weir_str part(weir_str text, size_t begin, size_t end)
{
    return (weir_str){text.ptr + begin, end - begin};
}

static size_t find_byte(weir_str text, char byte)
{
    const char *at = text.len > 0 ? memchr(text.ptr, byte, text.len) : NULL;

    return at != NULL ? (size_t)(at - text.ptr) : text.len;
}

static weir_code parse_reference(weir_str text, unwrap_reference *out, weir_str *new_name,
                                 weir_error *err)
{
    size_t colon = find_byte(text, ':');
    weir_str path = part(text, 0, colon);
    size_t dot = find_byte(path, '.');

    *new_name = colon < text.len ? part(text, colon + 1, text.len) : (weir_str){0};
    out->field = dot < path.len ? part(path, dot + 1, path.len) : path;
    out->parent = dot < path.len ? part(path, 0, dot) : parent_of(path);
    if (out->field.len == 0 || (colon < text.len && new_name->len == 0) ||
        find_byte(out->field, '.') < out->field.len || find_byte(*new_name, ':') < new_name->len)
        return weir_fail(err, WEIR_CONFIG,
                         "\"%.*s\" is no field of a change event; write op, lsn, source.ts_ms or, "
                         "with a name of its own, source.ts_ms:changed_at",
                         WEIR_ARG(text));
    return WEIR_OK;
}

weir_code unwrap_references_parse(const weir_str *texts, size_t count, weir_str prefix,
                                  weir_buf *memory, unwrap_references *out, weir_error *err)
{
    size_t room = 0;

    for (size_t i = 0; i < count; i++)
        room += prefix.len + texts[i].len + 2;
    weir_buf_reserve(memory, room); /* texts that were added stay where they are */
    out->items = mem_zalloc(count + 1, sizeof(*out->items));
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        unwrap_reference *item = &out->items[i];
        size_t begin = memory->len;
        bool is_nested = find_byte(texts[i], '.') < find_byte(texts[i], ':');
        weir_str new_name;

        if (parse_reference(texts[i], item, &new_name, err) != WEIR_OK)
            return err->code;
        weir_buf_add_str(memory, prefix);
        if (new_name.ptr == NULL && is_nested && item->parent.len > 0)
            weir_buf_printf(memory, "%.*s_", WEIR_ARG(item->parent));
        weir_buf_add_str(memory, new_name.ptr != NULL ? new_name : item->field);
        item->name = (weir_str){memory->ptr + begin, memory->len - begin};
    }
    return WEIR_OK;
}

void unwrap_references_done(unwrap_references *references)
{
    free(references->items);
    *references = (unwrap_references){0};
}

/* --- Shapes ----------------------------------------------------------------------------------- */

static int find_column(const weir_plan *plan, const unwrap_reference *wanted)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf path = {0};
    int column;

    if (wanted->parent.len > 0)
        weir_buf_printf(&path, "%.*s.", WEIR_ARG(wanted->parent));
    weir_buf_add_str(&path, wanted->field);
    column = weir_plan_find(plan, weir_buf_str(&path));
    return column >= 0 ? column : weir_plan_find(plan, wanted->field);
}

static int *find_columns(const weir_plan *plan, const unwrap_references *wanted)
{
    int *columns = mem_zalloc(wanted->count + 1, sizeof(*columns));

    for (size_t i = 0; i < wanted->count; i++)
        columns[i] = find_column(plan, &wanted->items[i]);
    return columns;
}

static bool is_record(const weir_plan *plan, int column)
{
    return column >= 0 &&
           weir_schema_type(weir_plan_column(plan, (size_t)column)->schema) == WEIR_TYPE_RECORD;
}

static unwrap_shape *new_shape(const unwrap_shapes *self, const weir_schema *schema)
{
    unwrap_shape *shape = mem_zalloc(1, sizeof(*shape));

    shape->schema = schema;
    shape->plan = weir_schema_plan(schema);
    shape->op = weir_plan_find(shape->plan, WEIR_STR("op"));
    shape->after = weir_plan_find(shape->plan, WEIR_STR("after"));
    shape->before = weir_plan_find(shape->plan, WEIR_STR("before"));
    if (!is_record(shape->plan, shape->after))
        shape->op = -1;
    if (!is_record(shape->plan, shape->before))
        shape->before = -1;
    shape->fields = find_columns(shape->plan, &self->fields);
    shape->headers = find_columns(shape->plan, &self->headers);
    return shape;
}

unwrap_shape *unwrap_shape_of(unwrap_shapes *self, const weir_schema *schema)
{
    weir_str key = {(const char *)&schema, sizeof(schema)};
    unwrap_shape *shape;

    if (schema == self->last_schema)
        return self->last_shape;
    if (self->shapes == NULL)
        self->shapes = weir_map_new();
    shape = weir_map_get(self->shapes, key);
    if (shape == NULL) {
        shape = new_shape(self, schema);
        weir_map_put(self->shapes, key, shape);
    }
    self->last_schema = schema;
    self->last_shape = shape;
    return shape;
}

/* --- Layouts ---------------------------------------------------------------------------------- */

static bool names_field(const json_t *names, weir_str field)
{
    size_t i;
    json_t *name;

    json_array_foreach((json_t *)(uintptr_t)names, i, name)
    {
        if (weir_str_eq((weir_str){json_string_value(name), json_string_length(name)}, field))
            return true;
    }
    return false;
}

/* Takes fields out of the schema's JSON; returns which, or NULL when none is. */
static bool *drop_fields(const unwrap_shapes *self, const weir_schema *row, const json_t *names,
                         json_t *fields)
{
    size_t count = weir_schema_field_count(row);
    bool *dropped = NULL;

    for (size_t i = count; i-- > 0;) {
        if (!names_field(names, weir_schema_field_name(row, i)) ||
            (!self->drops_required && !weir_schema_is_nullable(weir_schema_field(row, i))))
            continue;
        if (dropped == NULL)
            dropped = mem_zalloc(count, sizeof(*dropped));
        dropped[i] = true;
        json_array_remove(fields, i);
    }
    return dropped;
}

/* A field that may be null, as its JSON. */
static json_t *optional_field(weir_str name, weir_str type)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf legal = {0};
    bool differs = weir_legal_name(name, &legal);
    json_t *field = json_pack("{s:s%, s:[s,o], s:n}", "name", legal.ptr, legal.len, "type", "null",
                              json_loadb(type.ptr, type.len, JSON_DECODE_ANY, NULL), "default");

    if (differs)
        json_object_set_new(field, "weir.name", json_stringn(name.ptr, name.len));
    return field;
}

static void add_fields(const unwrap_shapes *self, const unwrap_shape *shape, json_t *fields)
{
    if (self->marks_deleted)
        json_array_append_new(fields,
                              optional_field(WEIR_STR(DELETED_FIELD), WEIR_STR("\"string\"")));
    for (size_t i = 0; i < self->fields.count; i++) {
        const weir_column *column;

        if (shape->fields[i] < 0)
            continue;
        column = weir_plan_column(shape->plan, (size_t)shape->fields[i]);
        json_array_append_new(
            fields, optional_field(self->fields.items[i].name, weir_schema_text(column->schema)));
    }
}

static weir_code compile(unwrap_shapes *self, const unwrap_shape *shape, const weir_schema *row,
                         const json_t *names, unwrap_layout *layout, weir_error *err)
{
    weir_str text = weir_schema_text(row);
    json_t *tree = json_loadb(text.ptr, text.len, 0, NULL);
    json_t *fields = json_object_get(tree, "fields");
    weir_schema *made;
    char *written;

    layout->dropped = drop_fields(self, row, names, fields);
    if (shape != NULL)
        add_fields(self, shape, fields);
    written = json_dumps(tree, JSON_COMPACT | JSON_REAL_PRECISION(17));
    made = avro_parse(weir_cstr(written), err);
    free(written);
    json_decref(tree);
    if (made == NULL)
        return weir_wrap(err, "the fields that unwrap adds and drops");
    self->made = mem_realloc(self->made, (self->made_count + 1) * sizeof(*self->made));
    self->made[self->made_count++] = made;
    layout->schema = made;
    layout->column_count = weir_plan_column_count(weir_schema_plan(made));
    return WEIR_OK;
}

static weir_code new_layout(unwrap_shapes *self, const unwrap_shape *shape, const weir_schema *row,
                            weir_str dropped, unwrap_layout **out, weir_error *err)
{
    unwrap_layout *layout = mem_zalloc(1, sizeof(*layout));
    json_t *names = dropped.ptr != NULL ? json_loadb(dropped.ptr, dropped.len, 0, NULL) : NULL;
    weir_code code = WEIR_OK;

    if (dropped.ptr != NULL && !json_is_array(names))
        code = weir_fail(err, WEIR_REJECT,
                         "the header that names fields to drop is no JSON array: %.*s",
                         WEIR_ARG(dropped));
    if (code == WEIR_OK)
        code = compile(self, shape, row, names, layout, err);
    json_decref(names);
    if (code != WEIR_OK) {
        free(layout->dropped);
        free(layout);
        return WEIR_REJECT;
    }
    *out = layout;
    return WEIR_OK;
}

weir_code unwrap_layout_of(unwrap_shapes *self, const unwrap_shape *shape, const weir_schema *row,
                           weir_str dropped, const unwrap_layout **out, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};
    unwrap_layout *found;

    weir_buf_add(&key, &shape, sizeof(shape));
    weir_buf_add(&key, &row, sizeof(row));
    weir_buf_add_str(&key, dropped);
    if (self->layouts == NULL)
        self->layouts = weir_map_new();
    found = weir_map_get(self->layouts, weir_buf_str(&key));
    if (found == NULL) {
        if (new_layout(self, shape, row, dropped, &found, err) != WEIR_OK)
            return err->code;
        weir_map_put(self->layouts, weir_buf_str(&key), found);
    }
    *out = found;
    return WEIR_OK;
}

void unwrap_shapes_done(unwrap_shapes *self)
{
    void *value;

    for (size_t at = 0; self->shapes != NULL && weir_map_next(self->shapes, &at, NULL, &value);) {
        unwrap_shape *shape = value;

        free(shape->fields);
        free(shape->headers);
        free(shape);
    }
    for (size_t at = 0; self->layouts != NULL && weir_map_next(self->layouts, &at, NULL, &value);) {
        unwrap_layout *layout = value;

        free(layout->dropped);
        free(layout);
    }
    for (size_t i = 0; i < self->made_count; i++)
        avro_schema_free(self->made[i]);
    free(self->made);
    weir_map_free(self->shapes);
    weir_map_free(self->layouts);
    unwrap_references_done(&self->fields);
    unwrap_references_done(&self->headers);
}

/* --- Copying ---------------------------------------------------------------------------------- */

static size_t varint_size(int64_t value)
{
    uint8_t bytes[10];

    return (size_t)(weir_put_varint(bytes, value) - bytes);
}

/* True when the column's value begins with the branch of a union of null and its type. */
static bool has_branch(const weir_column *column)
{
    weir_type type = weir_schema_type(column->schema);

    return column->nullable && type != WEIR_TYPE_UNION && type != WEIR_TYPE_NULL;
}

/* The bytes that a column takes in its record. */
static size_t size_of(const weir_column *column, const weir_slot *slot)
{
    size_t branch = has_branch(column) ? 1 : 0;

    if (slot->kind == WEIR_SLOT_NULL)
        return branch > 0 ? branch : slot->bytes.len; /* a wider union keeps its branch there */
    if (slot->kind == WEIR_SLOT_BYTES && weir_schema_type(column->schema) != WEIR_TYPE_FIXED)
        return branch + varint_size((int64_t)slot->bytes.len) + slot->bytes.len;
    return branch + slot->bytes.len;
}

void unwrap_copy_row(const unwrap_layout *layout, const weir_schema *row, const weir_slot *slots,
                     weir_str bytes, weir_buf *out)
{
    const weir_plan *plan = weir_schema_plan(row);
    size_t count = weir_plan_column_count(plan), at = 0, begin = 0;

    if (layout->dropped == NULL) {
        weir_buf_add_str(out, bytes);
        return;
    }
    for (size_t i = 0; i < count; i = (size_t)weir_plan_column(plan, i)->next) {
        const weir_column *column = weir_plan_column(plan, i);
        size_t size = size_of(column, &slots[i]);

        if (layout->dropped[column->field_index]) {
            weir_buf_add(out, bytes.ptr + begin, at - begin);
            begin = at + size;
        }
        at += size;
    }
    weir_buf_add(out, bytes.ptr + begin, bytes.len - begin);
}

void unwrap_put_optional(const weir_column *column, const weir_slot *slot, weir_buf *out)
{
    put_varint(out, slot->kind == WEIR_SLOT_NULL ? 0 : 1);
    if (slot->kind == WEIR_SLOT_NULL)
        return;
    if (slot->kind == WEIR_SLOT_BYTES && weir_schema_type(column->schema) != WEIR_TYPE_FIXED)
        put_varint(out, (int64_t)slot->bytes.len);
    weir_buf_add_str(out, slot->bytes);
}

weir_code unwrap_put_text(const weir_column *column, const weir_slot *slot, weir_buf *out,
                          bool *is_null, weir_error *err)
{
    *is_null = slot->kind == WEIR_SLOT_NULL;
    if (*is_null)
        return WEIR_OK;
    if (slot->kind == WEIR_SLOT_INTEGER && weir_schema_type(column->schema) == WEIR_TYPE_ENUM)
        weir_buf_add_str(out, weir_schema_symbol(column->schema, (size_t)slot->integer));
    else if (slot->kind == WEIR_SLOT_INTEGER)
        weir_buf_printf(out, "%" PRId64, slot->integer);
    else if (slot->kind == WEIR_SLOT_BYTES)
        weir_buf_add_str(out, slot->bytes);
    else
        return weir_value_json(column->schema, slot->bytes, out, err);
    return WEIR_OK;
}

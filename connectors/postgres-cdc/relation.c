/* relation.c - a captured table as its events show it. */
#include "relation.h"

#include "relation_schema.h"

#include <assert.h>

#define SCRATCH_KEPT_BYTES (1u << 20)

void relation_context_done(relation_context *context)
{
    for (size_t i = 0; i < CODEC_SCRATCH_COUNT; i++)
        weir_buf_done(&context->scratch[i]);
    weir_buf_done(&context->text);
}

void relation_context_trim(relation_context *context)
{
    for (size_t i = 0; i < CODEC_SCRATCH_COUNT; i++) {
        if (context->scratch[i].capacity > SCRATCH_KEPT_BYTES)
            weir_buf_done(&context->scratch[i]);
    }
}

/* --- Compiling ------------------------------------------------------------------------------ */

/* prefix.schema.table; what a topic's name cannot have becomes an underscore. */
static weir_str topic_name(relation_context *context, const catalog_table *table)
{
    weir_str delimiter = context->settings->topic_delimiter;
    weir_buf *text = &context->text;

    weir_buf_clear(text);
    weir_buf_printf(text, "%.*s%.*s%.*s%.*s%.*s", WEIR_ARG(context->settings->topic_prefix),
                    WEIR_ARG(delimiter), WEIR_ARG(table->schema), WEIR_ARG(delimiter),
                    WEIR_ARG(table->name));
    for (size_t i = 0; i < text->len; i++) {
        char c = text->ptr[i];
        bool valid = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '-' || c == '.';

        if (!valid)
            text->ptr[i] = '_';
    }
    return weir_task_copy(context->task, weir_buf_str(text));
}

/* The source's fields schema and table as Avro strings. */
static weir_str encode_name(relation_context *context, const catalog_table *table)
{
    weir_buf *text = &context->text;
    uint8_t length[10];

    weir_buf_clear(text);
    weir_buf_add(text, length,
                 (size_t)(weir_put_varint(length, (int64_t)table->schema.len) - length));
    weir_buf_add_str(text, table->schema);
    weir_buf_add(text, length,
                 (size_t)(weir_put_varint(length, (int64_t)table->name.len) - length));
    weir_buf_add_str(text, table->name);
    return weir_task_copy(context->task, weir_buf_str(text));
}

static weir_str field_name(relation_context *context, weir_str name)
{
    adjust_mode mode = (adjust_mode)context->settings->field_name_adjustment.index;

    weir_buf_clear(&context->text);
    adjust_field_name(name, mode, &context->text);
    return weir_task_copy(context->task, weir_buf_str(&context->text));
}

static weir_code compile_column(relation_context *context, const catalog_table *table,
                                const catalog_column *from, relation_column *to, weir_error *err)
{
    int32_t modifier = from->modifier;
    const pg_type *type;
    weir_code code = catalog_type(context->catalog, from->type, &type, &modifier, err);

    if (code != WEIR_OK)
        return code;
    *to = (relation_column){.name = from->name,
                            .field = field_name(context, from->name),
                            .nullable = !from->not_null,
                            .value_branch = 1,
                            .identity = from->identity};
    bool captured = filter_takes_column(context->filter, table->schema, table->name, from->name);
    to->supported =
        type != NULL && codec_init(&to->codec, type, modifier, &context->options, context->scratch);
    to->included = captured && to->supported;
    to->selected = to->included;
    if (captured && !to->supported && !context->quiet)
        weir_task_diag(context->task, WEIR_WARN,
                       "column \"%.*s\" of %.*s.%.*s has type %.*s, which is not supported, and is "
                       "left out",
                       WEIR_ARG(from->name), WEIR_ARG(table->schema), WEIR_ARG(table->name),
                       type != NULL ? (int)type->name.len : 1, type != NULL ? type->name.ptr : "?");
    return WEIR_OK;
}

/* The default in the schema puts the value in front of null, as Avro wants a default's branch first. */
static void compile_default(relation_context *context, const catalog_column *from,
                            relation_column *column, weir_str *json)
{
    weir_buf text = {0};
    weir_buf encoded = {0};

    if (column->supported && relation_schema_default(&column->codec, from->default_sql, &text) &&
        codec_default(&column->codec, weir_buf_str(&text), &encoded)) {
        *json = weir_task_copy(context->task, weir_buf_str(&encoded));
        column->fallback = weir_task_copy(context->task, weir_buf_str(&text));
        column->value_branch = 0;
    }
    weir_buf_done(&text);
    weir_buf_done(&encoded);
}

/* As Debezium: also a column that the lists leave out of the value. */
static bool key_add(relation *self, size_t column)
{
    if (self->key_count == RELATION_KEY_LIMIT || !self->columns[column].supported)
        return false;
    self->key[self->key_count++] = column;
    self->columns[column].selected = true;
    return true;
}

/* A delete that is published has the columns of the replica identity only. */
static void warn_of_deletes(const relation_context *context, const catalog_table *table,
                            const catalog_column *column)
{
    bool is_sent = table->identity == 'f' ||
                   (table->identity == 'i' ? column->identity : column->key_position > 0);

    if (table->has_identity && !is_sent && !context->quiet)
        weir_task_diag(context->task, WEIR_WARN,
                       "column \"%.*s\" of message.key.columns is not in the replica identity of "
                       "%.*s.%.*s: a delete does not have it, and is an error; set the table's "
                       "REPLICA IDENTITY to FULL if rows of it are deleted",
                       WEIR_ARG(column->name), WEIR_ARG(table->schema), WEIR_ARG(table->name));
}

static weir_code key_from_setting(const relation_context *context, relation *self,
                                  const catalog_table *table, weir_str names, weir_error *err)
{
    while (names.len > 0) {
        const char *comma = memchr(names.ptr, ',', names.len);
        size_t size = comma != NULL ? (size_t)(comma - names.ptr) : names.len;
        weir_str name = {names.ptr, size};
        size_t i = 0;

        while (i < self->column_count && !weir_str_eq(self->columns[i].name, name))
            i++;
        if (i == self->column_count || !key_add(self, i))
            return weir_fail(err, WEIR_CONFIG,
                             "message.key.columns: table %.*s.%.*s has no column \"%.*s\" whose "
                             "type can be captured",
                             WEIR_ARG(self->schema), WEIR_ARG(self->name), WEIR_ARG(name));
        warn_of_deletes(context, table, &table->columns[i]);
        names = (weir_str){names.ptr + size, names.len - size};
        if (names.len > 0)
            names = (weir_str){names.ptr + 1, names.len - 1};
    }
    return WEIR_OK;
}

static weir_code key_refused(const relation *self, size_t column, weir_error *err)
{
    return weir_fail(err, WEIR_FATAL,
                     "column \"%.*s\" of the key of %.*s.%.*s has a type that cannot be captured; "
                     "choose other key columns by message.key.columns",
                     WEIR_ARG(self->columns[column].name), WEIR_ARG(self->schema),
                     WEIR_ARG(self->name));
}

/* The key is what the server sends of an old row: the columns of the index that is the replica identity,
 * else those of the primary key. */
static weir_code choose_key(relation_context *context, relation *self, const catalog_table *table,
                            weir_error *err)
{
    weir_str named = filter_key_columns(context->filter, table->schema, table->name);

    if (named.len > 0)
        return key_from_setting(context, self, table, named, err);
    for (size_t i = 0; i < table->column_count && table->identity == 'i'; i++) {
        if (table->columns[i].identity && !key_add(self, i))
            return key_refused(self, i, err);
    }
    for (int position = 1; position <= RELATION_KEY_LIMIT && table->identity != 'i'; position++) {
        for (size_t i = 0; i < table->column_count; i++) {
            if (table->columns[i].key_position == position && !key_add(self, i))
                return key_refused(self, i, err);
        }
    }
    return WEIR_OK;
}

static weir_code compile_schemas(relation_context *context, relation *self,
                                 const relation_defaults *defaults, weir_error *err)
{
    weir_buf *text = &context->text;

    weir_buf_clear(text);
    relation_schema_envelope(self, defaults, text);
    self->envelope = weir_task_schema(context->task, weir_buf_str(text), err);
    if (self->envelope == NULL)
        return err->code;
    weir_buf_clear(text);
    relation_schema_key(self, defaults, text);
    if (self->key_count > 0) {
        self->key_schema = weir_task_schema(context->task, weir_buf_str(text), err);
        if (self->key_schema == NULL)
            return err->code;
    }

    const weir_plan *plan = weir_schema_plan(self->envelope);
    for (size_t i = 0; i < self->column_count; i++) {
        weir_buf_clear(text);
        weir_buf_printf(text, "after.%.*s", WEIR_ARG(self->columns[i].field));
        self->columns[i].plan_column = weir_plan_find(plan, weir_buf_str(text));
        assert(self->columns[i].plan_column >= 0 || !self->columns[i].included);
    }
    return WEIR_OK;
}

static weir_code compile(relation_context *context, relation *self, const catalog_table *table,
                         weir_error *err)
{
    relation_defaults defaults = {
        .json = weir_task_alloc(context->task, (table->column_count + 1) * sizeof(weir_str))};

    for (size_t i = 0; i < table->column_count; i++) {
        relation_column *column = &self->columns[i];
        weir_code code = compile_column(context, table, &table->columns[i], column, err);

        if (code != WEIR_OK)
            return code;
        compile_default(context, &table->columns[i], column, &defaults.json[i]);
        column->holds_unsent = column->supported && codec_holds_unsent(&column->codec);
    }
    if (choose_key(context, self, table, err) != WEIR_OK)
        return err->code;
    for (size_t i = 0; i < self->column_count; i++)
        self->binary =
            self->binary && (!self->columns[i].selected || self->columns[i].codec.binary != NULL);
    return compile_schemas(context, self, &defaults, err);
}

relation *relation_new(relation_context *context, const catalog_table *table, weir_error *err)
{
    relation *self = weir_task_alloc(context->task, sizeof(*self));

    *self = (relation){.oid = table->oid,
                       .schema = table->schema,
                       .name = table->name,
                       .schema_names = (adjust_mode)context->settings->schema_name_adjustment.index,
                       .identity = table->identity,
                       .column_count = table->column_count,
                       .binary = true};
    self->topic = topic_name(context, table);
    self->encoded_name = encode_name(context, table);
    self->columns =
        weir_task_alloc(context->task, (table->column_count + 1) * sizeof(*self->columns));
    if (compile(context, self, table, err) != WEIR_OK) {
        (void)weir_wrap(err, "table %.*s.%.*s", WEIR_ARG(table->schema), WEIR_ARG(table->name));
        return NULL;
    }
    return self;
}

void relation_add_selected(const relation_column *column, weir_buf *sql)
{
    bool as_text = column->codec.binary == NULL;
    bool is_xml = as_text && weir_str_eq(column->codec.type->name, WEIR_STR("xml"));

    /* cast to text, an xml would keep its declaration of an encoding, which its output has not */
    weir_buf_printf(sql, is_xml ? "pg_catalog.textin(pg_catalog.xml_out(" : "");
    catalog_add_identifier(sql, column->name);
    weir_buf_printf(sql, is_xml ? "))" : as_text ? "::text" : "");
}

/* --- Encoding ------------------------------------------------------------------------------- */

static void put_null(const relation_column *column, weir_batch *batch)
{
    weir_error ignored;

    if (column->nullable) {
        weir_put_branch(batch, 1 - column->value_branch);
        weir_put_null(batch);
    } else if (column->fallback.ptr == NULL ||
               column->codec.text(&column->codec, column->fallback, batch, &ignored) != WEIR_OK) {
        codec_put_zero(&column->codec, batch);
    }
}

/* The column became NOT NULL behind this change; a zero would be a value that nobody wrote. */
static weir_code refuse_null(const relation *self, relation_column *column, weir_error *err)
{
    column->had_null = true;
    return weir_fail(err, WEIR_FATAL,
                     "column \"%.*s\" of %.*s.%.*s is NOT NULL, and a row has NULL",
                     WEIR_ARG(column->name), WEIR_ARG(self->schema), WEIR_ARG(self->name));
}

static weir_code put_column(const relation *self, const relation_column *column,
                            const pgoutput_value *value, weir_batch *batch, weir_error *err)
{
    codec_put put = value->form == PGOUTPUT_BINARY ? column->codec.binary : column->codec.text;

    if (column->nullable)
        weir_put_branch(batch, column->value_branch);
    if (put != NULL && put(&column->codec, value->bytes, batch, err) == WEIR_OK)
        return WEIR_OK;
    if (put == NULL)
        return weir_fail(err, WEIR_RETRY,
                         "column \"%.*s\" of %.*s.%.*s came in a form that was not asked for",
                         WEIR_ARG(column->name), WEIR_ARG(self->schema), WEIR_ARG(self->name));
    return weir_wrap(err, "column \"%.*s\" of %.*s.%.*s", WEIR_ARG(column->name),
                     WEIR_ARG(self->schema), WEIR_ARG(self->name));
}

static void put_unsent(const relation_column *column, bool mark, weir_batch *batch)
{
    if (mark)
        weir_record_unsent(batch, column->plan_column);
    if (!column->holds_unsent) {
        put_null(column, batch);
        return;
    }
    if (column->nullable)
        weir_put_branch(batch, column->value_branch);
    codec_put_unsent(&column->codec, batch);
}

weir_code relation_put_value(const relation *self, const pgoutput_tuple *tuple,
                             const pgoutput_tuple *fill, bool unsent, weir_batch *batch,
                             weir_error *err)
{
    assert(tuple->count == self->column_count);
    for (size_t i = 0; i < self->column_count; i++) {
        const relation_column *column = &self->columns[i];
        const pgoutput_value *value = &tuple->values[i];

        if (!column->included)
            continue;
        if (value->form == PGOUTPUT_UNCHANGED && fill != NULL)
            value = &fill->values[i];
        if (value->form == PGOUTPUT_NULL && unsent && !column->nullable)
            return refuse_null(self, &self->columns[i], err);
        if (value->form == PGOUTPUT_NULL) {
            put_null(column, batch);
        } else if (value->form == PGOUTPUT_UNCHANGED) {
            put_unsent(column, unsent && fill == NULL, batch);
        } else if (put_column(self, column, value, batch, err) != WEIR_OK) {
            return err->code;
        }
    }
    return WEIR_OK;
}

weir_code relation_put_key(const relation *self, const pgoutput_tuple *tuple, weir_batch *batch,
                           weir_error *err)
{
    assert(tuple->count == self->column_count);
    for (size_t i = 0; i < self->key_count; i++) {
        const relation_column *column = &self->columns[self->key[i]];
        const pgoutput_value *value = &tuple->values[self->key[i]];

        if (value->form == PGOUTPUT_NULL)
            put_null(column, batch);
        else if (value->form == PGOUTPUT_UNCHANGED)
            return weir_fail(err, WEIR_FATAL,
                             "key column \"%.*s\" of %.*s.%.*s was not sent, because it is large "
                             "and did not change; set the table's REPLICA IDENTITY to FULL",
                             WEIR_ARG(column->name), WEIR_ARG(self->schema), WEIR_ARG(self->name));
        else if (put_column(self, column, value, batch, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

weir_str relation_largest(const relation *self, const pgoutput_tuple *tuple)
{
    size_t size = 0;
    weir_str name = {0};

    for (size_t i = 0; i < self->column_count; i++) {
        if (!self->columns[i].included || tuple->values[i].bytes.len <= size)
            continue;
        size = tuple->values[i].bytes.len;
        name = self->columns[i].name;
    }
    return name;
}

bool relation_same_key(const relation *self, const pgoutput_tuple *a, const pgoutput_tuple *b)
{
    for (size_t i = 0; i < self->key_count; i++) {
        const pgoutput_value *left = &a->values[self->key[i]];
        const pgoutput_value *right = &b->values[self->key[i]];

        if (right->form == PGOUTPUT_UNCHANGED)
            continue;
        if (left->form != right->form || !weir_str_eq(left->bytes, right->bytes))
            return false;
    }
    return true;
}

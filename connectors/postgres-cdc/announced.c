/* announced.c - the relations that the server has announced in a stream, compiled. */
#include "announced.h"

#include <assert.h>

/* One relation as the server announced it last. */
typedef struct announced_relation {
    relation *relation;   /* NULL: not captured */
    catalog_table *table; /* what it was compiled from */
    weir_buf signature;   /* what it was compiled from */
} announced_relation;

void announced_init(announced *self, relation_context *context)
{
    *self = (announced){.context = context, .relations = weir_map_new()};
}

void announced_done(announced *self)
{
    size_t at = 0;
    void *value;

    while (weir_map_next(self->relations, &at, NULL, &value))
        weir_buf_done(&((announced_relation *)value)->signature);
    weir_map_free(self->relations);
    weir_buf_done(&self->signature);
}

static const catalog_column *column_of(const catalog_table *table, const pgoutput_column *column)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (weir_str_eq(table->columns[i].name, column->name) &&
            table->columns[i].type == column->type)
            return &table->columns[i];
    }
    return NULL;
}

void announced_merge(weir_task *task, const pgoutput_message *message, const catalog_table *now,
                     catalog_table *table)
{
    bool same_key = true, any_key = false;

    table->column_count = message->table.count;
    table->columns =
        weir_task_alloc(task, ((size_t)message->table.count + 1) * sizeof(*table->columns));
    for (uint16_t i = 0; i < message->table.count; i++) {
        const pgoutput_column *sent = &message->table.columns[i];
        const catalog_column *known = column_of(now, sent);
        catalog_column *column = &table->columns[i];

        *column = known != NULL ? *known : (catalog_column){0};
        column->name = weir_task_copy(task, sent->name);
        column->type = sent->type;
        column->modifier = sent->modifier;
        column->identity = table->identity != 'f' && sent->identity; /* of 'f' all have it */
        same_key = same_key && (column->key_position > 0) == sent->identity;
        any_key = any_key || sent->identity;
    }
    for (uint16_t i = 0, in_key_count = 0; i < message->table.count; i++) {
        if (table->identity != 'd' || same_key ||
            !any_key) /* none: a unique index may be the key */
            break;
        bool in_key = message->table.columns[i].identity; /* the key has changed since */
        table->columns[i].key_position = in_key ? ++in_key_count : 0;
        table->columns[i].not_null = table->columns[i].not_null || in_key;
    }
}

static void add_signature(const pgoutput_message *message, weir_buf *out)
{
    weir_buf_printf(out, "%.*s%c%.*s%c%c", WEIR_ARG(message->table.schema), 0,
                    WEIR_ARG(message->table.name), 0, message->table.identity);
    for (uint16_t i = 0; i < message->table.count; i++) {
        const pgoutput_column *column = &message->table.columns[i];

        weir_buf_printf(out, "%d %.*s%c%u %d,", column->identity, WEIR_ARG(column->name), 0,
                        column->type, column->modifier);
    }
}

static weir_code compile(announced *self, const pgoutput_message *message,
                         announced_relation *entry, weir_error *err)
{
    relation_context *context = self->context;
    catalog_table now = {.oid = message->relation};
    catalog_table *table = weir_task_alloc(context->task, sizeof(*table));

    entry->relation = NULL;
    if (!filter_takes_table(context->filter, message->table.schema, message->table.name))
        return WEIR_OK;
    if (catalog_columns(context->catalog, &now, err) != WEIR_OK)
        return err->code;
    *table = (catalog_table){.oid = message->relation,
                             .schema = weir_task_copy(context->task, message->table.schema),
                             .name = weir_task_copy(context->task, message->table.name),
                             .identity = message->table.identity};
    announced_merge(context->task, message, &now, table);
    entry->table = table;
    entry->relation = relation_new(context, table, err);
    return entry->relation != NULL ? WEIR_OK : err->code;
}

/* It is compiled again only when it is another than before. */
weir_code announced_add(announced *self, const pgoutput_message *message, weir_error *err)
{
    weir_str key = {(const char *)&message->relation, sizeof(message->relation)};
    announced_relation *entry = weir_map_get(self->relations, key);

    if (entry == NULL) {
        entry = weir_task_alloc(self->context->task, sizeof(*entry));
        (void)weir_map_put(self->relations, key, entry);
    }
    weir_buf_clear(&self->signature);
    add_signature(message, &self->signature);
    if (catalog_signature(self->context->catalog, message->relation, &self->signature, err) !=
        WEIR_OK)
        return err->code;
    self->found_oid = 0;
    if (!weir_str_eq(weir_buf_str(&self->signature), weir_buf_str(&entry->signature))) {
        weir_buf_clear(&entry->signature);
        weir_buf_add_str(&entry->signature, weir_buf_str(&self->signature));
        if (compile(self, message, entry, err) != WEIR_OK)
            return err->code;
    }
    if (entry->relation != NULL) {
        self->newest_schema = entry->relation->schema;
        self->newest_name = entry->relation->name;
    }
    return WEIR_OK;
}

weir_code announced_find(announced *self, uint32_t oid, relation **out, weir_error *err)
{
    if (self->found_oid != oid) {
        announced_relation *entry =
            weir_map_get(self->relations, (weir_str){(const char *)&oid, sizeof(oid)});

        if (entry == NULL)
            return weir_fail(err, WEIR_RETRY,
                             "the server sent a change of relation %u without announcing it", oid);
        self->found_oid = oid;
        self->found = entry->relation;
    }
    *out = self->found;
    return WEIR_OK;
}

bool announced_was_refused(const relation *table)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].had_null)
            return true;
    }
    return false;
}

weir_code announced_allow_null(announced *self, relation **table, weir_error *err)
{
    uint32_t oid = (*table)->oid;
    announced_relation *entry =
        weir_map_get(self->relations, (weir_str){(const char *)&oid, sizeof(oid)});

    assert(entry != NULL && entry->relation == *table);
    for (size_t i = 0; i < entry->table->column_count; i++) {
        if ((*table)->columns[i].had_null)
            entry->table->columns[i].not_null = false;
    }
    self->found_oid = 0;
    weir_buf_clear(&entry->signature); /* the next time, it is compiled again */
    entry->relation = relation_new(self->context, entry->table, err);
    *table = entry->relation;
    return *table != NULL ? WEIR_OK : err->code;
}

/* filter.c - which schemas, tables and columns are captured. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "filter.h"

#include <pcre2.h>

#define KEY_LIMIT 256 /* tables in message.key.columns */

typedef struct pattern_list {
    pcre2_code **patterns;
    size_t count;
} pattern_list;

typedef struct key_rule {
    pcre2_code *table;
    weir_str columns;
} key_rule;

struct filter {
    pattern_list schema_include, schema_exclude, table_include, table_exclude;
    pattern_list column_include, column_exclude;
    key_rule keys[KEY_LIMIT];
    size_t key_count;
    weir_buf *name; /* of the table or column that is looked up */
};

static weir_str trim(weir_str text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\n' || text.ptr[0] == '\t'))
        text = (weir_str){text.ptr + 1, text.len - 1};
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\n'))
        text.len--;
    return text;
}

static pcre2_code *compile(const char *setting, weir_str text, weir_error *err)
{
    int error;
    PCRE2_SIZE at;
    uint32_t options = PCRE2_CASELESS | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text.ptr, text.len, options, &error, &at, NULL);

    if (code == NULL) {
        PCRE2_UCHAR reason[128] = {0};

        (void)pcre2_get_error_message(error, reason, sizeof(reason));
        (void)weir_fail(err, WEIR_CONFIG,
                        "%s: \"%.*s\" is no regular expression: %s at character %zu", setting,
                        WEIR_ARG(text), (const char *)reason, (size_t)at);
    }
    return code;
}

static weir_code compile_list(weir_task *task, pattern_list *list, const char *setting,
                              weir_list items, weir_error *err)
{
    list->patterns = weir_task_alloc(task, (items.count + 1) * sizeof(pcre2_code *));
    for (size_t i = 0; i < items.count; i++) {
        weir_str item = trim(items.items[i]);

        if (item.len == 0)
            continue;
        list->patterns[list->count] = compile(setting, item, err);
        if (list->patterns[list->count] == NULL)
            return err->code;
        list->count++;
    }
    return WEIR_OK;
}

/* "schema.table:a,b;..." */
static weir_code compile_keys(filter *self, weir_str text, weir_error *err)
{
    while (text.len > 0) {
        const char *end = memchr(text.ptr, ';', text.len);
        size_t size = end != NULL ? (size_t)(end - text.ptr) : text.len;
        weir_str rule = trim((weir_str){text.ptr, size});
        const char *colon = rule.len > 0 ? memrchr(rule.ptr, ':', rule.len) : NULL;

        text = (weir_str){text.ptr + size, text.len - size};
        if (text.len > 0)
            text = (weir_str){text.ptr + 1, text.len - 1};
        if (rule.len == 0)
            continue;
        if (colon == NULL || self->key_count == KEY_LIMIT)
            return weir_fail(err, WEIR_CONFIG,
                             "message.key.columns: \"%.*s\" is not schema.table:column,column",
                             WEIR_ARG(rule));
        key_rule *key = &self->keys[self->key_count];
        size_t table_size = (size_t)(colon - rule.ptr);
        key->table = compile("message.key.columns", (weir_str){rule.ptr, table_size}, err);
        if (key->table == NULL)
            return err->code;
        key->columns = (weir_str){colon + 1, rule.len - table_size - 1};
        self->key_count++;
    }
    return WEIR_OK;
}

filter *filter_new(weir_task *task, const settings *config, weir_error *err)
{
    filter *self = weir_task_alloc(task, sizeof(*self));
    struct {
        pattern_list *list;
        const char *setting;
        weir_list items;
    } lists[] = {
        {&self->schema_include, "schema.include.list", config->schema_include},
        {&self->schema_exclude, "schema.exclude.list", config->schema_exclude},
        {&self->table_include, "table.include.list", config->table_include},
        {&self->table_exclude, "table.exclude.list", config->table_exclude},
        {&self->column_include, "column.include.list", config->column_include},
        {&self->column_exclude, "column.exclude.list", config->column_exclude},
    };

    self->name = weir_task_alloc(task, sizeof(*self->name));
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (compile_list(task, lists[i].list, lists[i].setting, lists[i].items, err) != WEIR_OK) {
            filter_done(self);
            return NULL;
        }
    }
    if (compile_keys(self, config->message_key_columns, err) != WEIR_OK) {
        filter_done(self);
        return NULL;
    }
    return self;
}

static void list_done(pattern_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        pcre2_code_free(list->patterns[i]);
    list->count = 0;
}

void filter_done(filter *self)
{
    if (self == NULL)
        return;
    list_done(&self->schema_include);
    list_done(&self->schema_exclude);
    list_done(&self->table_include);
    list_done(&self->table_exclude);
    list_done(&self->column_include);
    list_done(&self->column_exclude);
    for (size_t i = 0; i < self->key_count; i++)
        pcre2_code_free(self->keys[i].table);
    self->key_count = 0;
    weir_buf_done(self->name);
}

static bool matches(const pcre2_code *pattern, weir_str name)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    int found = pcre2_match(pattern, (PCRE2_SPTR)name.ptr, name.len, 0, 0, match, NULL);

    pcre2_match_data_free(match);
    return found >= 0;
}

/* In the first list, or it is empty; and not in the second. */
static bool passes(const pattern_list *include, const pattern_list *exclude, weir_str name)
{
    bool included = include->count == 0;

    for (size_t i = 0; i < include->count && !included; i++)
        included = matches(include->patterns[i], name);
    for (size_t i = 0; i < exclude->count && included; i++)
        included = !matches(exclude->patterns[i], name);
    return included;
}

static weir_str table_name(const filter *self, weir_str schema, weir_str table)
{
    weir_buf_clear(self->name);
    weir_buf_printf(self->name, "%.*s.%.*s", WEIR_ARG(schema), WEIR_ARG(table));
    return weir_buf_str(self->name);
}

bool filter_takes_table(const filter *self, weir_str schema, weir_str table)
{
    return passes(&self->schema_include, &self->schema_exclude, schema) &&
           passes(&self->table_include, &self->table_exclude, table_name(self, schema, table));
}

bool filter_takes_column(const filter *self, weir_str schema, weir_str table, weir_str column)
{
    (void)table_name(self, schema, table);
    weir_buf_printf(self->name, ".%.*s", WEIR_ARG(column));
    return passes(&self->column_include, &self->column_exclude, weir_buf_str(self->name));
}

weir_str filter_key_columns(const filter *self, weir_str schema, weir_str table)
{
    weir_str name = table_name(self, schema, table);

    for (size_t i = 0; i < self->key_count; i++) {
        if (matches(self->keys[i].table, name))
            return self->keys[i].columns;
    }
    return (weir_str){0};
}

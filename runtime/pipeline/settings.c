/* settings.c - turns YAML values into the flat text settings that a connector has. */
#include "runtime/pipeline/settings.h"

#include "weir/buf.h"

#include <ctype.h>
#include <string.h>

static weir_str kept(settings *s, weir_buf *text)
{
    weir_str copy = arena_copy(s->arena, weir_buf_str(text));

    weir_buf_done(text);
    return copy;
}

void settings_put(settings *s, pipeline_setting setting, bool replace)
{
    for (size_t i = 0; i < s->count; i++) {
        if (!weir_str_eq(s->items[i].name, setting.name))
            continue;
        if (replace)
            s->items[i] = setting;
        else
            pipeline_add_problem(s->set, s->file, setting.line,
                                 "\"%s\" is set twice, first in line %d", setting.name.ptr,
                                 s->items[i].line);
        return;
    }
    if (s->count == SETTINGS_LIMIT) {
        pipeline_add_problem(s->set, s->file, setting.line,
                             "more than %d settings for one connector", SETTINGS_LIMIT);
        return;
    }
    s->items = arena_grow(s->arena, s->items, s->count, sizeof(*s->items));
    s->items[s->count++] = setting;
}

/* A comma that would make two items of one: it stands in no bracket and behind no backslash, as in the
 * regular expression a{1,3}. */
static bool is_two_items(weir_str text)
{
    int depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\')
            i++;
        else if (strchr("({[", text.ptr[i]) != NULL)
            depth++;
        else if (strchr(")}]", text.ptr[i]) != NULL)
            depth -= depth > 0;
        else if (text.ptr[i] == ',' && depth == 0)
            return true;
    }
    return false;
}

static bool item_is_good(settings *s, weir_str name, const yaml_tree_node *item)
{
    if (item->kind != YAML_TREE_SCALAR || item->is_null) {
        pipeline_add_problem(s->set, s->file, item->line, "%s holds %s where a text is expected",
                             name.ptr, yaml_tree_kind_name(item));
        return false;
    }
    if (!is_two_items(item->text))
        return true;
    pipeline_add_problem(s->set, s->file, item->line,
                         "%s holds \"%s\", but a comma separates the items of a list", name.ptr,
                         item->text.ptr);
    return false;
}

static bool list_text(settings *s, weir_str name, const yaml_tree_node *list, weir_str *out)
{
    weir_buf text = {0};

    for (size_t i = 0; i < list->count; i++) {
        if (!item_is_good(s, name, list->items[i])) {
            weir_buf_done(&text);
            return false;
        }
        if (i > 0)
            weir_buf_add_byte(&text, ',');
        weir_buf_add_str(&text, list->items[i]->text);
    }
    *out = kept(s, &text);
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): a tree is at most YAML_TREE_DEPTH deep */
void settings_add(settings *s, weir_str name, const yaml_tree_node *value, int line, bool replace)
{
    pipeline_setting setting = {.name = name, .line = line};

    if (value->kind == YAML_TREE_MAP) {
        settings_add_map(s, arena_printf(s->arena, "%s.", name.ptr), value, replace);
        return;
    }
    if (value->is_null) {
        pipeline_add_problem(s->set, s->file, line,
                             "%s has no value (an empty text is written \"\")", name.ptr);
        return;
    }
    if (value->kind == YAML_TREE_SCALAR)
        setting.value = arena_copy(s->arena, value->text);
    else if (!list_text(s, name, value, &setting.value))
        return;
    settings_put(s, setting, replace);
}

/* NOLINTNEXTLINE(misc-no-recursion): a tree is at most YAML_TREE_DEPTH deep */
void settings_add_map(settings *s, weir_str prefix, const yaml_tree_node *map, bool replace)
{
    for (size_t i = 0; i < map->count; i++) {
        const yaml_tree_pair *pair = &map->pairs[i];

        settings_add(s, arena_printf(s->arena, "%s%s", prefix.ptr, pair->key.ptr), pair->value,
                     pair->line, replace);
    }
}

/* "unwrap" for "unwrap", "RegexRouter" for "org.apache.kafka.connect.transforms.RegexRouter"; with _2, _3
 * behind it when the name is taken. */
static weir_str transform_name(settings *s, weir_str type, const weir_str *names, size_t count)
{
    const char *dot = strrchr(type.ptr, '.');
    const char *base = dot != NULL ? dot + 1 : type.ptr;
    size_t uses = 1;

    for (const char *at = base; (at = strchr(at, '$')) != NULL;)
        base = ++at; /* "ReplaceField$Value" */
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(base);

        if (names[i].len >= length && memcmp(names[i].ptr, base, length) == 0 &&
            (names[i].ptr[length] == '\0' || names[i].ptr[length] == '_'))
            uses++;
    }
    return uses == 1 ? weir_cstr(base) : arena_printf(s->arena, "%s_%zu", base, uses);
}

/* One item of the list: `unwrap`, `unwrap:` or `route: {regex: …}`. False when it is none. */
static bool transform_of(settings *s, const yaml_tree_node *item, weir_str *type,
                         const yaml_tree_node **config)
{
    *config = NULL;
    if (item->kind == YAML_TREE_SCALAR && !item->is_null && item->text.len > 0) {
        *type = item->text;
        return true;
    }
    if (item->kind == YAML_TREE_MAP && item->count == 1) {
        const yaml_tree_node *value = item->pairs[0].value;

        *type = item->pairs[0].key;
        if (value->kind == YAML_TREE_MAP)
            *config = value;
        if (type->len > 0 && (value->kind == YAML_TREE_MAP || value->is_null))
            return true;
    }
    pipeline_add_problem(s->set, s->file, item->line,
                         "a transform is written as NAME: {its settings}, as in - unwrap: {}");
    return false;
}

void settings_add_transforms(settings *s, const yaml_tree_node *list, int line)
{
    weir_str *names = NULL;
    size_t count = 0;
    weir_buf all = {0};

    if (list->kind != YAML_TREE_LIST) {
        pipeline_add_problem(s->set, s->file, line,
                             "transforms is %s where a list is expected, as in [{unwrap: {}}]",
                             yaml_tree_kind_name(list));
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        const yaml_tree_node *config;
        weir_str type, prefix;

        if (!transform_of(s, list->items[i], &type, &config))
            continue;
        type = arena_copy(s->arena, type);
        names = arena_grow(s->arena, names, count, sizeof(*names));
        names[count] = transform_name(s, type, names, count);
        weir_buf_printf(&all, "%s%s", count == 0 ? "" : ",", names[count].ptr);
        prefix = arena_printf(s->arena, "transforms.%s.", names[count++].ptr);
        settings_put(s,
                     (pipeline_setting){arena_printf(s->arena, "%stype", prefix.ptr), type,
                                        list->items[i]->line},
                     false);
        if (config != NULL)
            settings_add_map(s, prefix, config, false);
    }
    if (count > 0)
        settings_put(s, (pipeline_setting){WEIR_STR("transforms"), kept(s, &all), line}, false);
}

static bool has_glob(weir_str topic)
{
    return memchr(topic.ptr, '*', topic.len) != NULL || memchr(topic.ptr, '?', topic.len) != NULL;
}

/* `*` is any characters of a topic's name, `?` is one; all else stands for itself. */
static void add_glob(weir_buf *regex, weir_str glob)
{
    for (size_t i = 0; i < glob.len; i++) {
        char c = glob.ptr[i];

        if (c == '*')
            weir_buf_add_str(regex, WEIR_STR(".*"));
        else if (c == '?')
            weir_buf_add_byte(regex, '.');
        else if (c == '.')
            weir_buf_add_str(regex, WEIR_STR("\\."));
        else
            weir_buf_add_byte(regex, c);
    }
}

static bool topic_is_legal(weir_str topic)
{
    if (topic.len == 0 || topic.len > 249)
        return false;
    for (size_t i = 0; i < topic.len; i++) {
        char c = topic.ptr[i];

        if (!isalnum((unsigned char)c) && strchr("._-*?", c) == NULL)
            return false;
    }
    return true;
}

static bool check_topics(settings *s, const yaml_tree_node *list, bool *globs)
{
    bool good = true;

    *globs = false;
    for (size_t i = 0; i < list->count; i++) {
        const yaml_tree_node *item = list->items[i];

        if (item->kind == YAML_TREE_SCALAR && !item->is_null && topic_is_legal(item->text)) {
            *globs |= has_glob(item->text);
            continue;
        }
        pipeline_add_problem(
            s->set, s->file, item->line,
            "topics holds \"%s\", which is no topic name: letters, digits, '.', '_', "
            "'-', and '*' and '?' as wildcards",
            item->kind == YAML_TREE_SCALAR ? item->text.ptr : yaml_tree_kind_name(item));
        good = false;
    }
    return good;
}

void settings_add_topics(settings *s, const yaml_tree_node *list, int line)
{
    const yaml_tree_node *only = list;
    const yaml_tree_node single = {
        .kind = YAML_TREE_LIST, .line = line, .count = 1, .items = &only};
    weir_buf text = {0};
    bool globs;

    if (list->kind == YAML_TREE_SCALAR && !list->is_null)
        list = &single;
    if (list->kind != YAML_TREE_LIST || list->count == 0) {
        pipeline_add_problem(s->set, s->file, line,
                             "topics must be a list of topic names, as in [\"shop.public.*\"]");
        return;
    }
    if (!check_topics(s, list, &globs))
        return;
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            weir_buf_add_byte(&text, globs ? '|' : ',');
        if (globs)
            add_glob(&text, list->items[i]->text);
        else
            weir_buf_add_str(&text, list->items[i]->text);
    }
    settings_put(s,
                 (pipeline_setting){globs ? WEIR_STR("topics.regex") : WEIR_STR("topics"),
                                    kept(s, &text), line},
                 false);
}

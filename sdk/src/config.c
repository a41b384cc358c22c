/* config.c - binding, checking and documenting settings. */
#include "sdk/src/config.h"

#include "runtime/base/text.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

weir_field config_field(const config_table *table, size_t index)
{
    weir_field field = {0};
    size_t size = table->stride < sizeof(field) ? table->stride : sizeof(field);

    assert(index < table->count);
    memcpy(&field, (const char *)table->fields + index * table->stride, size);
    return field;
}

size_t config_issue_count(const config_issues *issues)
{
    return issues->items.len / sizeof(config_issue);
}

const config_issue *config_issue_at(const config_issues *issues, size_t index)
{
    return (const config_issue *)(const void *)issues->items.ptr + index;
}

bool config_has_error(const config_issues *issues)
{
    for (size_t i = 0; i < config_issue_count(issues); i++)
        if (config_issue_at(issues, i)->severity == CONFIG_ERROR)
            return true;
    return false;
}

void config_issues_done(config_issues *issues)
{
    weir_buf_done(&issues->items);
    arena_done(&issues->names);
}

void config_issue_add(config_issues *issues, weir_str name, config_severity severity,
                      const char *fmt, ...)
{
    config_issue issue = {.name = arena_copy(&issues->names, name), .severity = severity};
    va_list args;

    va_start(args, fmt);
    vsnprintf(issue.message, sizeof(issue.message), fmt, args);
    va_end(args);
    weir_buf_add(&issues->items, &issue, sizeof(issue));
}

void config_issues_take(config_issues *issues, config_issues *from)
{
    for (size_t i = 0; i < config_issue_count(from); i++) {
        config_issue issue = *config_issue_at(from, i);

        issue.name = arena_copy(&issues->names, issue.name);
        weir_buf_add(&issues->items, &issue, sizeof(issue));
    }
    config_issues_done(from);
}

void config_issues_prefix(config_issues *issues, size_t first, weir_str prefix)
{
    config_issue *items = (config_issue *)(void *)issues->items.ptr;

    for (size_t i = first; i < config_issue_count(issues); i++)
        items[i].name =
            arena_printf(&issues->names, "%.*s%.*s", WEIR_ARG(prefix), WEIR_ARG(items[i].name));
}

weir_code config_result(const config_issues *issues, weir_error *err)
{
    for (size_t i = 0; i < config_issue_count(issues); i++) {
        const config_issue *issue = config_issue_at(issues, i);

        if (issue->severity == CONFIG_ERROR)
            return weir_fail(err, WEIR_CONFIG, "setting \"%.*s\": %s", WEIR_ARG(issue->name),
                             issue->message);
    }
    return WEIR_OK;
}

size_t config_member_size(weir_kind kind)
{
    switch (kind) {
    case WEIR_KIND_BOOL:
        return sizeof(bool);
    case WEIR_KIND_INT:
        return sizeof(int64_t);
    case WEIR_KIND_STR:
        return sizeof(weir_str);
    case WEIR_KIND_LIST:
        return sizeof(weir_list);
    case WEIR_KIND_DOUBLE:
        return sizeof(double);
    case WEIR_KIND_CHOICE:
        return sizeof(weir_choice);
    }
    return 0;
}

const char *config_kind_name(weir_kind kind)
{
    switch (kind) {
    case WEIR_KIND_BOOL:
        return "BOOLEAN";
    case WEIR_KIND_INT:
        return "LONG";
    case WEIR_KIND_STR:
    case WEIR_KIND_CHOICE:
        return "STRING";
    case WEIR_KIND_LIST:
        return "LIST";
    case WEIR_KIND_DOUBLE:
        return "DOUBLE";
    }
    return "STRING";
}

/* --- Values --------------------------------------------------------------------------------- */

static weir_str trim(weir_str text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[0]) != NULL)
        text.ptr++, text.len--;
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL)
        text.len--;
    return text;
}

static bool same_word(weir_str text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0;
}

/* A number's text with a NUL behind it; false when it is longer than any number. */
static bool number_text(weir_str text, char out[64])
{
    if (text.len == 0 || text.len >= 64)
        return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

static weir_code parse_int(const weir_field *field, weir_str text, int64_t *out, weir_error *err)
{
    char digits[64], *end = digits;
    bool bounded = field->min != 0 || field->max != 0;

    errno = 0;
    if (number_text(trim(text), digits))
        *out = strtoll(digits, &end, 10);
    if (end == digits || *end != '\0' || errno != 0)
        return weir_fail(err, WEIR_CONFIG, "\"%.*s\" is not a whole number", WEIR_ARG(text));
    if (bounded && (*out < field->min || *out > field->max))
        return weir_fail(err, WEIR_CONFIG, "%" PRId64 " is not between %" PRId64 " and %" PRId64,
                         *out, field->min, field->max);
    return WEIR_OK;
}

static weir_code parse_double(weir_str text, double *out, weir_error *err)
{
    char digits[64], *end = digits;

    if (number_text(trim(text), digits))
        *out = strtod(digits, &end);
    if (end == digits || *end != '\0')
        return weir_fail(err, WEIR_CONFIG, "\"%.*s\" is not a number", WEIR_ARG(text));
    return WEIR_OK;
}

static weir_code parse_choice(const weir_field *field, weir_str text, weir_choice *out,
                              weir_error *err)
{
    char all[256] = "";
    size_t used = 0;

    for (int i = 0; field->choices[i] != NULL; i++) {
        if (same_word(trim(text), field->choices[i])) {
            out->index = i;
            return WEIR_OK;
        }
        if (used < sizeof(all))
            used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i > 0 ? ", " : "",
                                     field->choices[i]);
    }
    return weir_fail(err, WEIR_CONFIG, "\"%.*s\" is none of %s", WEIR_ARG(text), all);
}

/* Items between commas, without the blanks around them; a comma in brackets or behind a backslash is part
 * of its item, as regular expressions need it. */
static weir_list parse_list(weir_task *task, weir_str text)
{
    weir_list list = {0};
    size_t commas = 1, start = 0;
    int depth = 0;

    for (size_t i = 0; i < text.len; i++)
        commas += text.ptr[i] == ',';
    list.items = weir_task_alloc(task, commas * sizeof(weir_str));
    for (size_t i = 0; i <= text.len; i++) {
        char c = i < text.len ? text.ptr[i] : ',';

        if (c == '\\') {
            i++;
            continue;
        }
        depth += c == '(' || c == '{' || c == '[';
        depth -= (c == ')' || c == '}' || c == ']') && depth > 0;
        if (i >= text.len || (c == ',' && depth == 0)) {
            weir_str item = trim((weir_str){text.ptr + start, i - start});

            if (item.len > 0)
                list.items[list.count++] = weir_task_copy(task, item);
            start = i + 1;
        }
    }
    if (start < text.len) { /* the text ended in a backslash */
        weir_str item = trim((weir_str){text.ptr + start, text.len - start});

        list.items[list.count++] = weir_task_copy(task, item);
    }
    return list;
}

static weir_code bind_text(const weir_field *field, weir_str text, weir_error *err)
{
    bool bounded = field->min != 0 || field->max != 0;
    int64_t size = (int64_t)text.len;

    if (bounded && (size < field->min || size > field->max))
        return weir_fail(err, WEIR_CONFIG, "has %" PRId64 " bytes, not %" PRId64 " to %" PRId64,
                         size, field->min, field->max);
    return WEIR_OK;
}

static weir_code parse_bool(weir_str text, bool *out, weir_error *err)
{
    if (!same_word(trim(text), "true") && !same_word(trim(text), "false"))
        return weir_fail(err, WEIR_CONFIG, "\"%.*s\" is neither true nor false", WEIR_ARG(text));
    *out = same_word(trim(text), "true");
    return WEIR_OK;
}

/* Items of a list are checked one by one; an empty text is the absence of what is optional. */
static weir_code run_check(const weir_field *field, weir_str text, const weir_list *list,
                           weir_error *err)
{
    weir_code code = WEIR_OK;

    if (field->check == NULL)
        return WEIR_OK;
    if (list == NULL && text.len > 0)
        code = field->check(text, err);
    for (size_t i = 0; list != NULL && i < list->count && code == WEIR_OK; i++)
        code = field->check(list->items[i], err);
    if (code != WEIR_OK && err->message[0] == '\0') /* a plugin's check may say nothing */
        return weir_fail(err, WEIR_CONFIG, "has a value that cannot be used");
    return code;
}

static weir_code bind_value(const weir_field *field, weir_str text, weir_task *task, void *state,
                            weir_error *err)
{
    char *member = (char *)state + field->offset;
    weir_list *list = NULL;
    weir_code code = WEIR_OK;

    switch (field->kind) {
    case WEIR_KIND_BOOL:
        code = parse_bool(text, (bool *)(void *)member, err);
        break;
    case WEIR_KIND_INT:
        code = parse_int(field, text, (int64_t *)(void *)member, err);
        break;
    case WEIR_KIND_DOUBLE:
        code = parse_double(text, (double *)(void *)member, err);
        break;
    case WEIR_KIND_CHOICE:
        code = parse_choice(field, text, (weir_choice *)(void *)member, err);
        break;
    case WEIR_KIND_STR:
        code = bind_text(field, text, err);
        if (code == WEIR_OK)
            *(weir_str *)(void *)member = weir_task_copy(task, text);
        break;
    case WEIR_KIND_LIST:
        list = (weir_list *)(void *)member;
        *list = parse_list(task, text);
        if (list->count == 0 && field->fallback == NULL)
            code = weir_fail(err, WEIR_CONFIG, "the list is empty");
        break;
    }
    return code == WEIR_OK ? run_check(field, text, list, err) : code;
}

/* --- Tables --------------------------------------------------------------------------------- */

static const config_setting *find_setting(const config_setting *settings, size_t count,
                                          weir_str name)
{
    for (size_t i = 0; i < count; i++)
        if (weir_str_eq(settings[i].name, name))
            return &settings[i];
    return NULL;
}

static void bind_field(const weir_field *field, const config_setting *setting, weir_task *task,
                       void *state, config_issues *issues)
{
    weir_str name = weir_cstr(field->name);
    weir_str text = setting != NULL ? setting->value : weir_cstr(field->fallback);
    weir_error err = {0};

    if (setting != NULL && field->unsupported != NULL)
        config_issue_add(issues, name, CONFIG_ERROR, "is not supported: %s", field->unsupported);
    else if (setting != NULL && field->ignored != NULL)
        config_issue_add(issues, name, CONFIG_WARNING, "has no effect: %s", field->ignored);
    if (!field->bound)
        return;
    if (setting == NULL && field->fallback == NULL) {
        config_issue_add(issues, name, CONFIG_ERROR, "is missing; it has no default");
        return;
    }
    if (bind_value(field, text, task, state, &err) == WEIR_OK)
        return;
    if (field->secret)
        config_issue_add(issues, name, CONFIG_ERROR, "has a value that cannot be used");
    else
        config_issue_add(issues, name, CONFIG_ERROR, "%s", err.message);
}

/* A field whose name ends in a star stands for all that begin like it; it is ignored or unsupported. */
static bool stands_for(const weir_field *field, weir_str name)
{
    size_t size = strlen(field->name);

    return size > 0 && field->name[size - 1] == '*' && name.len >= size &&
           memcmp(field->name, name.ptr, size - 1) == 0;
}

static bool report_family(const config_table *table, weir_str name, config_issues *issues)
{
    for (size_t i = 0; i < table->count; i++) {
        weir_field field = config_field(table, i);

        if (!stands_for(&field, name))
            continue;
        if (field.unsupported != NULL)
            config_issue_add(issues, name, CONFIG_ERROR, "is not supported: %s", field.unsupported);
        else
            config_issue_add(issues, name, CONFIG_WARNING, "has no effect: %s", field.ignored);
        return true;
    }
    return false;
}

static void report_unknown(const config_table *table, weir_str name, config_severity severity,
                           config_issues *issues)
{
    const char *nearest = NULL;
    size_t best = name.len / 2 + 1;

    for (size_t i = 0; i < table->count; i++) {
        weir_field field = config_field(table, i);
        size_t distance = text_distance(name, weir_cstr(field.name));

        if (distance < best) {
            best = distance;
            nearest = field.name;
        }
    }
    if (nearest != NULL)
        config_issue_add(issues, name, severity, "is not known; did you mean \"%s\"?", nearest);
    else
        config_issue_add(issues, name, severity, "is not known");
}

/* NOLINTNEXTLINE(readability-function-size): eight things meet here, and nowhere else */
void config_bind(const config_table *table, const config_setting *settings, size_t count,
                 config_severity unknown, bool (*is_common)(weir_str name), weir_task *task,
                 void *state, config_issues *issues)
{
    for (size_t i = 0; i < table->count; i++) {
        weir_field field = config_field(table, i);
        weir_str name = weir_cstr(field.name);
        const config_setting *setting = find_setting(settings, count, name);

        if (setting == NULL && field.fallback == NULL && field.depends_on != NULL &&
            find_setting(settings, count, weir_cstr(field.depends_on)) == NULL)
            continue; /* not asked for */
        bind_field(&field, setting, task, state, issues);
    }
    for (size_t i = 0; i < count; i++) {
        bool known = is_common != NULL && is_common(settings[i].name);

        for (size_t f = 0; f < table->count && !known; f++)
            known = weir_str_eq(weir_cstr(config_field(table, f).name), settings[i].name);
        if (!known && !report_family(table, settings[i].name, issues))
            report_unknown(table, settings[i].name, unknown, issues);
    }
}

/* --- The reference -------------------------------------------------------------------------- */

static void add_cell(weir_buf *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '|')
            weir_buf_add_byte(out, '\\');
        weir_buf_add_byte(out, *at);
    }
}

static void add_type(const weir_field *field, weir_buf *out)
{
    static const char *const names[] = {"true or false", "whole number", "text",
                                        "list",          "number",       "one of"};

    weir_buf_add_str(out, weir_cstr(names[field->kind]));
    for (int i = 0; field->kind == WEIR_KIND_CHOICE && field->choices[i] != NULL; i++)
        weir_buf_printf(out, "%s `%s`", i > 0 ? "," : "", field->choices[i]);
    if (field->kind == WEIR_KIND_INT && (field->min != 0 || field->max != 0)) {
        weir_buf_printf(out, ", at least %" PRId64, field->min);
        if (field->max != INT64_MAX)
            weir_buf_printf(out, ", at most %" PRId64, field->max);
    }
}

static void add_row(const weir_field *field, weir_buf *out)
{
    weir_buf_printf(out, "| `%s` | ", field->name);
    add_type(field, out);
    if (field->fallback == NULL)
        weir_buf_add_str(out, WEIR_STR(" | required | "));
    else if (field->fallback[0] == '\0')
        weir_buf_add_str(out, WEIR_STR(" | – | "));
    else
        weir_buf_printf(out, " | `%s` | ", field->fallback);
    add_cell(out, field->doc);
    weir_buf_add_str(out, WEIR_STR(" |\n"));
}

static void add_names(const config_table *table, bool unsupported, const char *title, weir_buf *out)
{
    bool any = false;

    for (size_t i = 0; i < table->count; i++) {
        weir_field field = config_field(table, i);
        const char *why = unsupported ? field.unsupported : field.ignored;

        if (why == NULL)
            continue;
        if (!any)
            weir_buf_printf(out, "\n%s\n\n| setting | why |\n| --- | --- |\n", title);
        any = true;
        weir_buf_printf(out, "| `%s` | ", field.name);
        add_cell(out, why);
        weir_buf_add_str(out, WEIR_STR(" |\n"));
    }
}

void config_reference(const config_table *table, weir_buf *out)
{
    weir_buf_add_str(out, WEIR_STR("| setting | type | default | meaning |\n"
                                   "| --- | --- | --- | --- |\n"));
    for (int importance = WEIR_HIGH; importance <= WEIR_LOW; importance++)
        for (size_t i = 0; i < table->count; i++) {
            weir_field field = config_field(table, i);

            if ((int)field.importance == importance && field.unsupported == NULL &&
                field.ignored == NULL)
                add_row(&field, out);
        }
    add_names(table, false, "Accepted without effect:", out);
    add_names(table, true, "Known from the connector it replaces, and refused:", out);
}

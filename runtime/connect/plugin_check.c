/* plugin_check.c - what a person who writes a plugin should know before others use it. */
#include "runtime/connect/plugin.h"

#include "runtime/base/mem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct findings {
    void (*found)(void *context, const char *message);
    void *context;
} findings;

static void WEIR_PRINTF(2, 3) add(const findings *to, const char *fmt, ...)
{
    char message[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args); /* a cut message is still a message */
    va_end(args);
    to->found(to->context, message);
}

/* Capitals are for settings that people know so: "database.tcpKeepAlive". */
static bool name_is_legal(weir_str name, bool capitals)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!islower((unsigned char)c) && !isdigit((unsigned char)c) &&
            memchr(".-_", c, 3) == NULL && !(capitals && isupper((unsigned char)c)))
            return false;
    }
    return name.len > 0 && islower((unsigned char)name.ptr[0]) != 0;
}

/* "driver.*" is all names that begin so; only what is bound to nothing can stand for several. */
static bool setting_is_legal(const weir_field *field)
{
    weir_str name = weir_cstr(field->name);

    if (!field->bound && name.len > 0 && name.ptr[name.len - 1] == '*')
        name.len--;
    return name_is_legal(name, true);
}

static void check_field(const plugin *self, size_t index, const findings *to)
{
    weir_field field = config_field(&self->table, index);

    if (!setting_is_legal(&field))
        add(to,
            "setting \"%s\": a name begins with a lower-case letter and has letters, digits, '.', "
            "'-' and '_'",
            field.name);
    if (field.doc == NULL || strlen(field.doc) < 5)
        add(to, "setting \"%s\": has no documentation", field.name);
    if (field.min > field.max)
        add(to, "setting \"%s\": its least value is larger than its greatest", field.name);
    if (field.unsupported != NULL && field.ignored != NULL)
        add(to, "setting \"%s\": is both unsupported and ignored", field.name);
    for (size_t i = 0; i < index; i++)
        if (strcmp(config_field(&self->table, i).name, field.name) == 0)
            add(to, "setting \"%s\": stands twice in the table", field.name);
    if (field.depends_on != NULL) {
        bool known = false;

        for (size_t i = 0; i < self->table.count; i++)
            known |= strcmp(config_field(&self->table, i).name, field.depends_on) == 0;
        if (!known)
            add(to, "setting \"%s\": depends on \"%s\", which is not in the table", field.name,
                field.depends_on);
    }
}

/* All defaults, bound as a task would: what the table's own checks say about them. Settings without default
 * are missing, of course. */
static void check_defaults(const plugin *self, const findings *to)
{
    static const task_host nobody = {0};
    config_issues issues = {0};
    void *state = mem_zalloc(1, self->state_size + 1);
    weir_task task = {0};

    task_init(&task, WEIR_STR("check"), 0, &nobody, NULL);
    config_bind(&self->table, NULL, 0, CONFIG_ERROR, NULL, &task, state, &issues);
    for (size_t i = 0; i < config_issue_count(&issues); i++) {
        const config_issue *issue = config_issue_at(&issues, i);

        for (size_t n = 0; n < self->table.count; n++) {
            weir_field field = config_field(&self->table, n);

            if (weir_str_eq(weir_cstr(field.name), issue->name) && field.fallback != NULL)
                add(to, "setting \"%s\": its own default is refused: %s", field.name,
                    issue->message);
        }
    }
    config_issues_done(&issues);
    task_done(&task);
    free(state);
}

void plugin_check(const plugin *self, void (*found)(void *context, const char *message),
                  void *context)
{
    const findings to = {found, context};

    if (!name_is_legal(weir_cstr(self->name), false))
        add(&to, "the name \"%s\" has other than lower-case letters, digits, '.', '-' and '_'",
            self->name);
    if (!isdigit((unsigned char)self->version[0]))
        add(&to, "the version \"%s\" does not begin with a number", self->version);
    if (strlen(self->summary) < 10)
        add(&to, "the summary says nothing");
    for (size_t i = 0; i < self->table.count; i++)
        check_field(self, i, &to);
    check_defaults(self, &to);
}

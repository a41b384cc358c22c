/* pipeline.c - a set of pipelines: their connectors, and every problem found in them. */
#include "runtime/pipeline/pipeline.h"

#include "runtime/base/mem.h"
#include "runtime/base/text.h"
#include "runtime/pipeline/pipeline_state.h"
#include "runtime/pipeline/settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

pipeline_set *pipeline_set_new(void)
{
    return mem_zalloc(1, sizeof(pipeline_set));
}

void pipeline_set_free(pipeline_set *set)
{
    if (set == NULL)
        return;
    arena_done(&set->arena);
    free(set);
}

void pipeline_set_freep(pipeline_set **set)
{
    pipeline_set_free(*set);
    *set = NULL;
}

static void add_problem(pipeline_set *set, const char *file, int line, weir_str message)
{
    if (set->problem_count == PIPELINE_PROBLEMS) {
        pipeline_problem *last = &set->problems[PIPELINE_PROBLEMS - 1];

        set->lost_problems++;
        *last = (pipeline_problem){.file = file,
                                   .message = arena_printf(&set->arena, "%s: and %zu more problems",
                                                           file, set->lost_problems + 1)
                                                  .ptr};
        return;
    }
    set->problems =
        arena_grow(&set->arena, set->problems, set->problem_count, sizeof(*set->problems));
    set->problems[set->problem_count++] =
        (pipeline_problem){.file = file, .line = line, .message = message.ptr};
}

void pipeline_add_problem(pipeline_set *set, const char *file, int line, const char *fmt, ...)
{
    char message[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args); /* a cut message is still a message */
    va_end(args);
    add_problem(set, file, line, arena_copy(&set->arena, weir_cstr(message)));
}

size_t pipeline_problem_count(const pipeline_set *set)
{
    return set->problem_count;
}

const pipeline_problem *pipeline_problem_at(const pipeline_set *set, size_t index)
{
    return index < set->problem_count ? &set->problems[index] : NULL;
}

void pipeline_problem_print(const pipeline_problem *problem, char *text, size_t room)
{
    if (problem->line > 0)
        snprintf(text, room, "%s:%d: %s", problem->file, problem->line, problem->message);
    else
        snprintf(text, room, "%s", problem->message);
}

size_t pipeline_count(const pipeline_set *set)
{
    return set->count;
}

const pipeline *pipeline_at(const pipeline_set *set, size_t index)
{
    return index < set->count ? &set->pipelines[index] : NULL;
}

size_t pipeline_connector_count(const pipeline_set *set)
{
    return set->connector_count;
}

const pipeline_connector *pipeline_connector_at(const pipeline_set *set, size_t index)
{
    return index < set->connector_count ? &set->connectors[index] : NULL;
}

const pipeline_setting *pipeline_setting_of(const pipeline_connector *connector, weir_str name)
{
    for (size_t i = 0; i < connector->setting_count; i++)
        if (weir_str_eq(connector->settings[i].name, name))
            return &connector->settings[i];
    return NULL;
}

/* Nothing is called so; unless what is wrong with the files is the reason. */
static void add_unknown_connector(pipeline_set *set, weir_str connector, weir_str setting)
{
    const char **names = mem_zalloc(set->connector_count + 1, sizeof(*names));
    const char *near;

    for (size_t i = 0; i < set->connector_count; i++)
        names[i] = set->connectors[i].name.ptr;
    near = text_nearest(connector, names);
    pipeline_add_problem(set, "--set", 0, "--set %.*s:%.*s: there is no connector \"%.*s\"%s%s%s",
                         WEIR_ARG(connector), WEIR_ARG(setting), WEIR_ARG(connector),
                         near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                         near != NULL ? "\"?" : "");
    free(names);
}

void pipeline_override(pipeline_set *set, weir_str connector, weir_str name, weir_str value)
{
    bool found = connector.len == 0;

    for (size_t i = 0; i < set->connector_count; i++) {
        pipeline_connector *at = &set->connectors[i];
        settings all = {&set->arena, set, at->file, at->settings, at->setting_count};

        if (connector.len > 0 && !weir_str_eq(connector, at->name))
            continue;
        found = true;
        settings_put(&all,
                     (pipeline_setting){arena_copy(&set->arena, name),
                                        arena_copy(&set->arena, value), at->line},
                     true);
        at->settings = all.items;
        at->setting_count = all.count;
    }
    if (!found)
        add_unknown_connector(set, connector, name);
}

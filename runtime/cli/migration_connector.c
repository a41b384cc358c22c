/* migration_connector.c - the settings of the connector whose source is to be migrated. */
#include "runtime/cli/cli.h"
#include "runtime/cli/client.h"
#include "runtime/cli/migration.h"
#include "runtime/pipeline/deploy.h"

#include <stdio.h>
#include <string.h>

#define COMMAND "schema"

static void add_setting(migration_connector *self, weir_str name, weir_str value)
{
    self->settings[self->count++] =
        (config_setting){weir_task_copy(&self->memory, name), weir_task_copy(&self->memory, value)};
}

static void start(migration_connector *self, size_t room)
{
    task_init(&self->memory, WEIR_STR(""), 0, NULL, NULL);
    self->settings = weir_task_alloc(&self->memory, (room + 1) * sizeof(*self->settings));
}

/* --- From a worker ---------------------------------------------------------------------------- */

static bool read_worker(const migration_arguments *args, migration_connector *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf target = {0};
    json_t *config = NULL, *value;
    const char *name;
    client asking;

    client_init(&asking, COMMAND);
    if (args->rest != NULL)
        asking.rest = args->rest;
    client_connector_target(&target, args->source, "/config");
    if (!client_ask(&asking, "GET", weir_buf_cstr(&target), (weir_str){0}, &config))
        return false;
    start(out, json_object_size(config));
    json_object_foreach(config, name, value)
    {
        if (json_is_string(value))
            add_setting(out, weir_cstr(name), weir_cstr(json_string_value(value)));
    }
    json_decref(config);
    return true;
}

/* --- From a pipeline file --------------------------------------------------------------------- */

static bool is_good(const pipeline_set *set)
{
    for (size_t i = 0; i < pipeline_problem_count(set); i++) {
        char line[1400];

        pipeline_problem_print(pipeline_problem_at(set, i), line, sizeof(line));
        (void)cli_fail(COMMAND, "%s", line);
    }
    return pipeline_problem_count(set) == 0;
}

static const pipeline_connector *find(const pipeline_set *set, const char *name, const char *file)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf names = {0};

    for (size_t i = 0; i < pipeline_connector_count(set); i++) {
        const pipeline_connector *one = pipeline_connector_at(set, i);

        if (weir_str_eq(one->name, weir_cstr(name)))
            return one;
        if (!one->is_sink)
            weir_buf_printf(&names, " %.*s", WEIR_ARG(one->name));
    }
    (void)cli_fail(COMMAND, "%s has no source \"%s\"; its sources are called:%s", file, name,
                   weir_buf_cstr(&names));
    return NULL;
}

static bool read_pipeline(const migration_arguments *args, plugins *all, migration_connector *out)
{
    WEIR_CLEANUP(pipeline_set_freep) pipeline_set *set = pipeline_set_new();
    const pipeline_connector *found;

    pipeline_read(set, args->pipeline);
    pipeline_check(set, all);
    if (!is_good(set) || (found = find(set, args->source, args->pipeline)) == NULL)
        return false;
    start(out, found->setting_count);
    for (size_t i = 0; i < found->setting_count; i++)
        add_setting(out, found->settings[i].name, found->settings[i].value);
    return true;
}

bool migration_connector_read(const migration_arguments *args, plugins *all,
                              migration_connector *out)
{
    return args->pipeline != NULL ? read_pipeline(args, all, out) : read_worker(args, out);
}

void migration_connector_done(migration_connector *self)
{
    if (self->settings != NULL)
        task_done(&self->memory);
    *self = (migration_connector){0};
}

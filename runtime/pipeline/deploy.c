/* deploy.c - checks pipelines against the tables of their connectors, and hands them to a worker. */
#include "runtime/pipeline/deploy.h"

#include "runtime/base/diag.h"
#include "runtime/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* The settings as the worker takes them; freed with free(). */
static config_setting *settings_of(const pipeline_connector *connector)
{
    config_setting *settings = mem_zalloc(connector->setting_count + 1, sizeof(*settings));

    for (size_t i = 0; i < connector->setting_count; i++)
        settings[i] = (config_setting){connector->settings[i].name, connector->settings[i].value};
    return settings;
}

/* Most messages are about the value; some go on where the setting's name ends. */
static const char *joint(const char *message)
{
    static const char *const verbs[] = {"is ", "has ", "and "};

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strncmp(message, verbs[i], strlen(verbs[i])) == 0)
            return "";
    return ":";
}

/* Where a setting stands; one that is missing: where its transform or predicate does, or the connector. */
static int line_of(const pipeline_connector *connector, weir_str name)
{
    const pipeline_setting *setting = pipeline_setting_of(connector, name);
    static const weir_str TYPE = {".type", 5};

    if (setting != NULL)
        return setting->line;
    for (size_t i = 0; i < connector->setting_count; i++) {
        const pipeline_setting *one = &connector->settings[i];
        size_t length = one->name.len > TYPE.len ? one->name.len - TYPE.len + 1 : 0;

        if (length > 0 && name.len > length && memcmp(one->name.ptr, name.ptr, length) == 0 &&
            memcmp(one->name.ptr + length - 1, TYPE.ptr, TYPE.len) == 0)
            return one->line;
    }
    return connector->line;
}

/* A warning goes on, a line of it stays. */
static void take_issue(pipeline_set *set, const pipeline_connector *connector,
                       const config_issue *issue)
{
    int line = line_of(connector, issue->name);

    if (issue->severity == CONFIG_ERROR)
        pipeline_add_problem(set, connector->file, line, "%s: setting \"%.*s\"%s %s",
                             connector->name.ptr, WEIR_ARG(issue->name), joint(issue->message),
                             issue->message);
    else
        diag(WEIR_WARN, "%s:%d: %s: setting \"%.*s\"%s %s", connector->file, line,
             connector->name.ptr, WEIR_ARG(issue->name), joint(issue->message), issue->message);
}

static void check(pipeline_set *set, const pipeline_connector *connector, plugins *all)
{
    config_setting *settings;
    config_issues issues = {0};
    weir_error err;

    if (connector->plugin.len == 0)
        return; /* that it is missing is a problem already */
    if (plugins_find(all, connector->plugin, connector->is_sink ? PLUGIN_SINK : PLUGIN_SOURCE,
                     &err) == NULL) {
        pipeline_add_problem(set, connector->file, connector->plugin_line, "%s: %s",
                             connector->name.ptr, err.message);
        return;
    }
    settings = settings_of(connector);
    connector_validate(all, settings, connector->setting_count, true, &issues);
    for (size_t i = 0; i < config_issue_count(&issues); i++)
        take_issue(set, connector, config_issue_at(&issues, i));
    config_issues_done(&issues);
    free(settings);
}

void pipeline_check(pipeline_set *set, plugins *all)
{
    for (size_t i = 0; i < pipeline_connector_count(set); i++)
        check(set, pipeline_connector_at(set, i), all);
}

static bool has(const pipeline_set *set, weir_str name)
{
    for (size_t i = 0; i < pipeline_connector_count(set); i++)
        if (weir_str_eq(pipeline_connector_at(set, i)->name, name))
            return true;
    return false;
}

/* What an earlier run left behind and these files do not have: it keeps its offsets, but does not run. */
static weir_code stop_others(const pipeline_set *set, worker *to, weir_error *err)
{
    json_t *names = worker_names(to), *name;
    weir_code code = WEIR_OK;
    size_t i;

    json_array_foreach(names, i, name)
    {
        weir_str text = weir_cstr(json_string_value(name));
        diag_pair pair = {"connector", text};

        if (code != WEIR_OK || has(set, text))
            continue;
        diag_with(WEIR_WARN, &pair, 1, "is deployed here but in none of the files; stopped");
        code = worker_set_target(to, text, TARGET_STOPPED, err);
    }
    json_decref(names);
    return code;
}

weir_code pipeline_deploy(const pipeline_set *set, worker *to, weir_error *err)
{
    target_state target = TARGET_RUNNING;
    weir_code code = stop_others(set, to, err);

    for (size_t i = 0; code == WEIR_OK && i < pipeline_connector_count(set); i++) {
        const pipeline_connector *connector = pipeline_connector_at(set, i);
        config_setting *settings = settings_of(connector);

        code = worker_put(to, connector->name, settings, connector->setting_count, &target, err);
        if (code != WEIR_OK)
            (void)weir_wrap(err, "%s:%d: %s", connector->file, connector->line,
                            connector->name.ptr);
        free(settings);
    }
    return code;
}

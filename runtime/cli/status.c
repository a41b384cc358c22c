/* status.c - `weir status [CONNECTOR…]`: what the connectors of a running worker are doing. */
#include "runtime/base/mem.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/client.h"

#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <string.h>

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    (void)value;
    if (key != ARGP_KEY_INIT)
        return ARGP_ERR_UNKNOWN;
    state->child_inputs[0] = state->input;
    return 0;
}

static bool is_wanted(const client *self, const char *name)
{
    if (self->count == 0)
        return true;
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->names[i], name) == 0)
            return true;
    return false;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* "2 RUNNING", or "1 FAILED, 1 RUNNING" when they differ. */
static void add_task_states(weir_buf *out, const json_t *tasks)
{
    static const char *const states[] = {"FAILED",  "UNASSIGNED", "RESTARTING", "PAUSED",
                                         "STOPPED", "RUNNING",    "COMPLETED"};
    size_t i;
    json_t *task;

    for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
        int count = 0;

        json_array_foreach(tasks, i, task) count += strcmp(text_of(task, "state"), states[s]) == 0;
        if (count > 0)
            weir_buf_printf(out, "%s%d %s", out->len > 0 ? ", " : "", count, states[s]);
    }
}

/* The first line of the first message that says why something failed. */
static void add_reason(weir_buf *out, const json_t *status)
{
    const char *trace = text_of(json_object_get(status, "connector"), "trace");
    size_t i;
    json_t *task;

    json_array_foreach(json_object_get(status, "tasks"), i, task)
    {
        if (trace[0] == '\0')
            trace = text_of(task, "trace");
    }
    weir_buf_add(out, trace, strcspn(trace, "\n"));
}

static void add_line(struct libscols_table *table, const char *name, const json_t *status)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    weir_buf tasks = {0}, reason = {0};

    if (line == NULL)
        abort(); /* fails only without memory */
    add_task_states(&tasks, json_object_get(status, "tasks"));
    add_reason(&reason, status);
    (void)scols_line_set_data(line, 0, name);
    (void)scols_line_set_data(line, 1, text_of(status, "type"));
    (void)scols_line_set_data(line, 2, text_of(json_object_get(status, "connector"), "state"));
    (void)scols_line_set_data(line, 3, weir_buf_cstr(&tasks));
    (void)scols_line_set_data(line, 4, weir_buf_cstr(&reason));
    weir_buf_done(&tasks);
    weir_buf_done(&reason);
}

static void print_table(const json_t *all)
{
    struct libscols_table *table;
    const char *name;
    json_t *entry;

    cli_use_locale();
    table = scols_new_table();
    if (table == NULL)
        abort(); /* fails only without memory */
    (void)scols_table_new_column(table, "CONNECTOR", 0, 0);
    (void)scols_table_new_column(table, "TYPE", 0, 0);
    (void)scols_table_new_column(table, "STATE", 0, 0);
    (void)scols_table_new_column(table, "TASKS", 0, 0);
    (void)scols_table_new_column(table, "REASON", 0, SCOLS_FL_WRAP);
    json_object_foreach((json_t *)all, name, entry)
        add_line(table, name, json_object_get(entry, "status"));
    (void)scols_print_table(table);
    scols_unref_table(table);
}

/* Drops what was not asked for; false when a name that was asked for is not there. */
static bool keep_wanted(const client *self, json_t *all)
{
    const char *name;
    json_t *entry;
    void *next;

    for (size_t i = 0; i < self->count; i++)
        if (json_object_get(all, self->names[i]) == NULL) {
            (void)cli_fail("status", "there is no connector \"%s\"", self->names[i]);
            return false;
        }
    json_object_foreach_safe(all, next, name, entry)
    {
        if (!is_wanted(self, name))
            (void)json_object_del(all, name); /* it is there */
    }
    return true;
}

int cli_status(int argc, char **argv)
{
    static const struct argp_child children[] = {{&client_argp, 0, NULL, 0}, {0}};
    static const struct argp parser = {NULL,
                                       parse_option,
                                       "[CONNECTOR...]",
                                       "Shows what the connectors of a running worker are doing.",
                                       children,
                                       NULL,
                                       NULL};
    client args;
    json_t *all = NULL;

    client_init(&args, "status");
    cli_parse(&parser, argc, argv, &args);
    if (!client_ask(&args, "GET", "/connectors?expand=status&expand=info", (weir_str){0}, &all))
        return CLI_FAILED;
    if (!keep_wanted(&args, all)) {
        json_decref(all);
        return CLI_FAILED;
    }
    if (args.json) {
        client_print(all);
        return CLI_OK;
    }
    if (json_object_size(all) > 0)
        print_table(all);
    else
        puts("there are no connectors");
    json_decref(all);
    return CLI_OK;
}

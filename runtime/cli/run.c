/* run.c - `weir run FILE…`: deploys pipelines into a worker of its own and shows what they do.
 *
 * Ends when all sources have ended and the sinks have flushed, when a signal comes, or when something has
 * failed that no restart will mend.
 */
#include "runtime/base/clock.h"
#include "runtime/base/diag.h"
#include "runtime/base/mem.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/host.h"
#include "runtime/cli/progress.h"
#include "runtime/cli/signals.h"
#include "runtime/cli/unmatched.h"
#include "runtime/pipeline/deploy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    RUN_FILES = 256,
    RUN_SETTINGS = 256,
    LOOK_MS = 50,
    DRAW_MS = 250,
    TELL_MS = 1000,
    UNMATCHED_MS = 10000
};

typedef struct arguments {
    options options;
    size_t file_count, setting_count;
    bool json;
    const char *files[RUN_FILES];
    char *settings[RUN_SETTINGS]; /* CONNECTOR:NAME=VALUE or NAME=VALUE */
} arguments;

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    arguments *args = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &args->options;
        return 0;
    case 's':
        if (strchr(value, '=') == NULL || value[0] == '=')
            argp_error(state, "--set takes [CONNECTOR:]NAME=VALUE, not \"%s\"", value);
        else if (args->setting_count == RUN_SETTINGS)
            argp_error(state, "more than %d settings", RUN_SETTINGS);
        else
            args->settings[args->setting_count++] = value;
        return 0;
    case 'j':
        args->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (args->file_count == RUN_FILES)
            argp_error(state, "more than %d files", RUN_FILES);
        else
            args->files[args->file_count++] = value;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which file?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* "shop.dwh:insert.mode=upsert", or "tasks.max=1" for all. */
static void override(pipeline_set *set, const char *setting)
{
    const char *equals = strchr(setting, '=');
    const char *colon = memchr(setting, ':', (size_t)(equals - setting));
    const char *name = colon != NULL ? colon + 1 : setting;
    weir_str connector = {setting, colon != NULL ? (size_t)(colon - setting) : 0};

    pipeline_override(set, connector, (weir_str){name, (size_t)(equals - name)},
                      weir_cstr(equals + 1));
}

/* Nobody reads any more: no harm, the data goes on. stdio would keep what it could not write. */
static void put_out(weir_str text)
{
    while (text.len > 0) {
        ssize_t written = write(STDOUT_FILENO, text.ptr, text.len);

        if (written < 0 && errno != EINTR)
            return;
        if (written > 0)
            text = (weir_str){text.ptr + written, text.len - (size_t)written};
    }
}

static bool read_files(const arguments *args, pipeline_set *set, plugins *all)
{
    for (size_t i = 0; i < args->file_count; i++)
        pipeline_read(set, args->files[i]);
    for (size_t i = 0; i < args->setting_count; i++)
        override(set, args->settings[i]);
    pipeline_check(set, all);
    for (size_t i = 0; i < pipeline_problem_count(set); i++) {
        char line[1400];

        pipeline_problem_print(pipeline_problem_at(set, i), line, sizeof(line));
        fprintf(stderr, "%s\n", line);
    }
    return pipeline_problem_count(set) == 0;
}

/* --- Showing --------------------------------------------------------------------------------- */

static weir_str text_of(const json_t *object, const char *key)
{
    return weir_cstr(json_string_value(json_object_get(object, key)));
}

static int64_t int_of(const json_t *object, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(object, key));
}

static void add_lag(progress_row *row, const json_t *task)
{
    size_t i;
    json_t *partition;

    json_array_foreach(json_object_get(task, "partitions"), i, partition)
    {
        int64_t lag = int_of(partition, "end") - int_of(partition, "committed");

        if (lag > 0)
            row->lag_count += lag;
    }
}

/* One row for a connector: the sums over its tasks, and the phase of the first that has one. */
static progress_row row_of(const json_t *status)
{
    const json_t *connector = json_object_get(status, "connector");
    progress_row row = {
        .connector = text_of(status, "name"),
        .is_sink = weir_str_eq(text_of(status, "type"), WEIR_STR("sink")),
        .state = text_of(connector, "state"),
        .error = text_of(connector, "trace"),
    };
    size_t i;
    json_t *task;

    json_array_foreach(json_object_get(status, "tasks"), i, task)
    {
        row.record_count += int_of(task, "records");
        row.done_count += int_of(task, "done");
        row.total_count += int_of(task, "total");
        if (row.phase.len == 0)
            row.phase = text_of(task, "phase");
        if (row.error.len == 0)
            row.error = text_of(task, "trace");
        if (!weir_str_eq(text_of(task, "state"), WEIR_STR("RUNNING")))
            row.state = text_of(task, "state");
        add_lag(&row, task);
    }
    return row;
}

/* Columns and rows of the terminal that standard output is. Columns are 0 when it is none, or one that cannot move
 * its cursor. */
static void terminal_size(int *columns, int *rows)
{
    const char *kind = getenv("TERM"); /* NOLINT(concurrency-mt-unsafe): nobody sets any */
    struct winsize size = {0};

    *columns = *rows = 0;
    if (isatty(STDOUT_FILENO) == 0 || (kind != NULL && strcmp(kind, "dumb") == 0))
        return;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        size = (struct winsize){0};
    *columns = size.ws_col > 0 ? size.ws_col : 80;
    *rows = size.ws_row;
}

/* What is shown, and where. */
typedef struct screen {
    progress *view;
    bool is_shared;      /* with diagnostics, which are written to the same terminal */
    uint64_t line_count; /* of diagnostics, when it was drawn last */
} screen;

static screen screen_open(bool json)
{
    int columns, rows;

    terminal_size(&columns, &rows);
    return (screen){.view = progress_new(json ? PROGRESS_JSON : columns),
                    .is_shared = isatty(STDERR_FILENO) != 0,
                    .line_count = diag_line_count()};
}

/* What has happened to the terminal since it was drawn last. */
static void screen_look(screen *self)
{
    uint64_t line_count = diag_line_count();
    int columns, rows;

    terminal_size(&columns, &rows);
    progress_resize(self->view, columns, rows);
    if (self->is_shared && line_count != self->line_count)
        progress_interrupted(self->view);
    self->line_count = line_count;
}

static void show(worker *running, screen *on, const pipeline_set *set, bool is_last)
{
    size_t count = pipeline_connector_count(set), shown = 0;
    progress_row *rows = mem_zalloc(count + 1, sizeof(*rows));
    json_t **statuses = mem_zalloc(count + 1, sizeof(json_t *));
    weir_buf out = {0};

    for (size_t i = 0; i < count; i++) {
        statuses[shown] = worker_status(running, pipeline_connector_at(set, i)->name);
        if (statuses[shown] != NULL) { /* else it was deleted over REST */
            rows[shown] = row_of(statuses[shown]);
            shown++;
        }
    }
    screen_look(on);
    progress_update(on->view, rows, shown, clock_mono_ms(clock_system()), is_last, &out);
    put_out(weir_buf_str(&out));
    weir_buf_done(&out);
    for (size_t i = 0; i < shown; i++)
        json_decref(statuses[i]);
    free(statuses);
    free(rows);
}

static bool on_terminal(void)
{
    int columns, rows;

    terminal_size(&columns, &rows);
    return columns > 0;
}

/* --- Running --------------------------------------------------------------------------------- */

/* Waits for an end, and shows what goes on meanwhile. False, with err, when something failed. */
static bool watch(const host *worked, const pipeline_set *set, int signals, bool json,
                  weir_error *err)
{
    worker *running = worked->parts.worker;
    screen on = screen_open(json);
    int show_ms = !json && on_terminal() ? DRAW_MS : TELL_MS;
    int64_t shown_ms = -TELL_MS, look_ms = clock_mono_ms(clock_system()) + UNMATCHED_MS;
    bool failed = false, ended = false, finished = false;

    while (!ended) {
        int64_t now_ms = clock_mono_ms(clock_system());

        failed = worker_failure(running, err);
        finished = !failed && worker_is_finished(running);
        ended = failed || finished || signals_wait(signals, LOOK_MS);
        if (now_ms >= look_ms) {
            (void)unmatched_tell(running, worked->parts.log, set, err); /* may still come */
            look_ms = INT64_MAX;
        }
        if (!ended && now_ms - shown_ms < show_ms)
            continue;
        shown_ms = now_ms;
        show(running, &on, set, ended);
    }
    progress_free(on.view);
    if (finished && !unmatched_tell(running, worked->parts.log, set, err))
        return false;
    return !failed;
}

static int run(const arguments *args, pipeline_set *set, int signals)
{
    plugins *all = plugins_new(args->options.plugins);
    host running;
    weir_error err;
    bool good;

    if (!read_files(args, set, all)) { /* before anything is opened, or made */
        plugins_free(all);
        return CLI_FAILED;
    }
    if (host_open(&args->options, all, &running, &err) != WEIR_OK)
        return cli_fail("run", "%s", err.message);
    good = pipeline_deploy(set, running.parts.worker, &err) == WEIR_OK &&
           watch(&running, set, signals, args->json, &err);
    host_close(&running);
    return good ? CLI_OK : cli_fail("run", "%s", err.message);
}

int cli_run(int argc, char **argv)
{
    static const struct argp_option flags[] = {
        {"set", 's', "[CONNECTOR:]NAME=VALUE", 0, "Change a setting of one connector, or of all",
         0},
        {"json", 'j', NULL, 0, "Show what goes on as JSON, one object a line", 0},
        {0}};
    static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
    static const struct argp parser = {
        flags,
        parse_option,
        "FILE...",
        "Runs pipelines until their sources end, or until SIGINT or SIGTERM. The log is kept in "
        "./weir-data unless --data says otherwise; there is no REST API unless --rest asks for it.",
        children,
        NULL,
        NULL};
    arguments args = {0};
    pipeline_set *set;
    weir_error err;
    int signals, result;

    options_init(&args.options);
    memcpy(args.options.data, "weir-data", sizeof("weir-data"));
    memcpy(args.options.rest, "none", sizeof("none"));
    if (on_terminal()) /* diagnostics of level info would tear the picture */
        memcpy(args.options.log_level, "warn", sizeof("warn"));
    cli_parse(&parser, argc, argv, &args);
    if (options_apply(&args.options, &err) != WEIR_OK) {
        (void)cli_fail("run", "%s", err.message);
        return CLI_USAGE;
    }
    if (signals_open(&signals, &err) != WEIR_OK)
        return cli_fail("run", "%s", err.message);
    set = pipeline_set_new();
    result = run(&args, set, signals);
    pipeline_set_free(set);
    return result;
}

/* worker_plan.c - how many tasks a connector has, and what each of them is told.
 *
 * A source's plan splits its work by its settings. Offsets are the connector's, not a task's, so another split
 * loses nothing: but a commit that a task of the older split still had under way is settled only when its
 * writer is fenced, and that task may have no successor of its number, or one that reads other partitions. So
 * before a split begins to run, the writers of all tasks of the last one are fenced. How many there were is in
 * the log, as in Kafka Connect (KIP-618): "tasks-fencing-NAME" {"tasks":N}. Where it is missing there was one,
 * and its successor fences it by itself.
 */
#include "runtime/connect/worker_state.h"

#include "runtime/base/mem.h"
#include "runtime/connect/secret.h"
#include "sdk/src/planner.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* --- Asking the source ------------------------------------------------------------------------ */

/* Binds the settings as a task's are bound, and asks. */
static weir_code ask_source(const connector *one, int most, weir_planner *planner, weir_error *err)
{
    const plugin *source = one->plugin;
    size_t count = one->setting_count;
    config_setting *settings = mem_zalloc(count + 1, sizeof(*settings));
    void *state = mem_zalloc(1, source->state_size + 1);
    config_issues issues = {0};
    weir_task memory;
    weir_code code;

    for (size_t i = 0; i < count; i++)
        settings[i] = one->settings[i];
    task_init(&memory, one->name, 0, NULL, NULL);
    code = secret_resolve_settings(settings, count, &memory, err);
    if (code == WEIR_OK) {
        config_bind(&source->table, settings, count, CONFIG_WARNING, settings_is_common, &memory,
                    state, &issues);
        code = config_result(&issues, err);
    }
    if (code == WEIR_OK)
        code = plugin_outcome(source, source->source.plan(state, most, planner, err), err);
    config_issues_done(&issues);
    task_done(&memory);
    free(state);
    free(settings);
    return code;
}

static weir_code make_plan(const connector *one, weir_planner *planner, weir_error *err)
{
    size_t most = one->common.tasks_max > 0 ? (size_t)one->common.tasks_max : 1;

    if (one->plugin->kind == PLUGIN_SINK || one->plugin->source.plan == NULL) {
        size_t count = one->plugin->kind == PLUGIN_SINK ? most : 1;

        for (size_t i = 0; i < count; i++)
            weir_planner_add(planner, NULL, 0);
        return WEIR_OK;
    }
    if (ask_source(one, (int)most, planner, err) != WEIR_OK)
        return weir_wrap(err, "planning the tasks of %.*s", WEIR_ARG(one->name));
    if (planner_count(planner) == 0)
        return weir_fail(err, WEIR_CONFIG, "the plugin \"%s\" planned no task for %.*s",
                         one->plugin->name, WEIR_ARG(one->name));
    if (planner_count(planner) > most)
        return weir_fail(err, WEIR_CONFIG,
                         "the plugin \"%s\" planned %zu tasks for %.*s, and tasks.max is %zu",
                         one->plugin->name, planner_count(planner), WEIR_ARG(one->name), most);
    return WEIR_OK;
}

/* --- Fencing the last split ------------------------------------------------------------------- */

static int last_task_count(worker *self, weir_str key)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0};
    int64_t count = 1;

    if (durable_config(self->durable, key, &text))
        (void)!weir_offset_int(weir_buf_str(&text), "tasks", &count);
    return count > 0 && count <= INT16_MAX ? (int)count : 1; /* else somebody else's */
}

static weir_code fence_task(worker *self, const connector *one, int number, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf id = {0};
    log_writer *writer;
    weir_code code;

    task_writer_id(one->name, number, &id);
    if (log_writer_open(self->options.log, weir_buf_str(&id), &writer, err) != WEIR_OK)
        return err->code;
    code = durable_settle(self->durable, weir_buf_str(&id), log_writer_epoch(writer), err);
    log_writer_close(writer);
    return code;
}

static weir_code fence_last_split(worker *self, const connector *one, int count, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    int last;

    weir_buf_printf(&key, "tasks-fencing-%.*s", WEIR_ARG(one->name));
    last = last_task_count(self, weir_buf_str(&key));
    if (one->plugin->kind == PLUGIN_SINK || (last == 1 && count == 1))
        return WEIR_OK;
    for (int i = 0; i < last; i++)
        if (fence_task(self, one, i, err) != WEIR_OK)
            return weir_wrap(err, "fencing the last start of task %d of %.*s", i,
                             WEIR_ARG(one->name));
    if (last == count)
        return WEIR_OK;
    weir_buf_printf(&value, "{\"tasks\":%d}", count);
    return durable_put_config(self->durable, weir_buf_str(&key), weir_buf_str(&value), err);
}

/* --- The tasks -------------------------------------------------------------------------------- */

/* The connector's settings, and the plan's instead of those or behind them. */
static void give_settings(connector *one, const weir_planner *planner, size_t number)
{
    task_slot *slot = &one->tasks[number];
    size_t room = one->setting_count, at = 0;
    weir_str name, value;

    while (planner_next(planner, number, &at, &name, &value))
        room++;
    slot->settings = arena_alloc(&one->planned, room + 1, sizeof(*slot->settings));
    for (size_t i = 0; i < one->setting_count; i++)
        slot->settings[i] = one->settings[i];
    slot->setting_count = one->setting_count;
    for (at = 0; planner_next(planner, number, &at, &name, &value);) {
        size_t i = 0;

        while (i < slot->setting_count && !weir_str_eq(slot->settings[i].name, name))
            i++;
        slot->settings[i] =
            (config_setting){arena_copy(&one->planned, name), arena_copy(&one->planned, value)};
        slot->setting_count += i == slot->setting_count;
    }
}

/* What may pass is tried again by itself, as a task is that failed so. */
static void plan_has_failed(worker *self, connector *one, const weir_error *err)
{
    const retry_restart rules = {.first_ms = one->common.restart_backoff_ms,
                                 .most_ms = one->common.restart_backoff_max_ms,
                                 .failure_count = one->plan_failure_count,
                                 .is_passing = true};
    uint64_t chance = (uint64_t)self->options.clock->mono_ns(self->options.clock) / 1000;

    snprintf(one->trace, sizeof(one->trace), "%s", err->message);
    if (err->code != WEIR_RETRY)
        return;
    one->plan_failure_count++;
    one->replan_at_ms = clock_mono_ms(self->options.clock) + retry_restart_after(&rules, chance);
}

void connector_plan(worker *self, connector *one)
{
    WEIR_CLEANUP(planner_done) weir_planner planner = {0};
    weir_error err = {0};
    size_t count;

    assert(one->plugin != NULL);
    connector_forget_plan(one);
    one->trace[0] = '\0';
    one->replan_at_ms = 0;
    if (make_plan(one, &planner, &err) != WEIR_OK ||
        fence_last_split(self, one, (int)planner_count(&planner), &err) != WEIR_OK) {
        plan_has_failed(self, one, &err);
        return;
    }
    one->plan_failure_count = 0;
    count = planner_count(&planner);
    one->task_count = (int)count;
    one->assignment = assignment_new(one->task_count);
    one->tasks = mem_zalloc(count, sizeof(task_slot));
    for (size_t i = 0; i < count; i++) {
        one->tasks[i].state = TASK_STOPPED;
        give_settings(one, &planner, i);
    }
}

void connector_forget_plan(connector *one)
{
    for (int i = 0; i < one->task_count; i++)
        task_free(one->tasks[i].task);
    free(one->tasks);
    if (one->assignment != NULL)
        assignment_free(one->assignment);
    arena_done(&one->planned);
    one->tasks = NULL;
    one->assignment = NULL;
    one->task_count = 0;
}

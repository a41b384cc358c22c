/* worker_command.c - commands: validate, deploy, remove, pause, restart. */
#include "runtime/connect/worker_state.h"

#include "runtime/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static weir_code no_such(weir_str name, weir_error *err)
{
    return weir_fail(err, WEIR_END, "connector \"%.*s\" does not exist", WEIR_ARG(name));
}

/* --- Validating ------------------------------------------------------------------------------- */

static void check_topics(const plugin *found, const connector_settings *common,
                         config_issues *issues)
{
    bool has_topics = common->topics.count > 0, has_regex = common->topics_regex.len > 0;

    if (found->kind == PLUGIN_SINK && has_topics == has_regex)
        config_issue_add(issues, WEIR_STR("topics"), CONFIG_ERROR,
                         has_topics ? "and topics.regex are both set; give one of them"
                                    : "is missing; a sink needs topics or topics.regex");
    if (found->kind == PLUGIN_SOURCE && (has_topics || has_regex))
        config_issue_add(issues, WEIR_STR("topics"), CONFIG_ERROR,
                         "is a sink's setting, and \"%s\" is a source", found->name);
}

/* Settings of a transform or predicate that its list does not name: they would have no effect. */
static void check_named(const char *kind, const weir_list *names, const config_setting *settings,
                        size_t count, bool strict, config_issues *issues)
{
    size_t length = strlen(kind);

    for (size_t i = 0; i < count; i++) {
        weir_str name = settings[i].name;
        bool known =
            name.len <= length || memcmp(name.ptr, kind, length) != 0 || name.ptr[length] != '.';

        for (size_t n = 0; n < names->count && !known; n++) {
            weir_str one = names->items[n];

            known = name.len > length + one.len + 2 && name.ptr[length + 1 + one.len] == '.' &&
                    memcmp(name.ptr + length + 1, one.ptr, one.len) == 0;
        }
        if (!known)
            config_issue_add(issues, name, strict ? CONFIG_ERROR : CONFIG_WARNING,
                             "is of none of those that \"%s\" names", kind);
    }
}

static void check_plugin(const plugin *found, const config_setting *settings, size_t count,
                         bool strict, config_issues *issues)
{
    void *state = mem_zalloc(1, found->state_size + 1);
    config_issues own = {0};
    weir_task memory;
    weir_error err = {0};
    weir_code (*validate)(const void *, weir_error *) =
        found->kind == PLUGIN_SINK ? found->sink.validate : found->source.validate;

    task_init(&memory, WEIR_STR(""), 0, NULL, NULL);
    config_bind(&found->table, settings, count, strict ? CONFIG_ERROR : CONFIG_WARNING,
                settings_is_common, &memory, state, &own);
    if (!config_has_error(&own) && validate != NULL &&
        plugin_outcome(found, validate(state, &err), &err) != WEIR_OK)
        config_issue_add(&own, WEIR_STR("connector.class"), CONFIG_ERROR, "%s", err.message);
    config_issues_take(issues, &own);
    task_done(&memory);
    free(state);
}

static void check_converter(bool is_key, const config_setting *settings, size_t count, bool strict,
                            weir_task *memory, config_issues *issues)
{
    config_setting *own = mem_zalloc(count + 1, sizeof(*own));
    size_t own_count = converter_settings_own(settings, count, is_key, own);
    config_table table = converter_settings_table(is_key);
    converter_settings bound = {0};

    config_bind(&table, own, own_count, strict ? CONFIG_ERROR : CONFIG_WARNING, NULL, memory,
                &bound, issues);
    free(own);
}

/* What waits is released by the task that let it wait; several would have to agree on the order. */
static void check_hold(const plugin *found, const connector_settings *common,
                       const config_setting *settings, size_t count, config_issues *issues)
{
    static const weir_str NAME = {"schema.incompatible.policy", 26};

    if (found->kind == PLUGIN_SOURCE && found->source.plan != NULL && common->tasks_max > 1 &&
        weir_str_eq(settings_get(settings, count, NAME), WEIR_STR("hold")))
        config_issue_add(issues, NAME, CONFIG_ERROR,
                         "is hold, and tasks.max is %lld: \"%s\" may split its work, and records "
                         "of several tasks cannot wait; set tasks.max to 1, or another policy",
                         (long long)common->tasks_max, found->name);
}

void connector_validate(plugins *all, const config_setting *settings, size_t count, bool strict,
                        config_issues *issues)
{
    connector_settings common = {0};
    transform_chain *chain;
    const plugin *found = NULL;
    weir_task memory;
    weir_error err;

    task_init(&memory, WEIR_STR(""), 0, NULL, NULL);
    settings_bind(settings, count, &memory, &common, issues);
    check_converter(true, settings, count, strict, &memory, issues);
    check_converter(false, settings, count, strict, &memory, issues);
    if (common.schema_incompatible.index == INCOMPATIBLE_DEAD_LETTER &&
        common.dead_letter_topic.len == 0)
        config_issue_add(issues, WEIR_STR("schema.incompatible.policy"), CONFIG_ERROR,
                         "is dead-letter, but errors.deadletterqueue.topic.name is not set");
    check_named("transforms", &common.transforms, settings, count, strict, issues);
    check_named("predicates", &common.predicates, settings, count, strict, issues);
    if (transform_chain_open(settings, count, strict ? CONFIG_ERROR : CONFIG_WARNING, issues,
                             &chain, &err) == WEIR_OK)
        transform_chain_close(chain);
    if (common.class_name.len > 0) {
        bool is_sink = common.topics.count > 0 || common.topics_regex.len > 0;

        found = plugins_find(all, common.class_name, is_sink ? PLUGIN_SINK : PLUGIN_ANY, &err);
        if (found == NULL)
            found = plugins_find(all, common.class_name, PLUGIN_ANY, &err);
        if (found == NULL)
            config_issue_add(issues, WEIR_STR("connector.class"), CONFIG_ERROR, "%s", err.message);
    }
    if (found != NULL) {
        check_topics(found, &common, issues);
        check_hold(found, &common, settings, count, issues);
        check_plugin(found, settings, count, strict, issues);
    }
    task_done(&memory);
}

void worker_validate(worker *self, const config_setting *settings, size_t count, bool strict,
                     config_issues *issues)
{
    connector_validate(self->options.plugins, settings, count, strict, issues);
}

/* --- Deploying -------------------------------------------------------------------------------- */

/* Of its own memory: it may go on when whoever gave it waits no longer. */
typedef struct work_order {
    arena memory;
    weir_str name;
    config_setting *settings;
    size_t count;
    bool has_target, must_be_new;
    target_state wanted;
    bool is_written;        /* the log has it; what is left waits for tasks to end */
    uint64_t config_writes; /* when it was written */
    weir_code code;
    weir_error error;
} work_order;

static work_order *order_new(weir_str name)
{
    work_order *order = mem_zalloc(1, sizeof(*order));

    order->name = arena_copy(&order->memory, name);
    return order;
}

static void order_free(void *context)
{
    work_order *order = context;

    arena_done(&order->memory);
    free(order);
}

static weir_code order_take(worker *self, work_order *order, command_run *run, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    weir_code code;

    weir_buf_add_str(&name, order->name);
    if (!worker_call_in_time(self, run, order, order_free))
        return worker_late(self, weir_buf_str(&name), err);
    code = order->code;
    if (code != WEIR_OK)
        *err = order->error;
    order_free(order);
    return code;
}

static weir_code write_config(worker *self, work_order *order)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};

    self->config_writes++;
    weir_buf_printf(&key, "connector-%.*s", WEIR_ARG(order->name));
    weir_buf_add_str(&value, WEIR_STR("{\"properties\":{"));
    for (size_t i = 0; i < order->count; i++) {
        if (i > 0)
            weir_buf_add_byte(&value, ',');
        weir_buf_add_json(&value, order->settings[i].name);
        weir_buf_add_byte(&value, ':');
        weir_buf_add_json(&value, order->settings[i].value);
    }
    weir_buf_add_str(&value, WEIR_STR("}}"));
    return durable_put_config(self->durable, weir_buf_str(&key), weir_buf_str(&value),
                              &order->error);
}

static weir_code write_target(worker *self, weir_str name, target_state target, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};

    self->config_writes++;
    weir_buf_printf(&key, "target-state-%.*s", WEIR_ARG(name));
    weir_buf_printf(&value, "{\"state\":\"%s\"}", target_state_name(target));
    return durable_put_config(self->durable, weir_buf_str(&key), weir_buf_str(&value), err);
}

static bool same_settings(const connector *one, const work_order *order)
{
    if (one->setting_count != order->count)
        return false;
    for (size_t i = 0; i < order->count; i++) {
        weir_str value = settings_get(one->settings, one->setting_count, order->settings[i].name);

        if (value.ptr == NULL || !weir_str_eq(value, order->settings[i].value))
            return false;
    }
    return true;
}

/* Writes what was ordered; false when there is nothing to do, or it failed. */
static bool put_begins(worker *self, work_order *order, const connector *before)
{
    target_state target = before != NULL ? before->target : TARGET_RUNNING;

    if (order->must_be_new && before != NULL) {
        order->code = weir_fail(&order->error, WEIR_REJECT, "connector \"%.*s\" exists already",
                                WEIR_ARG(order->name));
        return false;
    }
    if (order->has_target)
        target = order->wanted;
    if (before != NULL && !before->is_ending && before->target == target &&
        same_settings(before, order))
        return false; /* as Connect: nothing changes, nothing restarts */
    order->wanted = target;
    order->code = write_config(self, order);
    if (order->code == WEIR_OK && (order->has_target || before == NULL))
        order->code = write_target(self, order->name, target, &order->error);
    order->is_written = order->code == WEIR_OK;
    order->config_writes = self->config_writes;
    return order->is_written;
}

/* While it waited others may have written, also of this connector: what is applied last is what the log has to
 * say. */
static bool put_is_written(worker *self, work_order *order)
{
    if (order->config_writes == self->config_writes)
        return true;
    order->code = write_config(self, order);
    if (order->code == WEIR_OK)
        order->code = write_target(self, order->name, order->wanted, &order->error);
    order->config_writes = self->config_writes;
    return order->code == WEIR_OK;
}

/* What was to end goes on. */
static void release_connector(worker *self, connector *one)
{
    one->is_ending = false;
    connector_pursue(self, one);
}

static bool put(worker *self, void *context)
{
    work_order *order = context;
    connector *before = worker_find(self, order->name), *made;

    if (!order->is_written && !put_begins(self, order, before))
        return true;
    if (before != NULL) {
        before->is_ending = true;
        if (!connector_stop(before))
            return false;
    }
    if (!put_is_written(self, order)) {
        if (before != NULL)
            release_connector(self, before);
        return true;
    }
    if (before != NULL) {
        weir_map_remove(self->connectors, order->name);
        connector_free(before);
    }
    made = connector_new(self, order->name, order->settings, order->count);
    made->target = order->wanted;
    weir_map_put(self->connectors, made->name, made);
    status_remove(self->statuses, made->name, made->task_count);
    connector_hold(self, made);
    connector_pursue(self, made);
    return true;
}

/* A valid one; NULL, with err, when it is not. */
static work_order *put_order(worker *self, weir_str name, const config_setting *settings,
                             size_t count, const target_state *target, weir_error *err)
{
    config_issues issues = {0};
    work_order *order;
    weir_code code;

    worker_validate(self, settings, count, false, &issues);
    code = config_result(&issues, err);
    config_issues_done(&issues);
    if (code != WEIR_OK)
        return NULL;
    order = order_new(name);
    order->settings = arena_alloc(&order->memory, count + 1, sizeof(*order->settings));
    order->count = count;
    for (size_t i = 0; i < count; i++)
        order->settings[i] = (config_setting){arena_copy(&order->memory, settings[i].name),
                                              arena_copy(&order->memory, settings[i].value)};
    order->has_target = target != NULL;
    order->wanted = target != NULL ? *target : TARGET_RUNNING;
    return order;
}

weir_code worker_put(worker *self, weir_str name, const config_setting *settings, size_t count,
                     const target_state *target, weir_error *err)
{
    work_order *order = put_order(self, name, settings, count, target, err);

    return order != NULL ? order_take(self, order, put, err) : err->code;
}

weir_code worker_create(worker *self, weir_str name, const config_setting *settings, size_t count,
                        const target_state *target, weir_error *err)
{
    work_order *order = put_order(self, name, settings, count, target, err);

    if (order == NULL)
        return err->code;
    order->must_be_new = true;
    return order_take(self, order, put, err);
}

/* --- Removing --------------------------------------------------------------------------------- */

static weir_code write_removal(worker *self, work_order *order)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, target = {0};

    self->config_writes++;
    weir_buf_printf(&key, "connector-%.*s", WEIR_ARG(order->name));
    weir_buf_printf(&target, "target-state-%.*s", WEIR_ARG(order->name));
    if (durable_put_config(self->durable, weir_buf_str(&key), (weir_str){0}, &order->error) !=
        WEIR_OK)
        return order->error.code;
    return durable_put_config(self->durable, weir_buf_str(&target), (weir_str){0}, &order->error);
}

static bool remove_connector(worker *self, void *context)
{
    work_order *order = context;
    connector *one = worker_find(self, order->name);

    if (one == NULL) { /* maybe since this command waits: somebody else removed it */
        order->code = no_such(order->name, &order->error);
        return true;
    }
    one->is_ending = true;
    if (!connector_stop(one))
        return false;
    order->code = write_removal(self, order);
    if (order->code != WEIR_OK) {
        release_connector(self, one);
        return true;
    }
    holds_remove(self->holds, order->name);
    status_remove(self->statuses, order->name, STATUS_CONNECTOR);
    weir_map_remove(self->connectors, order->name);
    connector_free(one);
    worker_changed(self);
    return true;
}

weir_code worker_remove(worker *self, weir_str name, weir_error *err)
{
    return order_take(self, order_new(name), remove_connector, err);
}

/* --- Target states and restarts ---------------------------------------------------------------- */

static bool set_target(worker *self, void *context)
{
    work_order *order = context;
    connector *one = worker_find(self, order->name);

    if (one == NULL) {
        order->code = no_such(order->name, &order->error);
        return true;
    }
    if (one->is_ending)
        return false; /* what was commanded before comes first */
    order->code = write_target(self, order->name, order->wanted, &order->error);
    if (order->code != WEIR_OK)
        return true;
    one->target = order->wanted;
    for (int i = 0; i < one->task_count && order->wanted == TARGET_STOPPED; i++)
        if (one->tasks[i].state == TASK_COMPLETED || one->tasks[i].state == TASK_FAILED)
            one->tasks[i].state = TASK_STOPPED; /* a start after a stop is a new one */
    connector_pursue(self, one);
    return true;
}

weir_code worker_set_target(worker *self, weir_str name, target_state target, weir_error *err)
{
    work_order *order = order_new(name);

    order->wanted = target;
    return order_take(self, order, set_target, err);
}

static void restart_slot(task_slot *slot, bool only_failed)
{
    bool failed = slot->state == TASK_FAILED || slot->state == TASK_WAITING;

    if (only_failed && !failed)
        return;
    slot->failure_count = 0;
    if (slot->state == TASK_STARTED)
        task_ask_to_stop(slot->task); /* it is started again when it has ended */
    else
        slot->state = TASK_STOPPED; /* pursuing starts it, if the connector shall run */
}

/* Waits for nothing. */
typedef struct restart_order {
    weir_str name;
    int task;
    bool include_tasks, only_failed;
    weir_code code;
    weir_error *err;
} restart_order;

static bool restart(worker *self, void *context)
{
    restart_order *order = context;
    connector *one = worker_find(self, order->name);

    if (one == NULL) {
        order->code = no_such(order->name, order->err);
        return true;
    }
    if (one->trace[0] != '\0' && one->plugin != NULL && order->task < 0)
        connector_plan(self, one); /* what it failed with may have been mended outside */
    if (order->task >= one->task_count) {
        order->code = weir_fail(order->err, WEIR_END, "connector \"%.*s\" has no task %d",
                                WEIR_ARG(order->name), order->task);
        return true;
    }
    for (int i = 0; i < one->task_count; i++)
        if (order->task == i || (order->task < 0 && order->include_tasks))
            restart_slot(&one->tasks[i], order->only_failed);
    connector_pursue(self, one);
    return true;
}

weir_code worker_restart(worker *self, weir_str name, int task, bool include_tasks,
                         bool only_failed, weir_error *err)
{
    restart_order order = {.name = name,
                           .task = task,
                           .include_tasks = include_tasks,
                           .only_failed = only_failed,
                           .err = err};

    worker_call(self, restart, &order);
    return order.code;
}

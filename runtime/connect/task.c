/* task.c - the life of a task, and what the SDK's functions do for it. */
#include "runtime/connect/task.h"

#include "runtime/base/diag.h"
#include "runtime/base/mem.h"
#include "runtime/connect/dead_letter.h"
#include "runtime/connect/secret.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- What the connector calls ---------------------------------------------------------------- */

static void host_diag(void *context, weir_level level, weir_str text)
{
    (void)context; /* connector= and task= are pairs of this thread */
    diag(level, "%.*s", WEIR_ARG(text));
}

static void host_progress(void *context, weir_str phase, int64_t done_count, int64_t total_count)
{
    connect_task *self = context;
    bool is_new;

    pthread_mutex_lock(&self->view.lock);
    is_new = !weir_str_eq(weir_cstr(self->view.phase), phase);
    snprintf(self->view.phase, sizeof(self->view.phase), "%.*s", WEIR_ARG(phase));
    self->view.done_count = done_count;
    self->view.total_count = total_count;
    pthread_mutex_unlock(&self->view.lock);
    if (is_new)
        self->world->changed(self->world->context);
}

static void host_gauge(void *context, const char *name, double value)
{
    connect_task *self = context;
    task_view *view = &self->view;
    size_t i = 0;

    pthread_mutex_lock(&view->lock);
    while (i < view->gauge_count && strcmp(view->gauges[i].name, name) != 0)
        i++;
    if (i < TASK_GAUGES_MAX) {
        view->gauges[i] = (task_gauge){name, value};
        view->gauge_count = i == view->gauge_count ? i + 1 : view->gauge_count;
    }
    pthread_mutex_unlock(&view->lock);
}

static weir_str host_topic_id(void *context, weir_str topic)
{
    connect_task *self = context;
    log_topic found;

    if (!log_topic_find(self->world->log, topic, &found))
        return (weir_str){0};
    return weir_task_copy(&self->base, weir_cstr(found.id));
}

static weir_code host_reject(void *context, const weir_record *record, const char *reason,
                             weir_error *err)
{
    connect_task *self = context;

    if (self->dead_letters == NULL)
        return weir_fail(err, WEIR_FATAL, "a record was refused outside of a sink: %s", reason);
    return dead_letters_add(
        self->dead_letters,
        &(dead_letter){.topic = record->log_topic,
                       .partition = record->log_partition,
                       .offset = record->log_offset,
                       .timestamp_ms = record->timestamp_ms,
                       .stage = "TASK_PUT",
                       .class_name = WEIR_STR("org.apache.kafka.connect.sink.SinkTask"),
                       .exception = "org.apache.kafka.connect.errors.DataException",
                       .reason = reason},
        err);
}

static const task_host host = {.diag = host_diag,
                               .progress = host_progress,
                               .gauge = host_gauge,
                               .topic_id = host_topic_id,
                               .reject = host_reject};

weir_code task_ensure_topic(connect_task *self, weir_str topic, weir_error *err)
{
    log_topic_config config = settings_topic_config(&self->common, topic);

    if (log_topic_create(self->world->log, topic, &config, err) != WEIR_OK)
        return err->code;
    holds_refresh(self->world->holds);
    return WEIR_OK;
}

/* --- Life ------------------------------------------------------------------------------------ */

static void copy_settings(connect_task *self, const config_setting *settings, size_t count)
{
    self->settings = weir_task_alloc(&self->memory, (count + 1) * sizeof(*settings));
    self->setting_count = count;
    for (size_t i = 0; i < count; i++) {
        self->settings[i].name = weir_task_copy(&self->memory, settings[i].name);
        self->settings[i].value = weir_task_copy(&self->memory, settings[i].value);
    }
}

connect_task *task_new(const task_world *world, const task_role *role,
                       const config_setting *settings, size_t setting_count)
{
    connect_task *self = mem_zalloc(1, sizeof(*self));
    pthread_condattr_t monotonic;

    self->world = world;
    self->plugin = role->plugin;
    self->number = role->number;
    self->has_siblings = role->has_siblings;
    self->assignment = role->assignment;
    task_init(&self->memory, WEIR_STR(""), 0, NULL, NULL);
    self->connector = weir_task_copy(&self->memory, role->connector);
    task_init(&self->base, self->connector, role->number, &host, self);
    self->base.log_id = weir_cstr(log_id(world->log));
    copy_settings(self, settings, setting_count);
    self->view.partitions = mem_zalloc(TASK_PARTITIONS_MAX, sizeof(task_partition));
    self->view.topics = mem_zalloc(TASK_TOPICS_MAX, sizeof(weir_str));
    self->view.held = mem_zalloc(TASK_HELD_MAX, sizeof(task_held));
    pthread_mutex_init(&self->view.lock, NULL);
    pthread_mutex_init(&self->wake_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->stop_asked, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return self;
}

void task_free(connect_task *self)
{
    if (self == NULL)
        return;
    converter_free(self->key_converter);
    converter_free(self->value_converter);
    transform_chain_close(self->transforms);
    free(self->state);
    free(self->view.partitions);
    free(self->view.topics);
    free(self->view.held);
    task_done(&self->base);
    task_done(&self->memory);
    pthread_mutex_destroy(&self->view.lock);
    pthread_mutex_destroy(&self->wake_lock);
    pthread_cond_destroy(&self->stop_asked);
    free(self);
}

bool task_is_stopping(const connect_task *self)
{
    return weir_task_stopping(&self->base);
}

void task_set_wake(connect_task *self, void (*wake)(connect_task *task), void *target)
{
    pthread_mutex_lock(&self->wake_lock);
    self->wake = wake;
    self->wake_target = target;
    pthread_mutex_unlock(&self->wake_lock);
}

void task_ask_to_stop(connect_task *self)
{
    atomic_store(&self->base.stopping, true);
    pthread_mutex_lock(&self->wake_lock);
    if (self->wake != NULL)
        self->wake(self);
    pthread_cond_broadcast(&self->stop_asked);
    pthread_mutex_unlock(&self->wake_lock);
}

void task_writer_id(weir_str connector, int number, weir_buf *out)
{
    weir_buf_printf(out, "%.*s-%d", WEIR_ARG(connector), number);
}

weir_code task_open_writer(connect_task *self, log_writer **out, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf id = {0};

    task_writer_id(self->connector, self->number, &id);
    if (log_writer_open(self->world->log, weir_buf_str(&id), out, err) != WEIR_OK)
        return err->code;
    self->base.epoch = log_writer_epoch(*out);
    return durable_settle(self->world->durable, weir_buf_str(&id), self->base.epoch, err);
}

void task_distrust(connect_task *self)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf id = {0};

    task_writer_id(self->connector, self->number, &id);
    durable_distrust(self->world->durable, weir_buf_str(&id));
}

void task_pause(connect_task *self, int64_t timeout_ms)
{
    struct timespec until;
    int result = 0;

    clock_deadline(&until, timeout_ms);
    pthread_mutex_lock(&self->wake_lock);
    while (result == 0 && !task_is_stopping(self))
        result = pthread_cond_timedwait(&self->stop_asked, &self->wake_lock, &until);
    pthread_mutex_unlock(&self->wake_lock);
}

retry task_retry(const connect_task *self)
{
    return (retry){.timeout_ms = self->common.errors_retry_timeout_ms,
                   .delay_max_ms = self->common.errors_retry_delay_max_ms,
                   .attempts_min = 1};
}

bool task_try_again(connect_task *self, retry *rules)
{
    clock_source *time = self->world->clock;
    int64_t pause_ms;

    if (task_is_stopping(self))
        return false;
    /* The clock's last digits are chance enough to keep tasks apart. */
    pause_ms = retry_after(rules, clock_mono_ms(time), (uint64_t)time->mono_ns(time) / 64);
    if (pause_ms < 0)
        return false;
    task_pause(self, pause_ms);
    return !task_is_stopping(self);
}

void task_join(connect_task *self)
{
    if (self->has_thread)
        pthread_join(self->thread, NULL);
    self->has_thread = false;
}

void task_opened(connect_task *self)
{
    pthread_mutex_lock(&self->view.lock);
    self->view.is_running = true;
    pthread_mutex_unlock(&self->view.lock);
    self->world->opened(self->world->context);
}

/* The converter of a side, by its settings. */
static weir_code open_converter(connect_task *self, bool is_key, weir_str kind, converter **out,
                                weir_error *err)
{
    converter_settings *bound = weir_task_alloc(&self->memory, sizeof(*bound));
    config_table table = converter_settings_table(is_key);
    converter_options options = {
        .is_key = is_key, .settings = bound, .registry = self->world->registry};
    config_setting *own = weir_task_alloc(&self->memory, (self->setting_count + 1) * sizeof(*own));
    size_t own_count = converter_settings_own(self->settings, self->setting_count, is_key, own);
    config_issues issues = {0};
    weir_code code;

    (void)settings_converter(kind, &options.kind); /* the table has checked it */
    config_bind(&table, own, own_count, CONFIG_WARNING, NULL, &self->memory, bound, &issues);
    code = config_result(&issues, err);
    config_issues_done(&issues);
    return code == WEIR_OK ? converter_new(&options, out, err) : code;
}

static weir_code bind_all(connect_task *self, weir_error *err)
{
    config_issues issues = {0}, others = {0};
    weir_code code;

    settings_bind(self->settings, self->setting_count, &self->memory, &self->common, &issues);
    self->state = mem_zalloc(1, self->plugin->state_size + 1);
    config_bind(&self->plugin->table, self->settings, self->setting_count, CONFIG_WARNING,
                settings_is_common, &self->base, self->state, &others);
    code = config_result(&issues, err);
    if (code == WEIR_OK)
        code = config_result(&others, err);
    config_issues_done(&issues);
    config_issues_done(&others);
    if (code != WEIR_OK)
        return code;
    if (open_converter(self, true, self->common.key_converter, &self->key_converter, err) !=
            WEIR_OK ||
        open_converter(self, false, self->common.value_converter, &self->value_converter, err) !=
            WEIR_OK)
        return err->code;
    return transform_chain_open(self->settings, self->setting_count, CONFIG_WARNING, NULL,
                                &self->transforms, err);
}

void task_run(connect_task *self)
{
    char number[16];
    diag_pair pairs[] = {
        {"connector", self->connector},
        {"task", {number, (size_t)snprintf(number, sizeof(number), "%d", self->number)}},
    };
    weir_code code;

    diag_context(pairs, 2);
    code =
        secret_resolve_settings(self->settings, self->setting_count, &self->memory, &self->error);
    if (code == WEIR_OK)
        code = bind_all(self, &self->error);
    if (code == WEIR_OK)
        code = self->plugin->kind == PLUGIN_SINK ? sink_task_run(self, &self->error)
                                                 : source_task_run(self, &self->error);
    task_set_wake(self, NULL, NULL);
    self->outcome = code;
    diag_context(NULL, 0);
    self->world->ended(self->world->context, self);
}

static void *run(void *context)
{
    task_run(context);
    return NULL;
}

void task_start(connect_task *self)
{
    int result = pthread_create(&self->thread, NULL, run, self);

    self->has_thread = result == 0;
    if (result == 0)
        return;
    self->outcome = weir_fail(&self->error, WEIR_RETRY, "could not start a thread: %s",
                              strerror(result)); /* NOLINT(concurrency-mt-unsafe) */
    self->world->ended(self->world->context, self);
}

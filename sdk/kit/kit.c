/* kit.c - a connector under the hand of its author. */
#include "sdk/kit/kit.h"

#include "runtime/base/arena.h"
#include "runtime/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_BYTES = 1 << 20 };

struct kit {
    const plugin *connector;
    weir_task task;
    void *state;
    bool is_open;
    arena arena; /* the settings, and the names of topics that were put */
    config_setting *settings;
    size_t setting_count;
    weir_batch *batch;
    weir_map *acked;       /* of a source: partition -> weir_str, what it resumes from */
    weir_offsets *offsets; /* of a sink: what was put */
    int64_t next_offset;
    size_t rejected;
    void (*diag)(void *context, weir_level level, weir_str text);
    void *diag_context;
};

static void host_diag(void *host, weir_level level, weir_str text)
{
    const kit *self = host;

    if (self->diag != NULL)
        self->diag(self->diag_context, level, text);
}

static void host_progress(void *host, weir_str phase, int64_t done_count, int64_t total_count)
{
    (void)done_count, (void)total_count;
    host_diag(host, WEIR_DEBUG, phase);
}

static void host_gauge(void *host, const char *name, double value)
{
    (void)host, (void)name, (void)value; /* there is nobody to look at it */
}

static weir_str host_topic_id(void *host, weir_str topic)
{
    (void)host;
    return topic; /* topics are never made again here: the name is identity enough */
}

static weir_code host_reject(void *host, const weir_record *record, const char *reason,
                             weir_error *err)
{
    kit *self = host;
    (void)record, (void)err;

    self->rejected++;
    host_diag(host, WEIR_WARN, weir_cstr(reason));
    return WEIR_OK;
}

static const task_host kit_host = {host_diag, host_progress, host_gauge, host_topic_id,
                                   host_reject};

/* Fresh state with its members set, in a task that is empty. */
static weir_code bind(kit *self, weir_error *err)
{
    const plugin *connector = self->connector;
    config_issues issues = {0};
    weir_code code;

    memset(self->state, 0, connector->state_size);
    config_bind(&connector->table, self->settings, self->setting_count, CONFIG_ERROR, NULL,
                &self->task, self->state, &issues);
    code = config_result(&issues, err);
    config_issues_done(&issues);
    if (code != WEIR_OK)
        return code;
    if (connector->kind == PLUGIN_SOURCE && connector->source.validate != NULL)
        return connector->source.validate(self->state, err);
    if (connector->kind == PLUGIN_SINK && connector->sink.validate != NULL)
        return connector->sink.validate(self->state, err);
    return WEIR_OK;
}

weir_code kit_new(const plugin *connector, const config_setting *settings, size_t count, kit **out,
                  weir_error *err)
{
    kit *self = mem_zalloc(1, sizeof(*self));

    self->connector = connector;
    self->state = mem_zalloc(1, connector->state_size + 1);
    self->batch = batch_new(BATCH_BYTES);
    batch_set_checked(self->batch, true);
    self->acked = weir_map_new();
    self->offsets = offsets_new();
    self->settings = arena_alloc(&self->arena, count + 1, sizeof(*settings));
    self->setting_count = count;
    for (size_t i = 0; i < count; i++)
        self->settings[i] = (config_setting){arena_copy(&self->arena, settings[i].name),
                                             arena_copy(&self->arena, settings[i].value)};
    task_init(&self->task, WEIR_STR("kit"), 0, &kit_host, self);
    self->task.log_id = WEIR_STR("00000000-0000-4000-8000-000000000000");
    if (bind(self, err) != WEIR_OK) {
        kit_free(self);
        return err->code;
    }
    *out = self;
    return WEIR_OK;
}

void kit_free(kit *self)
{
    if (self == NULL)
        return;
    kit_close(self);
    task_done(&self->task);
    batch_free(self->batch);
    weir_map_free(self->acked);
    offsets_free(self->offsets);
    arena_done(&self->arena);
    free(self->state);
    free(self);
}

void kit_freep(kit **self)
{
    kit_free(*self);
    *self = NULL;
}

void kit_on_diag(kit *self, void (*diag)(void *context, weir_level level, weir_str text),
                 void *context)
{
    self->diag = diag;
    self->diag_context = context;
}

weir_code kit_open(kit *self, weir_error *err)
{
    const plugin *connector = self->connector;
    weir_str partition;
    void *offset;

    assert(!self->is_open);
    task_reset(&self->task);
    self->task.epoch++;
    for (size_t at = 0; weir_map_next(self->acked, &at, &partition, &offset);)
        task_set_offset(&self->task, partition, *(const weir_str *)offset);
    if (bind(self, err) != WEIR_OK)
        return err->code;
    *err = (weir_error){0};
    self->is_open = true; /* close also runs after an open that failed half-way */
    if (connector->kind == PLUGIN_SOURCE && connector->source.open != NULL)
        return plugin_outcome(connector, connector->source.open(&self->task, self->state, err),
                              err);
    if (connector->kind == PLUGIN_SINK && connector->sink.open != NULL)
        return plugin_outcome(connector, connector->sink.open(&self->task, self->state, err), err);
    return WEIR_OK;
}

void kit_close(kit *self)
{
    const plugin *connector = self->connector;

    if (!self->is_open)
        return;
    self->is_open = false;
    batch_clear(self->batch); /* its schemas go with the task */
    if (connector->kind == PLUGIN_SOURCE && connector->source.close != NULL)
        connector->source.close(&self->task, self->state);
    if (connector->kind == PLUGIN_SINK && connector->sink.close != NULL)
        connector->sink.close(&self->task, self->state);
}

weir_code kit_poll(kit *self, int timeout_ms, weir_batch **batch, weir_error *err)
{
    weir_code code;

    assert(self->is_open && self->connector->kind == PLUGIN_SOURCE);
    batch_clear(self->batch);
    *err = (weir_error){0};
    code = self->connector->source.poll(&self->task, self->state, self->batch, timeout_ms, err);
    if (code != WEIR_END)
        code = plugin_outcome(self->connector, code, err);
    if (batch_misuse(self->batch) != NULL && (code == WEIR_OK || code == WEIR_END))
        code = weir_fail(err, WEIR_FATAL, "records are not written as they must be: %s",
                         batch_misuse(self->batch));
    if (code != WEIR_OK && code != WEIR_END)
        batch_cut_to_checkpoint(self->batch);
    *batch = self->batch;
    return code;
}

weir_code kit_idle(kit *self, weir_error *err)
{
    assert(self->is_open && self->connector->kind == PLUGIN_SOURCE);
    if (self->connector->source.idle == NULL)
        return WEIR_OK;
    return self->connector->source.idle(&self->task, self->state, err);
}

weir_code kit_ack(kit *self, weir_error *err)
{
    const weir_source *source = &self->connector->source;
    size_t last = batch_mark_count(self->batch);

    while (last > 0 && !batch_mark_at(self->batch, last - 1)->is_checkpoint)
        last--;
    for (size_t i = 0; i < last; i++) {
        const batch_mark *mark = batch_mark_at(self->batch, i);
        weir_str partition, *offset;

        if (mark->is_checkpoint)
            continue;
        partition = batch_bytes_of(self->batch, mark->partition);
        offset = arena_alloc(&self->arena, 1, sizeof(*offset));
        *offset = arena_copy(&self->arena, batch_bytes_of(self->batch, mark->offset));
        if (offset->len > 0)
            weir_map_put(self->acked, partition, offset);
        else
            weir_map_remove(self->acked, partition);
        if (source->acked != NULL &&
            source->acked(&self->task, self->state, partition, *offset, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

/* Tells the sink of a topic that it has not seen. */
static weir_code assign(kit *self, weir_str topic, weir_error *err)
{
    int64_t resume = -1;

    if (weir_offsets_get(self->offsets, topic, 0) >= 0)
        return WEIR_OK;
    offsets_put(self->offsets, topic, 0, self->next_offset);
    if (self->connector->sink.assigned == NULL)
        return WEIR_OK;
    return self->connector->sink.assigned(&self->task, self->state, topic, 0, &resume, err);
}

weir_code kit_put(kit *self, weir_batch *batch, weir_error *err)
{
    weir_record record = {0};

    assert(self->is_open && self->connector->kind == PLUGIN_SINK);
    while (weir_record_next(batch, &record)) {
        batch_entry *entry = batch_at(batch, record.index);

        if (assign(self, record.topic, err) != WEIR_OK)
            return err->code;
        entry->log_topic = entry->topic;
        entry->log_partition = 0;
        entry->log_offset = self->next_offset++;
        offsets_put(self->offsets, record.topic, 0, self->next_offset);
    }
    *err = (weir_error){0};
    return plugin_outcome(self->connector,
                          self->connector->sink.put(&self->task, self->state, batch, err), err);
}

weir_code kit_flush(kit *self, int64_t *next_offset, weir_error *err)
{
    WEIR_CLEANUP(offsets_freep) weir_offsets *durable = offsets_new();
    int64_t first = self->next_offset, offset;
    int32_t partition;
    weir_str topic;

    assert(self->is_open && self->connector->kind == PLUGIN_SINK);
    for (size_t at = 0; weir_offsets_next(self->offsets, &at, &topic, &partition, &offset);)
        offsets_put(durable, topic, partition, offset);
    *err = (weir_error){0};
    if (plugin_outcome(self->connector,
                       self->connector->sink.flush(&self->task, self->state, durable, err),
                       err) != WEIR_OK)
        return err->code;
    for (size_t at = 0; weir_offsets_next(self->offsets, &at, &topic, &partition, &offset);) {
        int64_t is_durable = weir_offsets_get(durable, topic, partition);

        if (is_durable < offset && is_durable < first)
            first = is_durable < 0 ? 0 : is_durable; /* taken out: it promises nothing */
    }
    *next_offset = first;
    return WEIR_OK;
}

size_t kit_rejected(const kit *self)
{
    return self->rejected;
}

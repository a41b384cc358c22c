/* rehearsal.c - which schemas a source's connector writes before and after a change that is only tried out. */
#include "runtime/connect/rehearsal.h"

#include "runtime/base/mem.h"
#include "runtime/connect/converter.h"
#include "runtime/connect/secret.h"
#include "runtime/connect/transform.h"
#include "schema-registry/avro/canonical.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_BYTES = 16 << 20 }; /* of specimens: some ten thousand tables */

struct rehearsal {
    const plugin *plugin;
    weir_task task;   /* the plugin's */
    weir_task memory; /* what settings and texts live in */
    void *state;      /* of the plugin */
    config_setting *settings;
    size_t setting_count;
    connector_settings common;
    converter_settings key, value;
    converter_kind key_kind, value_kind;
    transform_chain *transforms;
    weir_batch *before, *after;
    weir_map *known;  /* "SUBJECT\0TEXT" -> rehearsed_schema */
    weir_buf schemas; /* of rehearsed_schema * */
    weir_buf notes;   /* of const char * */
    weir_map *told;   /* the same, so that none is there twice */
    weir_buf text;
};

/* --- Notes ------------------------------------------------------------------------------------ */

static void add_note(rehearsal *self, weir_str text)
{
    const char *copy;

    if (weir_map_get(self->told, text) != NULL)
        return;
    copy = weir_task_copy(&self->memory, text).ptr;
    (void)weir_map_put(self->told, text, self);
    weir_buf_add(&self->notes, &copy, sizeof(const char *));
}

static void host_diag(void *context, weir_level level, weir_str text)
{
    if (level >= WEIR_WARN)
        add_note(context, text);
}

static void host_progress(void *context, weir_str phase, int64_t done_count, int64_t total_count)
{
    (void)context;
    (void)phase;
    (void)done_count;
    (void)total_count;
}

static void host_gauge(void *context, const char *name, double value)
{
    (void)context;
    (void)name;
    (void)value;
}

static weir_str host_topic_id(void *context, weir_str topic)
{
    (void)context;
    (void)topic;
    return (weir_str){0}; /* there is no log */
}

static weir_code host_reject(void *context, const weir_record *record, const char *reason,
                             weir_error *err)
{
    (void)context;
    (void)record;
    return weir_fail(err, WEIR_FATAL, "a record was refused outside of a sink: %s", reason);
}

static const task_host host = {.diag = host_diag,
                               .progress = host_progress,
                               .gauge = host_gauge,
                               .topic_id = host_topic_id,
                               .reject = host_reject};

/* --- Settings --------------------------------------------------------------------------------- */

static bool table_hides(const config_table *table, weir_str name)
{
    for (size_t i = 0; i < table->count; i++) {
        weir_field field = config_field(table, i);

        if (field.secret && weir_str_eq(weir_cstr(field.name), name))
            return true;
    }
    return false;
}

static bool is_secret(const rehearsal *self, weir_str name)
{
    config_table key = converter_settings_table(true), value = converter_settings_table(false);

    return table_hides(&self->plugin->table, name) || table_hides(&key, name) ||
           table_hides(&value, name);
}

/* A secret that is not known here is as if not set: schemas do not depend on it. */
static weir_code add_setting(rehearsal *self, const config_setting *given, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf value = {0}, note = {0};
    bool is_hidden = weir_str_eq(given->value, WEIR_STR("***"));
    weir_error reason;

    if (!is_hidden && secret_resolve(given->value, &value, &reason) == WEIR_OK) {
        self->settings[self->setting_count++] =
            (config_setting){weir_task_copy(&self->memory, given->name),
                             weir_task_copy(&self->memory, weir_buf_str(&value))};
        return WEIR_OK;
    }
    if (!is_hidden && !is_secret(self, given->name))
        return weir_fail(err, reason.code, "setting \"%.*s\": %s", WEIR_ARG(given->name),
                         reason.message);
    weir_buf_printf(&note, "%.*s is not known here: %s", WEIR_ARG(given->name),
                    is_hidden ? "the worker does not show it" : reason.message);
    add_note(self, weir_buf_str(&note));
    return WEIR_OK;
}

static weir_code bind_converter(rehearsal *self, bool is_key, weir_error *err)
{
    config_table table = converter_settings_table(is_key);
    config_setting *own = weir_task_alloc(&self->memory, (self->setting_count + 1) * sizeof(*own));
    size_t own_count = converter_settings_own(self->settings, self->setting_count, is_key, own);
    config_issues issues = {0};

    config_bind(&table, own, own_count, CONFIG_WARNING, NULL, &self->memory,
                is_key ? &self->key : &self->value, &issues);
    weir_code code = config_result(&issues, err);
    config_issues_done(&issues);
    return code;
}

static weir_code bind_plugin(rehearsal *self, weir_error *err)
{
    config_issues issues = {0};

    self->state = mem_zalloc(1, self->plugin->state_size + 1);
    config_bind(&self->plugin->table, self->settings, self->setting_count, CONFIG_WARNING,
                settings_is_common, &self->task, self->state, &issues);
    weir_code code = config_result(&issues, err);
    config_issues_done(&issues);
    if (code == WEIR_OK && self->plugin->source.validate != NULL)
        code = self->plugin->source.validate(self->state, err);
    return code;
}

/* As a task's are bound. */
static weir_code bind_all(rehearsal *self, weir_error *err)
{
    config_table common = settings_table();
    config_issues issues = {0};

    config_bind(&common, self->settings, self->setting_count, CONFIG_WARNING, NULL, &self->memory,
                &self->common, &issues);
    weir_code code = config_result(&issues, err);
    config_issues_done(&issues);
    if (code != WEIR_OK)
        return code;
    (void)settings_converter(self->common.key_converter, &self->key_kind); /* checked just now */
    (void)settings_converter(self->common.value_converter, &self->value_kind);
    if (bind_plugin(self, err) != WEIR_OK || bind_converter(self, true, err) != WEIR_OK ||
        bind_converter(self, false, err) != WEIR_OK)
        return err->code;
    return transform_chain_open(self->settings, self->setting_count, CONFIG_WARNING, NULL,
                                &self->transforms, err);
}

static weir_code find_plugin(rehearsal *self, const rehearsal_options *options, weir_error *err)
{
    weir_str name =
        settings_get(options->settings, options->setting_count, WEIR_STR("connector.class"));

    if (name.ptr == NULL)
        return weir_fail(err, WEIR_CONFIG, "%.*s has no connector.class",
                         WEIR_ARG(options->connector));
    self->plugin = plugins_find(options->plugins, name, PLUGIN_ANY, err);
    if (self->plugin == NULL)
        return err->code;
    if (self->plugin->kind != PLUGIN_SOURCE)
        return weir_fail(err, WEIR_CONFIG, "%.*s is a sink (%s): a source registers schemas",
                         WEIR_ARG(options->connector), self->plugin->name);
    if (self->plugin->source.rehearse == NULL)
        return weir_fail(err, WEIR_CONFIG,
                         "%.*s is a %s, which cannot try out a change of what it captures",
                         WEIR_ARG(options->connector), self->plugin->name);
    return WEIR_OK;
}

static weir_code prepare(rehearsal *self, const rehearsal_options *options, weir_error *err)
{
    if (find_plugin(self, options, err) != WEIR_OK)
        return err->code;
    self->settings =
        weir_task_alloc(&self->memory, (options->setting_count + 1) * sizeof(*self->settings));
    for (size_t i = 0; i < options->setting_count; i++) {
        if (add_setting(self, &options->settings[i], err) != WEIR_OK)
            return err->code;
    }
    return bind_all(self, err);
}

/* --- Schemas ---------------------------------------------------------------------------------- */

/* A schema as it is put on the list. */
typedef struct sighting {
    weir_str topic;
    const weir_schema *schema;
    bool is_key, is_after;
} sighting;

static rehearsed_schema *find_schema(rehearsal *self, const sighting *seen, weir_str subject)
{
    rehearsed_schema *found;
    size_t text_at;

    weir_buf_clear(&self->text);
    weir_buf_add_str(&self->text, subject);
    weir_buf_add_byte(&self->text, 0);
    text_at = self->text.len;
    avro_canonical(seen->schema, &self->text);
    found = weir_map_get(self->known, weir_buf_str(&self->text));
    if (found != NULL)
        return found;
    found = weir_task_alloc(&self->memory, sizeof(*found));
    *found = (rehearsed_schema){
        .topic = weir_task_copy(&self->memory, seen->topic),
        .subject = weir_task_copy(&self->memory, subject),
        .is_key = seen->is_key,
        .schema = seen->schema,
        .text = weir_task_copy(&self->memory,
                               (weir_str){self->text.ptr + text_at, self->text.len - text_at}),
    };
    (void)weir_map_put(self->known, weir_buf_str(&self->text), found);
    weir_buf_add(&self->schemas, &found, sizeof(found));
    return found;
}

static weir_code add_schema(rehearsal *self, const sighting *seen, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf subject = {0};
    const converter_settings *settings = seen->is_key ? &self->key : &self->value;

    if ((seen->is_key ? self->key_kind : self->value_kind) != CONVERTER_AVRO)
        return WEIR_OK;
    if (seen->schema == NULL)
        return weir_fail(err, WEIR_CONFIG,
                         "a %s for topic %.*s has no schema, which the avro converter needs",
                         seen->is_key ? "key" : "value", WEIR_ARG(seen->topic));
    if (converter_subject(settings, seen->is_key, seen->topic, seen->schema, &subject, err) !=
        WEIR_OK)
        return err->code;
    rehearsed_schema *found = find_schema(self, seen, weir_buf_str(&subject));
    found->is_before |= !seen->is_after;
    found->is_after |= seen->is_after;
    return WEIR_OK;
}

static weir_code take_record(rehearsal *self, weir_batch *batch, uint32_t index, weir_error *err)
{
    sighting seen = {.is_after = batch == self->after};
    const batch_entry *entry = batch_at(batch, index);

    if (!entry->dropped &&
        transform_apply(self->transforms, batch, batch_at(batch, index), err) != WEIR_OK)
        return err->code;
    entry = batch_at(batch, index); /* a transform may have moved it */
    if (entry->dropped)
        return WEIR_OK;
    seen.topic = batch_topic_name(batch, entry->topic);
    if (entry->key.len != BATCH_NULL) {
        seen.is_key = true;
        seen.schema =
            entry->key_schema != BATCH_NULL ? batch_schema_at(batch, entry->key_schema) : NULL;
        if (add_schema(self, &seen, err) != WEIR_OK)
            return err->code;
    }
    if (entry->value.len == BATCH_NULL)
        return WEIR_OK;
    seen.is_key = false;
    seen.schema =
        entry->value_schema != BATCH_NULL ? batch_schema_at(batch, entry->value_schema) : NULL;
    return add_schema(self, &seen, err);
}

static weir_code take_records(rehearsal *self, weir_batch *batch, weir_error *err)
{
    for (uint32_t i = 0; i < batch_count(batch); i++) {
        if (take_record(self, batch, i, err) != WEIR_OK)
            return weir_wrap(err, "%s the change", batch == self->after ? "after" : "before");
    }
    return WEIR_OK;
}

/* --- The whole -------------------------------------------------------------------------------- */

static weir_code rehearse(rehearsal *self, const rehearsal_options *options, weir_error *err)
{
    const weir_source *source = &self->plugin->source;
    const weir_rehearsal what = {.target = options->target,
                                 .script = options->script,
                                 .script_name = options->script_name,
                                 .before = self->before,
                                 .after = self->after};
    weir_code code = source->rehearse(&self->task, self->state, &what, err);

    if (source->close != NULL)
        source->close(&self->task, self->state);
    return code;
}

weir_code rehearsal_run(const rehearsal_options *options, rehearsal **out, weir_error *err)
{
    rehearsal *self = mem_zalloc(1, sizeof(*self));

    *out = NULL;
    task_init(&self->task, options->connector, 0, &host, self);
    task_init(&self->memory, WEIR_STR(""), 0, NULL, NULL);
    self->known = weir_map_new();
    self->told = weir_map_new();
    self->before = batch_new(BATCH_BYTES);
    self->after = batch_new(BATCH_BYTES);
    if (prepare(self, options, err) != WEIR_OK || rehearse(self, options, err) != WEIR_OK ||
        take_records(self, self->before, err) != WEIR_OK ||
        take_records(self, self->after, err) != WEIR_OK) {
        rehearsal_free(self);
        return err->code;
    }
    *out = self;
    return WEIR_OK;
}

void rehearsal_free(rehearsal *self)
{
    if (self == NULL)
        return;
    transform_chain_close(self->transforms);
    batch_free(self->before);
    batch_free(self->after);
    weir_map_free(self->known);
    weir_map_free(self->told);
    weir_buf_done(&self->schemas);
    weir_buf_done(&self->notes);
    weir_buf_done(&self->text);
    free(self->state);
    task_done(&self->task);
    task_done(&self->memory);
    free(self);
}

const rehearsed_schema *rehearsal_at(const rehearsal *self, size_t index)
{
    const rehearsed_schema *const *all = (const void *)self->schemas.ptr;

    return index < self->schemas.len / sizeof(*all) ? all[index] : NULL;
}

const char *rehearsal_note(const rehearsal *self, size_t index)
{
    const char *const *all = (const void *)self->notes.ptr;

    return index < self->notes.len / sizeof(*all) ? all[index] : NULL;
}

const converter_settings *rehearsal_converter(const rehearsal *self, bool is_key)
{
    return is_key ? &self->key : &self->value;
}

const connector_settings *rehearsal_settings(const rehearsal *self)
{
    return &self->common;
}

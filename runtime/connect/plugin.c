/* plugin.c - loads shared objects and finds the connectors in them. */
#include "runtime/connect/plugin.h"

#include "runtime/base/arena.h"
#include "runtime/base/mem.h"
#include "runtime/base/text.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLUGINS = 256, REFUSALS = 64, FILES = 256, FIELD_COUNT = 10000, STATE_BYTES = 1 << 30 };

struct plugins {
    pthread_mutex_t lock; /* guards everything below */
    arena arena;
    const char *folder;
    bool has_all; /* the folder was read as a whole */
    size_t count, refusal_count, file_count;
    plugin *items[PLUGINS]; /* by name, sources first */
    const char *refusals[REFUSALS];
    const char *files[FILES]; /* that were loaded or refused */
};

/* The parts of a descriptor that every version of the SDK had. */
enum {
    LEAST_PLUGIN = offsetof(weir_plugin, sink) + sizeof(void *),
    LEAST_SOURCE = offsetof(weir_source, close) + sizeof(void *),
    LEAST_SINK = offsetof(weir_sink, close) + sizeof(void *),
    LEAST_FIELD = offsetof(weir_field, bound) + sizeof(bool),
    LEAST_RECORD = sizeof(weir_record), /* all of it is written */
};

plugins *plugins_new(const char *folder)
{
    plugins *self = mem_zalloc(1, sizeof(*self));

    pthread_mutex_init(&self->lock, NULL);
    self->folder = arena_copy(&self->arena, weir_cstr(folder)).ptr;
    return self;
}

void plugins_free(plugins *self)
{
    if (self == NULL)
        return;
    arena_done(&self->arena);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

/* --- Loading one file ------------------------------------------------------------------------ */

static weir_code check_descriptor(const weir_plugin *found, const char *path, weir_error *err)
{
    if (found == NULL)
        return weir_fail(err, WEIR_CONFIG, "%s: weir_plugin_entry returned nothing", path);
    if (found->abi != WEIR_ABI)
        return weir_fail(
            err, WEIR_CONFIG,
            "%s: was built for ABI %u, this weir has ABI %d: build it with the headers "
            "of this version",
            path, found->abi, WEIR_ABI);
    if (found->plugin_size < LEAST_PLUGIN || found->field_size < LEAST_FIELD ||
        found->record_size < LEAST_RECORD ||
        (found->source != NULL && found->source_size < LEAST_SOURCE) ||
        (found->sink != NULL && found->sink_size < LEAST_SINK))
        return weir_fail(err, WEIR_CONFIG, "%s: its descriptor is smaller than ABI %d allows", path,
                         WEIR_ABI);
    if (found->source == NULL && found->sink == NULL)
        return weir_fail(err, WEIR_CONFIG, "%s: has neither a source nor a sink", path);
    return WEIR_OK;
}

/* What would make binding it write where it must not. */
static weir_code check_field(const plugin *one, size_t number, weir_error *err)
{
    const weir_field field = config_field(&one->table, number);
    size_t size = config_member_size(field.kind);

    if (field.name == NULL || field.doc == NULL)
        return weir_fail(err, WEIR_CONFIG, "%s: field %zu has no %s", one->path, number,
                         field.name == NULL ? "name" : "documentation");
    if (size == 0)
        return weir_fail(err, WEIR_CONFIG,
                         "%s: field \"%s\" has a kind that this weir does not know", one->path,
                         field.name);
    if (field.bound && (size > one->state_size || field.offset > one->state_size - size))
        return weir_fail(
            err, WEIR_CONFIG,
            "%s: the member of field \"%s\" lies outside of the state (state_size is %zu)",
            one->path, field.name, one->state_size);
    if (field.kind == WEIR_KIND_CHOICE && (field.choices == NULL || field.choices[0] == NULL))
        return weir_fail(err, WEIR_CONFIG, "%s: field \"%s\" is a choice of nothing", one->path,
                         field.name);
    return WEIR_OK;
}

static weir_code check_connector(const plugin *one, weir_error *err)
{
    const char *missing = NULL;

    if (one->name == NULL || one->name[0] == '\0')
        missing = "name";
    else if (one->version == NULL)
        missing = "version";
    else if (one->summary == NULL)
        missing = "summary";
    else if (one->kind == PLUGIN_SOURCE && one->source.poll == NULL)
        missing = "poll";
    else if (one->kind == PLUGIN_SINK && one->sink.put == NULL)
        missing = "put";
    else if (one->kind == PLUGIN_SINK && one->sink.flush == NULL)
        missing = "flush";
    else if (one->table.count > 0 && one->table.fields == NULL)
        missing = "fields";
    if (missing != NULL)
        return weir_fail(err, WEIR_CONFIG, "%s: its %s has no \"%s\"", one->path,
                         one->kind == PLUGIN_SOURCE ? "source" : "sink", missing);
    if (one->state_size > STATE_BYTES || one->table.count > FIELD_COUNT)
        return weir_fail(err, WEIR_CONFIG, "%s: %zu bytes of state and %zu fields are too many",
                         one->path, one->state_size, one->table.count);
    for (size_t i = 0; i < one->table.count; i++)
        if (check_field(one, i, err) != WEIR_OK)
            return err->code;
    return WEIR_OK;
}

static int order_of(const plugin *a, const plugin *b)
{
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : (int)a->kind - (int)b->kind;
}

static weir_code add(plugins *self, const plugin *one, weir_error *err)
{
    size_t at = 0;

    if (check_connector(one, err) != WEIR_OK)
        return err->code;
    if (self->count == PLUGINS)
        return weir_fail(err, WEIR_CONFIG, "%s: more than %d connectors", one->path, PLUGINS);
    while (at < self->count && order_of(self->items[at], one) < 0)
        at++;
    if (at < self->count && order_of(self->items[at], one) == 0)
        return weir_fail(err, WEIR_CONFIG, "%s: \"%s\" was loaded from %s already", one->path,
                         one->name, self->items[at]->path);
    memmove(&self->items[at + 1], &self->items[at], (self->count - at) * sizeof(self->items[0]));
    self->items[at] = arena_alloc(&self->arena, 1, sizeof(*one));
    *self->items[at] = *one;
    self->count++;
    return WEIR_OK;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static weir_code add_source(plugins *self, const weir_plugin *found, const char *path,
                            weir_error *err)
{
    bool knows_proof = found->plugin_size >= offsetof(weir_plugin, puts_are_proven) + sizeof(bool);
    plugin one = {.path = path,
                  .kind = PLUGIN_SOURCE,
                  .record_size = found->record_size,
                  .puts_are_proven = knows_proof && found->puts_are_proven};

    memcpy(&one.source, found->source, least(found->source_size, sizeof(one.source)));
    one.name = one.source.name;
    one.version = one.source.version;
    one.summary = one.source.summary;
    one.aliases = one.source.aliases;
    one.table = (config_table){one.source.fields, one.source.field_count, found->field_size};
    one.state_size = one.source.state_size;
    return add(self, &one, err);
}

static weir_code add_sink(plugins *self, const weir_plugin *found, const char *path,
                          weir_error *err)
{
    plugin one = {.path = path, .kind = PLUGIN_SINK, .record_size = found->record_size};

    memcpy(&one.sink, found->sink, least(found->sink_size, sizeof(one.sink)));
    one.name = one.sink.name;
    one.version = one.sink.version;
    one.summary = one.sink.summary;
    one.aliases = one.sink.aliases;
    one.table = (config_table){one.sink.fields, one.sink.field_count, found->field_size};
    one.state_size = one.sink.state_size;
    return add(self, &one, err);
}

/* What dlerror says begins with the path, which our message names already. */
static const char *load_error(const char *path)
{
    const char *reason = dlerror(); /* NOLINT(concurrency-mt-unsafe): glibc keeps it by thread */
    size_t length = strlen(path);

    if (reason == NULL)
        return "for no reason that the system tells";
    if (strncmp(reason, path, length) == 0 && strncmp(reason + length, ": ", 2) == 0)
        return reason + length + 2;
    return reason;
}

/* With the lock held. */
static weir_code load(plugins *self, const char *given, weir_error *err)
{
    const char *path = arena_copy(&self->arena, weir_cstr(given)).ptr;
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const weir_plugin *(*entry)(void);
    const weir_plugin *found;
    weir_code code;

    if (object == NULL)
        return weir_fail(err, WEIR_CONFIG, "%s: cannot be loaded: %s", path, load_error(path));
    *(void **)&entry = dlsym(object, "weir_plugin_entry"); /* POSIX says how to convert it */
    if (entry == NULL) {
        (void)dlclose(object); /* nothing of it is in use */
        return weir_fail(err, WEIR_CONFIG, "%s: is no plugin: it has no function weir_plugin_entry",
                         path);
    }
    found = entry();
    code = check_descriptor(found, path, err);
    if (code == WEIR_OK && found->source != NULL)
        code = add_source(self, found, path, err);
    if (code == WEIR_OK && found->sink != NULL)
        code = add_sink(self, found, path, err);
    return code;
}

weir_code plugins_load(plugins *self, const char *path, weir_error *err)
{
    char absolute[4096];
    weir_code code;

    /* dlopen looks for a name without a slash in the system's folders */
    snprintf(absolute, sizeof(absolute), "%s%s", strchr(path, '/') == NULL ? "./" : "", path);
    pthread_mutex_lock(&self->lock);
    code = load(self, absolute, err);
    pthread_mutex_unlock(&self->lock);
    return code;
}

/* --- The folder ------------------------------------------------------------------------------ */

/* Loads a file of the folder, once. With the lock held. */
static void try_file(plugins *self, const char *file)
{
    weir_error err;
    weir_str path;

    for (size_t i = 0; i < self->file_count; i++)
        if (strcmp(self->files[i], file) == 0)
            return;
    if (self->file_count == FILES)
        return;
    self->files[self->file_count++] = arena_copy(&self->arena, weir_cstr(file)).ptr;
    path = arena_printf(&self->arena, "%s/%s", self->folder, file);
    if (load(self, path.ptr, &err) != WEIR_OK && self->refusal_count < REFUSALS)
        self->refusals[self->refusal_count++] =
            arena_copy(&self->arena, weir_cstr(err.message)).ptr;
}

static bool is_shared_object(const char *file)
{
    size_t length = strlen(file);

    return length > 3 && strcmp(file + length - 3, ".so") == 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* With the lock held. In the order of names: what is loaded must not depend on the file system. */
static void load_folder(plugins *self)
{
    const char *names[FILES];
    size_t count = 0;
    const struct dirent *entry;
    DIR *folder;

    if (self->has_all)
        return;
    self->has_all = true;
    folder = opendir(self->folder);
    if (folder == NULL) {
        self->refusals[self->refusal_count++] =
            arena_printf(&self->arena, "%s: cannot be read: %s", self->folder, strerror(errno)).ptr;
        return;
    }
    while ((entry = readdir(folder)) != NULL && count < FILES)
        if (is_shared_object(entry->d_name))
            names[count++] = arena_copy(&self->arena, weir_cstr(entry->d_name)).ptr;
    (void)closedir(folder); /* was only read */
    qsort(names, count, sizeof(names[0]), compare_names);
    for (size_t i = 0; i < count; i++)
        try_file(self, names[i]);
}

void plugins_load_all(plugins *self)
{
    pthread_mutex_lock(&self->lock);
    load_folder(self);
    pthread_mutex_unlock(&self->lock);
}

/* --- Finding --------------------------------------------------------------------------------- */

/* A Java class name, the last part of one, or that without "Connector", as Kafka Connect takes them. */
static bool is_class(weir_str class, weir_str name)
{
    static const weir_str END = {"Connector", 9};
    const char *dot = memrchr(class.ptr, '.', class.len);
    weir_str last = class;

    if (dot != NULL)
        last = (weir_str){dot + 1, class.len - (size_t)(dot + 1 - class.ptr)};
    if (weir_str_eq(class, name) || weir_str_eq(last, name))
        return true;
    return last.len == name.len + END.len && memcmp(last.ptr, name.ptr, name.len) == 0 &&
           memcmp(last.ptr + name.len, END.ptr, END.len) == 0;
}

static bool is_called(const plugin *one, weir_str name)
{
    if (weir_str_eq(weir_cstr(one->name), name))
        return true;
    for (size_t i = 0; one->aliases != NULL && one->aliases[i] != NULL; i++) {
        if (is_class(weir_cstr(one->aliases[i]), name))
            return true;
    }
    return false;
}

static const plugin *find_loaded(const plugins *self, weir_str name, plugin_kind kind)
{
    for (size_t i = 0; i < self->count; i++)
        if ((kind == PLUGIN_ANY || self->items[i]->kind == kind) && is_called(self->items[i], name))
            return self->items[i];
    return NULL;
}

static const plugin *find(plugins *self, weir_str name, plugin_kind kind)
{
    const plugin *found = find_loaded(self, name, kind);

    if (found == NULL && memchr(name.ptr, '/', name.len) == NULL && name.len < 200) {
        const char *file = arena_printf(&self->arena, "%.*s.so", WEIR_ARG(name)).ptr;
        const char *path = arena_printf(&self->arena, "%s/%s", self->folder, file).ptr;
        FILE *there = fopen(path, "re"); /* else its absence would be kept as a refusal */

        if (there != NULL) {
            (void)fclose(there); /* nothing was written */
            try_file(self, file);
        }
        found = find_loaded(self, name, kind);
    }
    if (found == NULL) {
        load_folder(self);
        found = find_loaded(self, name, kind);
    }
    return found;
}

static void fail_to_find(const plugins *self, weir_str name, plugin_kind kind, weir_error *err)
{
    const char *names[PLUGINS + 1] = {0};
    const char *what = kind == PLUGIN_SOURCE ? "source"
                       : kind == PLUGIN_SINK ? "sink"
                                             : "connector";
    weir_buf text = {0};
    size_t count = 0;
    const char *near;

    for (size_t i = 0; i < self->count; i++)
        if (kind == PLUGIN_ANY || self->items[i]->kind == kind)
            names[count++] = self->items[i]->name;
    near = text_nearest(name, names);
    weir_buf_printf(&text, "there is no %s \"%.*s\" in %s", what, WEIR_ARG(name), self->folder);
    if (near != NULL)
        weir_buf_printf(&text, "; did you mean \"%s\"?", near);
    else if (count > 0)
        weir_buf_printf(&text, "; there are");
    for (size_t i = 0; near == NULL && i < count; i++)
        weir_buf_printf(&text, "%s %s", i > 0 ? "," : "", names[i]);
    for (size_t i = 0; i < self->refusal_count; i++)
        weir_buf_printf(&text, "; refused: %s", self->refusals[i]);
    weir_fail(err, WEIR_CONFIG, "%s", weir_buf_cstr(&text));
    weir_buf_done(&text);
}

const plugin *plugins_find(plugins *self, weir_str name, plugin_kind kind, weir_error *err)
{
    const plugin *found;

    pthread_mutex_lock(&self->lock);
    found = find(self, name, kind);
    if (found == NULL)
        fail_to_find(self, name, kind, err);
    pthread_mutex_unlock(&self->lock);
    return found;
}

weir_code plugins_add(plugins *self, const plugin *added, weir_error *err)
{
    weir_code code;

    pthread_mutex_lock(&self->lock);
    code = add(self, added, err);
    pthread_mutex_unlock(&self->lock);
    return code;
}

weir_code plugin_outcome(const plugin *self, weir_code code, weir_error *err)
{
    if (code == WEIR_OK)
        return WEIR_OK;
    if (code < WEIR_RETRY || code > WEIR_FATAL)
        return weir_fail(err, WEIR_FATAL,
                         "the connector \"%s\" returned %s (%d), which means nothing here",
                         self->name, weir_code_name(code), (int)code);
    if (err->code == WEIR_OK || err->message[0] == '\0')
        return weir_fail(err, code, "the connector \"%s\" failed with %s and did not say why",
                         self->name, weir_code_name(code));
    return err->code = code; /* the returned one counts */
}

const plugin *plugins_at(plugins *self, size_t index)
{
    const plugin *found;

    pthread_mutex_lock(&self->lock);
    found = index < self->count ? self->items[index] : NULL;
    pthread_mutex_unlock(&self->lock);
    return found;
}

const char *plugins_refusal(plugins *self, size_t index)
{
    const char *found;

    pthread_mutex_lock(&self->lock);
    found = index < self->refusal_count ? self->refusals[index] : NULL;
    pthread_mutex_unlock(&self->lock);
    return found;
}

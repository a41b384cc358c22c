/* plugin.h - loads shared objects and finds the connectors in them.
 *
 * A folder of plugins is read when it is asked for: a connector is looked for in NAME.so first, and only when
 * it is not there (a Java class name, say) everything else is loaded. So a worker pays, in memory and time,
 * for what it uses. A file that cannot be used is refused with a message that names it, and the rest goes on;
 * who asks for a connector that is not found is told of the refusals as well.
 *
 * Callbacks and fields that a plugin did not know when it was built are NULL or zero in what is handed out.
 * What was loaded stays until the process ends: its code may be on a stack.
 *
 * Threads: any. A lock guards the list; it is held while a file is loaded, so that none is loaded twice.
 */
#ifndef RUNTIME_CONNECT_PLUGIN_H
#define RUNTIME_CONNECT_PLUGIN_H

#include "sdk/src/config.h"
#include "weir/plugin.h"

typedef enum plugin_kind { PLUGIN_ANY, PLUGIN_SOURCE, PLUGIN_SINK } plugin_kind;

/* One connector. Immutable, lives as long as the process. */
typedef struct plugin {
    const char *path; /* of the shared object */
    plugin_kind kind; /* PLUGIN_SOURCE or PLUGIN_SINK */
    const char *name, *version, *summary;
    const char *const *aliases; /* NULL behind the last; NULL: none */
    config_table table;
    size_t state_size;
    size_t record_size;
    bool puts_are_proven; /* else each put of a source is checked against its schema */
    weir_source source;   /* of a source */
    weir_sink sink;       /* of a sink */
} plugin;

typedef struct plugins plugins;

/* A registry over a folder, which need not exist. */
plugins *plugins_new(const char *folder);
void plugins_free(plugins *self);

/* The connector of this name, or of this Java class name (the whole of it, or its last part). NULL when there
 * is none: err, WEIR_CONFIG, names the folder, the nearest name and what was refused. A name that is both a
 * source and a sink: with PLUGIN_ANY the source. */
const plugin *plugins_find(plugins *self, weir_str name, plugin_kind kind, weir_error *err);

/* Loads one file, wherever it is. WEIR_CONFIG with a message that names the file. */
WEIR_MUST_CHECK weir_code plugins_load(plugins *self, const char *path, weir_error *err);

/* Adds a connector that is part of this program; its texts outlive the registry. WEIR_CONFIG when something in it
 * is missing, or its name is taken. */
WEIR_MUST_CHECK weir_code plugins_add(plugins *self, const plugin *added, weir_error *err);

/* Loads the whole folder; refusals are kept for plugins_refusal. */
void plugins_load_all(plugins *self);

/* What is loaded, by name, sources first; NULL past the end. */
const plugin *plugins_at(plugins *self, size_t index);
/* Why files were refused, one message each; NULL past the end. */
const char *plugins_refusal(plugins *self, size_t index);

/* What a connector's callback returned, and err as it has to be then. A plugin may return a code and leave err as
 * it was, which callers that go by err->code would take for success, or a code that means nothing there. */
weir_code plugin_outcome(const plugin *self, weir_code code, weir_error *err);

/* Checks what a person who writes a plugin should know: all fields documented, names in order, defaults
 * that their own table accepts, .... One message for each finding. */
void plugin_check(const plugin *self, void (*found)(void *context, const char *message),
                  void *context);

#endif

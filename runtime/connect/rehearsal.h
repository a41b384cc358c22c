/* rehearsal.h - which schemas a source's connector writes before and after a change that is only tried out.
 *
 * The plugin's operation `rehearse` (weir/source.h) gives specimens of records; they go through the connector's
 * transforms and get the subjects of its converters, by the code that does so in a running task. No worker, no log
 * and no registry is needed for that, and nothing is registered.
 *
 * A rehearsal owns all that it hands out. Belongs to one thread.
 */
#ifndef RUNTIME_CONNECT_REHEARSAL_H
#define RUNTIME_CONNECT_REHEARSAL_H

#include "runtime/connect/converter_settings.h"
#include "runtime/connect/plugin.h"
#include "runtime/connect/settings.h"

typedef struct rehearsal rehearsal;

typedef struct rehearsal_options {
    plugins *plugins;
    weir_str connector; /* its name */
    const config_setting
        *settings; /* with their references to secrets; "***" stands for one not shown */
    size_t setting_count;
    weir_str target, script, script_name; /* see weir_rehearsal */
} rehearsal_options;

/* A schema that records of the connector have in the log. */
typedef struct rehearsed_schema {
    weir_str topic; /* one of those that have it */
    weir_str subject;
    bool is_key;
    bool is_before, is_after;
    const weir_schema *schema;
    weir_str text; /* as the converter registers it */
} rehearsed_schema;

/* Runs it. WEIR_CONFIG: the connector, its settings, the target or the script make it impossible, WEIR_RETRY: the
 * target was not reached; the notes up to then are lost. *out is NULL then. */
WEIR_MUST_CHECK weir_code rehearsal_run(const rehearsal_options *options, rehearsal **out,
                                        weir_error *err);
void rehearsal_free(rehearsal *self); /* NULL is fine */

/* Each pair of subject and schema once, in the order of the plugin's records, those before first; NULL past the end.
 * Only what the avro converter writes has a subject. */
const rehearsed_schema *rehearsal_at(const rehearsal *self, size_t index);

/* What a person should know besides, a sentence each; NULL past the end. */
const char *rehearsal_note(const rehearsal *self, size_t index);

/* The settings of the converter of keys, or of values; and of the connector. */
const converter_settings *rehearsal_converter(const rehearsal *self, bool is_key);
const connector_settings *rehearsal_settings(const rehearsal *self);

#endif

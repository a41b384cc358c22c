/* secret.h - references to secrets in settings: ${env:NAME} and ${file:PATH:KEY}.
 *
 * References are what is stored, shown and logged; they become values only when a task's settings are bound.
 */
#ifndef RUNTIME_CONNECT_SECRET_H
#define RUNTIME_CONNECT_SECRET_H

#include "sdk/src/config.h"
#include "weir/buf.h"
#include "weir/task.h"

/* Adds text with its references replaced. ${file:PATH:KEY} reads KEY=VALUE lines; without :KEY the whole file,
 * less the newline at its end. WEIR_CONFIG names what is missing, never a value. "${" that begins neither is
 * left as it is. */
WEIR_MUST_CHECK weir_code secret_resolve(weir_str text, weir_buf *out, weir_error *err);

/* The same for settings, whose values are replaced by copies in memory; the message names the setting. */
WEIR_MUST_CHECK weir_code secret_resolve_settings(config_setting *settings, size_t count,
                                                  weir_task *memory, weir_error *err);

#endif

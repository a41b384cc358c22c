/* config.h - from settings, as text, to the members of a connector's state, by its table of fields.
 *
 * Everything that is wrong is found in one go: a person gets all problems at once, each with the name of its
 * setting. Texts and lists live in the task's memory.
 */
#ifndef SDK_SRC_CONFIG_H
#define SDK_SRC_CONFIG_H

#include "runtime/base/arena.h"
#include "sdk/src/task.h"
#include "weir/buf.h"

typedef struct config_setting {
    weir_str name, value;
} config_setting;

typedef struct config_table {
    const weir_field *fields;
    size_t count;
    size_t stride; /* weir_plugin.field_size: an older plugin's fields are shorter */
} config_table;

/* The field at a place: members that the plugin did not know are zero. */
weir_field config_field(const config_table *table, size_t index);

typedef enum config_severity { CONFIG_WARNING, CONFIG_ERROR } config_severity;

typedef struct config_issue {
    weir_str name; /* of the setting; the issues' memory */
    config_severity severity;
    char message[512];
} config_issue;

/* What was found; `config_issues x = {0}`, released by config_issues_done. */
typedef struct config_issues {
    weir_buf items; /* of config_issue */
    arena names;
} config_issues;

size_t config_issue_count(const config_issues *issues);
const config_issue *config_issue_at(const config_issues *issues, size_t index);
bool config_has_error(const config_issues *issues);
void config_issues_done(config_issues *issues);
void config_issue_add(config_issues *issues, weir_str name, config_severity severity,
                      const char *fmt, ...) WEIR_PRINTF(4, 5);
/* Adds what from has; from is empty then. */
void config_issues_take(config_issues *issues, config_issues *from);
/* Puts a prefix before the names of the issues from first on: those of "transforms.route." */
void config_issues_prefix(config_issues *issues, size_t first, weir_str prefix);

/* Binds settings to state. Names that the table does not have are issues of the severity unknown, with the
 * nearest name as a hint, unless is_common (which may be NULL) knows them. */
void config_bind(const config_table *table, const config_setting *settings, size_t count,
                 config_severity unknown, bool (*is_common)(weir_str name), weir_task *task,
                 void *state, config_issues *issues);

/* The settings' first error as a failure: `setting "x": ...`. WEIR_OK when there is none. */
WEIR_MUST_CHECK weir_code config_result(const config_issues *issues, weir_error *err);

/* The bytes of the member that a field of this kind is bound to; 0: there is no such kind. */
size_t config_member_size(weir_kind kind);

/* The name of a kind as the Connect REST API has it: "INT", "STRING", ... and for people. */
const char *config_kind_name(weir_kind kind);

/* The table as a Markdown table, in the order of importance. */
void config_reference(const config_table *table, weir_buf *out);

#endif

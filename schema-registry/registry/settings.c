/* settings.c - configuration and modes: setting, deleting, asking. */
#include "schema-registry/registry/json_span.h"
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/subject_name.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The subject of a setting in its one spelling; ptr NULL for the global one. */
static weir_str setting_subject(weir_str subject, weir_buf *out)
{
    if (subject_name_is_default_context(subject))
        return (weir_str){0};
    subject_name_add(subject_name_of(subject), out);
    return weir_buf_str(out);
}

static bool check_subject(weir_str subject, registry_error *error)
{
    if (subject.ptr == NULL ||
        (subject.len <= REGISTRY_NAME_MAX && subject_name_is_valid(subject, true)))
        return true;
    return registry_fail(error, REGISTRY_BAD_SUBJECT,
                         "The specified subject '%.*s' is not a valid.", WEIR_ARG(subject));
}

static json_t *load_body(weir_str json, registry_error *error)
{
    json_t *body = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL);

    if (json_is_object(body))
        return body;
    json_decref(body);
    (void)registry_fail(error, REGISTRY_BAD_REQUEST, "the body is not a JSON object");
    return NULL;
}

static void print(json_t *value, weir_buf *out)
{
    char *text = json_dumps(value, JSON_COMPACT);

    weir_buf_add_str(out, weir_cstr(text));
    free(text);
}

/* A record of a setting, in place of one whose key was spelled in another way. */
static bool write_setting(registry *self, record_kind kind, weir_str subject, json_t *value,
                          const char *what, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, text = {0};
    const registry_setting *old = tables_setting(&self->tables, kind, subject);
    registry_change change = {0};
    bool is_good;

    if (old != NULL)
        change_add_odd(&change, old->odd_key);
    record_subject_key_add(kind, subject, &key);
    print(value, &text);
    change_add(&change, &key, &text);
    is_good = registry_commit(self, &change, what, error);
    change_done(&change);
    return is_good;
}

static bool remove_setting(registry *self, record_kind kind, weir_str subject, const char *what,
                           registry_error *error)
{
    registry_change change = {0};
    bool is_good;

    change_remove_setting(&change, self, kind, subject);
    is_good = registry_commit(self, &change, what, error);
    change_done(&change);
    return is_good;
}

/* --- Configuration ---------------------------------------------------------------------------- */

/* The level in a body, in capitals, under the name that a record has for it. */
static bool check_level(json_t *body, registry_error *error)
{
    json_t *level = json_object_get(body, "compatibility");
    const char *name = json_string_value(level);
    char upper[32] = {0};
    compat_level parsed;

    if (level == NULL)
        return true;
    if (!json_is_null(level)) {
        for (size_t i = 0; name != NULL && name[i] != '\0' && i + 1 < sizeof(upper); i++)
            upper[i] = (char)toupper((unsigned char)name[i]);
        if (name == NULL || strlen(name) >= sizeof(upper) ||
            !compat_level_parse(weir_cstr(upper), &parsed))
            return registry_fail(error, REGISTRY_BAD_LEVEL,
                                 "Invalid compatibility level. Valid values are none, backward, "
                                 "forward, full, backward_transitive, forward_transitive, and "
                                 "full_transitive");
        level = json_string(upper);
    } else {
        level = json_null();
    }
    (void)json_object_del(body, "compatibility"); /* it is there */
    json_object_set_new(body, "compatibilityLevel", level);
    return true;
}

typedef enum member_kind { MEMBER_TEXT, MEMBER_BOOLEAN, MEMBER_OBJECT } member_kind;

static const struct {
    const char *name;
    member_kind kind;
} config_members[] = {
    {"alias", MEMBER_TEXT},
    {"aliasForDeks", MEMBER_TEXT},
    {"normalize", MEMBER_BOOLEAN},
    {"validateFields", MEMBER_BOOLEAN},
    {"validateNewSchemas", MEMBER_BOOLEAN},
    {"validateRules", MEMBER_BOOLEAN},
    {"compatibilityLevel", MEMBER_TEXT},
    {"compatibilityPolicy", MEMBER_TEXT},
    {"compatibilityGroup", MEMBER_TEXT},
    {"defaultMetadata", MEMBER_OBJECT},
    {"overrideMetadata", MEMBER_OBJECT},
    {"defaultRuleSet", MEMBER_OBJECT},
    {"overrideRuleSet", MEMBER_OBJECT},
};

static bool fits(const json_t *value, member_kind kind)
{
    switch (kind) {
    case MEMBER_TEXT:
        return json_is_string(value);
    case MEMBER_BOOLEAN:
        return json_is_boolean(value);
    case MEMBER_OBJECT:
        return json_is_object(value);
    }
    return false;
}

/* Sets the members that the body has, and removes those that it has as null. */
static bool update_config(json_t *config, const json_t *body, registry_error *error)
{
    for (size_t i = 0; i < sizeof(config_members) / sizeof(config_members[0]); i++) {
        const char *name = config_members[i].name;
        json_t *value = json_object_get(body, name);

        if (value == NULL)
            continue;
        if (json_is_null(value))
            (void)json_object_del(config, name); /* it need not be there */
        else if (fits(value, config_members[i].kind))
            json_object_set(config, name, value);
        else
            return registry_fail(error, REGISTRY_BAD_REQUEST, "%s has the wrong type", name);
    }
    return true;
}

static bool check_rule_sets(const json_t *body, registry_error *error)
{
    static const char *const names[] = {"defaultRuleSet", "overrideRuleSet"};
    bool is_good = true;

    for (size_t i = 0; i < 2 && is_good; i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf text = {0};
        json_t *rules = json_object_get(body, names[i]);

        if (!json_is_object(rules))
            continue;
        print(rules, &text);
        is_good = rule_set_check(weir_buf_str(&text), error);
    }
    return is_good;
}

/* The answer to a change: the record without the subject, the level under its other name. */
static void reply_config(json_t *config, weir_buf *reply)
{
    json_t *level = json_incref(json_object_get(config, "compatibilityLevel"));

    (void)json_object_del(config, "subject");
    if (level != NULL) {
        (void)json_object_del(config, "compatibilityLevel");
        json_object_set_new(config, "compatibility", level);
    }
    print(config, reply);
}

/* Under the write lock. */
static bool change_config(registry *self, weir_str subject, const json_t *body, weir_buf *reply,
                          registry_error *error)
{
    const registry_setting *old = tables_setting(&self->tables, RECORD_CONFIG, subject);
    json_t *config = old != NULL ? json_loads(old->json, 0, NULL) : NULL;
    bool is_good;

    if (config == NULL) {
        config = json_object();
        if (subject.ptr != NULL)
            json_object_set_new(config, "subject", json_stringn(subject.ptr, subject.len));
    }
    is_good = update_config(config, body, error) && check_not_read_only(self, subject, error) &&
              write_setting(self, RECORD_CONFIG, subject, config, "Update config", error);
    if (is_good)
        reply_config(config, reply);
    json_decref(config);
    return is_good;
}

bool registry_set_config(registry *self, weir_str subject, weir_str json, weir_buf *reply,
                         registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    json_t *body;
    bool is_good;

    if (!check_subject(subject, error) || (body = load_body(json, error)) == NULL)
        return false;
    subject = setting_subject(subject, &name);
    is_good = check_level(body, error) && check_rule_sets(body, error) &&
              registry_write_begin(self, error);
    if (is_good) {
        is_good = change_config(self, subject, body, reply, error);
        registry_write_end(self);
    }
    json_decref(body);
    return is_good;
}

bool registry_delete_config(registry *self, weir_str subject, weir_buf *reply,
                            registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    json_t *old;
    bool is_good;

    subject = setting_subject(subject, &name);
    if (!registry_write_begin(self, error))
        return false;
    old = config_json(self, subject, false);
    if (old == NULL)
        is_good = registry_fail(error, REGISTRY_SUBJECT_NOT_FOUND, "Subject '%.*s' not found.",
                                WEIR_ARG(subject));
    else
        is_good = check_not_read_only(self, subject, error) &&
                  remove_setting(self, RECORD_CONFIG, subject, "Delete config", error);
    registry_write_end(self);
    if (is_good)
        print(old, reply);
    json_decref(old);
    return is_good;
}

bool registry_get_config(registry *self, weir_str subject, bool default_to_global, weir_buf *reply,
                         registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    json_t *config;

    subject = setting_subject(subject, &name);
    registry_read_lock(self);
    config = config_json(self, subject, default_to_global);
    registry_read_unlock(self);
    if (config == NULL)
        return registry_fail(error, REGISTRY_NO_SUBJECT_CONFIG,
                             "Subject '%.*s' does not have subject-level compatibility configured",
                             WEIR_ARG(subject));
    print(config, reply);
    json_decref(config);
    return true;
}

void registry_resolve_alias(registry *self, weir_str subject, weir_buf *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    const char *alias;
    json_t *config;

    subject_name_add(subject_name_of(subject), &name);
    registry_read_lock(self);
    config = subject.len > 0 ? config_json(self, weir_buf_str(&name), false) : NULL;
    registry_read_unlock(self);
    alias = json_string_value(json_object_get(config, "alias"));
    if (alias != NULL && alias[0] != '\0')
        subject_name_add_beside(weir_buf_str(&name), weir_cstr(alias), out);
    else
        weir_buf_add_str(out, subject);
    json_decref(config);
}

/* --- Modes ------------------------------------------------------------------------------------ */

static void print_mode(bool is_set, registry_mode mode, weir_buf *reply)
{
    if (is_set)
        weir_buf_printf(reply, "{\"mode\":\"%s\"}", mode_name(mode));
    else
        weir_buf_add_str(reply, WEIR_STR("{}"));
}

/* Every version of what the name stands for is deleted softly: they go for good, before an import. */
static bool clear_subjects(const registry *self, weir_str name, registry_change *change,
                           registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};

    change_add_ids(change, self);
    for (size_t i = 0; i < self->tables.sorted_count; i++) {
        const registry_subject *subject = self->tables.sorted[i];

        if (!subject_name_matches(name, subject_name_text(subject)))
            continue;
        for (size_t k = 0; k < subject->count; k++) {
            stored_schema *const *referrers;
            int32_t version = subject->versions[k].version;

            if (tables_referrers(&self->tables, subject_name_text(subject), version, &referrers) >
                0)
                return registry_fail(error, REGISTRY_REFERENCE_EXISTS,
                                     "One or more references exist to the schema "
                                     "{magic=1,keytype=SCHEMA,subject=%.*s,version=%d}.",
                                     WEIR_ARG(subject_name_text(subject)), (int)version);
            change_remove_version(change, subject, &subject->versions[k]);
        }
    }
    record_subject_key_add(RECORD_CLEAR_SUBJECT, name, &key);
    record_clear_add(name, &value);
    change_add(change, &key, &value);
    return true;
}

static void add_mode(const registry *self, weir_str subject, bool is_set, registry_mode mode,
                     registry_change *change)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    const registry_setting *old = tables_setting(&self->tables, RECORD_MODE, subject);

    if (!is_set) {
        change_remove_setting(change, self, RECORD_MODE, subject);
        return;
    }
    if (old != NULL)
        change_add_odd(change, old->odd_key);
    record_subject_key_add(RECORD_MODE, subject, &key);
    weir_buf_add_byte(&value, '{');
    if (subject.ptr != NULL) {
        weir_buf_add_str(&value, WEIR_STR("\"subject\":"));
        weir_buf_add_json(&value, subject);
        weir_buf_add_byte(&value, ',');
    }
    weir_buf_printf(&value, "\"mode\":\"%s\"}", mode_name(mode));
    change_add(change, &key, &value);
}

/* Under the write lock. */
static bool change_mode(registry *self, weir_str subject, bool is_set, registry_mode mode,
                        bool force, registry_error *error)
{
    registry_change change = {0};
    bool is_good = true;

    if (is_set && mode == MODE_IMPORT && mode_in_scope(self, subject) != MODE_IMPORT && !force) {
        if (tables_has_subjects(&self->tables, subject, false))
            return registry_fail(error, REGISTRY_NOT_PERMITTED,
                                 "Cannot import since found existing subjects");
        is_good = clear_subjects(self, subject, &change, error);
    }
    add_mode(self, subject, is_set, mode, &change);
    is_good = is_good && registry_commit(self, &change, "Update mode", error);
    change_done(&change);
    return is_good;
}

/* The mode that a body asks for; none: it is to be taken away. */
static bool read_mode(weir_str subject, const json_t *body, bool *is_set, registry_mode *mode,
                      registry_error *error)
{
    const json_t *value = json_object_get(body, "mode");
    const char *name = json_string_value(value);

    *is_set = value != NULL && !json_is_null(value);
    if (*is_set && (name == NULL || !mode_parse(weir_cstr(name), mode)))
        return registry_fail(error, REGISTRY_BAD_MODE,
                             "Invalid mode. Valid values are READWRITE, READONLY, IMPORT and "
                             "FORWARD.");
    if (*is_set && *mode == MODE_FORWARD && !subject_name_is_global_context(subject))
        return registry_fail(error, REGISTRY_BAD_MODE,
                             "Forward mode only supported on global level");
    return true;
}

bool registry_set_mode(registry *self, weir_str subject, weir_str json, bool force, weir_buf *reply,
                       registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    registry_mode mode = MODE_READWRITE;
    bool is_set, is_good;
    json_t *body;

    if (!check_subject(subject, error) || (body = load_body(json, error)) == NULL)
        return false;
    subject = setting_subject(subject, &name);
    is_good = read_mode(subject, body, &is_set, &mode, error);
    json_decref(body);
    if (!is_good || !registry_write_begin(self, error))
        return false;
    is_good = change_mode(self, subject, is_set, mode, force, error);
    registry_write_end(self);
    if (is_good)
        print_mode(is_set, mode, reply);
    return is_good;
}

/* Also the modes of all subjects of a context. */
static void remove_modes_within(const registry *self, weir_str context, registry_change *change)
{
    weir_str key;
    void *value;

    for (size_t at = 0; weir_map_next(self->tables.settings, &at, &key, &value);) {
        weir_str subject;

        if (key.len < 5 || memcmp(key.ptr, "MODE ", 5) != 0)
            continue;
        subject = (weir_str){key.ptr + 5, key.len - 5};
        if (subject.len > 0 && !weir_str_eq(subject, context) &&
            weir_str_eq(subject_name_of(subject).context, subject_name_of(context).context))
            change_remove_setting(change, self, RECORD_MODE, subject);
    }
}

bool registry_delete_mode(registry *self, weir_str subject, bool recursive, weir_buf *reply,
                          registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    registry_change change = {0};
    registry_mode mode = MODE_READWRITE;
    bool is_set, is_good;

    subject = setting_subject(subject, &name);
    if (!registry_write_begin(self, error))
        return false;
    is_set = mode_of(self, subject, false, &mode);
    if (!is_set && !recursive) {
        is_good = registry_fail(error, REGISTRY_SUBJECT_NOT_FOUND, "Subject '%.*s' not found.",
                                WEIR_ARG(subject));
    } else {
        change_remove_setting(&change, self, RECORD_MODE, subject);
        if (recursive && subject_name_of(subject).subject.len == 0)
            remove_modes_within(self, subject, &change);
        is_good = registry_commit(self, &change, "Delete mode", error);
    }
    registry_write_end(self);
    change_done(&change);
    if (is_good)
        print_mode(is_set, mode, reply);
    return is_good;
}

bool registry_get_mode(registry *self, weir_str subject, bool default_to_global, weir_buf *reply,
                       registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    registry_mode mode;
    bool is_set;

    subject = setting_subject(subject, &name);
    registry_read_lock(self);
    is_set = mode_of(self, subject, default_to_global, &mode);
    registry_read_unlock(self);
    if (!is_set)
        return registry_fail(error, REGISTRY_NO_SUBJECT_MODE,
                             "Subject '%.*s' does not have subject-level mode configured",
                             WEIR_ARG(subject));
    print_mode(true, mode, reply);
    return true;
}

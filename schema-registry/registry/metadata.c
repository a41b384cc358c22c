/* metadata.c - metadata and rule sets: defaults and overrides, and which of them are the same. */
#include "schema-registry/registry/registry_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFLUENT_VERSION "confluent:version"

static json_t *load(weir_str text)
{
    return text.len > 0 ? json_loadb(text.ptr, text.len, 0, NULL) : NULL;
}

static void store(json_t *value, weir_buf *out)
{
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;

    weir_buf_clear(out);
    weir_buf_add_str(out, weir_cstr(text));
    free(text);
}

bool json_texts_equal(weir_str a, weir_str b)
{
    json_t *left, *right;
    bool is_equal;

    if (weir_str_eq(a, b))
        return true;
    left = load(a);
    right = load(b);
    is_equal = left != NULL && right != NULL && json_equal(left, right);
    json_decref(left);
    json_decref(right);
    return is_equal;
}

/* --- confluent:version ------------------------------------------------------------------------ */

static const char *version_in(const json_t *metadata)
{
    return json_string_value(
        json_object_get(json_object_get(metadata, "properties"), CONFLUENT_VERSION));
}

bool metadata_property(weir_str metadata, const char *name, weir_buf *out)
{
    json_t *value = load(metadata);
    const char *found =
        json_string_value(json_object_get(json_object_get(value, "properties"), name));

    if (found != NULL)
        weir_buf_add_str(out, weir_cstr(found));
    json_decref(value);
    return found != NULL;
}

bool metadata_has_properties(weir_str metadata)
{
    json_t *value = load(metadata);
    bool has = json_is_object(json_object_get(value, "properties"));

    json_decref(value);
    return has;
}

/* Metadata as it counts when the version's number does not: without it, and without empty parts. */
static json_t *without_version(json_t *metadata)
{
    json_t *copy = metadata != NULL ? json_deep_copy(metadata) : json_object();
    json_t *properties = json_object_get(copy, "properties");

    (void)json_object_del(properties, CONFLUENT_VERSION); /* it need not be there */
    if (json_object_size(properties) == 0)
        (void)json_object_del(copy, "properties");
    return copy;
}

bool metadata_matches(weir_str a, weir_str b, int32_t version)
{
    json_t *left = load(a), *right = load(b), *plain_left, *plain_right;
    const char *from = version_in(left), *to = version_in(right);
    char number[16];
    bool is_equal;

    (void)snprintf(number, sizeof(number), "%" PRId32, version);
    if ((from == NULL) == (to == NULL) || (from != NULL && strcmp(from, number) != 0)) {
        is_equal = (from == NULL) == (to == NULL) &&
                   (left == NULL ? right == NULL : right != NULL && json_equal(left, right));
    } else {
        plain_left = without_version(left);
        plain_right = without_version(right);
        is_equal = json_equal(plain_left, plain_right);
        json_decref(plain_left);
        json_decref(plain_right);
    }
    json_decref(left);
    json_decref(right);
    return is_equal;
}

static json_t *set_version(json_t *metadata, int32_t version)
{
    json_t *copy = metadata != NULL ? json_deep_copy(metadata) : json_object();
    json_t *properties = json_object_get(copy, "properties");
    char number[16];

    (void)snprintf(number, sizeof(number), "%" PRId32, version);
    if (!json_is_object(properties)) {
        properties = json_object();
        json_object_set_new(copy, "properties", properties);
    }
    json_object_set_new(properties, CONFLUENT_VERSION, json_string(number));
    return copy;
}

void metadata_set_version(weir_str metadata, int32_t version, weir_buf *out)
{
    json_t *old = load(metadata), *numbered = set_version(old, version);

    store(numbered, out);
    json_decref(old);
    json_decref(numbered);
}

/* --- Merging: what is newer wins -------------------------------------------------------------- */

static bool has_item(const json_t *array, const json_t *item, const char *member)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *other = json_array_get(array, i);

        if (member == NULL
                ? json_equal(other, item)
                : json_equal(json_object_get(other, member), json_object_get(item, member)))
            return true;
    }
    return false;
}

/* The old items that the new list has none of (by a member, or whole), then the new ones. */
static json_t *merge_lists(json_t *old, json_t *fresh, const char *member)
{
    json_t *merged = json_array();

    for (size_t i = 0; i < json_array_size(old); i++)
        if (!has_item(fresh, json_array_get(old, i), member))
            json_array_append(merged, json_array_get(old, i));
    json_array_extend(merged, fresh);
    return merged;
}

/* One of both, or both merged, part by part: objects by their members, lists by merge_lists. */
static json_t *merge(json_t *old, json_t *fresh, const char *member)
{
    json_t *merged, *value;
    const char *name;

    if (old == NULL || fresh == NULL)
        return json_incref(old != NULL ? old : fresh);
    merged = json_copy(old);
    json_object_foreach(fresh, name, value)
    {
        json_t *before = json_object_get(old, name);

        if (json_is_object(before) && json_is_object(value)) {
            json_t *part = json_copy(before);

            json_object_update(part, value);
            json_object_set_new(merged, name, part);
        } else if (json_is_array(before) && json_is_array(value)) {
            json_object_set_new(merged, name, merge_lists(before, value, member));
        } else {
            json_object_set(merged, name, value);
        }
    }
    return merged;
}

static json_t *merge_three(json_t *defaults, json_t *own, json_t *overrides, const char *member)
{
    json_t *first = merge(defaults, own, member);
    json_t *merged = merge(first, overrides, member);

    json_decref(first);
    return merged;
}

static bool is_named_in(const json_t *rule, const json_t *names)
{
    for (size_t i = 0; i < json_array_size(names); i++)
        if (json_equal(json_object_get(rule, "name"), json_array_get(names, i)))
            return true;
    return false;
}

void rule_set_change(weir_str rule_set, weir_str merged, const json_t *removed, weir_buf *out)
{
    json_t *old = load(rule_set), *fresh = load(merged), *both = merge(old, fresh, "name"), *rules;
    const char *kind;

    json_object_foreach(both, kind, rules)
    {
        for (size_t i = json_array_size(rules); i > 0; i--)
            if (is_named_in(json_array_get(rules, i - 1), removed))
                (void)json_array_remove(rules, i - 1); /* it is there */
    }
    if (both != NULL)
        store(both, out);
    json_decref(old);
    json_decref(fresh);
    json_decref(both);
}

bool metadata_populate(candidate *self, const registry_config *config,
                       const stored_schema *previous, int32_t new_version)
{
    weir_str metadata = weir_buf_str(&self->metadata), rule_set = weir_buf_str(&self->rule_set);
    json_t *own, *rules, *merged, *merged_rules;

    if (metadata.len == 0 && previous != NULL)
        metadata = previous->metadata;
    if (rule_set.len == 0 && previous != NULL)
        rule_set = previous->rule_set;
    own = load(metadata);
    rules = load(rule_set);
    merged = merge_three(config->default_metadata, own, config->override_metadata, NULL);
    merged_rules = merge_three(config->default_rule_set, rules, config->override_rule_set, "name");
    if (new_version > 0 && (self->version != 0 || version_in(merged) != NULL)) {
        json_t *numbered = set_version(merged, new_version);

        json_decref(merged);
        merged = numbered;
    }
    if (merged != NULL || merged_rules != NULL) {
        store(merged, &self->metadata);
        store(merged_rules, &self->rule_set);
    }
    json_decref(own);
    json_decref(rules);
    json_decref(merged);
    json_decref(merged_rules);
    return self->metadata.len > 0 || self->rule_set.len > 0;
}

/* --- Checking a rule set ---------------------------------------------------------------------- */

static bool is_one_of(const char *mode, const char *const *modes)
{
    for (; *modes != NULL; modes++)
        if (mode != NULL && strcmp(mode, *modes) == 0)
            return true;
    return false;
}

/* Rules of one kind: each has a name of its own, a type, and a mode that the kind allows. */
static bool check_rules(const json_t *rules, json_t *names, const char *const *modes,
                        const char *wrong_mode, registry_error *error)
{
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        const char *name = json_string_value(json_object_get(rule, "name"));
        const char *mode = json_string_value(json_object_get(rule, "mode"));

        if (name == NULL)
            return registry_fail(error, REGISTRY_BAD_RULE_SET, "Missing rule name");
        if (json_object_get(names, name) != NULL)
            return registry_fail(error, REGISTRY_BAD_RULE_SET,
                                 "Found rule with duplicate name '%s'", name);
        json_object_set_new(names, name, json_true());
        if (json_string_value(json_object_get(rule, "type")) == NULL)
            return registry_fail(error, REGISTRY_BAD_RULE_SET, "Missing rule type");
        if (!is_one_of(mode, modes))
            return registry_fail(error, REGISTRY_BAD_RULE_SET, "%s", wrong_mode);
    }
    return true;
}

bool rule_set_check(weir_str rule_set, registry_error *error)
{
    static const char *const migration[] = {"UPGRADE", "DOWNGRADE", "UPDOWN", NULL};
    static const char *const domain[] = {"WRITE", "READ", "WRITEREAD", NULL};
    json_t *rules = load(rule_set), *names = json_object();
    bool is_good;

    is_good = check_rules(json_object_get(rules, "migrationRules"), names, migration,
                          "Migration rules can only be UPGRADE, DOWNGRADE, UPDOWN", error) &&
              check_rules(json_object_get(rules, "domainRules"), names, domain,
                          "Domain rules can only be WRITE, READ, WRITEREAD", error);
    json_decref(rules);
    json_decref(names);
    return is_good;
}

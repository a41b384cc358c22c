/* predicate.c - Kafka Connect's predicates: TopicNameMatches, HasHeaderKey, RecordIsTombstone. */
#include "runtime/connect/predicate.h"

#include "runtime/base/mem.h"
#include "runtime/connect/java_regex.h"
#include "runtime/connect/settings.h"

#include <stdlib.h>

typedef weir_code predicate_test(predicate *self, const weir_batch *batch, const batch_entry *entry,
                                 bool *out, weir_error *err);

struct predicate {
    weir_str pattern, header;
    predicate_test *holds;
    java_regex *regex;
};

static weir_code topic_matches(predicate *self, const weir_batch *batch, const batch_entry *entry,
                               bool *out, weir_error *err)
{
    return java_regex_matches(self->regex, batch_topic_name(batch, entry->topic), out, err);
}

static weir_code has_header(predicate *self, const weir_batch *batch, const batch_entry *entry,
                            bool *out, weir_error *err)
{
    weir_header header;
    (void)err;

    *out = batch_header_find(batch, entry, self->header, &header);
    return WEIR_OK;
}

static weir_code is_tombstone(predicate *self, const weir_batch *batch, const batch_entry *entry,
                              bool *out, weir_error *err)
{
    (void)self, (void)batch, (void)err;
    *out = entry->value.len == BATCH_NULL;
    return WEIR_OK;
}

static const weir_field pattern_field[] = {
    WEIR_FIELD(predicate, pattern, .name = "pattern", .check = java_regex_check,
               .doc = "Regular expression that matches the whole name of a topic."),
};

static const weir_field header_field[] = {
    WEIR_FIELD(predicate, header, .name = "name", .doc = "The header's name."),
};

static const struct {
    const char *name, *java_class;
    const weir_field *fields;
    size_t field_count;
    predicate_test *holds;
} types[] = {
    {"topic-name-matches", "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
     pattern_field, 1, topic_matches},
    {"has-header-key", "org.apache.kafka.connect.transforms.predicates.HasHeaderKey", header_field,
     1, has_header},
    {"record-is-tombstone", "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
     NULL, 0, is_tombstone},
};

predicate *predicate_open(const config_setting *settings, size_t count, weir_str name,
                          config_severity unknown, weir_task *memory, config_issues *issues)
{
    config_setting *own = mem_zalloc(count + 1, sizeof(*own));
    size_t own_count = settings_of(settings, count, "predicates", name, own);
    weir_str wanted = settings_get(own, own_count, WEIR_STR("type"));
    size_t first = config_issue_count(issues);
    predicate *self = mem_zalloc(1, sizeof(*self));
    WEIR_CLEANUP(weir_buf_done) weir_buf prefix = {0};
    weir_error err;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && self->holds == NULL; i++) {
        config_table table = {types[i].fields, types[i].field_count, sizeof(weir_field)};

        if (!weir_str_eq(weir_cstr(types[i].name), wanted) &&
            !weir_str_eq(weir_cstr(types[i].java_class), wanted))
            continue;
        self->holds = types[i].holds;
        config_bind(&table, own, settings_without(own, own_count, WEIR_STR("type")), unknown, NULL,
                    memory, self, issues);
    }
    if (self->holds == NULL)
        config_issue_add(issues, WEIR_STR("type"), CONFIG_ERROR,
                         "\"%.*s\" is none of topic-name-matches, has-header-key and "
                         "record-is-tombstone, nor the Java class name of one of these",
                         WEIR_ARG(wanted));
    else if (self->holds == topic_matches && !config_has_error(issues) &&
             java_regex_new(self->pattern, &self->regex, &err) != WEIR_OK)
        config_issue_add(issues, WEIR_STR("pattern"), CONFIG_ERROR, "%s", err.message);
    weir_buf_printf(&prefix, "predicates.%.*s.", WEIR_ARG(name));
    config_issues_prefix(issues, first, weir_buf_str(&prefix));
    free(own);
    if (!config_has_error(issues))
        return self;
    predicate_close(self);
    return NULL;
}

void predicate_close(predicate *self)
{
    if (self == NULL)
        return;
    java_regex_free(self->regex);
    free(self);
}

weir_code predicate_holds(predicate *self, const weir_batch *batch, const batch_entry *entry,
                          bool *out, weir_error *err)
{
    return self->holds(self, batch, entry, out, err);
}

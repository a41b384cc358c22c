/* predicate.c - Kafka Connect's predicates: TopicNameMatches, HasHeaderKey, RecordIsTombstone. */
#include "runtime/connect/predicate.h"

#include "runtime/base/mem.h"
#include "runtime/connect/settings.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

struct predicate {
    weir_str pattern, header;
    bool (*holds)(predicate *self, const weir_batch *batch, const batch_entry *entry);
    pcre2_code *code;
    pcre2_match_data *match;
};

static bool topic_matches(predicate *self, const weir_batch *batch, const batch_entry *entry)
{
    weir_str topic = batch_topic_name(batch, entry->topic);

    return pcre2_match(self->code, (PCRE2_SPTR)topic.ptr, topic.len, 0, 0, self->match, NULL) >= 0;
}

static bool has_header(predicate *self, const weir_batch *batch, const batch_entry *entry)
{
    weir_header header;

    return batch_header_find(batch, entry, self->header, &header);
}

static bool is_tombstone(predicate *self, const weir_batch *batch, const batch_entry *entry)
{
    (void)self, (void)batch;
    return entry->value.len == BATCH_NULL;
}

static const weir_field pattern_field[] = {
    WEIR_FIELD(predicate, pattern, .name = "pattern",
               .doc = "Regular expression that matches the whole name of a topic."),
};

static const weir_field header_field[] = {
    WEIR_FIELD(predicate, header, .name = "name", .doc = "The header's name."),
};

static const struct {
    const char *name, *java_class;
    const weir_field *fields;
    size_t field_count;
    bool (*holds)(predicate *self, const weir_batch *batch, const batch_entry *entry);
} types[] = {
    {"topic-name-matches", "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
     pattern_field, 1, topic_matches},
    {"has-header-key", "org.apache.kafka.connect.transforms.predicates.HasHeaderKey", header_field,
     1, has_header},
    {"record-is-tombstone", "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
     NULL, 0, is_tombstone},
};

static void compile(predicate *self, weir_str name, config_issues *issues)
{
    PCRE2_SIZE at;
    int problem;

    self->code = pcre2_compile((PCRE2_SPTR)self->pattern.ptr, self->pattern.len,
                               PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &problem, &at, NULL);
    if (self->code == NULL) {
        char reason[128];

        pcre2_get_error_message(problem, (PCRE2_UCHAR *)reason, sizeof(reason));
        config_issue_add(issues, name, CONFIG_ERROR,
                         "\"%.*s\" is no regular expression: %s at character %zu",
                         WEIR_ARG(self->pattern), reason, (size_t)at + 1);
        return;
    }
    self->match = pcre2_match_data_create_from_pattern(self->code, NULL);
}

predicate *predicate_open(const config_setting *settings, size_t count, weir_str name,
                          config_severity unknown, weir_task *memory, config_issues *issues)
{
    config_setting *own = mem_zalloc(count + 1, sizeof(*own));
    size_t own_count = settings_of(settings, count, "predicates", name, own);
    weir_str wanted = settings_get(own, own_count, WEIR_STR("type"));
    predicate *self = mem_zalloc(1, sizeof(*self));

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
        config_issue_add(issues, name, CONFIG_ERROR,
                         "predicates.%.*s.type is none of topic-name-matches, has-header-key and "
                         "record-is-tombstone, nor the Java class name of one of these",
                         WEIR_ARG(name));
    else if (self->holds == topic_matches && !config_has_error(issues))
        compile(self, name, issues);
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
    pcre2_match_data_free(self->match);
    pcre2_code_free(self->code);
    free(self);
}

bool predicate_holds(predicate *self, const weir_batch *batch, const batch_entry *entry)
{
    return self->holds(self, batch, entry);
}

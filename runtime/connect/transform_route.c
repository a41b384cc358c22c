/* transform_route.c - another topic by a regular expression: Kafka's RegexRouter.
 *
 * As in Java, the expression must match the whole name, and $1 in the replacement is its first group.
 */
#include "runtime/connect/transform.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

enum { TOPIC_MAX = 1024 };

typedef struct route {
    weir_str regex, replacement;
    pcre2_code *code;
    pcre2_match_data *match;
    weir_buf last_from, last_to; /* neighbours mostly have the same topic */
} route;

static const weir_field fields[] = {
    WEIR_FIELD(route, regex, .name = "regex",
               .doc = "Regular expression that matches the whole name of a topic."),
    WEIR_FIELD(route, replacement, .name = "replacement",
               .doc = "The topic's new name; $1 is the first group of the expression."),
};

static weir_code route_open(void *state, weir_error *err)
{
    route *self = state;
    int problem;
    PCRE2_SIZE at;

    self->code = pcre2_compile((PCRE2_SPTR)self->regex.ptr, self->regex.len,
                               PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &problem, &at, NULL);
    if (self->code == NULL) {
        char reason[128];

        pcre2_get_error_message(problem, (PCRE2_UCHAR *)reason, sizeof(reason));
        return weir_fail(err, WEIR_CONFIG, "\"%.*s\" is no regular expression: %s at character %zu",
                         WEIR_ARG(self->regex), reason, (size_t)at + 1);
    }
    self->match = pcre2_match_data_create_from_pattern(self->code, NULL);
    return WEIR_OK;
}

static weir_code replace(route *self, weir_str topic, weir_error *err)
{
    char out[TOPIC_MAX];
    PCRE2_SIZE size = sizeof(out);
    int count = pcre2_substitute(self->code, (PCRE2_SPTR)topic.ptr, topic.len, 0, 0, self->match,
                                 NULL, (PCRE2_SPTR)self->replacement.ptr, self->replacement.len,
                                 (PCRE2_UCHAR *)out, &size);

    if (count < 0) {
        char reason[128];

        pcre2_get_error_message(count, (PCRE2_UCHAR *)reason, sizeof(reason));
        return weir_fail(err, WEIR_FATAL, "replacement \"%.*s\" of topic \"%.*s\": %s",
                         WEIR_ARG(self->replacement), WEIR_ARG(topic), reason);
    }
    weir_buf_clear(&self->last_from);
    weir_buf_add_str(&self->last_from, topic);
    weir_buf_clear(&self->last_to);
    weir_buf_add_str(&self->last_to, count > 0 ? (weir_str){out, size} : topic);
    return WEIR_OK;
}

static weir_code route_apply(void *state, weir_batch *batch, batch_entry *entry, weir_error *err)
{
    route *self = state;
    weir_str topic = batch_topic_name(batch, entry->topic);

    if (!weir_str_eq(topic, weir_buf_str(&self->last_from)) && replace(self, topic, err) != WEIR_OK)
        return err->code;
    entry->topic = batch_topic(batch, weir_buf_str(&self->last_to));
    return WEIR_OK;
}

static void route_close(void *state)
{
    route *self = state;

    pcre2_match_data_free(self->match);
    pcre2_code_free(self->code);
    weir_buf_done(&self->last_from);
    weir_buf_done(&self->last_to);
}

const transform_type transform_route = {
    .name = "route",
    .java_class = "org.apache.kafka.connect.transforms.RegexRouter",
    .summary = "Renames topics by a regular expression.",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .state_size = sizeof(route),
    .open = route_open,
    .apply = route_apply,
    .close = route_close,
};

/* transform_route.c - another topic by a regular expression: Kafka's RegexRouter.
 *
 * As there, the expression must match the whole name; then the first place that it matches, which need not be the
 * whole, is replaced, and $1 is the first group of that.
 */
#include "runtime/connect/java_regex.h"
#include "runtime/connect/transform.h"

#include <string.h>

typedef struct route {
    weir_str regex, replacement;
    java_regex *compiled;
    weir_buf last_from, last_to; /* neighbours mostly have the same topic */
} route;

static const weir_field fields[] = {
    WEIR_FIELD(route, regex, .name = "regex", .check = java_regex_check,
               .doc = "Regular expression that matches the whole name of a topic."),
    WEIR_FIELD(route, replacement, .name = "replacement",
               .doc = "The topic's new name; $1 is the first group of the expression."),
};

static bool has_reference(weir_str text)
{
    return memmem(text.ptr, text.len, "${env:", 6) != NULL ||
           memmem(text.ptr, text.len, "${file:", 7) != NULL;
}

static weir_code route_open(void *state, weir_error *err)
{
    route *self = state;

    if (java_regex_new(self->regex, &self->compiled, err) != WEIR_OK)
        return err->code;
    if (has_reference(self->replacement))
        return WEIR_OK; /* only checked: a task's settings have none left */
    return java_regex_check_replacement(self->compiled, self->replacement, err);
}

static weir_code replace(route *self, weir_str topic, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf out = {0};
    bool matches;

    if (java_regex_matches(self->compiled, topic, &matches, err) != WEIR_OK)
        return err->code;
    if (!matches)
        weir_buf_add_str(&out, topic);
    else if (java_regex_replace(self->compiled, topic, self->replacement, &out, err) != WEIR_OK)
        return err->code;
    weir_buf_clear(&self->last_from);
    weir_buf_add_str(&self->last_from, topic);
    weir_buf_clear(&self->last_to);
    weir_buf_add_str(&self->last_to, weir_buf_str(&out));
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

    java_regex_free(self->compiled);
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

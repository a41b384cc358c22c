/* selector.c - topics by name or regular expression. */
#include "runtime/connect/selector.h"

#include "runtime/base/mem.h"
#include "runtime/connect/java_regex.h"

#include <stdlib.h>
#include <string.h>

struct selector {
    weir_list topics;
    java_regex *regex; /* NULL: none */
};

weir_code selector_new(weir_list topics, weir_str regex, selector **out, weir_error *err)
{
    selector *self = mem_zalloc(1, sizeof(*self));

    self->topics = topics;
    if (regex.len > 0 && java_regex_new(regex, &self->regex, err) != WEIR_OK) {
        selector_free(self);
        return weir_wrap(err, "topics.regex");
    }
    *out = self;
    return WEIR_OK;
}

void selector_free(selector *self)
{
    if (self == NULL)
        return;
    java_regex_free(self->regex);
    free(self);
}

static bool is_internal(weir_str topic)
{
    return (topic.len > 2 && memcmp(topic.ptr, "__", 2) == 0) ||
           weir_str_eq(topic, WEIR_STR("_schemas"));
}

weir_code selector_matches(const selector *self, weir_str topic, bool *out, weir_error *err)
{
    *out = false;
    for (size_t i = 0; i < self->topics.count && !*out; i++)
        *out = weir_str_eq(self->topics.items[i], topic);
    if (*out || self->regex == NULL || is_internal(topic))
        return WEIR_OK;
    return java_regex_matches(self->regex, topic, out, err);
}

/* selector.c - topics by name or regular expression. */
#include "runtime/connect/selector.h"

#include "runtime/base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

struct selector {
    weir_list topics;
    pcre2_code *regex; /* NULL: none */
    pcre2_match_data *match;
};

weir_code selector_new(weir_list topics, weir_str regex, selector **out, weir_error *err)
{
    selector *self = mem_zalloc(1, sizeof(*self));
    PCRE2_UCHAR reason[120] = "";
    PCRE2_SIZE at;
    int problem;

    self->topics = topics;
    *out = self;
    if (regex.len == 0)
        return WEIR_OK;
    self->regex =
        pcre2_compile((PCRE2_SPTR)regex.ptr, regex.len,
                      PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &problem, &at, NULL);
    if (self->regex != NULL) {
        self->match = pcre2_match_data_create_from_pattern(self->regex, NULL);
        return WEIR_OK;
    }
    selector_free(self);
    *out = NULL;
    (void)pcre2_get_error_message(problem, reason, sizeof(reason)); /* cut when it is longer */
    return weir_fail(err, WEIR_CONFIG,
                     "topics.regex \"%.*s\" is no regular expression: %s at character %zu",
                     WEIR_ARG(regex), (const char *)reason, at + 1);
}

void selector_free(selector *self)
{
    if (self == NULL)
        return;
    pcre2_match_data_free(self->match);
    pcre2_code_free(self->regex);
    free(self);
}

static bool is_internal(weir_str topic)
{
    return (topic.len > 2 && memcmp(topic.ptr, "__", 2) == 0) ||
           weir_str_eq(topic, WEIR_STR("_schemas"));
}

bool selector_matches(const selector *self, weir_str topic)
{
    for (size_t i = 0; i < self->topics.count; i++)
        if (weir_str_eq(self->topics.items[i], topic))
            return true;
    return self->regex != NULL && !is_internal(topic) &&
           pcre2_match(self->regex, (PCRE2_SPTR)topic.ptr, topic.len, 0, 0, self->match, NULL) >= 0;
}

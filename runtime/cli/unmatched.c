/* unmatched.c - sinks that read no topic. */
#include "runtime/cli/unmatched.h"

#include "runtime/base/diag.h"

#include <string.h>

enum { SHOWN_TOPICS = 8 };

static bool reads_a_topic(worker *running, weir_str name)
{
    json_t *status = worker_status(running, name), *task;
    bool reads = status == NULL; /* deleted over REST: nothing to tell */
    size_t i;

    json_array_foreach(json_object_get(status, "tasks"), i, task) reads |=
        json_array_size(json_object_get(task, "partitions")) > 0;
    json_decref(status);
    return reads;
}

static bool is_internal(weir_str topic)
{
    return (topic.len > 2 && memcmp(topic.ptr, "__", 2) == 0) ||
           weir_str_eq(topic, WEIR_STR("_schemas"));
}

/* The first few of the topics that there are; how many that is. */
static int add_topics(log *backend, weir_buf *out)
{
    weir_str after = {0};
    log_topic topic;
    int count = 0;

    while (log_topic_next(backend, &after, &topic)) {
        if (is_internal(topic.name))
            continue;
        if (count < SHOWN_TOPICS)
            weir_buf_printf(out, "%s%.*s", count > 0 ? ", " : "", WEIR_ARG(topic.name));
        count++;
    }
    if (count > SHOWN_TOPICS)
        weir_buf_printf(out, " and %d more", count - SHOWN_TOPICS);
    if (count == 0)
        weir_buf_add_str(out, WEIR_STR("none yet"));
    return count;
}

bool unmatched_tell(worker *running, log *backend, const pipeline_set *set, weir_error *err)
{
    bool good = true;

    for (size_t i = 0; i < pipeline_connector_count(set); i++) {
        const pipeline_connector *one = pipeline_connector_at(set, i);
        const pipeline_setting *names = pipeline_setting_of(one, WEIR_STR("topics"));
        const pipeline_setting *pattern = pipeline_setting_of(one, WEIR_STR("topics.regex"));
        WEIR_CLEANUP(weir_buf_done) weir_buf there = {0};
        weir_str asked;
        int topics;

        if (!one->is_sink || (names == NULL && pattern == NULL) ||
            reads_a_topic(running, one->name))
            continue;
        asked = names != NULL ? names->value : pattern->value;
        topics = add_topics(backend, &there);
        diag_with(WEIR_WARN, &(diag_pair){"connector", one->name}, 1,
                  "no topic matches %s \"%.*s\"; there are: %s",
                  names != NULL ? "topics" : "the pattern of topics", WEIR_ARG(asked),
                  weir_buf_cstr(&there));
        if (names != NULL && topics > 0 && good) { /* without any, sources had nothing to send */
            good = false;
            weir_fail(err, WEIR_CONFIG,
                      "sink %.*s has read nothing: there is no topic \"%.*s\"; there are: %s",
                      WEIR_ARG(one->name), WEIR_ARG(asked), weir_buf_cstr(&there));
        }
    }
    return good;
}

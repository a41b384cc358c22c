/* index.c - finding, making and identifying indices. */
#include "index.h"

#include "document.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void index_table_init(index_table *table)
{
    table->entries = weir_map_new();
    table->numbers = weir_map_new();
}

void index_table_done(index_table *table)
{
    weir_map_free(table->entries);
    weir_map_free(table->numbers);
    weir_buf_done(&table->topics);
    *table = (index_table){0};
}

weir_str index_table_topic(const index_table *table, uint32_t number)
{
    return ((const weir_str *)(const void *)table->topics.ptr)[number];
}

static uint32_t topic_number(index_table *table, weir_task *task, weir_str topic)
{
    uintptr_t number = (uintptr_t)weir_map_get(table->numbers, topic);

    if (number == 0) {
        weir_str copy = weir_task_copy(task, topic);

        weir_buf_add(&table->topics, &copy, sizeof(copy));
        number = table->topics.len / sizeof(copy);
        weir_map_put(table->numbers, copy, (void *)number);
    }
    return (uint32_t)(number - 1);
}

weir_code index_name(weir_str topic, weir_buf *out, weir_error *err)
{
    static const char forbidden[] = "\\/*?\"<>| ,#:";

    if (topic.len == 0 || topic.len > 255 || strchr("-_+.", topic.ptr[0]) != NULL)
        return weir_fail(
            err, WEIR_CONFIG,
            "\"%.*s\" cannot be the name of an index: it is empty, longer than 255 bytes "
            "or begins with one of - _ + . (the route transform renames it)",
            WEIR_ARG(topic));
    for (size_t i = 0; i < topic.len; i++) {
        char c = topic.ptr[i];

        if (strchr(forbidden, c) != NULL)
            return weir_fail(err, WEIR_CONFIG,
                             "\"%.*s\" cannot be the name of an index: it has a '%c' (the route "
                             "transform renames it)",
                             WEIR_ARG(topic), c);
        weir_buf_add_byte(out, c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c);
    }
    return WEIR_OK;
}

static const char *rule_of(bool by_position)
{
    return by_position ? "source position" : "log offset";
}

static weir_code refuse(weir_str index, const char *what, const char *theirs, const char *ours,
                        weir_error *err)
{
    return weir_fail(
        err, WEIR_FATAL,
        "index \"%.*s\" was written with another %s (\"%s\", this is \"%s\"), so new "
        "documents would look older than those in it and be dropped; either delete the "
        "index, or write to another one (route transform), or go back to the data "
        "directory that it was written from",
        WEIR_ARG(index), what, theirs, ours);
}

/* The mapping's _meta, borrowed; NULL when there is none. */
static json_t *meta_of(const json_t *root)
{
    json_t *only =
        json_object_iter_value(json_object_iter((json_t *)root)); /* an alias has another name */

    return json_object_get(json_object_get(only, "mappings"), "_meta");
}

static weir_code check_meta(const json_t *ours, weir_str index, const index_identity *identity,
                            enum index_state *state, weir_error *err)
{
    const char *log = json_string_value(json_object_get(ours, "log"));
    const char *rule = json_string_value(json_object_get(ours, "version"));
    const char *topic;

    *state = INDEX_UNMARKED;
    if (ours == NULL)
        return WEIR_OK;
    if (log == NULL || !weir_str_eq(weir_cstr(log), identity->log_id))
        return refuse(index, "log", log != NULL ? log : "", identity->log_id.ptr, err);
    if (rule == NULL || strcmp(rule, rule_of(identity->by_position)) != 0)
        return refuse(index, "rule for versions", rule != NULL ? rule : "",
                      rule_of(identity->by_position), err);
    *state = INDEX_OURS;
    if (identity->by_position)
        return WEIR_OK;
    topic = json_string_value(json_object_getn(json_object_get(ours, "topics"), identity->topic.ptr,
                                               identity->topic.len));
    if (topic == NULL)
        *state = INDEX_NEW_TOPIC;
    else if (!weir_str_eq(weir_cstr(topic), identity->topic_id))
        return refuse(index, "topic of the same name, deleted and made again since", topic,
                      identity->topic_id.ptr, err);
    return WEIR_OK;
}

weir_code index_check_identity(weir_str mapping, weir_str index, const index_identity *identity,
                               enum index_state *state, weir_error *err)
{
    json_t *root = json_loadb(mapping.ptr != NULL ? mapping.ptr : "", mapping.len, 0, NULL);
    weir_code code;

    if (root == NULL)
        return weir_fail(err, WEIR_RETRY, "the mapping of index \"%.*s\" is no JSON",
                         WEIR_ARG(index));
    code = check_meta(json_object_get(meta_of(root), "weir"), index, identity, state, err);
    json_decref(root);
    return code;
}

static json_t *text_of(weir_str text)
{
    return json_stringn(text.ptr != NULL ? text.ptr : "", text.len);
}

void index_add_meta(weir_str mapping, const index_identity *identity, weir_buf *out)
{
    json_t *root = json_loadb(mapping.ptr != NULL ? mapping.ptr : "", mapping.len, 0, NULL);
    json_t *there = meta_of(root), *meta = there != NULL ? json_deep_copy(there) : json_object();
    json_t *ours = json_object_get(meta, "weir");
    json_t *topics;
    char *text;

    if (ours == NULL)
        json_object_set_new(meta, "weir", ours = json_object());
    json_object_set_new(ours, "log", text_of(identity->log_id));
    json_object_set_new(ours, "version", json_string(rule_of(identity->by_position)));
    if (!identity->by_position) {
        topics = json_object_get(ours, "topics");
        if (topics == NULL)
            json_object_set_new(ours, "topics", topics = json_object());
        json_object_setn_new(topics, identity->topic.ptr, identity->topic.len,
                             text_of(identity->topic_id));
    }
    text = json_dumps(meta, JSON_COMPACT);
    weir_buf_add_str(out, WEIR_STR("\"_meta\":"));
    weir_buf_add_str(out, weir_cstr(text));
    free(text);
    json_decref(meta);
    json_decref(root);
}

static void path_of(const index_context *context, weir_str index, const char *rest, weir_buf *out)
{
    weir_buf_clear(out);
    weir_buf_add_byte(out, '/');
    http_escape(client_http(context->client), index, out);
    weir_buf_add_str(out, weir_cstr(rest));
}

/* One request whose answer has to be 200. */
static weir_code request(const index_context *context, const http_call *call, weir_buf *answer,
                         weir_error *err)
{
    long status = 0;

    if (http_request(client_http(context->client), call, answer, &status, err) != WEIR_OK)
        return err->code;
    if (status == 200)
        return WEIR_OK;
    return weir_fail(err, WEIR_FATAL, "%s %.*s was answered with status %ld: %.*s", call->method,
                     WEIR_ARG(call->path), status, answer->len > 300 ? 300 : (int)answer->len,
                     answer->ptr);
}

/* An index on its way into the table. */
typedef struct index_setup {
    const index_context *context;
    const index_entry *entry;
    index_identity identity;
    weir_buf path, body, answer;
} index_setup;

static void setup_done(index_setup *setup)
{
    weir_buf_done(&setup->path);
    weir_buf_done(&setup->body);
    weir_buf_done(&setup->answer);
}

static weir_code make_index(index_setup *setup, const weir_record *record, weir_error *err)
{
    const index_context *context = setup->context;
    weir_str name = setup->entry->name;
    long status = 0;

    path_of(context, name, "", &setup->path);
    weir_buf_clear(&setup->body);
    weir_buf_add_str(&setup->body, WEIR_STR("{\"mappings\":{"));
    index_add_meta((weir_str){0}, &setup->identity, &setup->body);
    if (record->value_schema != NULL && record->value.ptr != NULL &&
        weir_schema_type(record->value_schema) == WEIR_TYPE_RECORD &&
        !settings_schema_is_ignored(context->settings, record->topic)) {
        weir_buf_add_str(&setup->body, WEIR_STR(",\"properties\":"));
        document_mapping(record->value_schema, &setup->body);
    }
    weir_buf_add_str(&setup->body, WEIR_STR("}}"));
    if (http_request(client_http(context->client),
                     &(http_call){"PUT", weir_buf_str(&setup->path), weir_buf_str(&setup->body)},
                     &setup->answer, &status, err) != WEIR_OK)
        return err->code;
    if (status != 200 &&
        strstr(weir_buf_cstr(&setup->answer), "resource_already_exists_exception") == NULL)
        return weir_fail(err, WEIR_FATAL, "could not create index \"%.*s\": status %ld: %.*s",
                         WEIR_ARG(name), status,
                         setup->answer.len > 300 ? 300 : (int)setup->answer.len, setup->answer.ptr);
    return WEIR_OK;
}

static weir_code read_mapping(index_setup *setup, long *status, weir_error *err)
{
    path_of(setup->context, setup->entry->name, "/_mapping", &setup->path);
    if (http_request(client_http(setup->context->client),
                     &(http_call){"GET", weir_buf_str(&setup->path), {0}}, &setup->answer, status,
                     err) != WEIR_OK)
        return err->code;
    if (*status == 200 || *status == 404)
        return WEIR_OK;
    return weir_fail(err, WEIR_FATAL, "could not read the mapping of index \"%.*s\": status %ld",
                     WEIR_ARG(setup->entry->name), *status);
}

/* An index that somebody else made: ours when it is empty. */
static weir_code check_empty(index_setup *setup, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf answer = {0};
    json_t *root;
    json_int_t count;

    path_of(setup->context, setup->entry->name, "/_refresh", &setup->path);
    if (request(setup->context, &(http_call){"POST", weir_buf_str(&setup->path), {"", 0}}, &answer,
                err) != WEIR_OK)
        return err->code;
    path_of(setup->context, setup->entry->name, "/_count", &setup->path);
    if (request(setup->context, &(http_call){"GET", weir_buf_str(&setup->path), {0}}, &answer,
                err) != WEIR_OK)
        return err->code;
    root = json_loadb(answer.ptr, answer.len, 0, NULL);
    count = json_integer_value(json_object_get(root, "count"));
    json_decref(root);
    if (root == NULL || count > 0)
        return refuse(setup->entry->name, "program", "unknown", "weir", err);
    return WEIR_OK;
}

/* Adds our identity to what the mapping, which was read last, says of itself. */
static weir_code mark_index(index_setup *setup, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf answer = {0};

    weir_buf_clear(&setup->body);
    weir_buf_add_byte(&setup->body, '{');
    index_add_meta(weir_buf_str(&setup->answer), &setup->identity, &setup->body);
    weir_buf_add_byte(&setup->body, '}');
    path_of(setup->context, setup->entry->name, "/_mapping", &setup->path);
    return request(setup->context,
                   &(http_call){"PUT", weir_buf_str(&setup->path), weir_buf_str(&setup->body)},
                   &answer, err);
}

static weir_code identify(index_setup *setup, const weir_record *record, weir_error *err)
{
    enum index_state state = INDEX_UNMARKED;
    long status = 0;

    if (read_mapping(setup, &status, err) != WEIR_OK)
        return err->code;
    if (status == 404) { /* another task, or a template with a _meta of its own, may come first */
        if (make_index(setup, record, err) != WEIR_OK ||
            read_mapping(setup, &status, err) != WEIR_OK)
            return err->code;
        if (status == 404)
            return weir_fail(err, WEIR_RETRY, "index \"%.*s\" was made and is gone again",
                             WEIR_ARG(setup->entry->name));
    }
    if (index_check_identity(weir_buf_str(&setup->answer), setup->entry->name, &setup->identity,
                             &state, err) != WEIR_OK)
        return err->code;
    if (state == INDEX_OURS)
        return WEIR_OK;
    if (state == INDEX_UNMARKED && check_empty(setup, err) != WEIR_OK)
        return err->code;
    return mark_index(setup, err);
}

static index_entry *make_entry(index_table *table, const index_context *context,
                               const weir_record *record, weir_str name, bool by_position)
{
    index_entry *entry = weir_task_alloc(context->task, sizeof(*entry));

    *entry = (index_entry){.name = weir_task_copy(context->task, name),
                           .number = topic_number(table, context->task, record->log_topic),
                           .by_position = by_position};
    return entry;
}

weir_code index_find(index_table *table, const index_context *context, const weir_record *record,
                     bool by_position, const index_entry **out, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, name = {0};
    WEIR_CLEANUP(setup_done)
    index_setup setup = {.context = context,
                         .identity = {.log_id = weir_task_log_id(context->task),
                                      .by_position = by_position,
                                      .topic = record->log_topic}};
    index_entry *entry;

    weir_buf_add_str(&key, record->log_topic);
    weir_buf_add_byte(&key, '\n'); /* in no topic's name */
    weir_buf_add_str(&key, record->topic);
    entry = weir_map_get(table->entries, weir_buf_str(&key));
    if (entry == NULL) {
        if (index_name(record->topic, &name, err) != WEIR_OK)
            return err->code;
        entry = make_entry(table, context, record, weir_buf_str(&name), by_position);
        setup.entry = entry;
        setup.identity.topic_id = weir_task_topic_id(context->task, record->log_topic);
        if (identify(&setup, record, err) != WEIR_OK)
            return err->code;
        weir_map_put(table->entries, weir_buf_str(&key), entry);
    }
    if (entry->by_position != by_position)
        return weir_fail(
            err, WEIR_REJECT,
            "the record's version would be its %s, but index \"%.*s\" has versions by %s",
            rule_of(by_position), WEIR_ARG(entry->name), rule_of(entry->by_position));
    *out = entry;
    return WEIR_OK;
}

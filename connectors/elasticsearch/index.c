/* index.c - finding, making and identifying indices. */
#include "index.h"

#include "document.h"

#include <jansson.h>
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

weir_code index_check_identity(weir_str mapping, weir_str index, weir_str log_id, bool by_position,
                               bool *known, weir_error *err)
{
    json_t *root = json_loadb(mapping.ptr != NULL ? mapping.ptr : "", mapping.len, 0, NULL);
    json_t *only = json_object_iter_value(json_object_iter(root)); /* an alias has another name */
    json_t *meta =
        json_object_get(json_object_get(json_object_get(only, "mappings"), "_meta"), "weir");
    const char *log = json_string_value(json_object_get(meta, "log"));
    const char *rule = json_string_value(json_object_get(meta, "version"));
    weir_code code = WEIR_OK;

    *known = meta != NULL;
    if (root == NULL)
        code =
            weir_fail(err, WEIR_RETRY, "the mapping of index \"%.*s\" is no JSON", WEIR_ARG(index));
    else if (meta != NULL && (log == NULL || !weir_str_eq(weir_cstr(log), log_id)))
        code = refuse(index, "log", log != NULL ? log : "", log_id.ptr, err);
    else if (meta != NULL && (rule == NULL || strcmp(rule, rule_of(by_position)) != 0))
        code =
            refuse(index, "rule for versions", rule != NULL ? rule : "", rule_of(by_position), err);
    json_decref(root);
    return code;
}

static void add_meta(const index_context *context, bool by_position, weir_buf *out)
{
    weir_buf_add_str(out, WEIR_STR("\"_meta\":{\"weir\":{\"log\":"));
    weir_buf_add_json(out, weir_task_log_id(context->task));
    weir_buf_printf(out, ",\"version\":\"%s\"}}", rule_of(by_position));
}

static void path_of(weir_str index, const char *rest, weir_buf *out)
{
    weir_buf_clear(out);
    weir_buf_add_byte(out, '/');
    weir_buf_add_str(out, index);
    weir_buf_add_str(out, weir_cstr(rest));
}

/* One request whose answer has to be 200. */
static weir_code request(const index_context *context, const char *method, weir_str path,
                         weir_str body, weir_buf *answer, weir_error *err)
{
    long status = 0;

    if (client_request(context->client, method, path, body, answer, &status, err) != WEIR_OK)
        return err->code;
    if (status == 200)
        return WEIR_OK;
    return weir_fail(err, WEIR_FATAL, "%s %.*s was answered with status %ld: %.*s", method,
                     WEIR_ARG(path), status, answer->len > 300 ? 300 : (int)answer->len,
                     answer->ptr);
}

static weir_code make_index(const index_context *context, const index_entry *entry,
                            const weir_record *record, weir_buf *answer, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf path = {0}, body = {0};
    long status = 0;

    path_of(entry->name, "", &path);
    weir_buf_add_str(&body, WEIR_STR("{\"mappings\":{"));
    add_meta(context, entry->by_position, &body);
    if (record->value_schema != NULL && record->value.ptr != NULL &&
        weir_schema_type(record->value_schema) == WEIR_TYPE_RECORD &&
        !settings_schema_is_ignored(context->settings, record->topic)) {
        weir_buf_add_str(&body, WEIR_STR(",\"properties\":"));
        document_mapping(record->value_schema, &body);
    }
    weir_buf_add_str(&body, WEIR_STR("}}"));
    if (client_request(context->client, "PUT", weir_buf_str(&path), weir_buf_str(&body), answer,
                       &status, err) != WEIR_OK)
        return err->code;
    if (status != 200 && strstr(weir_buf_cstr(answer), "resource_already_exists_exception") == NULL)
        return weir_fail(err, WEIR_FATAL, "could not create index \"%.*s\": status %ld: %.*s",
                         WEIR_ARG(entry->name), status, answer->len > 300 ? 300 : (int)answer->len,
                         answer->ptr);
    return WEIR_OK;
}

/* An index that somebody else made: ours when it is empty. */
static weir_code adopt_index(const index_context *context, const index_entry *entry,
                             weir_buf *answer, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf path = {0}, body = {0};
    json_t *root;
    json_int_t count;

    path_of(entry->name, "/_refresh", &path);
    if (request(context, "POST", weir_buf_str(&path), (weir_str){"", 0}, answer, err) != WEIR_OK)
        return err->code;
    path_of(entry->name, "/_count", &path);
    if (request(context, "GET", weir_buf_str(&path), (weir_str){0}, answer, err) != WEIR_OK)
        return err->code;
    root = json_loadb(answer->ptr, answer->len, 0, NULL);
    count = json_integer_value(json_object_get(root, "count"));
    json_decref(root);
    if (root == NULL || count > 0)
        return refuse(entry->name, "program", "unknown", "weir", err);
    path_of(entry->name, "/_mapping", &path);
    weir_buf_add_byte(&body, '{');
    add_meta(context, entry->by_position, &body);
    weir_buf_add_byte(&body, '}');
    return request(context, "PUT", weir_buf_str(&path), weir_buf_str(&body), answer, err);
}

static weir_code identify(const index_context *context, const index_entry *entry,
                          const weir_record *record, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf path = {0}, answer = {0};
    long status = 0;
    bool known;

    path_of(entry->name, "/_mapping", &path);
    if (client_request(context->client, "GET", weir_buf_str(&path), (weir_str){0}, &answer, &status,
                       err) != WEIR_OK)
        return err->code;
    if (status == 404) {
        if (make_index(context, entry, record, &answer, err) != WEIR_OK)
            return err->code;
        /* Another task, or an index template with a _meta of its own, may have come first. */
        if (request(context, "GET", weir_buf_str(&path), (weir_str){0}, &answer, err) != WEIR_OK)
            return err->code;
    } else if (status != 200) {
        return weir_fail(err, WEIR_FATAL,
                         "could not read the mapping of index \"%.*s\": status %ld",
                         WEIR_ARG(entry->name), status);
    }
    if (index_check_identity(weir_buf_str(&answer), entry->name, weir_task_log_id(context->task),
                             entry->by_position, &known, err) != WEIR_OK)
        return err->code;
    return known ? WEIR_OK : adopt_index(context, entry, &answer, err);
}

weir_code index_find(index_table *table, const index_context *context, const weir_record *record,
                     bool by_position, index_entry **out, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, name = {0};
    index_entry *entry;

    weir_buf_add_str(&key, record->log_topic);
    weir_buf_add_byte(&key, '\n'); /* in no topic's name */
    weir_buf_add_str(&key, record->topic);
    entry = weir_map_get(table->entries, weir_buf_str(&key));
    if (entry == NULL) {
        if (index_name(record->topic, &name, err) != WEIR_OK)
            return err->code;
        entry = weir_task_alloc(context->task, sizeof(*entry));
        entry->name = weir_task_copy(context->task, weir_buf_str(&name));
        entry->number = topic_number(table, context->task, record->log_topic);
        entry->id_is_key = !settings_key_is_ignored(context->settings, record->topic);
        entry->by_position = by_position;
        if (identify(context, entry, record, err) != WEIR_OK)
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

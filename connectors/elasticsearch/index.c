/* index.c - finding, making and identifying indices. */
#include "index.h"

#include "document.h"

#include <jansson.h>
#include <stdio.h>
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
    weir_buf_done(&table->key);
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

/* One who the index was written by, against one who is about to. */
typedef struct index_conflict {
    weir_str index;
    const char *what, *theirs;
    weir_str ours;
    bool adoptable;
} index_conflict;

static weir_code refuse(const index_conflict *conflict, weir_error *err)
{
    weir_code code =
        weir_fail(err, WEIR_FATAL,
                  "index \"%.*s\" was written with another %s (\"%s\", this is \"%.*s\"), so new "
                  "documents would look older than those in it and be dropped; either delete the "
                  "index, or write to another one (route transform), or go back to the data "
                  "directory%s that it was written from",
                  WEIR_ARG(conflict->index), conflict->what, conflict->theirs,
                  WEIR_ARG(conflict->ours), conflict->adoptable ? " and the database" : "");
    size_t len = strlen(err->message);

    if (conflict->adoptable)
        (void)snprintf(err->message + len, sizeof(err->message) - len,
                       ", or set index.adopt.from to \"%s\" if the positions of the database only "
                       "went on growing since",
                       conflict->theirs);
    return code;
}

/* The mapping's _meta, borrowed; NULL when there is none. */
static json_t *meta_of(const json_t *root)
{
    json_t *only =
        json_object_iter_value(json_object_iter((json_t *)root)); /* an alias has another name */

    return json_object_get(json_object_get(only, "mappings"), "_meta");
}

static bool adopts(const index_identity *identity, const char *text)
{
    for (size_t i = 0; i < identity->adopt_from.count; i++)
        if (identity->by_position && weir_str_eq(identity->adopt_from.items[i], weir_cstr(text)))
            return true;
    return false;
}

/* Whether the index has versions of this source; or of one that it goes on from. */
static weir_code check_source(const json_t *ours, weir_str index, const index_identity *identity,
                              enum index_state *state, weir_error *err)
{
    const json_t *sources = json_object_get(ours, "sources"), *one;
    const char *theirs = "";
    bool adopted = false;
    size_t i;

    json_array_foreach(sources, i, one)
    {
        theirs = json_string_value(one) != NULL ? json_string_value(one) : "";
        if (weir_str_eq(weir_cstr(theirs), identity->source))
            return WEIR_OK;
        adopted |= adopts(identity, theirs);
    }
    *state = INDEX_EXTENDED;
    return adopted
               ? WEIR_OK
               : refuse(&(index_conflict){index, "source", theirs, identity->source, true}, err);
}

/* Whether the index has documents of this topic, and no versions of an earlier one of its name. */
static weir_code check_topic(const json_t *ours, weir_str index, const index_identity *identity,
                             enum index_state *state, weir_error *err)
{
    const char *topic = json_string_value(json_object_getn(
        json_object_get(ours, "topics"), identity->topic.ptr, identity->topic.len));

    if (topic == NULL)
        *state = INDEX_EXTENDED;
    else if (!identity->by_position && !weir_str_eq(weir_cstr(topic), identity->topic_id))
        return refuse(&(index_conflict){index,
                                        "topic of the same name, deleted and made again since",
                                        topic, identity->topic_id, false},
                      err);
    return WEIR_OK;
}

static weir_code check_meta(const json_t *ours, weir_str index, const index_identity *identity,
                            enum index_state *state, weir_error *err)
{
    const char *log = json_string_value(json_object_get(ours, "log"));
    const char *rule = json_string_value(json_object_get(ours, "version"));

    *state = INDEX_UNMARKED;
    if (ours == NULL)
        return WEIR_OK;
    log = log != NULL ? log : "";
    rule = rule != NULL ? rule : "";
    *state = INDEX_OURS;
    if (strcmp(rule, rule_of(identity->by_position)) != 0)
        return refuse(&(index_conflict){index, "rule for versions", rule,
                                        weir_cstr(rule_of(identity->by_position)), false},
                      err);
    if (!weir_str_eq(weir_cstr(log), identity->log_id)) {
        if (!adopts(identity, log))
            return refuse(
                &(index_conflict){index, "log", log, identity->log_id, identity->by_position}, err);
        *state = INDEX_EXTENDED;
    }
    if (identity->by_position && check_source(ours, index, identity, state, err) != WEIR_OK)
        return err->code;
    return check_topic(ours, index, identity, state, err);
}

weir_code index_check_identity(weir_str mapping, weir_str index, const index_identity *identity,
                               enum index_state *state, weir_error *err)
{
    json_t *root = json_loadb(mapping.ptr != NULL ? mapping.ptr : "", mapping.len, 0, NULL);
    weir_code code;

    if (root == NULL)
        return weir_fail(err, WEIR_RETRY, "the mapping of index \"%.*s\" is no JSON",
                         WEIR_ARG(index));
    if (json_object_size(root) > 1)
        code = weir_fail(
            err, WEIR_FATAL,
            "\"%.*s\" is an alias of %zu indices: behind a rollover a document that "
            "changes, or is sent again, would be in two of them; write to an index, or to "
            "an alias of one (route transform)",
            WEIR_ARG(index), json_object_size(root));
    else
        code = check_meta(json_object_get(meta_of(root), "weir"), index, identity, state, err);
    json_decref(root);
    return code;
}

static json_t *text_of(weir_str text)
{
    return json_stringn(text.ptr != NULL ? text.ptr : "", text.len);
}

/* The member of a JSON object, made when it is not there; borrowed. */
static json_t *member_of(json_t *object, const char *name, json_t *(*make)(void))
{
    if (json_object_get(object, name) == NULL)
        json_object_set_new(object, name, make());
    return json_object_get(object, name);
}

static void add_once(json_t *list, weir_str text)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (weir_str_eq(weir_cstr(json_string_value(one)), text))
            return;
    }
    json_array_append_new(list, text_of(text));
}

void index_add_meta(weir_str mapping, const index_identity *identity, weir_buf *out)
{
    json_t *root = json_loadb(mapping.ptr != NULL ? mapping.ptr : "", mapping.len, 0, NULL);
    json_t *there = meta_of(root), *meta = there != NULL ? json_deep_copy(there) : json_object();
    json_t *ours = member_of(meta, "weir", json_object);
    char *text;

    json_object_set_new(ours, "log", text_of(identity->log_id));
    json_object_set_new(ours, "version", json_string(rule_of(identity->by_position)));
    if (identity->by_position)
        add_once(member_of(ours, "sources", json_array), identity->source);
    json_object_setn_new(member_of(ours, "topics", json_object), identity->topic.ptr,
                         identity->topic.len, text_of(identity->topic_id));
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
        return refuse(
            &(index_conflict){setup->entry->name, "program", "unknown", WEIR_STR("weir"), false},
            err);
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

static void look_for_topic(weir_str mapping, weir_str topic, bool *is_written, bool *is_shared)
{
    json_t *root = json_loadb(mapping.ptr, mapping.len, 0, NULL);
    const json_t *topics = json_object_get(json_object_get(meta_of(root), "weir"), "topics");

    *is_written = json_object_getn(topics, topic.ptr, topic.len) != NULL;
    *is_shared = json_object_size(topics) > (*is_written ? 1 : 0);
    json_decref(root);
}

weir_code index_look(const index_context *context, const weir_record *record, bool *is_written,
                     bool *is_shared, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    index_entry entry = {0};
    WEIR_CLEANUP(setup_done) index_setup setup = {.context = context, .entry = &entry};
    long status = 0;

    *is_written = *is_shared = false;
    if (index_name(record->topic, &name, err) != WEIR_OK)
        return err->code;
    entry.name = weir_buf_str(&name);
    if (read_mapping(&setup, &status, err) != WEIR_OK)
        return err->code;
    if (status == 200)
        look_for_topic(weir_buf_str(&setup.answer), record->log_topic, is_written, is_shared);
    return WEIR_OK;
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

static bool knows_source(const index_entry *entry, weir_str source)
{
    for (const index_source *one = entry->sources; one != NULL; one = one->next)
        if (weir_str_eq(one->identity, source))
            return true;
    return false;
}

/* Checks the identity of an index and of what is written to it for the first time. */
static weir_code admit(const index_context *context, index_entry *entry, const weir_record *record,
                       weir_str source, weir_error *err)
{
    index_source *seen;
    WEIR_CLEANUP(setup_done)
    index_setup setup = {
        .context = context,
        .entry = entry,
        .identity = {.log_id = weir_task_log_id(context->task),
                     .by_position = entry->by_position,
                     .topic = record->log_topic,
                     .topic_id = weir_task_topic_id(context->task, record->log_topic),
                     .source = source,
                     .adopt_from = context->settings->adopt_from},
    };

    if (identify(&setup, record, err) != WEIR_OK)
        return err->code;
    seen = weir_task_alloc(context->task, sizeof(*seen));
    *seen = (index_source){weir_task_copy(context->task, source), entry->sources};
    entry->sources = seen;
    return WEIR_OK;
}

weir_code index_find(index_table *table, const index_context *context, const weir_record *record,
                     const document_version *version, const index_entry **out, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    index_entry *entry;

    weir_buf_clear(&table->key);
    weir_buf_add_str(&table->key, record->log_topic);
    weir_buf_add_byte(&table->key, '\n'); /* in no topic's name */
    weir_buf_add_str(&table->key, record->topic);
    entry = weir_map_get(table->entries, weir_buf_str(&table->key));
    if (entry == NULL) {
        if (index_name(record->topic, &name, err) != WEIR_OK)
            return err->code;
        entry = make_entry(table, context, record, weir_buf_str(&name), version->is_position);
        if (admit(context, entry, record, version->source, err) != WEIR_OK)
            return err->code;
        weir_map_put(table->entries, weir_buf_str(&table->key), entry);
    }
    if (entry->by_position != version->is_position)
        return weir_fail(err, WEIR_REJECT,
                         "the record's version would be its %s, but index \"%.*s\" has versions "
                         "by %s",
                         rule_of(version->is_position), WEIR_ARG(entry->name),
                         rule_of(entry->by_position));
    if (!knows_source(entry, version->source) &&
        admit(context, entry, record, version->source, err) != WEIR_OK)
        return err->code;
    *out = entry;
    return WEIR_OK;
}

/* index.c - finding, making and identifying indices. */
#include "index.h"

#include "identity.h"
#include "mapping.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

enum { WATCH_MS = 10000 };

static int64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void index_table_init(index_table *table)
{
    table->entries = weir_map_new();
    table->numbers = weir_map_new();
    table->names = weir_map_new();
    table->watch_at_ms = monotonic_ms() + WATCH_MS;
}

void index_table_done(index_table *table)
{
    weir_map_free(table->entries);
    weir_map_free(table->numbers);
    weir_map_free(table->names);
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

/* An index on its way into the table, or looked at again. */
typedef struct index_setup {
    const index_context *context;
    const index_entry *entry;
    identity who;
    bool id_is_key;
    bool is_admitted; /* it was ours before */
    bool is_lost;     /* and was deleted meanwhile */
    weir_buf path, body, answer;
} index_setup;

static void setup_done(index_setup *setup)
{
    weir_buf_done(&setup->path);
    weir_buf_done(&setup->body);
    weir_buf_done(&setup->answer);
}

/* What it says of fields a template may say otherwise, so they are mapped when that is known (map_fields). */
static weir_code make_index(index_setup *setup, weir_error *err)
{
    const index_context *context = setup->context;
    weir_str name = setup->entry->name;
    long status = 0;

    path_of(context, name, "", &setup->path);
    weir_buf_clear(&setup->body);
    weir_buf_add_str(&setup->body, WEIR_STR("{\"mappings\":{"));
    identity_add_meta((weir_str){0}, &setup->who, &setup->body);
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
        return identity_refuse_foreign(setup->entry->name, err);
    return WEIR_OK;
}

/* Adds our identity to what the mapping, which was read last, says of itself. */
static weir_code mark_index(index_setup *setup, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf answer = {0};

    weir_buf_clear(&setup->body);
    weir_buf_add_byte(&setup->body, '{');
    identity_add_meta(weir_buf_str(&setup->answer), &setup->who, &setup->body);
    weir_buf_add_byte(&setup->body, '}');
    path_of(setup->context, setup->entry->name, "/_mapping", &setup->path);
    return request(setup->context,
                   &(http_call){"PUT", weir_buf_str(&setup->path), weir_buf_str(&setup->body)},
                   &answer, err);
}

/* Offsets of two topics do not compare: of two records of one key the one with the smaller offset is dropped,
 * whichever is newer. That is no matter where the topics have no keys in common. */
static void warn_of_others(const index_setup *setup)
{
    const identity *who = &setup->who;
    bool is_written, is_shared;

    identity_look(weir_buf_str(&setup->answer), who->topic, &is_written, &is_shared);
    if (!who->by_position && setup->id_is_key && is_shared && !is_written)
        weir_task_diag(setup->context->task, WEIR_WARN,
                       "index \"%.*s\" has documents of several topics, and their versions are "
                       "offsets, which do not compare between topics: a key that is in topic "
                       "\"%.*s\" and in another one should be in two indices (route transform)",
                       WEIR_ARG(setup->entry->name), WEIR_ARG(who->topic));
}

static void warn_of_loss(const index_setup *setup)
{
    weir_task_diag(setup->context->task, WEIR_WARN,
                   "index \"%.*s\" was deleted while it was written: it is there again, with what "
                   "changed since and nothing from before; to have that again, delete the index "
                   "and set the connector's offsets back",
                   WEIR_ARG(setup->entry->name));
}

static weir_code identify(index_setup *setup, weir_error *err)
{
    enum identity_state state = IDENTITY_UNMARKED;
    long status = 0;

    if (read_mapping(setup, &status, err) != WEIR_OK)
        return err->code;
    if (status == 404) { /* another task, or a template with a _meta of its own, may come first */
        if (make_index(setup, err) != WEIR_OK || read_mapping(setup, &status, err) != WEIR_OK)
            return err->code;
        if (status == 404)
            return weir_fail(err, WEIR_RETRY, "index \"%.*s\" was made and is gone again",
                             WEIR_ARG(setup->entry->name));
        setup->is_lost = setup->is_admitted;
    }
    if (identity_check(weir_buf_str(&setup->answer), setup->entry->name, &setup->who, &state,
                       err) != WEIR_OK)
        return err->code;
    if (state == IDENTITY_EXTENDED)
        warn_of_others(setup);
    if (state == IDENTITY_UNMARKED && !setup->is_admitted && check_empty(setup, err) != WEIR_OK)
        return err->code;
    setup->is_lost |= state == IDENTITY_UNMARKED && setup->is_admitted;
    if (setup->is_lost)
        warn_of_loss(setup);
    return state == IDENTITY_OURS ? WEIR_OK : mark_index(setup, err);
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
        identity_look(weir_buf_str(&setup.answer), record->log_topic, is_written, is_shared);
    return WEIR_OK;
}

static bool knows_source(const index_entry *entry, weir_str source)
{
    for (const index_source *one = entry->sources; one != NULL; one = one->next)
        if (weir_str_eq(one->identity, source))
            return true;
    return false;
}

static index_setup setup_of(const index_context *context, const index_entry *entry)
{
    return (index_setup){
        .context = context,
        .entry = entry,
        .id_is_key = !settings_key_is_ignored(context->settings, entry->topic),
        .who = {.log_id = weir_task_log_id(context->task),
                .by_position = entry->by_position,
                .topic = entry->log_topic,
                .topic_id = weir_task_topic_id(context->task, entry->log_topic),
                .adopt_from = context->settings->adopt_from},
    };
}

/* Checks the identity of an index and of what is written to it for the first time. */
static weir_code admit(const index_context *context, index_entry *entry, weir_str source,
                       weir_error *err)
{
    WEIR_CLEANUP(setup_done) index_setup setup = setup_of(context, entry);
    index_source *seen;

    setup.who.source = source;
    if (identify(&setup, err) != WEIR_OK)
        return err->code;
    seen = weir_task_alloc(context->task, sizeof(*seen));
    *seen = (index_source){weir_task_copy(context->task, source), entry->sources};
    entry->sources = seen;
    return WEIR_OK;
}

/* Names of indices are in lower case: two topics must not meet in one by that. */
static weir_code claim_name(index_table *table, weir_task *task, weir_str name, weir_str topic,
                            weir_error *err)
{
    const weir_str *claimed = weir_map_get(table->names, name);
    weir_str *claim;

    if (claimed == NULL) {
        claim = weir_task_alloc(task, sizeof(*claim));
        *claim = weir_task_copy(task, topic);
        (void)weir_map_put(table->names, name, claim);
        return WEIR_OK;
    }
    if (weir_str_eq(*claimed, topic))
        return WEIR_OK;
    return weir_fail(
        err, WEIR_CONFIG,
        "topics \"%.*s\" and \"%.*s\" would both be written to index \"%.*s\", because "
        "names of indices are in lower case (the route transform renames one of them)",
        WEIR_ARG(*claimed), WEIR_ARG(topic), WEIR_ARG(name));
}

static weir_code add_entry(index_table *table, const index_context *context,
                           const weir_record *record, const document_version *version,
                           index_entry **out, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    weir_task *task = context->task;
    index_entry *entry;

    if (index_name(record->topic, &name, err) != WEIR_OK ||
        claim_name(table, task, weir_buf_str(&name), record->topic, err) != WEIR_OK)
        return err->code;
    entry = weir_task_alloc(task, sizeof(*entry));
    *entry = (index_entry){.name = weir_task_copy(task, weir_buf_str(&name)),
                           .topic = weir_task_copy(task, record->topic),
                           .log_topic = weir_task_copy(task, record->log_topic),
                           .number = topic_number(table, task, record->log_topic),
                           .by_position = version->is_position};
    if (admit(context, entry, version->source, err) != WEIR_OK)
        return err->code;
    (void)weir_map_put(table->entries, weir_buf_str(&table->key), entry);
    *out = entry;
    return WEIR_OK;
}

/* --- Fields ----------------------------------------------------------------------------------- */

static bool knows_schema(const index_entry *entry, const weir_schema *schema)
{
    for (const index_schema *one = entry->schemas; one != NULL; one = one->next)
        if (one->schema == schema)
            return true;
    return false;
}

static bool has_new_fields(const index_entry *entry, const weir_record *record)
{
    return record->value.ptr != NULL && record->value_schema != NULL &&
           weir_schema_type(record->value_schema) == WEIR_TYPE_RECORD &&
           !knows_schema(entry, record->value_schema);
}

/* Gives fields that the index does not know the types of the schema. An index that takes them not so may still
 * take the documents, or refuses each with a reason. */
static weir_code map_fields(const index_context *context, const index_entry *entry,
                            const weir_schema *schema, weir_error *err)
{
    WEIR_CLEANUP(setup_done) index_setup setup = setup_of(context, entry);
    long status = 0;

    if (read_mapping(&setup, &status, err) != WEIR_OK)
        return err->code;
    weir_buf_add_str(&setup.body, WEIR_STR("{\"properties\":"));
    if (!mapping_add_missing(weir_buf_str(&setup.answer), schema, &setup.body))
        return WEIR_OK;
    weir_buf_add_byte(&setup.body, '}');
    if (http_request(client_http(context->client),
                     &(http_call){"PUT", weir_buf_str(&setup.path), weir_buf_str(&setup.body)},
                     &setup.answer, &status, err) != WEIR_OK)
        return err->code;
    if (status != 200)
        weir_task_diag(
            context->task, WEIR_WARN,
            "index \"%.*s\" does not take the types of topic \"%.*s\", and guesses them: "
            "status %ld: %.*s",
            WEIR_ARG(entry->name), WEIR_ARG(entry->topic), status,
            setup.answer.len > 300 ? 300 : (int)setup.answer.len, setup.answer.ptr);
    return WEIR_OK;
}

static weir_code take_schema(const index_context *context, index_entry *entry,
                             const weir_schema *schema, weir_error *err)
{
    index_schema *seen;

    if (!settings_schema_is_ignored(context->settings, entry->topic) &&
        map_fields(context, entry, schema, err) != WEIR_OK)
        return err->code;
    seen = weir_task_alloc(context->task, sizeof(*seen));
    *seen = (index_schema){schema, entry->schemas};
    entry->schemas = seen;
    return WEIR_OK;
}

/* --- What the sink calls ---------------------------------------------------------------------- */

weir_code index_find(index_table *table, const index_context *context, const weir_record *record,
                     const document_version *version, const index_entry **out, weir_error *err)
{
    index_entry *entry;

    weir_buf_clear(&table->key);
    weir_buf_add_str(&table->key, record->log_topic);
    weir_buf_add_byte(&table->key, '\n'); /* in no topic's name */
    weir_buf_add_str(&table->key, record->topic);
    entry = weir_map_get(table->entries, weir_buf_str(&table->key));
    if (entry == NULL && add_entry(table, context, record, version, &entry, err) != WEIR_OK)
        return err->code;
    assert(entry != NULL);
    if (entry->by_position != version->is_position)
        return weir_fail(err, WEIR_REJECT,
                         "the record's version would be its %s, but index \"%.*s\" has versions "
                         "by %s",
                         identity_rule(version->is_position), WEIR_ARG(entry->name),
                         identity_rule(entry->by_position));
    if (!knows_source(entry, version->source) &&
        admit(context, entry, version->source, err) != WEIR_OK)
        return err->code;
    if (has_new_fields(entry, record) &&
        take_schema(context, entry, record->value_schema, err) != WEIR_OK)
        return err->code;
    entry->is_used = true;
    *out = entry;
    return WEIR_OK;
}

static weir_code look_again(const index_context *context, index_entry *entry, weir_error *err)
{
    for (const index_source *one = entry->sources; one != NULL; one = one->next) {
        WEIR_CLEANUP(setup_done) index_setup setup = setup_of(context, entry);

        setup.who.source = one->identity;
        setup.is_admitted = true;
        if (identify(&setup, err) != WEIR_OK)
            return err->code;
        if (setup.is_lost)
            entry->schemas = NULL; /* its fields are to be mapped again */
    }
    return WEIR_OK;
}

weir_code index_watch(index_table *table, const index_context *context, weir_error *err)
{
    int64_t now_ms = monotonic_ms();
    void *one;
    size_t at = 0;

    if (now_ms < table->watch_at_ms)
        return WEIR_OK;
    table->watch_at_ms = now_ms + WATCH_MS;
    while (weir_map_next(table->entries, &at, NULL, &one)) {
        index_entry *entry = one;

        if (entry->is_used && look_again(context, entry, err) != WEIR_OK)
            return err->code == WEIR_RETRY ? WEIR_OK : err->code; /* the next look will tell */
        entry->is_used = false;
    }
    return WEIR_OK;
}

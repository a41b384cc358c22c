/* present.c - one _mget for a window of documents. */
#include "present.h"

#include "scan.h"

enum {
    WINDOW_MAX = 256,
    ANSWER_LARGE = 32 << 20, /* bytes: the next window has half as many documents */
    ANSWER_SMALL = 4 << 20,  /* the next one may have twice as many */
};

void present_init(present_table *table)
{
    *table = (present_table){.places = weir_map_new(), .most = WINDOW_MAX};
}

present_document *present_at(const present_table *table, size_t place)
{
    return (present_document *)(void *)table->documents.ptr + place;
}

size_t present_count(const present_table *table)
{
    return table->documents.len / sizeof(present_document);
}

bool present_is_full(const present_table *table)
{
    return present_count(table) >= table->most;
}

static void drop_documents(present_table *table)
{
    for (size_t i = 0; i < present_count(table); i++) {
        weir_buf_done(&present_at(table, i)->source);
        weir_buf_done(&present_at(table, i)->action);
    }
    weir_buf_clear(&table->documents);
    weir_map_free(table->places);
    table->places = NULL;
}

void present_clear(present_table *table)
{
    if (present_count(table) == 0)
        return;
    drop_documents(table);
    table->places = weir_map_new();
}

void present_done(present_table *table)
{
    drop_documents(table);
    weir_buf_done(&table->documents);
    weir_buf_done(&table->key);
}

static weir_str key_of(present_table *table, weir_str index, weir_str id)
{
    weir_buf_clear(&table->key);
    weir_buf_add_str(&table->key, index);
    weir_buf_add_byte(&table->key, '/'); /* in no index's name */
    weir_buf_add_str(&table->key, id);
    return weir_buf_str(&table->key);
}

present_document *present_find(present_table *table, weir_str index, weir_str id)
{
    uintptr_t place;

    if (present_count(table) == 0)
        return NULL;
    place = (uintptr_t)weir_map_get(table->places, key_of(table, index, id));
    return place > 0 ? present_at(table, place - 1) : NULL;
}

size_t present_want(present_table *table, weir_str index, weir_str id)
{
    weir_str key = key_of(table, index, id);
    present_document document = {.moves_at = -1};
    size_t place = (uintptr_t)weir_map_get(table->places, key);

    if (place > 0)
        return place - 1;
    place = present_count(table);
    weir_buf_add_str(&document.action, WEIR_STR("{\"_index\":"));
    weir_buf_add_json(&document.action, index);
    weir_buf_add_str(&document.action, WEIR_STR(",\"_id\":"));
    weir_buf_add_json(&document.action, id);
    weir_buf_add_byte(&document.action, '}');
    weir_buf_add(&table->documents, &document, sizeof(document));
    (void)weir_map_put(table->places, key, (void *)(place + 1)); /* it was not there */
    return place;
}

/* The number of digits alone; -1 when it is none. */
static int64_t version_of(weir_str text)
{
    int64_t value = 0;

    if (text.len == 0 || text.len > 18)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return -1;
        value = value * 10 + (text.ptr[i] - '0');
    }
    return value;
}

static weir_code take_document(present_document *document, weir_str item, weir_error *err)
{
    weir_str found = scan_find(item, WEIR_STR("found"));
    weir_str source = scan_find(item, WEIR_STR("_source"));
    int64_t version = version_of(scan_find(item, WEIR_STR("_version")));
    int shown = item.len > 300 ? 300 : (int)item.len;

    weir_buf_clear(&document->source);
    document->is_there = weir_str_eq(found, WEIR_STR("true"));
    if (!document->is_there) {
        if (weir_str_eq(found, WEIR_STR("false")))
            return WEIR_OK;
        return weir_fail(err, WEIR_RETRY, "a document to be completed could not be read: %.*s",
                         shown, item.ptr);
    }
    if (source.len == 0 || source.ptr[0] != '{')
        return weir_fail(err, WEIR_FATAL,
                         "a document cannot be completed, because its index does not keep "
                         "_source: %.*s",
                         shown, item.ptr);
    if (version < 0)
        return weir_fail(err, WEIR_RETRY, "a document to be completed came without a version");
    document->version = version;
    weir_buf_add_str(&document->source, source);
    for (size_t i = 0; i < source.len; i++) /* in JSON they are only ever space between values */
        if (document->source.ptr[i] == '\n' || document->source.ptr[i] == '\r')
            document->source.ptr[i] = ' ';
    return WEIR_OK;
}

weir_code present_take_answer(present_table *table, weir_str answer, weir_error *err)
{
    scanner documents = scan_begin(scan_find(answer, WEIR_STR("docs")));
    weir_str name, item;
    size_t place = 0;

    while (place < present_count(table) && scan_next(&documents, &name, &item))
        if (take_document(present_at(table, place++), item, err) != WEIR_OK)
            return err->code;
    if (place < present_count(table))
        return weir_fail(err, WEIR_RETRY, "asked for %zu documents, the answer has %zu",
                         present_count(table), place);
    return WEIR_OK;
}

static void adapt(present_table *table, size_t answer_size)
{
    if (answer_size > ANSWER_LARGE && table->most > 1)
        table->most /= 2;
    else if (answer_size < ANSWER_SMALL && table->most < WINDOW_MAX)
        table->most = table->most * 2 < WINDOW_MAX ? table->most * 2 : WINDOW_MAX;
}

weir_code present_read(present_table *table, es_http *http, bool *too_large, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf body = {0}, answer = {0};
    long status = 0;
    weir_code code;

    weir_buf_add_str(&body, WEIR_STR("{\"docs\":["));
    for (size_t i = 0; i < present_count(table); i++) {
        if (i > 0)
            weir_buf_add_byte(&body, ',');
        weir_buf_add_str(&body, weir_buf_str(&present_at(table, i)->action));
    }
    weir_buf_add_str(&body, WEIR_STR("]}"));
    /* No filter_path: it would write the documents' numbers anew. */
    code = http_request(http, &(http_call){"POST", WEIR_STR("/_mget"), weir_buf_str(&body)},
                        &answer, &status, err);
    *too_large = code == WEIR_REJECT && present_count(table) > 1;
    if (*too_large) {
        table->most = present_count(table) / 2;
        return WEIR_OK;
    }
    if (code != WEIR_OK)
        return code == WEIR_REJECT ? weir_fail(err, WEIR_FATAL,
                                               "a document is too large to be "
                                               "completed")
                                   : code;
    if (status != 200)
        return weir_fail(err, WEIR_FATAL,
                         "reading documents to complete them was answered with status %ld: %.*s",
                         status, answer.len > 300 ? 300 : (int)answer.len, answer.ptr);
    adapt(table, answer.len);
    return present_take_answer(table, weir_buf_str(&answer), err);
}

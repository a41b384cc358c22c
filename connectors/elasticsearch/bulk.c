/* bulk.c - building a bulk request's body, reading its answer. */
#include "bulk.h"

#include "weir/map.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

size_t bulk_count(const bulk_request *bulk)
{
    return bulk->items.len / sizeof(bulk_item);
}

bulk_item *bulk_at(const bulk_request *bulk, size_t index)
{
    return (bulk_item *)(void *)bulk->items.ptr + index;
}

void bulk_clear(bulk_request *bulk)
{
    weir_buf_clear(&bulk->body);
    weir_buf_clear(&bulk->items);
    weir_buf_clear(&bulk->reasons);
}

void bulk_done(bulk_request *bulk)
{
    weir_buf_done(&bulk->body);
    weir_buf_done(&bulk->items);
    weir_buf_done(&bulk->reasons);
}

/* The action line is one of these, the index, this, the id, and perhaps a version. */
static const char index_action[] = "{\"index\":{\"_index\":";
static const char delete_action[] = "{\"delete\":{\"_index\":";
static const char id_member[] = ",\"_id\":";

void bulk_item_begin(bulk_request *bulk, const bulk_action *action)
{
    bulk_item item = {.at = bulk->body.len,
                      .topic = action->topic,
                      .partition = action->partition,
                      .offset = action->offset,
                      .is_check = action->kind == BULK_CHECK};
    weir_buf *body = &bulk->body;
    size_t at;

    weir_buf_add_str(body, weir_cstr(action->kind == BULK_INDEX ? index_action : delete_action));
    at = body->len;
    weir_buf_add_json(body, action->index);
    item.index_len = (uint32_t)(body->len - at);
    weir_buf_add_str(body, weir_cstr(id_member));
    at = body->len;
    weir_buf_add_json(body, action->id);
    item.id_len = (uint32_t)(body->len - at);
    weir_buf_add(&bulk->items, &item, sizeof(item));
    if (action->version >= 0) /* gte: after a crash the same change comes again */
        weir_buf_printf(body, ",\"version\":%" PRId64 ",\"version_type\":\"external_gte\"",
                        action->version);
    weir_buf_add_str(body, WEIR_STR("}}\n"));
}

void bulk_item_end(bulk_request *bulk)
{
    bulk_item *item = bulk_at(bulk, bulk_count(bulk) - 1);

    item->size = bulk->body.len - item->at;
}

weir_str bulk_item_index(const bulk_request *bulk, const bulk_item *item)
{
    const char *line = bulk->body.ptr + item->at;
    size_t skip = line[2] == 'd' ? sizeof(delete_action) - 1 : sizeof(index_action) - 1;

    return (weir_str){line + skip, item->index_len};
}

weir_str bulk_item_id(const bulk_request *bulk, const bulk_item *item)
{
    weir_str index = bulk_item_index(bulk, item);

    return (weir_str){index.ptr + index.len + sizeof(id_member) - 1, item->id_len};
}

void bulk_item_cancel(bulk_request *bulk)
{
    bulk->body.len = bulk_at(bulk, bulk_count(bulk) - 1)->at;
    bulk->items.len -= sizeof(bulk_item);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "no reason given";
}

static void refuse(bulk_request *bulk, bulk_item *item, const char *reason)
{
    item->verdict = BULK_REFUSED;
    item->reason_at = (uint32_t)bulk->reasons.len;
    item->reason_len = (uint32_t)strlen(reason);
    weir_buf_add(&bulk->reasons, reason, item->reason_len);
}

/* It is the index that cannot be written: no fault of the document, and it passes when somebody mends it. */
static bool is_of_index(const char *type)
{
    return strcmp(type, "cluster_block_exception") == 0 || /* read-only, or the disk is full */
           strcmp(type, "index_closed_exception") == 0;
}

static void set_verdict(bulk_request *bulk, bulk_item *item, const json_t *outcome)
{
    json_int_t status = json_integer_value(json_object_get(outcome, "status"));
    const json_t *error = json_object_get(outcome, "error");
    const char *type = text_of(error, "type");

    item->verdict = BULK_DONE;
    if (item->is_check && error == NULL) {
        refuse(bulk, item,
               "there is no document to take the fields from that the source did not "
               "send (an unchanged TOAST column; after REPLICA IDENTITY FULL PostgreSQL "
               "sends all)");
        return;
    }
    if (error == NULL && (status < 300 || status == 404)) /* 404: what was deleted is not there */
        return;
    if (status == 409 && strcmp(type, "version_conflict_engine_exception") == 0)
        return; /* something newer is there: this write came late */
    item->verdict = status == 429 || status >= 500 || is_of_index(type) ? BULK_AGAIN : BULK_REFUSED;
    item->reason_at = (uint32_t)bulk->reasons.len;
    weir_buf_printf(&bulk->reasons, "%s (%s)", text_of(error, "reason"), type);
    item->reason_len = (uint32_t)(bulk->reasons.len - item->reason_at);
}

/* Which document an item is of: the part of its action line that has the index and the id. */
static weir_str document_of(const bulk_request *bulk, const bulk_item *item)
{
    weir_str index = bulk_item_index(bulk, item), id = bulk_item_id(bulk, item);

    return (weir_str){index.ptr, (size_t)(id.ptr + id.len - index.ptr)};
}

/* What comes behind an item of the same document that goes again has to go again behind it: an old document,
 * written late, stays when Elasticsearch has forgotten the version of its deletion. */
static void repeat_followers(bulk_request *bulk)
{
    weir_map *again = weir_map_new();

    for (size_t i = 0; i < bulk_count(bulk); i++) {
        bulk_item *item = bulk_at(bulk, i);

        if (item->verdict == BULK_AGAIN)
            (void)weir_map_put(again, document_of(bulk, item), bulk);
        else if (item->verdict == BULK_DONE && weir_map_count(again) > 0 &&
                 weir_map_get(again, document_of(bulk, item)) != NULL) {
            item->verdict = BULK_AGAIN;
            item->reason_at = item->reason_len = 0;
        }
    }
    weir_map_free(again);
}

static weir_code read_items(bulk_request *bulk, const json_t *items, weir_error *err)
{
    if (json_array_size(items) != bulk_count(bulk))
        return weir_fail(err, WEIR_RETRY, "the bulk answer has %zu items, the request had %zu",
                         json_array_size(items), bulk_count(bulk));
    for (size_t i = 0; i < bulk_count(bulk); i++) {
        void *action = json_object_iter(json_array_get(items, i)); /* {"index":{...}} */
        const json_t *outcome = json_object_iter_value(action), *error;

        if (!json_is_integer(json_object_get(outcome, "status"))) /* nothing says it is written */
            return weir_fail(err, WEIR_RETRY, "item %zu of the bulk answer has no status", i);
        error = json_object_get(outcome, "error");
        if (strcmp(text_of(error, "type"), "security_exception") == 0) {
            weir_str index = bulk_item_index(bulk, bulk_at(bulk, i));

            return weir_fail(
                err, WEIR_FATAL,
                "elasticsearch lets this user not write to index %.*s; grant manage, read "
                "and write on it: %s",
                WEIR_ARG(index), text_of(error, "reason"));
        }
        set_verdict(bulk, bulk_at(bulk, i), outcome);
    }
    repeat_followers(bulk);
    return WEIR_OK;
}

static bool has_check(const bulk_request *bulk)
{
    for (size_t i = 0; i < bulk_count(bulk); i++)
        if (bulk_at(bulk, i)->is_check)
            return true;
    return false;
}

weir_code bulk_read_answer(bulk_request *bulk, weir_str answer, weir_error *err)
{
    static const char success[] = "{\"errors\":false"; /* the usual answer: nothing to look for */
    json_error_t problem;
    json_t *root;

    weir_buf_clear(&bulk->reasons);
    if (answer.len > sizeof(success) && answer.ptr[answer.len - 1] == '}' &&
        memcmp(answer.ptr, success, sizeof(success) - 1) == 0 && !has_check(bulk)) {
        for (size_t i = 0; i < bulk_count(bulk); i++)
            bulk_at(bulk, i)->verdict = BULK_DONE;
        return WEIR_OK;
    }
    root = json_loadb(answer.ptr != NULL ? answer.ptr : "", answer.len, 0, &problem);
    if (root == NULL)
        return weir_fail(err, WEIR_RETRY, "the bulk answer is no JSON: %s", problem.text);
    if (read_items(bulk, json_object_get(root, "items"), err) != WEIR_OK) {
        json_decref(root);
        return err->code;
    }
    json_decref(root);
    return WEIR_OK;
}

size_t bulk_keep_again(bulk_request *bulk)
{
    size_t kept = 0, end = 0;

    for (size_t i = 0; i < bulk_count(bulk); i++) {
        bulk_item item = *bulk_at(bulk, i);

        if (item.verdict != BULK_AGAIN)
            continue;
        memmove(bulk->body.ptr + end, bulk->body.ptr + item.at, item.size);
        item.at = end;
        end += item.size;
        *bulk_at(bulk, kept++) = item;
    }
    bulk->body.len = end;
    bulk->items.len = kept * sizeof(bulk_item);
    return kept;
}

void bulk_prepend(bulk_request *bulk, bulk_request *first)
{
    bulk_request rest = *bulk;

    *bulk = *first;
    *first = (bulk_request){0};
    for (size_t i = 0; i < bulk_count(&rest); i++) {
        bulk_item item = *bulk_at(&rest, i);

        item.at += bulk->body.len;
        weir_buf_add(&bulk->items, &item, sizeof(item));
    }
    weir_buf_add_str(&bulk->body, weir_buf_str(&rest.body));
    bulk_done(&rest);
}

void bulk_take(bulk_request *bulk, const bulk_limits *limits, bulk_request *out)
{
    size_t count = bulk_count(bulk), taken = 0, bytes = 0;

    while (taken < count && (taken == 0 || (taken < limits->count &&
                                            bytes + bulk_at(bulk, taken)->size <= limits->bytes)))
        bytes += bulk_at(bulk, taken++)->size;
    if (taken == count) { /* the usual case: nothing is copied */
        bulk_request swap = *out;

        *out = *bulk;
        *bulk = swap;
        bulk_clear(bulk);
        return;
    }
    weir_buf_add(&out->body, bulk->body.ptr, bytes);
    weir_buf_add(&out->items, bulk->items.ptr, taken * sizeof(bulk_item));
    for (size_t i = 0; i < count; i++) {
        bulk_at(bulk, i)->verdict = i < taken ? BULK_DONE : BULK_AGAIN;
    }
    (void)bulk_keep_again(bulk);
}

/* listing.c - the ids of an index by the scroll interface, which every version has. */
#include "listing.h"

#include <jansson.h>

#define PAGE_SIZE "5000"
#define KEEP      "5m" /* how long the server remembers where a page ended */

static weir_code ask(listing *self, const http_call *call, weir_error *err)
{
    long status = 0;

    if (http_request(self->http, call, &self->answer, &status, err) != WEIR_OK)
        return err->code;
    if (status == 200)
        return WEIR_OK;
    return weir_fail(err, WEIR_RETRY,
                     "listing documents: %s %.*s was answered with status %ld: %.*s", call->method,
                     WEIR_ARG(call->path), status,
                     self->answer.len > 300 ? 300 : (int)self->answer.len, self->answer.ptr);
}

static void path_of(listing *self, weir_str index, const char *rest)
{
    weir_buf_clear(&self->path);
    weir_buf_add_byte(&self->path, '/');
    http_escape(self->http, index, &self->path);
    weir_buf_add_str(&self->path, weir_cstr(rest));
}

weir_code listing_open(listing *self, es_http *http, weir_str index, weir_error *err)
{
    *self = (listing){.http = http};
    path_of(self, index, "/_refresh");
    if (ask(self, &(http_call){"POST", weir_buf_str(&self->path), {"", 0}}, err) != WEIR_OK)
        return err->code;
    path_of(self, index, "/_search?scroll=" KEEP "&filter_path=_scroll_id,hits.hits._id");
    return WEIR_OK;
}

static weir_code ask_page(listing *self, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf body = {0};
    weir_code code;

    if (self->scroll.len == 0) {
        weir_buf_add_str(&body, WEIR_STR("{\"size\":" PAGE_SIZE ",\"sort\":[\"_doc\"],"
                                         "\"_source\":false}"));
        return ask(self, &(http_call){"POST", weir_buf_str(&self->path), weir_buf_str(&body)}, err);
    }
    weir_buf_printf(&body, "{\"scroll\":\"" KEEP "\",\"scroll_id\":%s}",
                    weir_buf_cstr(&self->scroll));
    code =
        ask(self,
            &(http_call){"POST", WEIR_STR("/_search/scroll?filter_path=_scroll_id,hits.hits._id"),
                         weir_buf_str(&body)},
            err);
    return code;
}

static weir_code take_hits(const json_t *hits, listing_take take, void *context, weir_error *err)
{
    const json_t *hit;
    size_t i;

    json_array_foreach(hits, i, hit)
    {
        const char *id = json_string_value(json_object_get(hit, "_id"));

        if (id != NULL && take(context, weir_cstr(id), err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

weir_code listing_page(listing *self, listing_take take, void *context, bool *done, weir_error *err)
{
    const char *scroll;
    const json_t *hits;
    weir_code code;
    json_t *root;

    *done = false;
    if (ask_page(self, err) != WEIR_OK)
        return err->code;
    root = json_loadb(self->answer.ptr, self->answer.len, 0, NULL);
    scroll = json_string_value(json_object_get(root, "_scroll_id"));
    if (scroll == NULL) {
        json_decref(root);
        return weir_fail(err, WEIR_RETRY, "a page of the listing of documents has no _scroll_id");
    }
    weir_buf_clear(&self->scroll);
    weir_buf_add_json(&self->scroll, weir_cstr(scroll));
    hits = json_object_get(json_object_get(root, "hits"), "hits");
    *done = json_array_size(hits) == 0;
    code = take_hits(hits, take, context, err);
    json_decref(root);
    return code;
}

void listing_close(listing *self)
{
    weir_buf body = {0};
    weir_error ignored; /* the server forgets it by itself, later */

    if (self->scroll.len > 0) {
        weir_buf_printf(&body, "{\"scroll_id\":%s}", weir_buf_cstr(&self->scroll));
        (void)ask(self, &(http_call){"DELETE", WEIR_STR("/_search/scroll"), weir_buf_str(&body)},
                  &ignored);
    }
    weir_buf_done(&body);
    weir_buf_done(&self->path);
    weir_buf_done(&self->scroll);
    weir_buf_done(&self->answer);
}

/* bulk.h - one bulk request: its body while it is built, its items, and what the answer says of each.
 *
 * Pure: bytes in, bytes out. A bulk remembers for each item where it stands in the body, so that the items
 * that must be sent again are cut out of it, in their order, without encoding anything twice.
 */
#ifndef ELASTICSEARCH_BULK_H
#define ELASTICSEARCH_BULK_H

#include "weir/batch.h"
#include "weir/buf.h"

enum bulk_verdict {
    BULK_DONE,   /* written, deleted, or an older version of what is there */
    BULK_AGAIN,  /* refused for now, or behind such a write of the same document: send it again */
    BULK_REFUSED /* the document can never be written */
};

typedef struct bulk_item {
    size_t at, size;    /* of its lines in the body */
    uint32_t index_len; /* of the action line's texts, as JSON; see bulk_item_index */
    uint32_t id_len;
    uint32_t topic; /* numbers of the sink's own tables */
    int32_t partition;
    int64_t offset;
    bool is_check;
    enum bulk_verdict verdict;
    uint32_t reason_at, reason_len; /* into reasons; of BULK_REFUSED and BULK_AGAIN */
} bulk_item;

typedef struct bulk_request {
    weir_buf body;
    weir_buf items; /* of bulk_item */
    weir_buf reasons;
} bulk_request;

size_t bulk_count(const bulk_request *bulk);
bulk_item *bulk_at(const bulk_request *bulk, size_t index);
void bulk_clear(bulk_request *bulk);
void bulk_done(bulk_request *bulk);

/* What an item does. BULK_CHECK is for a change that cannot be made a document because there is none to
 * take its missing fields from: a delete of what is not there, by which Elasticsearch says whether a newer
 * change has deleted it (then all is well: the change came late) or it never was (BULK_REFUSED). */
enum bulk_kind { BULK_INDEX, BULK_DELETE, BULK_CHECK };

/* Adds the action line of an item; begins it. What is added to body up to bulk_item_end is its document.
 * version < 0: none. */
typedef struct bulk_action {
    enum bulk_kind kind;
    weir_str index, id;
    int64_t version;
    uint32_t topic;
    int32_t partition;
    int64_t offset;
} bulk_action;

void bulk_item_begin(bulk_request *bulk, const bulk_action *action);
void bulk_item_end(bulk_request *bulk);
/* Which document it is: the index and the id in its action line, as JSON texts with their quotes. */
weir_str bulk_item_index(const bulk_request *bulk, const bulk_item *item);
weir_str bulk_item_id(const bulk_request *bulk, const bulk_item *item);
/* Takes the item that was begun out again. */
void bulk_item_cancel(bulk_request *bulk);

/* Reads the answer of a _bulk request and sets each item's verdict. WEIR_RETRY: it is no such answer, or
 * has another number of items; nothing is known of any item. WEIR_FATAL: privileges are missing. */
WEIR_MUST_CHECK weir_code bulk_read_answer(bulk_request *bulk, weir_str answer, weir_error *err);

/* Keeps only the items whose verdict is BULK_AGAIN; returns how many there are. */
size_t bulk_keep_again(bulk_request *bulk);

/* Puts all items of first in front of those of bulk; first is empty then. */
void bulk_prepend(bulk_request *bulk, bulk_request *first);

/* Moves items from the front of bulk to out, which is empty: at least one, then as many as fit into
 * limits. */
typedef struct bulk_limits {
    size_t count, bytes;
} bulk_limits;

void bulk_take(bulk_request *bulk, const bulk_limits *limits, bulk_request *out);

/* The query of the request: only what bulk_read_answer reads comes back. */
#define BULK_QUERY                                                                                 \
    "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"

#endif

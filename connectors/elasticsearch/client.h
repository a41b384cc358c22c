/* client.h - talks to Elasticsearch: single requests, and lanes of bulk requests.
 *
 * A lane has a bulk that is being filled and one that is under way, never two: what is written to one
 * document always goes through the same lane, so its order is kept whatever is repeated. Lanes run side by
 * side over connections that stay open.
 *
 * Everything belongs to the task's thread; requests go on only while it is in one of these functions.
 */
#ifndef ELASTICSEARCH_CLIENT_H
#define ELASTICSEARCH_CLIENT_H

#include "bulk.h"
#include "settings.h"

#include "weir/task.h"

typedef struct es_client es_client;

/* Reports an item of a bulk that can never be written; not WEIR_OK ends what the client is doing with that error. */
typedef weir_code (*client_refused)(void *context, const bulk_request *bulk, const bulk_item *item,
                                    weir_str reason, weir_error *err);

typedef struct client_options {
    weir_task *task;
    const es_settings *settings;
    client_refused refused;
    void *context;
} client_options;

/* Never NULL. Connects nowhere yet. */
es_client *client_new(const client_options *options);
void client_free(es_client *client);

/* A single request; waits for the answer. body ptr NULL: none. The answer's body is put into answer.
 * WEIR_RETRY: no node answered, or with 429 or 5xx; WEIR_FATAL: 401 or 403. Any other status is the
 * caller's to judge. */
WEIR_MUST_CHECK weir_code client_request(es_client *client, const char *method, weir_str path,
                                         weir_str body, weir_buf *answer, long *status,
                                         weir_error *err);

/* Adds text to a path, escaped (RFC 3986). */
void client_escape(es_client *client, weir_str text, weir_buf *out);

int client_lane_count(const es_client *client);
/* The bulk that a lane is filling; the caller adds items to it. */
bulk_request *client_filling(es_client *client, int lane);
/* To be called after adding to a lane: sends its bulk when it is full, waiting for the one before it. */
WEIR_MUST_CHECK weir_code client_added(es_client *client, int lane, weir_error *err);
/* Sends what the lane has and waits until all of it is answered. */
WEIR_MUST_CHECK weir_code client_drain_lane(es_client *client, int lane, weir_error *err);
/* The same for all lanes together. */
WEIR_MUST_CHECK weir_code client_drain(es_client *client, weir_error *err);

#endif

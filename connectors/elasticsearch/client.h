/* client.h - lanes of bulk requests.
 *
 * A lane has a bulk that is being filled and one that is under way, never two: what is written to one
 * document always goes through the same lane, so its order is kept whatever is repeated. Lanes run side by
 * side over connections that stay open.
 *
 * All lanes share what was learned of the server: how large a request may be (413 says so once and for all;
 * slow answers and refusals for want of room make requests smaller for a while), and when it is there again.
 * A lane that was refused waits, longer each time and with jitter; meanwhile the client asks the server
 * every second or so whether it answers, and as soon as it does after it did not, or takes another lane's
 * request, no lane waits any longer.
 *
 * What failed by WEIR_RETRY is not lost: the lanes keep it, and go on with it in the next call.
 *
 * Everything belongs to the task's thread; requests go on only while it is in one of these functions.
 */
#ifndef ELASTICSEARCH_CLIENT_H
#define ELASTICSEARCH_CLIENT_H

#include "bulk.h"
#include "http.h"

#include "weir/task.h"

typedef struct es_client es_client;

/* Reports an item of a bulk that can never be written; not WEIR_OK ends what the client is doing with that
 * error. */
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

/* For single requests. */
es_http *client_http(es_client *client);

int client_lane_count(const es_client *client);
/* Makes room in a lane for an item of about size bytes: sends the bulk it is filling when that would be
 * too large with it, waiting for the one before it, and earlier when nothing is under way: a fast server
 * gets smaller requests, a slow one larger ones. *bulk is where the caller adds the item. */
WEIR_MUST_CHECK weir_code client_room(es_client *client, int lane, size_t size, bulk_request **bulk,
                                      weir_error *err);
/* Sends what all lanes have and waits until all of it is answered. */
WEIR_MUST_CHECK weir_code client_drain(es_client *client, weir_error *err);

#endif

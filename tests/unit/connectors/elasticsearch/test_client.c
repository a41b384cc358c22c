/* test_client.c - bulk requests over lanes: what is sent again, in which order, when, and when not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/connectors/elasticsearch/search_fixture.h"

static search_fixture one;

static int set_up(void **state)
{
    (void)state;
    search_set_up(&one);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    search_tear_down(&one);
    return 0;
}

static void open_client(void)
{
    search_open(&one);
}

/* A document of about so many bytes. */
static void add(int lane, int id, int version, size_t size)
{
    bulk_request *bulk;
    weir_buf name = {0};
    weir_error err;

    assert_int_equal(client_room(one.client, lane, size, &bulk, &err), WEIR_OK);
    weir_buf_printf(&name, "%d", id);
    bulk_item_begin(bulk, &(bulk_action){.kind = BULK_INDEX,
                                         .index = WEIR_STR("orders"),
                                         .id = weir_buf_str(&name),
                                         .version = version});
    weir_buf_printf(&bulk->body, "{\"x\":\"%*s\"}\n", (int)size, "");
    bulk_item_end(bulk);
    weir_buf_done(&name);
}

static void add_some(int count)
{
    for (int i = 0; i < count; i++)
        add(0, i, i, 10);
}

static weir_code drain_fails(weir_error *err)
{
    weir_code code;

    *err = (weir_error){0};
    fake_settle(&one.server);
    code = client_drain(one.client, err);
    fake_settle(&one.server);
    return code;
}

static void drain(void)
{
    weir_error err;

    if (drain_fails(&err) != WEIR_OK)
        fail_msg("%s", err.message);
}

static void script(fake_reply reply)
{
    one.server.replies[one.server.reply_count++] = reply;
}

static void assert_sent(const char *expected)
{
    assert_string_equal(weir_buf_cstr(&one.server.sent), expected);
}

static void assert_sent_last(const char *expected)
{
    const char *sent = weir_buf_cstr(&one.server.sent);

    assert_true(one.server.sent.len >= strlen(expected));
    assert_string_equal(sent + one.server.sent.len - strlen(expected), expected);
}

/* --- Items ------------------------------------------------------------------------------------ */

static void each_item_is_written_refused_or_sent_again_as_its_status_says(void **state)
{
    static const int first[] = {201, 429, 400, 409, 503, 200, 404};
    static const int second[] = {429, 200};
    (void)state;

    script((fake_reply){.items = first});
    script((fake_reply){.items = second});
    open_client();
    add_some(7);
    drain();
    assert_sent("0:0 1:1 2:2 3:3 4:4 5:5 6:6 |1:1 4:4 |1:1 |");
    /* 409: something newer is there. 404 with an error: an index that is not there. */
    assert_string_equal(weir_buf_cstr(&one.refused),
                        "\"2\":because of 400 (an_exception)|\"6\":because of 404 (an_exception)|");
}

/* Else an old document that is written late would be the newest, once the version of its deletion is forgotten. */
static void what_follows_an_item_of_its_document_goes_again_behind_it(void **state)
{
    static const int first[] = {200, 429, 200, 200, 400};
    static const int second[] = {200, 429};
    (void)state;

    script((fake_reply){.items = first});
    script((fake_reply){.items = second});
    open_client();
    add(0, 1, 10, 10);
    add(0, 2, 11, 10);
    add(0, 1, 12, 10);
    add(0, 2, 13, 10);
    add(0, 2, 14, 10); /* is refused for good, and reported once */
    drain();
    assert_sent("1:10 2:11 1:12 2:13 2:14 |2:11 2:13 |2:13 |");
    assert_string_equal(weir_buf_cstr(&one.refused), "\"2\":because of 400 (an_exception)|");
}

static void what_the_policy_says_of_a_refused_item_ends_the_drain(void **state)
{
    static const int bad[] = {200, 400};
    weir_error err;
    (void)state;

    script((fake_reply){.items = bad});
    one.refusal = WEIR_FATAL;
    open_client();
    add_some(2);
    assert_int_equal(drain_fails(&err), WEIR_FATAL);
    assert_string_equal(err.message, "the policy says no");
}

/* --- Whole requests --------------------------------------------------------------------------- */

static void a_body_that_is_too_large_is_sent_in_parts_in_its_order(void **state)
{
    (void)state;
    one.server.largest = 700;
    open_client();
    for (int i = 0; i < 8; i++)
        add(0, i, i, 100);
    drain();
    assert_sent(
        "0:0 1:1 2:2 3:3 4:4 5:5 6:6 7:7 |0:0 1:1 2:2 3:3 |0:0 1:1 |2:2 3:3 |4:4 5:5 |6:6 7:7 |");
    for (int i = 8; i < 12; i++) /* it is known now */
        add(0, i, i, 100);
    drain();
    assert_sent_last("|6:6 7:7 |8:8 |9:9 |10:10 |11:11 |");
    assert_int_equal(one.refused.len, 0);
}

static void a_document_that_is_too_large_alone_is_refused_and_the_rest_written(void **state)
{
    (void)state;
    one.server.largest = 700;
    open_client();
    add(0, 1, 1, 10);
    add(0, 2, 2, 2000);
    add(0, 3, 3, 10);
    drain();
    assert_non_null(strstr(weir_buf_cstr(&one.refused), "\"2\":the document is larger than"));
    assert_null(strchr(weir_buf_cstr(&one.refused), '3'));
    assert_sent_last("3:3 |");
}

static void what_the_server_does_not_manage_is_sent_again_in_smaller_parts(const fake_reply *first,
                                                                           const char *expected)
{
    script(*first);
    one.settings.bulk_size_bytes = 256 << 10;
    one.settings.read_timeout_ms = 500;
    open_client();
    for (int i = 0; i < 4; i++)
        add(0, i, i, 50 << 10);
    drain();
    assert_sent(expected);
    assert_int_equal(one.refused.len, 0);
}

/* The same request again would take as long again, for ever. */
static void a_request_that_takes_too_long_is_sent_again_in_smaller_parts(void **state)
{
    (void)state;
    what_the_server_does_not_manage_is_sent_again_in_smaller_parts(
        &(fake_reply){.hanging = true}, "0:0 1:1 2:2 3:3 |0:0 1:1 |2:2 3:3 |");
}

static void a_request_that_the_server_has_no_room_for_is_sent_again_in_smaller_parts(void **state)
{
    (void)state;
    what_the_server_does_not_manage_is_sent_again_in_smaller_parts(
        &(fake_reply){.status = 429, .body = "{}"}, "0:0 1:1 2:2 3:3 |0:0 1:1 |2:2 3:3 |");
}

static void the_pause_that_the_server_asks_for_is_kept(void **state)
{
    (void)state;
    script((fake_reply){.status = 429, .body = "{}", .retry_after = "1"});
    open_client();
    add_some(1);
    drain();
    assert_sent("0:0 |0:0 |");
    assert_true(one.server.arrived_ms[1] - one.server.arrived_ms[0] >= 1000); /* not 1 ms */
}

static void passing_statuses_and_cut_connections_are_tried_again(void **state)
{
    static const unsigned statuses[] = {429, 500, 502, 503, 504};
    (void)state;

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        script((fake_reply){.status = statuses[i], .body = "busy"});
    script((fake_reply){.cut = true});
    open_client();
    add_some(2);
    drain();
    assert_sent("0:0 1:1 |0:0 1:1 |0:0 1:1 |0:0 1:1 |0:0 1:1 |0:0 1:1 |0:0 1:1 |");
    assert_non_null(strstr(weir_buf_cstr(&one.diags), "bulk request is repeated"));
    assert_int_equal(one.refused.len, 0);
}

/* Each of them says nothing of what became of the items. */
static void an_answer_of_a_wrong_shape_is_asked_for_again(void **state)
{
    static const char *const answers[] = {
        "",
        "<html>",
        "{\"errors\":true,\"items\":[{\"index\":{\"status\":200}",
        "[]",
        "{\"errors\":true}",
        "{\"errors\":true,\"items\":[{\"index\":{\"status\":200}}]}", /* two were sent */
        "{\"errors\":true,\"items\":[{},{}]}",
        "{\"errors\":true,\"items\":[5,6]}",
        "{\"errors\":true,\"items\":[{\"index\":{\"status\":200}},{\"index\":{}}]}",
        "{\"items\":[{\"index\":{\"status\":\"200\"}},{\"index\":{\"status\":200}}]}",
    };
    size_t count = sizeof(answers) / sizeof(answers[0]);
    (void)state;

    for (size_t i = 0; i < count; i++)
        script((fake_reply){.body = answers[i]});
    open_client();
    add_some(2);
    drain();
    assert_int_equal(one.server.request_count, count + 1);
    assert_int_equal(one.refused.len, 0);
}

static void it_gives_up_after_so_many_tries_when_it_shall(void **state)
{
    weir_error err;
    (void)state;

    for (int i = 0; i < 4; i++)
        script((fake_reply){.status = 503, .body = "why"});
    one.settings.max_retries = 2;
    open_client();
    add_some(1);
    assert_int_equal(drain_fails(&err), WEIR_RETRY);
    assert_non_null(strstr(err.message, "gave up after 3 tries"));
    assert_int_equal(one.server.request_count, 3);
}

/* The worker may put the same batch again; what was in the request is of batches before, too. */
static void what_was_given_up_is_sent_all_the_same_when_the_caller_goes_on(void **state)
{
    weir_error err;
    (void)state;

    for (int i = 0; i < 3; i++)
        script((fake_reply){.status = 503, .body = "why"});
    one.settings.max_retries = 2;
    open_client();
    add_some(2);
    assert_int_equal(drain_fails(&err), WEIR_RETRY);
    add(0, 7, 7, 10);
    drain();
    assert_sent("0:0 1:1 |0:0 1:1 |0:0 1:1 |0:0 1:1 |7:7 |");
}

static void what_the_policy_could_not_take_yet_is_sent_again_when_the_caller_goes_on(void **state)
{
    static const int bad[] = {200, 400};
    weir_error err;
    (void)state;

    script((fake_reply){.items = bad});
    one.refusal = WEIR_RETRY;
    open_client();
    add_some(2);
    assert_int_equal(drain_fails(&err), WEIR_RETRY);
    add(0, 7, 7, 10);
    drain();
    assert_sent("0:0 1:1 |0:0 1:1 |7:7 |");
}

static void what_no_repetition_mends_ends_the_task(void **state)
{
    weir_error err;
    (void)state;

    script((fake_reply){.status = 401, .body = "who"});
    open_client();
    add_some(1);
    assert_int_equal(drain_fails(&err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "connection.password"));
    assert_int_equal(one.server.request_count, 1);
}

static void bodies_are_gzip_and_a_refusal_of_that_names_the_setting(void **state)
{
    weir_error err;
    (void)state;

    one.settings.compression = true;
    open_client();
    add_some(3);
    drain(); /* the server has unpacked and read it */
    assert_sent("0:0 1:1 2:2 |");
    assert_true(one.server.was_gzip);
    one.server.refuses_gzip = true;
    add_some(1);
    assert_int_equal(drain_fails(&err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "connection.compression"));
}

/* --- Lanes ------------------------------------------------------------------------------------ */

/* Four documents, one lane for each, many versions; some answers refuse, so that repetitions mix with what is
 * new. */
static void the_writes_of_a_document_keep_their_order_over_many_requests(void **state)
{
    enum { LANES = 4, VERSIONS = 200 };
    static const int busy[] = {429};
    int last[LANES] = {0};
    (void)state;

    one.server.together = LANES;
    for (int i = 0; i < 8; i++)
        script(i % 2 == 0 ? (fake_reply){.status = 503, .body = "{}"}
                          : (fake_reply){.items = busy});
    one.settings.max_in_flight = LANES;
    one.settings.batch_size = 1;
    open_client();
    assert_int_equal(client_lane_count(one.client), LANES);
    for (int version = 1; version <= VERSIONS; version++)
        for (int lane = 0; lane < LANES; lane++)
            add(lane, lane, version, 10);
    drain();
    assert_int_equal(one.server.most_in_flight, LANES); /* they were under way side by side */
    assert_false(one.server.overlapped);
    assert_int_equal(one.server.request_count, LANES * VERSIONS + 8);
    for (const char *at = weir_buf_cstr(&one.server.sent); *at != '\0'; at = strchr(at, '|') + 1) {
        char *end;
        int id = (int)strtol(at, &end, 10), version = (int)strtol(end + 1, NULL, 10);

        assert_true(version == last[id] || version == last[id] + 1);
        last[id] = version;
    }
    for (int i = 0; i < LANES; i++)
        assert_int_equal(last[i], VERSIONS);
}

static void another_node_is_asked_when_one_is_away(void **state)
{
    (void)state;
    one.urls[1] = one.urls[0];
    one.urls[0] = WEIR_STR("http://127.0.0.1:1"); /* nobody listens there */
    one.settings.urls.count = 2;
    open_client();
    add_some(3);
    drain();
    assert_sent("0:0 1:1 2:2 |");
    assert_non_null(strstr(weir_buf_cstr(&one.diags), "http://127.0.0.1:1"));
}

static void a_task_that_shall_stop_does_not_wait_for_a_server_that_is_away(void **state)
{
    weir_error err;
    (void)state;

    script((fake_reply){.status = 503, .body = "{}", .retry_after = "50"});
    open_client();
    add_some(1);
    atomic_store(&one.task.stopping, true);
    assert_int_equal(drain_fails(&err), WEIR_RETRY);
    assert_non_null(strstr(err.message, "stopped while documents waited"));
    assert_int_equal(one.server.request_count, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_item_is_written_refused_or_sent_again_as_its_status_says),
        CASE(what_follows_an_item_of_its_document_goes_again_behind_it),
        CASE(what_the_policy_says_of_a_refused_item_ends_the_drain),
        CASE(a_body_that_is_too_large_is_sent_in_parts_in_its_order),
        CASE(a_document_that_is_too_large_alone_is_refused_and_the_rest_written),
        CASE(a_request_that_takes_too_long_is_sent_again_in_smaller_parts),
        CASE(a_request_that_the_server_has_no_room_for_is_sent_again_in_smaller_parts),
        CASE(the_pause_that_the_server_asks_for_is_kept),
        CASE(passing_statuses_and_cut_connections_are_tried_again),
        CASE(an_answer_of_a_wrong_shape_is_asked_for_again),
        CASE(it_gives_up_after_so_many_tries_when_it_shall),
        CASE(what_was_given_up_is_sent_all_the_same_when_the_caller_goes_on),
        CASE(what_the_policy_could_not_take_yet_is_sent_again_when_the_caller_goes_on),
        CASE(what_no_repetition_mends_ends_the_task),
        CASE(bodies_are_gzip_and_a_refusal_of_that_names_the_setting),
        CASE(the_writes_of_a_document_keep_their_order_over_many_requests),
        CASE(another_node_is_asked_when_one_is_away),
        CASE(a_task_that_shall_stop_does_not_wait_for_a_server_that_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

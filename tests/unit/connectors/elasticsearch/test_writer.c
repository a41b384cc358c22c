/* test_writer.c - records become bulk items: which lane, which version, when a deletion goes, what is committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "connectors/elasticsearch/writer.h"
#include "sdk/src/batch.h"
#include "sdk/src/task.h"

#include "tests/unit/connectors/elasticsearch/fake_search.h"

#define TOPIC WEIR_STR("orders")
#define KEY   "{\"type\":\"record\",\"name\":\"K\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}]}"
#define VALUE "{\"type\":\"record\",\"name\":\"V\",\"fields\":[{\"name\":\"n\",\"type\":\"int\"}]}"

typedef struct fixture {
    fake_search server;
    es_settings settings;
    weir_str url;
    weir_task task;
    es_client *client;
    writer writer;
    weir_batch *batch;
    int64_t next_offset;
    int rejected;
} fixture;

static fixture one;

static void no_diag(void *context, weir_level level, weir_str text)
{
    (void)context, (void)level, (void)text;
}

static weir_str topic_id(void *context, weir_str topic)
{
    (void)context, (void)topic;
    return WEIR_STR("topic-1");
}

static weir_code reject(void *context, const weir_record *record, const char *reason,
                        weir_error *err)
{
    (void)context, (void)record, (void)reason, (void)err;
    one.rejected++;
    return WEIR_OK;
}

static weir_code refused(void *context, const bulk_request *bulk, const bulk_item *item,
                         weir_str reason, weir_error *err)
{
    (void)context, (void)bulk, (void)item;
    return weir_fail(err, WEIR_FATAL, "%.*s", WEIR_ARG(reason));
}

static const task_host host = {.diag = no_diag, .topic_id = topic_id, .reject = reject};

static int set_up(void **state)
{
    (void)state;
    one = (fixture){.settings = {.connect_timeout_ms = 1000,
                                 .read_timeout_ms = 30000,
                                 .batch_size = 5000,
                                 .bulk_size_bytes = 5 << 20,
                                 .max_in_flight = 1,
                                 .retry_backoff_ms = 1,
                                 .on_null = {.index = NULL_DELETE},
                                 .host_check = WEIR_STR("https")}};
    fake_start(&one.server);
    one.url = weir_cstr(one.server.url);
    one.settings.urls = (weir_list){&one.url, 1};
    task_init(&one.task, WEIR_STR("search"), 0, &host, NULL);
    one.task.log_id = WEIR_STR("log-1");
    one.batch = batch_new(1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    client_free(one.client);
    writer_done(&one.writer);
    fake_stop(&one.server);
    batch_free(one.batch);
    task_done(&one.task);
    return 0;
}

static void open_writer(void)
{
    one.client = client_new(
        &(client_options){.task = &one.task, .settings = &one.settings, .refused = refused});
    writer_init(&one.writer, &one.task, &one.settings, one.client);
    fake_settle(&one.server);
}

static const weir_schema *schema(const char *text)
{
    weir_error err;
    const weir_schema *found = weir_task_schema(&one.task, weir_cstr(text), &err);

    assert_non_null(found);
    return found;
}

/* id < 0: no key. position NULL: none. */
static void add(int64_t id, const char *position, bool is_deletion)
{
    weir_error err;

    assert_true(weir_record_begin(one.batch, TOPIC));
    if (position != NULL) {
        weir_record_header(one.batch, WEIR_STR("weir.position"), weir_cstr(position));
        weir_record_header(one.batch, WEIR_STR("weir.source"), WEIR_STR("database-1"));
    }
    if (id >= 0) {
        weir_record_key(one.batch, schema(KEY));
        weir_put_long(one.batch, id);
    }
    if (!is_deletion) {
        weir_record_value(one.batch, schema(VALUE));
        weir_put_int(one.batch, 5);
    }
    assert_int_equal(weir_record_end(one.batch, &err), WEIR_OK);
}

static weir_code put(weir_error *err)
{
    weir_code code;

    for (uint32_t i = 0; i < batch_count(one.batch); i++) {
        batch_entry *entry = batch_at(one.batch, i);

        entry->log_topic = entry->topic;
        entry->log_partition = 0;
        entry->log_offset = one.next_offset++;
    }
    code = writer_put(&one.writer, one.batch, err);
    batch_clear(one.batch);
    return code;
}

/* Puts what was added, and flushes; returns the offset that may be committed. */
static int64_t apply(void)
{
    weir_offsets *offsets = offsets_new();
    weir_error err = {0};
    int64_t committed;

    if (batch_count(one.batch) > 0 && put(&err) != WEIR_OK)
        fail_msg("%s", err.message);
    offsets_put(offsets, TOPIC, 0, one.next_offset);
    if (writer_flush(&one.writer, offsets, &err) != WEIR_OK)
        fail_msg("%s", err.message);
    committed = weir_offsets_get(offsets, TOPIC, 0);
    offsets_free(offsets);
    fake_settle(&one.server);
    return committed;
}

static void assert_sent(const char *expected)
{
    assert_string_equal(weir_buf_cstr(&one.server.sent), expected);
}

static void versions_are_positions_or_else_offsets(void **state)
{
    (void)state;
    open_writer();
    add(7, NULL, false);
    add(8, NULL, true);
    assert_int_equal(apply(), 2);
    assert_sent("7:0 -8:1 |");
    assert_int_equal(one.rejected, 0);
}

static void a_position_is_the_version_and_no_number_is_rejected(void **state)
{
    (void)state;
    open_writer();
    add(7, "4000000000", false);
    add(8, "no", false);
    add(9, "4000000001", false);
    assert_int_equal(apply(), 3);
    assert_sent("7:4000000000 9:4000000001 |");
    assert_int_equal(one.rejected, 1);
}

/* It may be the first half of a key that changes; the second half may need its document. */
static void a_deletion_at_the_end_of_a_batch_waits_and_is_not_committed(void **state)
{
    (void)state;
    open_writer();
    add(1, "100", false);
    add(2, "101", true);
    assert_int_equal(apply(), 1); /* the deletion's offset is to be read again after a crash */
    assert_sent("1:100 |");
    assert_int_equal(apply(), 2); /* nothing has followed: the second flush sends it */
    assert_sent("1:100 |-2:101 |");
    assert_int_equal(apply(), 2);
    assert_sent("1:100 |-2:101 |");
}

static void a_deletion_that_waits_goes_before_what_follows_it(void **state)
{
    (void)state;
    open_writer();
    add(1, "100", true);
    assert_int_equal(apply(), 0);
    add(2, "100", false); /* the key has changed */
    add(1, "102", false); /* and the old one is there again */
    assert_int_equal(apply(), 3);
    assert_sent("-1:100 2:100 1:102 |");
}

/* Several lanes, several requests at a time: what was written last of an id was put last. */
static void the_changes_of_an_id_keep_their_order_over_lanes(void **state)
{
    enum { IDS = 15, TURNS = 50 };
    long long last[IDS] = {0};
    weir_error err;
    (void)state;

    for (size_t i = 0; i < FAKE_REPLIES_MAX; i += 2) /* what is refused waits, the rest goes on */
        one.server.replies[i] = (fake_reply){.status = 503, .body = "{}"};
    one.server.reply_count = FAKE_REPLIES_MAX;
    one.settings.retry_backoff_ms = 20;
    one.settings.max_in_flight = 4;
    one.settings.batch_size = 3;
    open_writer();
    for (int turn = 0; turn < TURNS; turn++) {
        for (int id = 0; id < IDS; id++)
            add(id, NULL, (turn + id) % 5 == 4);
        if (put(&err) != WEIR_OK)
            fail_msg("%s", err.message);
    }
    assert_int_equal(apply(), TURNS * IDS);
    assert_false(one.server.overlapped);
    for (const char *at = weir_buf_cstr(&one.server.sent); *at != '\0';) {
        char *end;
        long long id = llabs(strtoll(at + (*at == '-'), &end, 10));
        long long version = strtoll(end + 1, &end, 10);

        assert_in_range(id, 0, IDS - 1);
        assert_true(version >= last[id]);
        last[id] = version;
        at = end + strspn(end, " |");
    }
    for (int id = 0; id < IDS; id++)
        assert_int_equal(last[id], (TURNS - 1) * IDS + id);
}

static void a_record_without_a_value_does_what_the_setting_says(void **state)
{
    (void)state;
    one.settings.on_null.index = NULL_IGNORE;
    open_writer();
    add(1, NULL, true);
    assert_int_equal(apply(), 1);
    one.settings.on_null.index = NULL_FAIL;
    add(1, NULL, true);
    assert_int_equal(apply(), 2);
    assert_sent("");
    assert_int_equal(one.rejected, 1);
}

static void a_record_without_a_key_is_rejected_or_has_its_place_for_an_id(void **state)
{
    (void)state;
    open_writer();
    add(-1, NULL, false);
    assert_int_equal(apply(), 1);
    assert_sent("");
    assert_int_equal(one.rejected, 1);
    one.settings.key_ignore = true;
    add(-1, NULL, false);
    add(3, NULL, true); /* there is nothing to delete by */
    assert_int_equal(apply(), 3);
    assert_sent("orders+0+1:1 |");
}

static void an_index_of_another_log_is_refused_before_anything_is_sent(void **state)
{
    weir_error err;
    (void)state;

    open_writer();
    add(1, NULL, false);
    (void)apply();
    client_free(one.client);
    writer_done(&one.writer);
    one.task.log_id = WEIR_STR("log-2");
    open_writer();
    add(1, NULL, false);
    assert_int_equal(put(&err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "another log"));
    assert_sent("1:0 |");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(versions_are_positions_or_else_offsets),
        CASE(a_position_is_the_version_and_no_number_is_rejected),
        CASE(a_deletion_at_the_end_of_a_batch_waits_and_is_not_committed),
        CASE(a_deletion_that_waits_goes_before_what_follows_it),
        CASE(the_changes_of_an_id_keep_their_order_over_lanes),
        CASE(a_record_without_a_value_does_what_the_setting_says),
        CASE(a_record_without_a_key_is_rejected_or_has_its_place_for_an_id),
        CASE(an_index_of_another_log_is_refused_before_anything_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

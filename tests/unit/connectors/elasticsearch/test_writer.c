/* test_writer.c - records become bulk items: which lane, which version, when a deletion goes, what is committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "connectors/elasticsearch/writer.h"
#include "sdk/src/batch.h"

#include "tests/unit/connectors/elasticsearch/search_fixture.h"

#define TOPIC WEIR_STR("orders")
#define KEY   "{\"type\":\"record\",\"name\":\"K\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}]}"
#define VALUE "{\"type\":\"record\",\"name\":\"V\",\"fields\":[{\"name\":\"n\",\"type\":\"int\"}]}"

enum { PARTITIONS = 2 };

static search_fixture one;
static writer under_test;
static weir_batch *batch;
static int32_t partitions[16];           /* of the records in the batch */
static int64_t next_offsets[PARTITIONS]; /* of the log */
static int64_t committed[PARTITIONS];    /* may be, by the last flush */

static int set_up(void **state)
{
    (void)state;
    search_set_up(&one);
    one.refusal = WEIR_FATAL;
    batch = batch_new(1 << 20);
    memset(partitions, 0, sizeof(partitions));
    memset(next_offsets, 0, sizeof(next_offsets));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    writer_done(&under_test);
    search_tear_down(&one);
    batch_free(batch);
    return 0;
}

static void open_writer(void)
{
    writer_done(&under_test);
    search_open(&one);
    writer_init(&under_test, &one.task, &one.settings, one.client);
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

    assert_true(weir_record_begin(batch, TOPIC));
    if (position != NULL) {
        weir_record_header(batch, WEIR_STR("weir.position"), weir_cstr(position));
        weir_record_header(batch, WEIR_STR("weir.source"), WEIR_STR("database-1"));
    }
    if (id >= 0) {
        weir_record_key(batch, schema(KEY));
        weir_put_long(batch, id);
    }
    if (!is_deletion) {
        weir_record_value(batch, schema(VALUE));
        weir_put_int(batch, 5);
    }
    assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
}

/* The record that was added last is in the second partition. */
static void elsewhere(void)
{
    partitions[batch_count(batch) - 1] = 1;
}

static weir_code put(weir_error *err)
{
    weir_code code;

    for (uint32_t i = 0; i < batch_count(batch); i++) {
        batch_entry *entry = batch_at(batch, i);

        entry->log_topic = entry->topic;
        entry->log_partition = partitions[i];
        entry->log_offset = next_offsets[partitions[i]]++;
    }
    code = writer_put(&under_test, batch, err);
    batch_clear(batch);
    memset(partitions, 0, sizeof(partitions));
    return code;
}

static void put_only(void)
{
    weir_error err;

    if (put(&err) != WEIR_OK)
        fail_msg("%s", err.message);
}

/* Puts what was added, and flushes; returns the offset that may be committed. */
static int64_t apply(void)
{
    weir_offsets *offsets = offsets_new();
    weir_error err = {0};

    if (batch_count(batch) > 0)
        put_only();
    for (int i = 0; i < PARTITIONS; i++)
        offsets_put(offsets, TOPIC, i, next_offsets[i]);
    if (writer_flush(&under_test, offsets, &err) != WEIR_OK)
        fail_msg("%s", err.message);
    for (int i = 0; i < PARTITIONS; i++)
        committed[i] = weir_offsets_get(offsets, TOPIC, i);
    offsets_free(offsets);
    fake_settle(&one.server);
    return committed[0];
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

/* The reader takes turns with partitions: what stands behind it in a batch, or in the next, may be another's. */
static void a_deletion_waits_for_the_next_record_of_its_own_partition(void **state)
{
    (void)state;
    open_writer();
    add(1, "100", true);
    add(7, "101", false);
    elsewhere();
    assert_int_equal(apply(), 0);
    assert_int_equal(committed[1], 1);
    assert_sent("7:101 |");
    add(8, "102", true); /* each partition may have one that waits */
    elsewhere();
    put_only();
    assert_sent("7:101 |");
    add(9, "103", false);
    elsewhere();
    put_only();
    add(2, "104", false);
    assert_int_equal(apply(), 2);
    assert_int_equal(committed[1], 3);
    assert_sent("7:101 |-8:102 9:103 -1:100 2:104 |");
}

static void a_deletion_that_waits_is_dropped_when_its_batch_comes_again(void **state)
{
    (void)state;
    open_writer();
    for (int i = 0; i < 2; i++) {
        next_offsets[0] = 0;
        add(1, "100", false);
        add(2, "101", true);
        put_only();
    }
    assert_int_equal(apply(), 1);
    assert_sent("1:100 1:100 |"); /* it is not known yet what the deletion is */
    assert_int_equal(apply(), 2);
    assert_sent("1:100 1:100 |-2:101 |");
}

/* Several lanes, several requests at a time: what was written last of an id was put last. */
static void the_changes_of_an_id_keep_their_order_over_lanes(void **state)
{
    enum { IDS = 15, TURNS = 50 };
    long long last[IDS] = {0};
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
        put_only();
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
    one.task.log_id = WEIR_STR("log-2");
    open_writer();
    add(1, NULL, false);
    assert_int_equal(put(&err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "another log"));
    assert_sent("1:0 |");
}

static void an_index_that_was_deleted_is_marked_again_and_that_is_said(void **state)
{
    weir_error err;
    json_t *index;
    (void)state;

    open_writer();
    add(1, NULL, false);
    (void)apply();
    assert_null(strstr(weir_buf_cstr(&one.diags), "was deleted"));
    index = json_object_get(one.server.indices, "orders");
    json_object_clear(json_object_get(index, "mappings")); /* made again by a document */
    under_test.indices.watch_at_ms = 0;
    add(2, NULL, false);
    (void)apply();
    assert_non_null(strstr(weir_buf_cstr(&one.diags), "index \"orders\" was deleted while"));
    assert_string_equal(
        json_string_value(json_object_get(
            json_object_get(json_object_get(json_object_get(index, "mappings"), "_meta"), "weir"),
            "log")),
        "log-1");
    add(3, NULL, false); /* and its fields are known again */
    (void)apply();
    assert_non_null(json_object_get(json_object_get(index, "mappings"), "properties"));
    one.task.log_id = WEIR_STR("log-2"); /* somebody else has made it */
    under_test.indices.watch_at_ms = 0;
    add(4, NULL, false);
    assert_int_equal(put(&err), WEIR_OK);
    assert_int_equal(writer_flush(&under_test, NULL, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "another log"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(versions_are_positions_or_else_offsets),
        CASE(a_position_is_the_version_and_no_number_is_rejected),
        CASE(a_deletion_at_the_end_of_a_batch_waits_and_is_not_committed),
        CASE(a_deletion_that_waits_goes_before_what_follows_it),
        CASE(a_deletion_waits_for_the_next_record_of_its_own_partition),
        CASE(a_deletion_that_waits_is_dropped_when_its_batch_comes_again),
        CASE(the_changes_of_an_id_keep_their_order_over_lanes),
        CASE(a_record_without_a_value_does_what_the_setting_says),
        CASE(a_record_without_a_key_is_rejected_or_has_its_place_for_an_id),
        CASE(an_index_of_another_log_is_refused_before_anything_is_sent),
        CASE(an_index_that_was_deleted_is_marked_again_and_that_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

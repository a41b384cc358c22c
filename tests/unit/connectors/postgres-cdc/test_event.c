/* test_event.c - which records a change becomes, and that a full batch splits none. */
#include "connectors/postgres-cdc/event.h"

#include "sdk/src/batch.h"
#include "tests/unit/connectors/postgres-cdc/pg_world.h"

static pg_world world;
static event events;
static weir_batch *batch;
static weir_buf shown;

static catalog_column columns[] = {
    {.name = WEIR_STR("id"), .type = 23, .modifier = -1, .key_position = 1, .not_null = true},
    {.name = WEIR_STR("t"), .type = 25, .modifier = -1},
};

#define SENT(literal)                                                                              \
    {                                                                                              \
        .form = PGOUTPUT_TEXT, .bytes = WEIR_STR(literal)                                          \
    }
static const pgoutput_value first_row[] = {SENT("1"), SENT("a")};
static const pgoutput_value same_key_row[] = {SENT("1"), SENT("b")};
static const pgoutput_value other_key_row[] = {SENT("2"), SENT("b")};
static const pgoutput_tuple first = {.values = first_row, .count = 2};
static const pgoutput_tuple same_key = {.values = same_key_row, .count = 2};
static const pgoutput_tuple other_key = {.values = other_key_row, .count = 2};

static const relation *table(void)
{
    catalog_table made = {.oid = 1,
                          .schema = WEIR_STR("public"),
                          .name = WEIR_STR("t"),
                          .identity = 'd',
                          .columns = columns,
                          .column_count = 2};
    const relation *shape = relation_new(&world.context, &made, &world.err);

    assert_non_null(shape);
    return shape;
}

static int release(void **state)
{
    (void)state;
    event_done(&events);
    batch_free(batch);
    weir_buf_done(&shown);
    pg_world_done(&world);
    return 0;
}

static void begin(void)
{
    event_init(&events, &world.settings);
    event_identify(&events, 7, 1);
    events.transaction_id = 99;
    events.commit_us = 1700000000000000;
    events.last_commit_lsn = 5;
    batch = batch_new(65536);
}

/* "op key" of each record, a tombstone as "x". */
static const char *show(void)
{
    weir_record record = {0};
    weir_buf json = {0};

    weir_buf_clear(&shown);
    while (weir_record_next(batch, &record)) {
        weir_buf_clear(&json);
        const char *operation = "x";
        if (record.value.ptr != NULL) {
            assert_int_equal(weir_value_json(record.value_schema, record.value, &json, &world.err),
                             WEIR_OK);
            const char *op = strstr(weir_buf_cstr(&json), "\"op\":\"");
            assert_non_null(op);
            operation = op[6] == 'c'   ? "c"
                        : op[6] == 'u' ? "u"
                        : op[6] == 'd' ? "d"
                        : op[6] == 't' ? "t"
                                       : "r";
        }
        weir_buf_clear(&json);
        if (record.key.ptr != NULL)
            assert_int_equal(weir_value_json(record.key_schema, record.key, &json, &world.err),
                             WEIR_OK);
        weir_buf_printf(&shown, "%s%s%.*s", shown.len > 0 ? " " : "", operation,
                        WEIR_ARG(weir_buf_str(&json)));
    }
    weir_buf_done(&json);
    return weir_buf_cstr(&shown);
}

static void put_change(event_change change)
{
    int step = 0;

    change.relation = table();
    change.lsn = 10;
    change.order = 1;
    assert_int_equal(event_write(&events, &change, &step, batch, &world.err), WEIR_OK);
    assert_int_equal(step, -1);
}

static void a_change_of_the_key_is_delete_tombstone_and_create(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    begin();
    put_change((event_change){.operation = 'c', .new_row = &first});
    put_change((event_change){.operation = 'u', .old_row = &first, .new_row = &same_key});
    put_change((event_change){.operation = 'u', .old_row = &first, .new_row = &other_key});
    put_change((event_change){.operation = 'd', .old_row = &other_key});
    assert_string_equal(show(), "c{\"id\":1} u{\"id\":1} d{\"id\":1} x{\"id\":1} c{\"id\":2} "
                                "d{\"id\":2} x{\"id\":2}");
}

/* What the last record's source block and headers say of its transaction. */
static void expect_transaction(const char *source, const char *id)
{
    weir_record record = {0}, last = {0};
    weir_buf json = {0};

    put_change((event_change){.operation = 'c', .new_row = &first});
    while (weir_record_next(batch, &record))
        last = record;
    assert_int_equal(weir_value_json(last.value_schema, last.value, &json, &world.err), WEIR_OK);
    if (strstr(weir_buf_cstr(&json), source) == NULL)
        fail_msg("%s lacks %s", weir_buf_cstr(&json), source);
    assert_true(
        weir_str_eq(weir_record_header_find(batch, &last, WEIR_STR("weir.txid")), weir_cstr(id)));
    weir_buf_done(&json);
}

static void what_is_encoded_once_for_a_transaction_is_never_anothers(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    begin();
    expect_transaction("\"ts_ms\":1700000000000,\"snapshot\":\"false\"", "99");
    events.commit_us = 1700000001000001;
    expect_transaction("\"ts_ms\":1700000001000,\"snapshot\":\"false\"", "99");
    expect_transaction("\"ts_us\":1700000001000001,\"ts_ns\":1700000001000001000", "99");
    events.last_commit_lsn = 1234567890123;
    expect_transaction("\"sequence\":\"[\\\"1234567890123\\\",\\\"10\\\"]\"", "99");
    events.last_commit_lsn = 0;
    expect_transaction("\"sequence\":\"[null,\\\"10\\\"]\"", "99");
    events.transaction_id = UINT32_MAX;
    expect_transaction("\"txId\":4294967295,\"lsn\":10", "4294967295");
    events.snapshot = "last";
    expect_transaction("\"snapshot\":\"last\"", "4294967295");
}

static void tombstones_can_be_left_out(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "tombstones.on.delete", "false");
    begin();
    put_change((event_change){.operation = 'd', .old_row = &first});
    assert_string_equal(show(), "d{\"id\":1}");
}

static void a_skipped_operation_writes_nothing_but_a_changed_key_is_never_half(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "skipped.operations", "c,u,d,t");
    begin();
    put_change((event_change){.operation = 'c', .new_row = &first});
    put_change((event_change){.operation = 'd', .old_row = &first});
    put_change((event_change){.operation = 't'});
    put_change((event_change){.operation = 'u', .old_row = &first, .new_row = &other_key});
    assert_string_equal(show(), "d{\"id\":1} x{\"id\":1} c{\"id\":2}");
}

static void a_truncate_of_our_own_is_never_skipped_and_marked(void **state)
{
    (void)state;
    weir_record record = {0};
    bool found = false;

    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    begin();
    put_change((event_change){.operation = 't', .restart = true});
    assert_string_equal(show(), "t");
    assert_true(weir_record_next(batch, &record));
    for (uint32_t i = 0; i < record.header_count; i++)
        found = found || weir_str_eq(weir_record_header_at(batch, &record, i).name,
                                     WEIR_STR("weir.restart"));
    assert_true(found);
}

static void what_does_not_fit_goes_on_where_it_was(void **state)
{
    (void)state;
    event_change change = {
        .operation = 'u', .old_row = &first, .new_row = &other_key, .lsn = 10, .order = 1};
    int step = 0;
    int rounds = 0;
    weir_buf all = {0};

    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    begin();
    batch_free(batch);
    batch = batch_new(64); /* full behind each record */
    change.relation = table();
    do {
        batch_clear(batch);
        assert_int_equal(event_write(&events, &change, &step, batch, &world.err), WEIR_OK);
        weir_buf_printf(&all, "%s ", show());
    } while (step != -1 && ++rounds < 10);
    assert_string_equal(weir_buf_cstr(&all), "d{\"id\":1} x{\"id\":1} c{\"id\":2} ");
    weir_buf_done(&all);
}

static void a_heartbeat_has_the_servers_name(void **state)
{
    (void)state;
    weir_record record = {0};
    bool full;

    PG_WORLD_INIT(&world, "topic.heartbeat.prefix", "beat");
    begin();
    const weir_schema *key =
        weir_task_schema(&world.task, WEIR_STR(EVENT_HEARTBEAT_KEY), &world.err);
    const weir_schema *value =
        weir_task_schema(&world.task, WEIR_STR(EVENT_HEARTBEAT_VALUE), &world.err);
    assert_int_equal(event_heartbeat(&events, key, value, batch, &full, &world.err), WEIR_OK);
    assert_false(full);
    assert_true(weir_record_next(batch, &record));
    assert_str(record.topic, "beat.shop");
    assert_str(record.key, "\10shop");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_change_of_the_key_is_delete_tombstone_and_create, release),
        cmocka_unit_test_teardown(what_is_encoded_once_for_a_transaction_is_never_anothers,
                                  release),
        cmocka_unit_test_teardown(tombstones_can_be_left_out, release),
        cmocka_unit_test_teardown(
            a_skipped_operation_writes_nothing_but_a_changed_key_is_never_half, release),
        cmocka_unit_test_teardown(a_truncate_of_our_own_is_never_skipped_and_marked, release),
        cmocka_unit_test_teardown(what_does_not_fit_goes_on_where_it_was, release),
        cmocka_unit_test_teardown(a_heartbeat_has_the_servers_name, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

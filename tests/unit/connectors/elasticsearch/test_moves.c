/* test_moves.c - which deletion stands before a record of its partition, and which may go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/elasticsearch/moves.h"
#include "sdk/src/task.h"

static const index_entry orders = {.name = {"orders", 6}};
static const task_host host = {0};
static weir_task task;
static moves all;
static weir_record record;
static moves_partition *from;

static int set_up(void **state)
{
    (void)state;
    task_init(&task, WEIR_STR("search"), 0, &host, NULL);
    moves_init(&all, &task);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    moves_done(&all);
    task_done(&task);
    return 0;
}

/* The next record that is looked at. */
static void reach(const char *topic, int32_t partition, int64_t offset, bool deletes)
{
    record = (weir_record){.log_topic = weir_cstr(topic),
                           .log_partition = partition,
                           .log_offset = offset,
                           .index = record.index + 1,
                           .key = WEIR_STR("key")};
    if (!deletes)
        record.value = WEIR_STR("value");
    from = moves_reach(&all, &record);
}

static void pass(const char *topic, int32_t partition, int64_t offset, bool deletes)
{
    reach(topic, partition, offset, deletes);
    moves_pass(&all, from, &record);
}

static moves_deletion deletion(const char *id, int64_t version)
{
    moves_deletion made = {.index = &orders, .version = version, .offset = record.log_offset};

    weir_buf_add_str(&made.id, weir_cstr(id));
    return made;
}

static void assert_waiting(int64_t version, const char *id)
{
    const moves_deletion *found = moves_waiting(&all, from, &orders, version);

    if (id == NULL)
        assert_null(found);
    else
        assert_true(found != NULL && weir_str_eq(weir_buf_str(&found->id), weir_cstr(id)));
}

static void the_record_before_is_that_of_the_same_partition(void **state)
{
    (void)state;
    moves_begin_window(&all);
    pass("a", 0, 10, true);
    pass("b", 0, 20, false);
    pass("a", 1, 30, false);
    reach("a", 0, 11, false);
    assert_int_equal(moves_before(&all, from)->log_offset, 10);
    moves_pass(&all, from, &record);
    reach("a", 0, 12, false);
    assert_null(moves_before(&all, from)); /* that is no deletion */
    moves_begin_window(&all);
    reach("a", 1, 31, false);
    assert_null(moves_before(&all, from)); /* records of an earlier window are gone */
}

static void the_last_record_of_each_partition_is_known(void **state)
{
    weir_record first;
    (void)state;

    moves_begin_window(&all);
    pass("a", 0, 10, true);
    first = record;
    pass("b", 0, 20, true);
    assert_true(moves_is_last(&all, &record));
    assert_true(moves_is_last(&all, &first));
    pass("a", 0, 11, true);
    assert_true(moves_is_last(&all, &record));
    assert_false(moves_is_last(&all, &first));
}

static void a_held_deletion_is_found_and_settled_by_the_next_record_of_its_partition(void **state)
{
    size_t at = 0;
    (void)state;

    moves_begin_window(&all);
    pass("a", 0, 10, true);
    moves_hold(&all, &record, deletion("one", 100));
    moves_begin_window(&all);
    pass("b", 0, 20, false);
    assert_waiting(100, NULL);
    assert_false(moves_is_settled(&all, moves_next_held(&all, &at)));
    at = 0;
    reach("a", 0, 11, false);
    assert_waiting(100, "one");
    assert_waiting(101, NULL); /* another change */
    moves_pass(&all, from, &record);
    assert_true(moves_is_settled(&all, moves_next_held(&all, &at)));
    moves_keep_held(&all, from);
    at = 0;
    assert_null(moves_next_held(&all, &at));
    assert_int_equal(moves_kept_count(&all), 1);
    assert_int_equal(moves_kept_at(&all, 0)->version, 100);
    moves_clear_kept(&all);
    assert_int_equal(moves_kept_count(&all), 0);
}

static void a_held_deletion_is_forgotten_when_its_batch_comes_again(void **state)
{
    size_t at = 0;
    (void)state;

    moves_begin_window(&all);
    pass("a", 0, 10, true);
    moves_hold(&all, &record, deletion("one", 100));
    moves_begin_window(&all);
    reach("a", 0, 9, false);
    assert_waiting(100, NULL);
    assert_null(moves_next_held(&all, &at));
}

/* The documents of a put that failed half-way may be there already, and the old ones are not deleted. */
static void a_kept_deletion_is_found_again(void **state)
{
    (void)state;
    moves_begin_window(&all);
    pass("a", 0, 10, true);
    moves_keep(&all, deletion("one", 100));
    moves_begin_window(&all);
    reach("a", 0, 10, true);
    assert_waiting(100, "one");
    assert_waiting(101, NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_record_before_is_that_of_the_same_partition),
        CASE(the_last_record_of_each_partition_is_known),
        CASE(a_held_deletion_is_found_and_settled_by_the_next_record_of_its_partition),
        CASE(a_held_deletion_is_forgotten_when_its_batch_comes_again),
        CASE(a_kept_deletion_is_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

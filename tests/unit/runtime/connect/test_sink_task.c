/* test_sink_task.c - a sink gets every record in order, and nothing is committed that it did not make durable. */
#include "tests/unit/runtime/connect/sink_fixture.h"

/* --- Order and offsets ------------------------------------------------------------------------ */

static void nothing_is_committed_yet(weir_task *task)
{
    (void)task;
    assert_int_equal(committed(), -1);
}

static void records_come_in_order_and_are_committed_behind_the_flush(void **state)
{
    (void)state;

    make_orders(100);
    sink.in_flush = nothing_is_committed_yet;
    assert_int_equal(run_until_flushed(100), WEIR_OK);
    assert_seen(0, 100);
    assert_int_equal(committed(), 100);
}

static void a_start_goes_on_behind_what_was_committed(void **state)
{
    (void)state;

    make_orders(10);
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    append(TOPIC, 0, 10, 5);
    sink.seen_count = 0;
    connect_world_close(&world); /* another worker */
    connect_world_open(&world, the_log);
    assert_int_equal(run_until_flushed(15), WEIR_OK);
    assert_seen(10, 5);
}

static void a_sink_with_a_ledger_says_where_it_goes_on(void **state)
{
    (void)state;

    make_orders(10);
    sink.resume = 7;
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_seen(7, 3);
}

/* As a worker does it for a stopped connector. */
static void alter(const char *mark)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf where = {0}, key = {0};
    weir_error err;

    durable_sink_partition(WEIR_STR(TOPIC), 0, &where);
    durable_altered_key(WEIR_STR(CONNECTOR), weir_buf_str(&where), &key);
    assert_int_equal(
        durable_put_offset(world.world.durable, weir_buf_str(&key), weir_cstr(mark), &err),
        WEIR_OK);
}

static void a_ledger_is_told_once_where_somebody_set_the_offset(void **state)
{
    (void)state;

    make_orders(10);
    sink.resume = 10;
    alter("{\"kafka_offset\":4}");
    sink.failing_alters = 1;
    assert_int_equal(run_until_flushed(10), WEIR_RETRY); /* not told: so it has read nothing */
    assert_int_equal(sink.seen_count, 0);
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_int_equal(sink.altered, 4);
    assert_seen(4, 6);
    sink.altered = -2;
    append(TOPIC, 0, 10, 2);
    sink.resume = 10;
    assert_int_equal(run_until_flushed(12), WEIR_OK);
    assert_int_equal(sink.altered, -2);
}

static void a_ledger_is_told_that_its_offset_was_forgotten(void **state)
{
    (void)state;

    make_orders(10);
    sink.resume = 10;
    alter("{\"kafka_offset\":-1}");
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_int_equal(sink.altered, -1);
    assert_seen(0, 10);
}

static void what_a_flush_left_is_committed_by_a_later_one(void **state)
{
    (void)state;

    make_orders(10);
    sink.partial_flushes = 1;
    sink.durable_below = 4;
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_int_equal(sink.flush_count, 2);
    assert_seen(0, 10);
    assert_int_equal(committed(), 10);
}

static void what_no_flush_made_durable_is_not_committed(void **state)
{
    weir_error err;
    (void)state;

    make_orders(10);
    sink.partial_flushes = 1;
    sink.durable_below = 4;
    sink.in_flush = stop;
    assert_int_equal(run_task(&err), WEIR_OK);
    assert_int_equal(committed(), 4 + 6 * (sink.flush_count > 1));
    assert_int_equal(fake_log_held(the_log, WEIR_STR(CONNECTOR), WEIR_STR(TOPIC), 0), committed());
}

static void a_hold_moves_with_what_is_committed(void **state)
{
    (void)state;

    make_orders(10);
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_int_equal(fake_log_held(the_log, WEIR_STR(CONNECTOR), WEIR_STR(TOPIC), 0), 10);
}

/* --- Outcomes --------------------------------------------------------------------------------- */

static bool memory_knows_an_offset(void)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};

    durable_sink_key(WEIR_STR(CONNECTOR), WEIR_STR(TOPIC), 0, &key);
    return durable_offset(world.world.durable, weir_buf_str(&key), &value);
}

static void what_is_not_durable_has_an_age(void **state)
{
    assignment *alone = assignment_new(1);
    connect_task *task = new_task(0, alone);
    (void)state;

    make_orders(10);
    sink.partial_flushes = 2; /* also of the one with which it ends */
    sink.durable_below = 4;
    sink.in_flush = stop;
    task_run(task);
    assert_int_not_equal(task->view.pending_since_ms, 0);
    task_free(task);
    sink.in_flush = NULL;
    sink.stop_at = 10;
    task = new_task(0, alone);
    task_run(task);
    assert_int_equal(task->view.pending_since_ms, 0);
    task_free(task);
    assignment_free(alone);
}

static void an_aborted_commit_of_offsets_moves_nothing(void **state)
{
    static const fake_fate fates[] = {FAKE_ABORT};
    (void)state;

    make_orders(10);
    fake_log_script(the_log, fates, 1);
    assert_int_equal(run_until_flushed(10), WEIR_RETRY);
    assert_int_equal(committed(), -1);
    assert_false(memory_knows_an_offset());
    assert_int_equal(fake_log_held(the_log, WEIR_STR(CONNECTOR), WEIR_STR(TOPIC), 0), 0);
    sink.seen_count = 0;
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_seen(0, 10);
    assert_int_equal(committed(), 10);
}

static void an_unknown_outcome_makes_the_next_start_ask_the_log(void **state)
{
    static const fake_fate lost[] = {FAKE_UNKNOWN_LOST}, kept[] = {FAKE_UNKNOWN_KEPT};
    (void)state;

    make_orders(10);
    fake_log_script(the_log, lost, 1);
    assert_int_equal(run_until_flushed(10), WEIR_RETRY);
    assert_false(memory_knows_an_offset());
    fake_log_script(the_log, kept, 1);
    sink.seen_count = 0;
    assert_int_equal(run_until_flushed(10), WEIR_RETRY);
    assert_seen(0, 10);
    append(TOPIC, 0, 10, 1);
    sink.seen_count = 0;
    assert_int_equal(run_until_flushed(11), WEIR_OK);
    assert_seen(10, 1);
}

static void a_commit_may_take_its_time(void **state)
{
    (void)state;

    make_orders(10);
    fake_log_chaos(the_log, 0, 0, 100);
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_int_equal(committed(), 10);
}

static void run_successor(weir_task *task)
{
    log_writer *newer;
    weir_error err;
    (void)task;

    assert_int_equal(log_writer_open(the_log, WEIR_STR(CONNECTOR "-0"), &newer, &err), WEIR_OK);
    assert_int_equal(log_writer_epoch(newer), sink.epoch + 1);
    log_writer_close(newer);
}

static void a_zombie_commits_no_offsets(void **state)
{
    assignment *alone = assignment_new(1);
    connect_task *task = new_task(0, alone);
    (void)state;

    make_orders(10);
    sink.in_put = run_successor; /* the next start of this task, while this one lives */
    task_run(task);
    assert_int_equal(task->outcome, WEIR_FATAL);
    assert_true(task->was_fenced);
    assert_int_equal(sink.flush_count, 1);
    assert_int_equal(committed(), -1);
    assert_false(memory_knows_an_offset());
    task_free(task);
    assignment_free(alone);
}

/* --- Errors ----------------------------------------------------------------------------------- */

static void a_put_that_may_pass_gets_the_same_batch_again(void **state)
{
    (void)state;

    make_orders(3);
    sink.failing_puts = 2;
    assert_int_equal(run_until_flushed(3), WEIR_OK);
    assert_int_equal(sink.put_count, 3);
    assert_int_equal(sink.seen_count, 9);
    for (int i = 0; i < 9; i++)
        assert_int_equal(sink.seen[i].offset, i % 3);
    assert_int_equal(committed(), 3);
}

static void a_put_that_does_not_pass_ends_the_task_for_a_new_start(void **state)
{
    (void)state;

    make_orders(3);
    sink.failing_puts = 1000;
    assert_int_equal(run_until_flushed(3), WEIR_RETRY);
    assert_int_equal(sink.put_count, 5);
    assert_int_equal(committed(), -1);
}

static void a_retry_timeout_keeps_the_batch_for_longer(void **state)
{
    (void)state;

    make_orders(3);
    set("errors.retry.timeout", "-1");
    sink.failing_puts = 50;
    assert_int_equal(run_until_flushed(3), WEIR_OK);
    assert_int_equal(sink.put_count, 51);
}

/* --- Partitions ------------------------------------------------------------------------------- */

static void a_position_that_is_gone_fails_the_task_and_never_jumps(void **state)
{
    weir_error err;
    (void)state;

    make_orders(10);
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    append(TOPIC, 0, 10, 10);
    fake_log_trim(the_log, WEIR_STR(TOPIC), 0, 15);
    sink.put_count = 0;
    sink.stop_at = 20;
    assert_int_equal(run_task(&err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "resuming at offset 10 of orders-0"));
    assert_int_equal(sink.put_count, 0);
    assert_int_equal(committed(), 10);
}

static void a_topic_that_was_made_again_is_not_taken_for_the_old_one(void **state)
{
    weir_error err;
    (void)state;

    make_orders(10);
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_int_equal(log_topic_delete(the_log, WEIR_STR(TOPIC), &err), WEIR_OK);
    make_orders(20);
    assert_int_equal(run_task(&err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "was deleted and made again"));
}

static void make_another_topic(weir_task *task)
{
    (void)task;
    if (sink.flush_count == 1) {
        make_topic("orders2", 1);
        append("orders2", 0, 0, 3);
        append(TOPIC, 0, 10, 1);
    }
}

/* The hold of a topic that was made again is that of the new one, which nobody has read. */
static void make_it_again(weir_task *task)
{
    weir_error err;

    (void)task;
    sink.in_put = NULL;
    assert_int_equal(log_topic_delete(the_log, WEIR_STR("orders2"), &err), WEIR_OK);
    make_topic("orders2", 1);
    holds_refresh(world.world.holds);
}

static void what_a_topic_made_again_holds_is_kept(void **state)
{
    weir_error err;
    (void)state;

    make_orders(10);
    make_topic("orders2", 1);
    append("orders2", 0, 0, 5);
    holds_add(world.world.holds, WEIR_STR(CONNECTOR), (weir_list){0}, WEIR_STR("orders.*"));
    sink.in_put = make_it_again;
    assert_int_equal(run_task(&err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "was deleted and made again"));
    assert_true(fake_log_held(the_log, WEIR_STR(CONNECTOR), WEIR_STR("orders2"), 0) >= 0);
}

/* A code without a word is a failure, too: nothing behind it is committed. */
static void a_put_that_fails_without_a_message_has_failed(void **state)
{
    static const struct {
        int returned;
        weir_code outcome;
        const char *message;
    } cases[] = {
        {WEIR_FATAL, WEIR_FATAL,
         "the connector \"noting\" failed with WEIR_FATAL and did not say why"},
        {WEIR_CONFIG, WEIR_CONFIG,
         "the connector \"noting\" failed with WEIR_CONFIG and did not say why"},
        {WEIR_END, WEIR_FATAL,
         "the connector \"noting\" returned WEIR_END (1), which means nothing here"},
        {77, WEIR_FATAL, "the connector \"noting\" returned ? (77), which means nothing here"},
    };
    weir_error err;
    (void)state;

    make_orders(10);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sink.silent_code = cases[i].returned;
        sink.stop_at = 11; /* who takes it for success goes on to here */
        sink.in_flush = stop;
        assert_int_equal(run_task(&err), cases[i].outcome);
        assert_string_equal(err.message, cases[i].message);
        assert_int_equal(committed(), -1);
    }
}

static void a_topic_that_comes_later_is_read_from_its_beginning(void **state)
{
    int others = 0;
    (void)state;

    make_orders(10);
    sink.in_flush = make_another_topic;
    while (run_until_flushed(11), connect_world_committed(the_log, CONNECTOR, "orders2", 0) < 3)
        append(TOPIC, 0, 11, 1); /* it stopped before it had read the new one */
    for (int i = 0; i < sink.seen_count; i++)
        if (strcmp(sink.seen[i].topic, "orders2") == 0)
            assert_int_equal(sink.seen[i].offset, others++);
    assert_int_equal(others, 3);
}

static void delete_a_topic(weir_task *task)
{
    weir_error err;

    (void)task;
    sink.in_put = NULL;
    assert_int_equal(log_topic_delete(the_log, WEIR_STR("orders2"), &err), WEIR_OK);
    append(TOPIC, 0, 10, 5);
}

static void a_topic_that_goes_is_given_up_and_the_others_go_on(void **state)
{
    (void)state;

    make_orders(10);
    make_topic("orders2", 2);
    append("orders2", 1, 0, 5);
    sink.in_put = delete_a_topic;
    assert_int_equal(run_until_flushed(15), WEIR_OK);
    assert_int_equal(sink.revoked_count, 2);
    assert_int_equal(committed(), 15);
    assert_int_equal(fake_log_held(the_log, WEIR_STR(CONNECTOR), WEIR_STR("orders2"), 1), -1);
}

static void wait_for_puts(int count)
{
    pthread_mutex_lock(&sink.lock);
    while (sink.put_count < count)
        pthread_cond_wait(&sink.moved, &sink.lock);
    pthread_mutex_unlock(&sink.lock);
}

static void wait_for_records(int count)
{
    for (int seen = 0; seen < count;) {
        pthread_mutex_lock(&sink.lock);
        seen = sink.seen_count;
        pthread_mutex_unlock(&sink.lock);
        sched_yield();
    }
}

static void two_tasks_share_partitions_and_a_new_topic_moves_none(void **state)
{
    assignment *shared = assignment_new(2);
    connect_task *tasks[2] = {new_task(0, shared), new_task(1, shared)};
    (void)state;

    make_topic("orders-b", 3);
    make_topic("orders-c", 1);
    for (int p = 0; p < 3; p++)
        append("orders-b", p, 0, 10);
    append("orders-c", 0, 0, 10);
    for (int i = 0; i < 2; i++)
        task_start(tasks[i]);
    wait_for_records(40);
    make_topic("orders-a", 3); /* before the others in the order of names */
    for (int p = 0; p < 3; p++) {
        append("orders-a", p, 0, 10);
        append("orders-b", p, 10, 10);
    }
    wait_for_records(100);
    for (int i = 0; i < 2; i++) {
        task_ask_to_stop(tasks[i]);
        task_join(tasks[i]);
        assert_int_equal(tasks[i]->outcome, WEIR_OK);
        assert_in_range(tasks[i]->view.partition_count, 3, 4);
        task_free(tasks[i]);
    }
    assert_int_equal(sink.seen_count, 100); /* none twice */
    assignment_free(shared);
}

/* --- Stopping and blocking --------------------------------------------------------------------- */

/* Another task has given it back behind this one's back, and nobody else will look. */
static void what_another_task_gives_back_is_read(void **state)
{
    assignment *shared = assignment_new(2);
    connect_task *task = new_task(1, shared);
    (void)state;

    make_orders(10);
    assert_int_equal(assignment_owner(shared, WEIR_STR(TOPIC), 0), 0);
    assert_int_equal(assignment_owner(shared, WEIR_STR("x"), 0), 1);
    assert_int_equal(assignment_owner(shared, WEIR_STR("y"), 0), 0);
    task_start(task);
    while (atomic_load(&world.opened_count) == 0) /* it has looked: it is not its partition */
        sched_yield();
    assignment_give_back(shared, WEIR_STR("x"), 0);
    assignment_give_back(shared, WEIR_STR(TOPIC), 0);
    wait_for_records(10);
    task_ask_to_stop(task);
    task_join(task);
    task_free(task);
    assignment_free(shared);
}

static void a_task_that_waits_for_records_stops_at_once(void **state)
{
    assignment *alone = assignment_new(1);
    connect_task *task = new_task(0, alone);
    (void)state;

    make_orders(3);
    task_start(task);
    wait_for_records(3);
    task_ask_to_stop(task);
    task_join(task);
    assert_int_equal(task->outcome, WEIR_OK);
    assert_int_equal(committed(), 3); /* what was put is flushed */
    task_free(task);
    assignment_free(alone);
}

static void a_task_that_pauses_between_attempts_stops_at_once(void **state)
{
    assignment *alone = assignment_new(1);
    connect_task *task;
    int64_t begin = clock_mono_ms(clock_system());
    (void)state;

    make_orders(3);
    set("errors.retry.timeout", "-1");
    set("errors.retry.delay.max.ms", "86400000");
    sink.failing_puts = 1000;
    task = new_task(0, alone);
    task_start(task);
    wait_for_puts(5); /* the next pause is 4.8 s */
    task_ask_to_stop(task);
    task_join(task);
    assert_true(clock_mono_ms(clock_system()) - begin < 9000);
    assert_int_equal(task->outcome, WEIR_RETRY);
    task_free(task);
    assignment_free(alone);
}

static void block(weir_task *task)
{
    if (weir_task_number(task) != 0)
        return;
    pthread_mutex_lock(&sink.lock);
    sink.put_count++;
    pthread_cond_broadcast(&sink.moved);
    while (sink.blocks)
        pthread_cond_wait(&sink.moved, &sink.lock);
    pthread_mutex_unlock(&sink.lock);
}

static weir_code quick_put(weir_task *task, void *state, const weir_batch *batch, weir_error *err)
{
    (void)state;
    block(task);
    pthread_mutex_lock(&sink.lock);
    if (put_all(task, batch, err) != WEIR_OK)
        abort();
    pthread_mutex_unlock(&sink.lock);
    return WEIR_OK;
}

static void a_slow_sink_slows_no_other(void **state)
{
    plugin quick = sink_plugin;
    assignment *shared = assignment_new(2);
    connect_task *tasks[2];
    (void)state;

    quick.sink.put = quick_put;
    make_topic("orders-0", 1);
    make_topic("orders-1", 1);
    append("orders-0", 0, 0, 10);
    sink.blocks = true;
    for (int i = 0; i < 2; i++)
        tasks[i] = task_new(&world.world,
                            &(task_role){.plugin = &quick,
                                         .connector = WEIR_STR(CONNECTOR),
                                         .number = i,
                                         .assignment = shared},
                            settings, setting_count);
    task_start(tasks[0]);
    wait_for_puts(1); /* it has taken orders-0, and hangs */
    task_start(tasks[1]);
    for (int i = 0; i < 100; i++)
        append("orders-1", 0, i * 10, 10);
    wait_for_records(1000);
    pthread_mutex_lock(&sink.lock);
    sink.blocks = false;
    pthread_cond_broadcast(&sink.moved);
    pthread_mutex_unlock(&sink.lock);
    wait_for_records(1010);
    for (int i = 0; i < 2; i++) {
        task_ask_to_stop(tasks[i]);
        task_join(tasks[i]);
        task_free(tasks[i]);
    }
    assignment_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(records_come_in_order_and_are_committed_behind_the_flush),
        CASE(a_start_goes_on_behind_what_was_committed),
        CASE(a_sink_with_a_ledger_says_where_it_goes_on),
        CASE(a_ledger_is_told_once_where_somebody_set_the_offset),
        CASE(a_ledger_is_told_that_its_offset_was_forgotten),
        CASE(what_a_flush_left_is_committed_by_a_later_one),
        CASE(what_no_flush_made_durable_is_not_committed),
        CASE(a_hold_moves_with_what_is_committed),
        CASE(what_is_not_durable_has_an_age),
        CASE(an_aborted_commit_of_offsets_moves_nothing),
        CASE(an_unknown_outcome_makes_the_next_start_ask_the_log),
        CASE(a_commit_may_take_its_time),
        CASE(a_zombie_commits_no_offsets),
        CASE(a_put_that_may_pass_gets_the_same_batch_again),
        CASE(a_put_that_does_not_pass_ends_the_task_for_a_new_start),
        CASE(a_retry_timeout_keeps_the_batch_for_longer),
        CASE(a_position_that_is_gone_fails_the_task_and_never_jumps),
        CASE(a_topic_that_was_made_again_is_not_taken_for_the_old_one),
        CASE(a_topic_that_comes_later_is_read_from_its_beginning),
        CASE(a_topic_that_goes_is_given_up_and_the_others_go_on),
        CASE(two_tasks_share_partitions_and_a_new_topic_moves_none),
        CASE(what_a_topic_made_again_holds_is_kept),
        CASE(a_put_that_fails_without_a_message_has_failed),
        CASE(what_another_task_gives_back_is_read),
        CASE(a_task_that_waits_for_records_stops_at_once),
        CASE(a_task_that_pauses_between_attempts_stops_at_once),
        CASE(a_slow_sink_slows_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_source_bounds.c - what may be under way into the log is bounded, and the bound is what bounds it.
 *
 * The source sends a kilobyte with each poll, as often as it is asked; the log stalls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fixtures/connect_world.h"
#include "tests/fixtures/fake_log.h"

#include <sched.h>
#include <stdlib.h>

#define TOPIC     WEIR_STR("kilobytes")
#define PARTITION WEIR_STR("{}")

enum { RECORD_BYTES = 1000, RECORDS = 500, DEADLINE_MS = 20000 };

static log *the_log;
static connect_world world;
static atomic_int polled, idled, acked;

typedef struct heavy {
    int64_t next;
} heavy;

static weir_code heavy_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                            weir_error *err)
{
    heavy *self = state;
    char bytes[RECORD_BYTES];
    (void)task, (void)timeout_ms;

    if (self->next == RECORDS)
        return WEIR_END;
    memset(bytes, 'x', sizeof(bytes));
    assert_true(weir_record_begin(batch, TOPIC));
    weir_record_value(batch, NULL);
    weir_put_raw(batch, (weir_str){bytes, sizeof(bytes)});
    if (weir_record_end(batch, err) != WEIR_OK)
        return err->code;
    weir_offset(batch, PARTITION, "{\"next\":%d}", (int)++self->next);
    weir_checkpoint(batch);
    atomic_fetch_add(&polled, 1);
    return WEIR_OK;
}

static weir_code heavy_idle(weir_task *task, void *state, weir_error *err)
{
    (void)task, (void)state, (void)err;
    atomic_fetch_add(&idled, 1);
    return WEIR_OK;
}

static weir_code heavy_acked(weir_task *task, void *state, weir_str partition, weir_str offset,
                             weir_error *err)
{
    (void)task, (void)state, (void)partition, (void)offset, (void)err;
    atomic_fetch_add(&acked, 1);
    return WEIR_OK;
}

static const plugin heavy_plugin = {
    .kind = PLUGIN_SOURCE,
    .name = "heavy",
    .state_size = sizeof(heavy),
    .source = {.name = "heavy", .poll = heavy_poll, .idle = heavy_idle, .acked = heavy_acked},
};

static int set_up(void **state)
{
    (void)state;
    atomic_store(&polled, 0);
    atomic_store(&idled, 0);
    atomic_store(&acked, 0);
    the_log = fake_log_new(3);
    connect_world_open(&world, the_log);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    connect_world_close(&world);
    fake_log_free(the_log);
    return 0;
}

static connect_task *start_task(const char *bound)
{
    const config_setting settings[] = {{WEIR_STR("connector.class"), WEIR_STR("heavy")},
                                       {WEIR_STR("key.converter"), WEIR_STR("bytes")},
                                       {WEIR_STR("value.converter"), WEIR_STR("bytes")},
                                       {WEIR_STR("max.in.flight.bytes"), weir_cstr(bound)}};
    connect_task *task =
        task_new(&world.world, &(task_role){.plugin = &heavy_plugin, .connector = WEIR_STR("c")},
                 settings, 4);

    task_start(task);
    return task;
}

static void wait_for(const atomic_int *count, int at_least)
{
    int64_t until = clock_mono_ms(clock_system()) + DEADLINE_MS;

    while (atomic_load(count) < at_least) {
        assert_true(clock_mono_ms(clock_system()) < until);
        sched_yield();
    }
}

static int64_t in_flight(connect_task *task)
{
    int64_t bytes;

    pthread_mutex_lock(&task->view.lock);
    bytes = task->view.in_flight_bytes;
    pthread_mutex_unlock(&task->view.lock);
    return bytes;
}

static void copy_waits_for(connect_task *task, char *out)
{
    pthread_mutex_lock(&task->view.lock);
    memcpy(out, task->view.waits_for, sizeof(task->view.waits_for));
    pthread_mutex_unlock(&task->view.lock);
}

/* The source's own backlog grows meanwhile: who watches its status or a metric of it is told. */
static void a_source_that_waits_for_room_says_for_what(void **state)
{
    char waits_for[sizeof(((task_view *)0)->waits_for)];
    connect_task *task;

    (void)state;
    fake_log_set_full(the_log, true);
    task = start_task("33554432");
    wait_for(&idled, 2);
    copy_waits_for(task, waits_for);
    assert_string_equal(waits_for, "the log is full");
    assert_in_range(atomic_load(&polled), 1, 3);
    fake_log_set_full(the_log, false);
    task_join(task);
    copy_waits_for(task, waits_for);
    assert_string_equal(waits_for, "");
    assert_int_equal(atomic_load(&acked), RECORDS);
    task_free(task);
}

/* Runs against a log that stalls until the source was let idle; returns how much was under way then. */
static int64_t held_back_with(const char *bound)
{
    connect_task *task;
    int64_t bytes;

    fake_log_set_stalled(the_log, true);
    task = start_task(bound);
    wait_for(&idled, 2);
    bytes = in_flight(task);
    assert_in_range(bytes, ((int64_t)atomic_load(&polled) - 2) * RECORD_BYTES,
                    (int64_t)atomic_load(&polled) * (RECORD_BYTES + 200));
    assert_int_equal(atomic_load(&acked), 0);
    fake_log_set_stalled(the_log, false);
    task_join(task);
    assert_int_equal(task->outcome, WEIR_END);
    assert_int_equal(in_flight(task), 0);
    assert_int_equal(fake_log_count(the_log, TOPIC, 0), RECORDS);
    assert_int_equal(atomic_load(&acked), RECORDS);
    task_free(task);
    return bytes;
}

static void no_more_than_the_bound_and_one_unit_is_under_way(void **state)
{
    (void)state;
    assert_in_range(held_back_with("65536"), 65537, 65536 + 2 * RECORD_BYTES);
}

static void a_larger_bound_lets_more_be_under_way(void **state)
{
    (void)state;
    assert_in_range(held_back_with("131072"), 131073, 131072 + 2 * RECORD_BYTES);
}

static void the_number_of_units_is_bounded_too(void **state)
{
    (void)state;
    assert_in_range(held_back_with("33554432"), 200 * RECORD_BYTES, 260 * (RECORD_BYTES + 200));
}

static void a_source_that_waits_for_room_stops_at_once(void **state)
{
    connect_task *task;
    (void)state;

    fake_log_set_stalled(the_log, true);
    task = start_task("65536");
    wait_for(&idled, 1);
    task_ask_to_stop(task);
    fake_log_set_stalled(the_log, false);
    task_join(task);
    assert_int_equal(task->outcome, WEIR_OK);
    assert_int_equal(fake_log_count(the_log, TOPIC, 0), atomic_load(&acked));
    task_free(task);
}

/* --- Stopping and ending ---------------------------------------------------------------------- */

enum { MANY = 254, LARGE_BYTES = 1 << 20 };

static int64_t told_first; /* the first offset that acked was told; 0: none */

static void add_record(weir_batch *batch, size_t size)
{
    char *bytes = calloc(1, size);
    weir_error err;

    assert_true(weir_record_begin(batch, TOPIC));
    weir_record_value(batch, NULL);
    weir_put_raw(batch, (weir_str){bytes, size});
    assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
    free(bytes);
}

/* So many small units, and then a batch of two large ones, the second of which finds no place. */
static weir_code many_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                           weir_error *err)
{
    heavy *self = state;
    bool is_small = self->next < MANY;
    (void)task, (void)timeout_ms, (void)err;

    for (int i = 0; i < (is_small ? 1 : 2); i++) {
        add_record(batch, is_small ? 1 : LARGE_BYTES);
        weir_offset(batch, PARTITION, "{\"next\":%d}", (int)++self->next);
        weir_checkpoint(batch);
    }
    return WEIR_OK;
}

static weir_code stopping_idle(weir_task *task, void *state, weir_error *err)
{
    (void)state, (void)err;
    atomic_store(&task->stopping, true);
    fake_log_set_stalled(the_log, false);
    return WEIR_OK;
}

static weir_code many_acked(weir_task *task, void *state, weir_str partition, weir_str offset,
                            weir_error *err)
{
    int64_t next = 0;
    (void)task, (void)state, (void)partition, (void)err;

    assert_true(weir_offset_int(offset, "next", &next));
    told_first = told_first == 0 ? next : told_first;
    atomic_fetch_add(&acked, 1);
    return WEIR_OK;
}

static weir_code run_source(const plugin *source)
{
    const config_setting settings[] = {{WEIR_STR("connector.class"), WEIR_STR("heavy")},
                                       {WEIR_STR("key.converter"), WEIR_STR("bytes")},
                                       {WEIR_STR("value.converter"), WEIR_STR("bytes")}};
    connect_task *task = task_new(
        &world.world, &(task_role){.plugin = source, .connector = WEIR_STR("c")}, settings, 3);
    weir_code code;

    task_run(task);
    code = task->outcome;
    task_free(task);
    return code;
}

static void what_finds_no_place_when_a_task_stops_takes_nobody_elses(void **state)
{
    static const plugin many = {
        .kind = PLUGIN_SOURCE,
        .name = "many",
        .state_size = sizeof(heavy),
        .source = {.name = "many", .poll = many_poll, .idle = stopping_idle, .acked = many_acked}};
    (void)state;

    told_first = 0;
    fake_log_set_stalled(the_log, true);
    assert_int_equal(run_source(&many), WEIR_OK);
    assert_int_equal(told_first, 1);
    assert_int_equal(fake_log_count(the_log, TOPIC, 0), atomic_load(&acked));
}

/* The last records come with the end, and no checkpoint behind them. */
static weir_code ending_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                             weir_error *err)
{
    (void)task, (void)state, (void)timeout_ms, (void)err;
    add_record(batch, 1);
    weir_checkpoint(batch);
    add_record(batch, 1);
    return WEIR_END;
}

static weir_code patient_idle(weir_task *task, void *state, weir_error *err)
{
    (void)task, (void)state, (void)err;
    if (atomic_fetch_add(&idled, 1) == 3)
        fake_log_set_stalled(the_log, false);
    return WEIR_OK;
}

static int64_t fast_mono_ns(clock_source *self)
{
    static int64_t now_ns;
    (void)self;

    return now_ns += INT64_C(20000000000);
}

static int64_t system_wall_us(clock_source *self)
{
    (void)self;
    return clock_system()->wall_us(clock_system());
}

static void a_source_has_ended_when_its_last_records_are_there(void **state)
{
    static const plugin ending = {
        .kind = PLUGIN_SOURCE,
        .name = "ending",
        .state_size = sizeof(heavy),
        .source = {.name = "ending", .poll = ending_poll, .idle = patient_idle}};
    clock_source fast = {.wall_us = system_wall_us, .mono_ns = fast_mono_ns};
    (void)state;

    world.world.clock = &fast;
    fake_log_set_stalled(the_log, true); /* for minutes, by that clock */
    assert_int_equal(run_source(&ending), WEIR_END);
    assert_int_equal(fake_log_count(the_log, TOPIC, 0), 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(no_more_than_the_bound_and_one_unit_is_under_way),
        CASE(a_larger_bound_lets_more_be_under_way),
        CASE(the_number_of_units_is_bounded_too),
        CASE(a_source_that_waits_for_room_stops_at_once),
        CASE(a_source_that_waits_for_room_says_for_what),
        CASE(what_finds_no_place_when_a_task_stops_takes_nobody_elses),
        CASE(a_source_has_ended_when_its_last_records_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_progress.c - what `weir run` writes to a terminal and to a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "runtime/cli/progress.h"

static progress_row source_row(int64_t done, int64_t records)
{
    return (progress_row){.connector = WEIR_STR("s.source"),
                          .state = WEIR_STR("RUNNING"),
                          .phase = WEIR_STR("snapshot of t"),
                          .done_count = done,
                          .total_count = 4000,
                          .record_count = records,
                          .lag_count = -1};
}

static progress_row sink_row(const char *state, int64_t records, int64_t lag)
{
    return (progress_row){.connector = WEIR_STR("s.dwh"),
                          .is_sink = true,
                          .state = weir_cstr(state),
                          .record_count = records,
                          .lag_count = lag};
}

static void assert_written(progress *self, const progress_row *row, int64_t now_ms,
                           const char *expected)
{
    weir_buf out = {0};

    progress_update(self, row, 1, now_ms, false, &out);
    assert_string_equal(weir_buf_cstr(&out), expected);
    weir_buf_done(&out);
}

static void counts_have_commas(void **state)
{
    static const struct {
        int64_t count;
        const char *text;
    } cases[] = {{0, "0"}, {999, "999"}, {1000, "1,000"}, {-1234567, "-1,234,567"}};
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_buf out = {0};

        progress_add_count(&out, cases[i].count);
        assert_string_equal(weir_buf_cstr(&out), cases[i].text);
        weir_buf_done(&out);
    }
}

static void a_pipe_gets_a_line_when_the_state_changes(void **state)
{
    progress *self = progress_new(0);
    progress_row running = sink_row("RUNNING", 0, 5), paused = sink_row("PAUSED", 0, 5);
    (void)state;

    assert_written(self, &running, 0, "s.dwh  RUNNING  0 written  lag 5\n");
    assert_written(self, &running, 1000, "");
    assert_written(self, &paused, 2000, "s.dwh  PAUSED  0 written  0/s  lag 5\n");
    progress_free(self);
}

static void a_pipe_gets_a_line_every_few_seconds_while_it_moves(void **state)
{
    progress *self = progress_new(0);
    progress_row row = sink_row("RUNNING", 0, 0);
    (void)state;

    assert_written(self, &row, 0, "s.dwh  RUNNING  0 written  lag 0\n");
    row.record_count = 1000;
    assert_written(self, &row, 1000, "");
    row.record_count = 10000;
    assert_written(self, &row, 5000, "s.dwh  RUNNING  10,000 written  2,000/s  lag 0\n");
    assert_written(self, &row, 60000, "");
    progress_free(self);
}

static void the_last_line_tells_what_moved_since_the_one_before(void **state)
{
    progress *self = progress_new(0);
    progress_row row = sink_row("RUNNING", 0, 9);
    weir_buf out = {0};
    (void)state;

    assert_written(self, &row, 0, "s.dwh  RUNNING  0 written  lag 9\n");
    row.record_count = 9;
    row.lag_count = 0;
    assert_written(self, &row, 900, "");
    progress_update(self, &row, 1, 1000, true, &out);
    assert_string_equal(weir_buf_cstr(&out), "s.dwh  RUNNING  9 written  9/s  lag 0\n");
    weir_buf_done(&out);
    progress_free(self);
}

static void a_snapshot_shows_its_share_and_the_time_that_is_left(void **state)
{
    progress *self = progress_new(0);
    progress_row row = source_row(0, 0);
    (void)state;

    assert_written(self, &row, 0, "s.source  snapshot of t  0 of 4,000 rows (0 %)  0 read\n");
    row = source_row(1000, 1000);
    assert_written(self, &row, 5000,
                   "s.source  snapshot of t  1,000 of 4,000 rows (25 %), ETA 0:15  1,000 read  "
                   "200/s\n");
    progress_free(self);
}

static void a_failure_shows_the_first_line_of_its_reason(void **state)
{
    progress *self = progress_new(0);
    progress_row row = sink_row("FAILED", 7, 0);
    (void)state;

    row.error = WEIR_STR("no such table\n  at somewhere");
    assert_written(self, &row, 0, "s.dwh  FAILED  no such table\n");
    assert_written(self, &row, 9000, "");
    progress_free(self);
}

static void json_has_one_object_a_line(void **state)
{
    progress *self = progress_new(PROGRESS_JSON);
    progress_row row = source_row(1000, 1000), sink = sink_row("FAILED", 7, 3);
    (void)state;

    assert_written(self, &row, 0,
                   "{\"connector\":\"s.source\",\"type\":\"source\",\"state\":\"RUNNING\","
                   "\"phase\":\"snapshot of t\",\"done\":1000,\"total\":4000,\"records\":1000}\n");
    sink.error = WEIR_STR("first\nsecond");
    assert_written(
        self, &sink, 0,
        "{\"connector\":\"s.dwh\",\"type\":\"sink\",\"state\":\"FAILED\",\"phase\":\"\","
        "\"done\":0,\"total\":0,\"records\":7,\"lag\":3,\"error\":\"first\\nsecond\"}\n");
    assert_written(self, &sink, 1000, "");
    progress_free(self);
}

static void a_terminal_is_drawn_over_and_cut_to_its_width(void **state)
{
    progress *self = progress_new(21);
    progress_row row = sink_row("RUNNING", 0, 5);
    (void)state;

    assert_written(self, &row, 0, "\r\x1b[Ks.dwh  RUNNING  0 wr\n\x1b[J");
    assert_written(self, &row, 100, "\x1b[1A\r\x1b[Ks.dwh  RUNNING  0 wr\n\x1b[J");
    progress_free(self);
}

static void a_terminal_of_another_width_gets_a_new_block(void **state)
{
    progress *self = progress_new(80);
    progress_row row = sink_row("RUNNING", 0, 5);
    (void)state;

    progress_resize(self, 80, 24);
    assert_written(self, &row, 0, "\r\x1b[Ks.dwh  RUNNING  0 written  lag 5\n\x1b[J");
    progress_resize(self, 80, 24);
    assert_written(self, &row, 0, "\x1b[1A\r\x1b[Ks.dwh  RUNNING  0 written  lag 5\n\x1b[J");
    progress_resize(self, 21, 24);
    assert_written(self, &row, 0, "\r\x1b[Ks.dwh  RUNNING  0 wr\n\x1b[J");
    progress_free(self);
}

static void what_somebody_else_wrote_is_not_drawn_over(void **state)
{
    progress *self = progress_new(80);
    progress_row row = sink_row("RUNNING", 0, 5);
    (void)state;

    assert_written(self, &row, 0, "\r\x1b[Ks.dwh  RUNNING  0 written  lag 5\n\x1b[J");
    progress_interrupted(self);
    assert_written(self, &row, 0, "\r\x1b[Ks.dwh  RUNNING  0 written  lag 5\n\x1b[J");
    progress_free(self);
}

static void a_block_is_not_higher_than_the_terminal(void **state)
{
    progress *self = progress_new(80);
    progress_row rows[4];
    weir_buf out = {0};
    (void)state;

    for (size_t i = 0; i < 4; i++)
        rows[i] = sink_row("RUNNING", 0, 5);
    progress_resize(self, 80, 4);
    progress_update(self, rows, 4, 0, false, &out);
    weir_buf_clear(&out);
    progress_update(self, rows, 4, 0, false, &out);
    assert_string_equal(weir_buf_cstr(&out),
                        "\x1b[3A\r\x1b[Ks.dwh  RUNNING  0 written  lag 5\n"
                        "\r\x1b[Ks.dwh  RUNNING  0 written  lag 5\n\r\x1b[Kand 2 more\n\x1b[J");
    weir_buf_clear(&out);
    progress_update(self, rows, 4, 0, true, &out); /* the end tells all */
    assert_null(strstr(weir_buf_cstr(&out), "more"));
    weir_buf_done(&out);
    progress_free(self);
}

static void a_reason_cannot_move_the_cursor(void **state)
{
    progress *self = progress_new(25);
    progress_row row = sink_row("FAILED", 7, 0);
    (void)state;

    row.error = WEIR_STR("a\tb\r\x1b[2Jc");
    assert_written(self, &row, 0, "\r\x1b[Ks.dwh  FAILED  a b  [2Jc\n\x1b[J");
    row.error = WEIR_STR(
        "\xe8\xa1\xa8\xe8\xa1\xa8\xe8\xa1\xa8\xe8\xa1\xa8\xe8\xa1\xa8"); /* two columns each */
    assert_written(self, &row, 100,
                   "\x1b[1A\r\x1b[Ks.dwh  FAILED  \xe8\xa1\xa8\xe8\xa1\xa8\xe8\xa1\xa8"
                   "\xe8\xa1\xa8\n\x1b[J");
    progress_free(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_have_commas),
        cmocka_unit_test(a_pipe_gets_a_line_when_the_state_changes),
        cmocka_unit_test(a_pipe_gets_a_line_every_few_seconds_while_it_moves),
        cmocka_unit_test(the_last_line_tells_what_moved_since_the_one_before),
        cmocka_unit_test(a_snapshot_shows_its_share_and_the_time_that_is_left),
        cmocka_unit_test(a_failure_shows_the_first_line_of_its_reason),
        cmocka_unit_test(json_has_one_object_a_line),
        cmocka_unit_test(a_terminal_is_drawn_over_and_cut_to_its_width),
        cmocka_unit_test(a_terminal_of_another_width_gets_a_new_block),
        cmocka_unit_test(what_somebody_else_wrote_is_not_drawn_over),
        cmocka_unit_test(a_block_is_not_higher_than_the_terminal),
        cmocka_unit_test(a_reason_cannot_move_the_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

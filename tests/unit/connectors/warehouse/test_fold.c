/* test_fold.c - several changes of a key become one, and the table ends up the same. */
#include "connectors/warehouse/fold.h"

#include "connectors/warehouse/copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { UNSENT = -1 };

/* A row (key, a, b); a negative field is not sent. */
static fold_result add(fold *rows, int key, int a, int b, fold_kind kind)
{
    weir_buf *out = fold_buffer(rows);
    size_t start = out->len;
    int fields[] = {key, a, b};

    copy_row(out, 3);
    for (int i = 0; i < 3; i++)
        if (fields[i] < 0)
            copy_marker(out, kind == FOLD_DELETE ? COPY_NULL : COPY_UNSENT);
        else
            copy_int32(out, fields[i]);
    fold_result result = fold_add(rows, start, kind);

    if (result != FOLD_ADDED)
        out->len = start;
    return result;
}

static int field_at(weir_str row, int index)
{
    const char *at = row.ptr + 2;

    for (int i = 0; i < index; i++)
        at += 4 + (copy_length(at) > 0 ? copy_length(at) : 0);
    return copy_length(at) < 0 ? UNSENT : (int)copy_read_int(at + 4, 4);
}

static void only(fold *rows, fold_kind kind, int a, int b)
{
    size_t at = 0;
    weir_str row;
    fold_kind found;

    assert_true(fold_next(rows, &at, &row, &found));
    assert_int_equal(found, kind);
    assert_int_equal(field_at(row, 1), a);
    assert_int_equal(field_at(row, 2), b);
    assert_int_equal(fold_count(rows, kind), 1);
    assert_false(fold_next(rows, &at, &row, &found));
}

static void a_field_that_was_not_sent_takes_the_earlier_value(void **state)
{
    (void)state;
    fold rows = {.row_count = 0};

    fold_reset(&rows, 1);
    add(&rows, 1, 10, 20, FOLD_UPSERT);
    add(&rows, 1, 11, UNSENT, FOLD_UPSERT);
    only(&rows, FOLD_UPSERT, 11, 20);
    fold_reset(&rows, 1);
    add(&rows, 1, UNSENT, 20, FOLD_UPSERT);
    only(&rows, FOLD_PARTIAL, UNSENT, 20);
    add(&rows, 1, UNSENT, 21, FOLD_UPSERT);
    only(&rows, FOLD_PARTIAL, UNSENT, 21);
    add(&rows, 1, 11, UNSENT, FOLD_UPSERT);
    only(&rows, FOLD_UPSERT, 11, 21);
    fold_done(&rows);
}

static void a_delete_wins_and_a_row_behind_it_replaces(void **state)
{
    (void)state;
    fold rows = {.row_count = 0};

    fold_reset(&rows, 1);
    add(&rows, 1, 10, 20, FOLD_UPSERT);
    add(&rows, 1, UNSENT, UNSENT, FOLD_DELETE);
    only(&rows, FOLD_DELETE, UNSENT, UNSENT);
    add(&rows, 1, 12, 22, FOLD_UPSERT);
    only(&rows, FOLD_REPLACE, 12, 22);
    add(&rows, 1, UNSENT, 23, FOLD_UPSERT);
    only(&rows, FOLD_REPLACE, 12, 23);
    fold_done(&rows);
}

static void a_partial_row_behind_a_delete_is_an_orphan(void **state)
{
    (void)state;
    fold rows = {.row_count = 0};

    fold_reset(&rows, 1);
    add(&rows, 1, UNSENT, UNSENT, FOLD_DELETE);
    assert_int_equal(add(&rows, 1, 1, UNSENT, FOLD_UPSERT), FOLD_ORPHAN);
    only(&rows, FOLD_DELETE, UNSENT, UNSENT);
    fold_done(&rows);
}

static void a_second_insert_of_a_key_is_left_to_the_destination(void **state)
{
    (void)state;
    fold rows = {.row_count = 0};

    fold_reset(&rows, 1);
    add(&rows, 1, 1, 1, FOLD_INSERT);
    assert_int_equal(add(&rows, 1, 2, 2, FOLD_INSERT), FOLD_CONFLICT);
    only(&rows, FOLD_INSERT, 1, 1);
    assert_int_equal(add(&rows, 1, UNSENT, UNSENT, FOLD_DELETE), FOLD_ADDED);
    assert_int_equal(add(&rows, 1, 3, 3, FOLD_INSERT), FOLD_ADDED);
    only(&rows, FOLD_REPLACE, 3, 3);
    fold_done(&rows);
}

static void rows_without_a_key_are_kept_in_order(void **state)
{
    (void)state;
    fold rows = {.row_count = 0};
    size_t at = 0;
    weir_str row;
    fold_kind kind;

    fold_reset(&rows, 0);
    for (int i = 0; i < 100; i++)
        add(&rows, 7, i, i, FOLD_INSERT);
    for (int i = 0; i < 100; i++) {
        assert_true(fold_next(&rows, &at, &row, &kind));
        assert_int_equal(field_at(row, 1), i);
    }
    assert_false(fold_next(&rows, &at, &row, &kind));
    fold_done(&rows);
}

/* The plainest table: a row per key, -2 when there is none. */
enum { KEYS = 3000, NO_ROW = -2 };

typedef struct model {
    int a[KEYS], b[KEYS];
} model;

static void apply(model *table, int key, int a, int b, fold_kind kind)
{
    if (kind == FOLD_DELETE) {
        table->a[key] = table->b[key] = NO_ROW;
        return;
    }
    if (a != UNSENT)
        table->a[key] = a;
    if (b != UNSENT)
        table->b[key] = b;
}

static void apply_window(model *table, fold *rows)
{
    size_t at = 0;
    weir_str row;
    fold_kind kind;

    while (fold_next(rows, &at, &row, &kind)) {
        int key = field_at(row, 0);

        if (kind == FOLD_REPLACE)
            apply(table, key, 0, 0, FOLD_DELETE);
        if (kind == FOLD_PARTIAL)
            assert_int_not_equal(table->a[key], NO_ROW);
        apply(table, key, field_at(row, 1), field_at(row, 2), kind);
    }
    fold_reset(rows, 1);
}

static void a_folded_window_does_what_its_rows_did_one_by_one(void **state)
{
    (void)state;
    static model one_by_one, folded;
    fold rows = {.row_count = 0};
    uint32_t seed = 20261121;

    print_message("seed %u\n", seed);
    for (int i = 0; i < KEYS; i++)
        one_by_one.a[i] = one_by_one.b[i] = folded.a[i] = folded.b[i] = NO_ROW;
    fold_reset(&rows, 1);
    for (int step = 0; step < 200000; step++) {
        seed = seed * 1664525 + 1013904223;
        int key = (int)(seed >> 16) % KEYS;
        bool there = one_by_one.a[key] != NO_ROW;
        int what = (int)(seed >> 8) % 8;
        fold_kind kind = what == 0 ? FOLD_DELETE : FOLD_UPSERT;
        int a = (what == 1 && there) || what == 0 ? UNSENT : step;
        int b = (what <= 2 && there) || what == 0 ? UNSENT : step;

        assert_int_equal(add(&rows, key, a, b, kind), FOLD_ADDED);
        apply(&one_by_one, key, a, b, kind);
        if (seed % 5000 == 0)
            apply_window(&folded, &rows);
    }
    apply_window(&folded, &rows);
    assert_memory_equal(&one_by_one, &folded, sizeof(folded));
    fold_done(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_that_was_not_sent_takes_the_earlier_value),
        cmocka_unit_test(a_delete_wins_and_a_row_behind_it_replaces),
        cmocka_unit_test(a_partial_row_behind_a_delete_is_an_orphan),
        cmocka_unit_test(a_second_insert_of_a_key_is_left_to_the_destination),
        cmocka_unit_test(rows_without_a_key_are_kept_in_order),
        cmocka_unit_test(a_folded_window_does_what_its_rows_did_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

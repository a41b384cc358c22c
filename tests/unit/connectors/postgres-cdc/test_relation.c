/* test_relation.c - a table becomes topic, key and encoder; rows become values. */
#include "connectors/postgres-cdc/relation.h"

#include "sdk/src/batch.h"
#include "tests/unit/connectors/postgres-cdc/pg_world.h"

static pg_world world;
static weir_batch *batch;

static int release(void **state)
{
    (void)state;
    pg_world_done(&world);
    batch_free(batch);
    batch = NULL;
    return 0;
}

enum { TEXT = 25, INT4 = 23, LINE = 628 };

#define COLUMN(label, oid, ...)                                                                    \
    {                                                                                              \
        .name = WEIR_STR(label), .type = oid, .modifier = -1, __VA_ARGS__                          \
    }

static catalog_column columns[] = {
    COLUMN("b", INT4, .key_position = 2, .not_null = true),
    COLUMN("note", TEXT, .default_sql = WEIR_STR("'x'::text")),
    COLUMN("a", TEXT, .key_position = 1, .not_null = true),
    COLUMN("n", INT4, .identity = true, .not_null = true),
};

static catalog_table table_of(char identity)
{
    return (catalog_table){.oid = 1,
                           .schema = WEIR_STR("my schema"),
                           .name = WEIR_STR("Or\"ders"),
                           .identity = identity,
                           .columns = columns,
                           .column_count = 4};
}

static relation *compile(char identity)
{
    catalog_table table = table_of(identity);

    return relation_new(&world.context, &table, &world.err);
}

static void the_topic_has_an_underscore_for_what_a_topic_cannot_have(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    assert_str(compile('d')->topic, "shop.my_schema.Or_ders");
}

static void the_key_is_the_primary_keys_columns_in_the_order_of_its_index(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    const relation *table = compile('d');

    assert_int_equal(table->key_count, 2);
    assert_int_equal(table->key[0], 2);
    assert_int_equal(table->key[1], 0);
    assert_non_null(table->key_schema);
}

static void the_index_that_is_the_identity_gives_the_key(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    const relation *table = compile('i');

    assert_int_equal(table->key_count, 1);
    assert_int_equal(table->key[0], 3);
}

static void chosen_columns_come_before_any_key(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "message.key.columns", ".*:note,b");
    const relation *table = compile('i');

    assert_int_equal(table->key_count, 2);
    assert_int_equal(table->key[0], 1);
    assert_int_equal(table->key[1], 0);
}

static void a_chosen_column_that_is_not_there_is_named(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "message.key.columns", ".*:note,nought");
    assert_null(compile('d'));
    assert_int_equal(world.err.code, WEIR_CONFIG);
    assert_non_null(strstr(world.err.message, "has no column \"nought\""));
}

static void a_key_column_that_the_lists_leave_out_is_in_the_key_alone(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "column.exclude.list", ".*[.](a|n)");
    const relation *table = compile('d');

    assert_int_equal(table->key_count, 2);
    assert_int_equal(table->key[0], 2);
    assert_true(table->columns[2].selected && !table->columns[2].included);
    assert_true(!table->columns[3].selected && !table->columns[3].included);
}

static void a_key_column_without_a_codec_is_refused_with_the_remedy(void **state)
{
    (void)state;
    static const pg_type line = {.oid = LINE, .kind = 'b', .name = WEIR_STR("line")};
    static catalog_column key[] = {COLUMN("l", LINE, .key_position = 1, .identity = true),
                                   COLUMN("t", TEXT, .key_position = 2, .identity = true)};
    catalog_table table = table_of('d');

    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    (void)weir_map_put(world.catalog.types, WEIR_STR("628"), (void *)(uintptr_t)&line);
    table.columns = key;
    table.column_count = 2;
    assert_null(relation_new(&world.context, &table, &world.err));
    assert_non_null(strstr(world.err.message, "choose other key columns by message.key.columns"));
    table.identity = 'i';
    assert_null(relation_new(&world.context, &table, &world.err));
    assert_non_null(strstr(world.err.message, "\"l\" of the key"));
}

static void a_chosen_key_that_a_delete_lacks_is_warned_of(void **state)
{
    (void)state;
    catalog_table table = table_of('d');

    PG_WORLD_INIT(&world, "message.key.columns", ".*:a,note");
    table.has_identity = true;
    assert_non_null(relation_new(&world.context, &table, &world.err));
    assert_non_null(strstr(weir_buf_cstr(&world.diags), "\"note\" of message.key.columns"));
    assert_null(strstr(weir_buf_cstr(&world.diags), "\"a\" of message.key.columns"));
}

static void a_type_without_a_codec_is_left_out_with_a_warning(void **state)
{
    (void)state;
    static const pg_type line = {.oid = LINE, .kind = 'b', .name = WEIR_STR("line")};
    static catalog_column one[] = {COLUMN("l", LINE), COLUMN("t", TEXT)};
    catalog_table table = table_of('d');

    table.columns = one;
    table.column_count = 2;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    (void)weir_map_put(world.catalog.types, WEIR_STR("628"), (void *)(uintptr_t)&line);
    const relation *shape = relation_new(&world.context, &table, &world.err);
    assert_false(shape->columns[0].included);
    assert_true(shape->columns[1].included);
    assert_int_equal(shape->key_count, 0);
    assert_null(shape->key_schema);
    assert_non_null(strstr(weir_buf_cstr(&world.diags), "column \"l\""));
}

/* --- Rows ------------------------------------------------------------------------------------- */

#define SENT(literal)                                                                              \
    {                                                                                              \
        .form = PGOUTPUT_TEXT, .bytes = WEIR_STR(literal)                                          \
    }
#define GONE                                                                                       \
    {                                                                                              \
        .form = PGOUTPUT_NULL                                                                      \
    }
#define SAME                                                                                       \
    {                                                                                              \
        .form = PGOUTPUT_UNCHANGED                                                                 \
    }

static const pgoutput_value whole_row[] = {SENT("1"), SENT("long note"), SENT("k"), SENT("4")};
static const pgoutput_value toast_row[] = {SENT("1"), SAME, SENT("k"), SENT("4")};
static const pgoutput_value key_row[] = {SENT("1"), GONE, SENT("k"), GONE};
static const pgoutput_value other_key[] = {SENT("2"), GONE, SENT("k"), GONE};
static const pgoutput_value same_key[] = {SENT("1"), GONE, SAME, GONE};

static pgoutput_tuple tuple_of(const pgoutput_value *values)
{
    return (pgoutput_tuple){.values = values, .count = 4};
}

/* The bytes of the row, and whether a column was marked as not sent. */
static void put_row(const relation *table, const pgoutput_value *row, const pgoutput_value *fill,
                    weir_buf *bytes, bool *unsent)
{
    pgoutput_tuple tuple = tuple_of(row), other = tuple_of(fill);
    weir_record record = {0};

    batch = batch_new(4096);
    batch_set_checked(batch, false); /* it is a part of a value */
    assert_true(weir_record_begin(batch, table->topic));
    weir_record_value(batch, table->envelope);
    assert_int_equal(
        relation_put_value(table, &tuple, fill != NULL ? &other : NULL, true, batch, &world.err),
        WEIR_OK);
    assert_int_equal(weir_record_end(batch, &world.err), WEIR_OK);
    assert_true(weir_record_next(batch, &record));
    *unsent = record.unsent != NULL;
    weir_buf_add_str(bytes, record.value);
}

#define assert_bytes(buf, literal)                                                                 \
    do {                                                                                           \
        assert_int_equal((buf)->len, sizeof(literal) - 1);                                         \
        assert_memory_equal((buf)->ptr, literal, sizeof(literal) - 1);                             \
    } while (0)

static void a_value_that_was_not_sent_is_the_placeholder_or_the_old_rows(void **state)
{
    (void)state;
    weir_buf bytes = {0};
    bool unsent;

    PG_WORLD_INIT(&world, "unavailable.value.placeholder", "gone");
    const relation *table = compile('d');
    put_row(table, toast_row, NULL, &bytes, &unsent);
    assert_bytes(&bytes, "\2\0\10gone\2k\10");
    assert_true(unsent);
    weir_buf_clear(&bytes);
    batch_free(batch);
    put_row(table, toast_row, whole_row, &bytes, &unsent);
    assert_bytes(&bytes, "\2\0\22long note\2k\10");
    assert_false(unsent);
    weir_buf_done(&bytes);
}

static void null_of_an_old_row_in_a_column_that_cannot_be_null_is_zero(void **state)
{
    (void)state;
    pgoutput_tuple tuple = tuple_of(key_row);
    weir_record record = {0};
    weir_buf bytes = {0};

    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    const relation *table = compile('d');
    batch = batch_new(4096);
    batch_set_checked(batch, false);
    assert_true(weir_record_begin(batch, table->topic));
    weir_record_value(batch, table->envelope);
    assert_int_equal(relation_put_value(table, &tuple, NULL, false, batch, &world.err), WEIR_OK);
    assert_int_equal(weir_record_end(batch, &world.err), WEIR_OK);
    assert_true(weir_record_next(batch, &record));
    weir_buf_add_str(&bytes, record.value);
    assert_bytes(&bytes, "\2\2\2k\0");
    weir_buf_done(&bytes);
}

static void null_of_a_new_row_in_a_column_that_cannot_be_null_is_refused_and_marked(void **state)
{
    (void)state;
    pgoutput_tuple tuple = tuple_of(key_row);

    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    const relation *table = compile('d');
    batch = batch_new(4096);
    batch_set_checked(batch, false);
    assert_true(weir_record_begin(batch, table->topic));
    weir_record_value(batch, table->envelope);
    assert_int_equal(relation_put_value(table, &tuple, NULL, true, batch, &world.err), WEIR_FATAL);
    weir_record_cancel(batch);
    assert_true(table->columns[3].had_null);
    assert_false(table->columns[1].had_null); /* it may be NULL */
}

static void keys_are_compared_and_an_unchanged_column_is_equal(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    const relation *table = compile('d');
    pgoutput_tuple before = tuple_of(key_row), other = tuple_of(other_key),
                   same = tuple_of(same_key);

    assert_true(relation_same_key(table, &before, &before));
    assert_false(relation_same_key(table, &before, &other));
    assert_true(relation_same_key(table, &before, &same));
}

static void a_key_that_was_not_sent_is_an_error_with_the_remedy(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    const relation *table = compile('d');
    pgoutput_tuple tuple = tuple_of(same_key);

    batch = batch_new(4096);
    assert_true(weir_record_begin(batch, table->topic));
    weir_record_key(batch, table->key_schema);
    assert_int_equal(relation_put_key(table, &tuple, batch, &world.err), WEIR_FATAL);
    assert_non_null(strstr(world.err.message, "REPLICA IDENTITY to FULL"));
    weir_record_cancel(batch);
}

static void the_largest_column_of_a_row_is_found(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    pgoutput_tuple tuple = tuple_of(whole_row);

    assert_str(relation_largest(compile('d'), &tuple), "note");
}

static void buffers_of_large_values_are_given_back_and_small_ones_kept(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    (void)weir_buf_reserve(&world.context.scratch[0], 4u << 20);
    (void)weir_buf_reserve(&world.context.scratch[1], 100);
    relation_context_trim(&world.context);
    assert_int_equal(world.context.scratch[0].capacity, 0);
    assert_true(world.context.scratch[1].capacity >= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_topic_has_an_underscore_for_what_a_topic_cannot_have,
                                  release),
        cmocka_unit_test_teardown(the_key_is_the_primary_keys_columns_in_the_order_of_its_index,
                                  release),
        cmocka_unit_test_teardown(the_index_that_is_the_identity_gives_the_key, release),
        cmocka_unit_test_teardown(chosen_columns_come_before_any_key, release),
        cmocka_unit_test_teardown(a_chosen_column_that_is_not_there_is_named, release),
        cmocka_unit_test_teardown(a_key_column_that_the_lists_leave_out_is_in_the_key_alone,
                                  release),
        cmocka_unit_test_teardown(a_key_column_without_a_codec_is_refused_with_the_remedy, release),
        cmocka_unit_test_teardown(a_chosen_key_that_a_delete_lacks_is_warned_of, release),
        cmocka_unit_test_teardown(a_type_without_a_codec_is_left_out_with_a_warning, release),
        cmocka_unit_test_teardown(a_value_that_was_not_sent_is_the_placeholder_or_the_old_rows,
                                  release),
        cmocka_unit_test_teardown(null_of_an_old_row_in_a_column_that_cannot_be_null_is_zero,
                                  release),
        cmocka_unit_test_teardown(
            null_of_a_new_row_in_a_column_that_cannot_be_null_is_refused_and_marked, release),
        cmocka_unit_test_teardown(keys_are_compared_and_an_unchanged_column_is_equal, release),
        cmocka_unit_test_teardown(a_key_that_was_not_sent_is_an_error_with_the_remedy, release),
        cmocka_unit_test_teardown(the_largest_column_of_a_row_is_found, release),
        cmocka_unit_test_teardown(buffers_of_large_values_are_given_back_and_small_ones_kept,
                                  release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

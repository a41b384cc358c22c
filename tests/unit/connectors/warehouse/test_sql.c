/* test_sql.c - the text of statements. */
#include "connectors/warehouse/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static const layout_column columns[] = {
    {.name = {"id", 2}, .type = {.id = TYPE_INT8}},
    {.name = {"a\"b", 3}, .type = {.id = TYPE_TEXT}},
    {.name = {"mood", 4}, .type = {.id = TYPE_TEXT}, .cast = {"mood", 4}},
};
static const layout rows = {.columns = columns, .count = 3, .key_count = 1};
static const table target = {.sql_name = {"\"t\"", 3}, .stage_number = 7};

static void expect(weir_buf *out, const char *text)
{
    assert_string_equal(weir_buf_cstr(out), text);
    weir_buf_done(out);
}

static void names_and_texts_are_quoted_with_their_quotes_doubled(void **state)
{
    (void)state;
    weir_buf out = {0};
    sql_vendor bare = sql_postgres;

    sql_identifier(&out, WEIR_STR("a\"b"), &sql_postgres);
    sql_literal(&out, WEIR_STR("it's"));
    bare.names = NAMES_FOLDED;
    sql_identifier(&out, WEIR_STR("Order; \"X"), &bare);
    expect(&out, "\"a\"\"b\"'it''s'\"order; \"\"x\"");
}

static void an_upsert_takes_new_values_for_all_but_the_key(void **state)
{
    (void)state;
    weir_buf out = {0};

    sql_merge(&out, SQL_UPSERT, &target, &rows, false, &sql_postgres);
    expect(&out, "INSERT INTO \"t\" (\"id\", \"a\"\"b\", \"mood\") SELECT s.c0, s.c1, "
                 "CAST(s.c2 AS mood) FROM weir_stage_7 AS s WHERE s.op IN ('u', 'r') "
                 "ON CONFLICT (\"id\") DO UPDATE SET \"a\"\"b\" = EXCLUDED.\"a\"\"b\", "
                 "\"mood\" = EXCLUDED.\"mood\"");
}

static void an_identity_is_overridden(void **state)
{
    (void)state;
    const layout numbered = {.columns = columns, .count = 1, .has_identity = true};
    weir_buf out = {0};

    sql_merge(&out, SQL_INSERT, &target, &numbered, true, &sql_postgres);
    expect(&out, "INSERT INTO \"t\" (\"id\") OVERRIDING SYSTEM VALUE SELECT s.c0 "
                 "FROM weir_stage_7 AS s WHERE true");
}

static void a_row_of_nothing_but_its_key_is_not_updated(void **state)
{
    (void)state;
    const layout only_key = {.columns = columns, .count = 1, .key_count = 1};
    weir_buf out = {0};

    sql_merge(&out, SQL_UPSERT, &target, &only_key, true, &sql_postgres);
    expect(&out, "INSERT INTO \"t\" (\"id\") SELECT s.c0 FROM weir_stage_7 AS s "
                 "WHERE true ON CONFLICT (\"id\") DO NOTHING");
}

static void a_partial_row_changes_what_its_mask_says(void **state)
{
    (void)state;
    weir_buf out = {0};

    sql_merge(&out, SQL_PARTIAL, &target, &rows, false, &sql_postgres);
    expect(&out, "UPDATE \"t\" AS d SET \"a\"\"b\" = CASE WHEN substr(s.mask, 2, 1) = '0' THEN "
                 "d.\"a\"\"b\" ELSE s.c1 END, \"mood\" = CASE WHEN substr(s.mask, 3, 1) = '0' THEN "
                 "d.\"mood\" ELSE CAST(s.c2 AS mood) END FROM weir_stage_7 AS s "
                 "WHERE s.op IN ('p') AND d.\"id\" = s.c0");
}

static void deletes_match_the_key(void **state)
{
    (void)state;
    weir_buf out = {0};

    sql_merge(&out, SQL_DELETE, &target, &rows, false, &sql_postgres);
    expect(&out, "DELETE FROM \"t\" AS d USING weir_stage_7 AS s WHERE s.op IN ('d', 'r') "
                 "AND d.\"id\" = s.c0");
}

static void a_table_is_made_with_its_key_and_the_vendors_types(void **state)
{
    (void)state;
    const sql_column made[] = {
        {.name = {"id", 2}, .type = {.id = TYPE_INT8}, .is_key = true, .nullable = true},
        {.name = {"d", 1},
         .type = {.id = TYPE_NUMERIC, .precision = 10, .scale = 2},
         .nullable = true},
        {.name = {"n", 1}, .type = {.id = TYPE_NUMERIC, .is_array = true}, .nullable = true},
        {.name = {"j", 1}, .type = {.id = TYPE_JSONB}},
    };
    weir_buf out = {0};

    sql_create_table(&out, &target, made, 4, &sql_postgres);
    expect(&out, "CREATE TABLE IF NOT EXISTS \"t\" (\"id\" bigint NOT NULL, \"d\" numeric(10,2), "
                 "\"n\" numeric[], \"j\" jsonb NOT NULL, PRIMARY KEY (\"id\"))");
    sql_create_table(&out, &target, made, 4, &sql_duckdb);
    expect(&out, "CREATE TABLE IF NOT EXISTS \"t\" (\"id\" bigint NOT NULL, \"d\" DECIMAL(10,2), "
                 "\"n\" VARCHAR[], \"j\" JSON NOT NULL, PRIMARY KEY (\"id\"))");
    sql_create_table(&out, &target, made + 1, 1, &sql_postgres);
    expect(&out, "CREATE TABLE IF NOT EXISTS \"t\" (\"d\" numeric(10,2))");
}

static void an_added_column_never_refuses_old_rows(void **state)
{
    (void)state;
    const sql_column added = {.name = {"x", 1}, .type = {.id = TYPE_INT4}, .nullable = false};
    weir_buf out = {0};

    sql_add_column(&out, &target, &added, &sql_postgres);
    expect(&out, "ALTER TABLE \"t\" ADD COLUMN IF NOT EXISTS \"x\" integer");

    const sql_column filled = {.name = {"x", 1}, .type = {.id = TYPE_INT4}, .fallback = {"7", 1}};

    sql_add_column(&out, &target, &filled, &sql_postgres);
    expect(&out, "ALTER TABLE \"t\" ADD COLUMN IF NOT EXISTS \"x\" integer DEFAULT 7");
}

static void a_staging_table_has_the_layout_a_kind_and_a_mask(void **state)
{
    (void)state;
    weir_buf out = {0};

    sql_create_stage(&out, &target, &rows, &sql_postgres);
    expect(&out, "CREATE TEMP TABLE weir_stage_7 (c0 bigint, c1 text, c2 text, op text, mask text) "
                 "ON COMMIT DELETE ROWS");
}

static void a_copy_goes_into_the_table_or_its_staging_table(void **state)
{
    (void)state;
    weir_buf out = {0};

    sql_copy(&out, &target, &rows, false, false, &sql_postgres);
    expect(&out, "COPY \"t\" (\"id\", \"a\"\"b\", \"mood\") FROM STDIN (FORMAT binary)");
    sql_copy(&out, &target, &rows, true, false, &sql_postgres);
    expect(&out, "COPY weir_stage_7 (c0, c1, c2) FROM STDIN (FORMAT binary)");
    sql_copy(&out, &target, &rows, true, true, &sql_postgres);
    expect(&out, "COPY weir_stage_7 (c0, c1, c2, op, mask) FROM STDIN (FORMAT binary)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_goes_into_the_table_or_its_staging_table),
        cmocka_unit_test(names_and_texts_are_quoted_with_their_quotes_doubled),
        cmocka_unit_test(an_upsert_takes_new_values_for_all_but_the_key),
        cmocka_unit_test(a_row_of_nothing_but_its_key_is_not_updated),
        cmocka_unit_test(a_partial_row_changes_what_its_mask_says),
        cmocka_unit_test(deletes_match_the_key),
        cmocka_unit_test(an_identity_is_overridden),
        cmocka_unit_test(a_table_is_made_with_its_key_and_the_vendors_types),
        cmocka_unit_test(an_added_column_never_refuses_old_rows),
        cmocka_unit_test(a_staging_table_has_the_layout_a_kind_and_a_mask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

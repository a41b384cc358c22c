/* test_unsent.c - fields that were not sent survive the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/connect/unsent.h"
#include "schema-registry/avro/avro.h"

#include <string.h>

static weir_schema *schema;
static weir_batch *batch;

static int setup(void **state)
{
    weir_error err;

    (void)state;
    batch = batch_new(4096);
    schema = avro_parse(
        WEIR_STR("{\"type\":\"record\",\"name\":\"E\",\"fields\":["
                 "{\"name\":\"a\",\"type\":{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                 "{\"name\":\"x\",\"type\":\"int\"},{\"name\":\"y\",\"type\":\"int\"}]}},"
                 "{\"name\":\"b\",\"type\":\"int\"}]}"),
        &err);
    return schema != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    batch_free(batch);
    avro_schema_free(schema);
    return 0;
}

/* header ptr NULL: without one. */
static void add_record(weir_str header)
{
    weir_error err;

    batch_clear(batch);
    assert_true(weir_record_begin(batch, WEIR_STR("t")));
    if (header.ptr != NULL)
        weir_record_header(batch, UNSENT_HEADER, header);
    weir_record_value(batch, schema);
    weir_put_int(batch, 1);
    weir_put_int(batch, 2);
    weir_put_int(batch, 3);
    assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
}

static weir_record only_record(void)
{
    weir_record record = {0};

    assert_true(weir_record_next(batch, &record));
    return record;
}

static void the_header_names_paths(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf out = {0};
    weir_record record;
    weir_error err;

    (void)state;
    batch_clear(batch);
    assert_true(weir_record_begin(batch, WEIR_STR("t")));
    weir_record_value(batch, schema);
    weir_put_int(batch, 1);
    weir_put_int(batch, 2);
    weir_put_int(batch, 3);
    weir_record_unsent(batch, weir_plan_find(weir_schema_plan(schema), WEIR_STR("a.y")));
    weir_record_unsent(batch, weir_plan_find(weir_schema_plan(schema), WEIR_STR("b")));
    assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
    record = only_record();
    unsent_write(&record, &out);
    assert_string_equal(weir_buf_cstr(&out), "[\"a.y\",\"b\"]");
}

static void the_bitmap_comes_back(void **state)
{
    const weir_plan *plan = weir_schema_plan(schema);
    weir_record record;
    weir_error err;

    (void)state;
    add_record(WEIR_STR("[\"a.y\",\"gone\"]"));
    assert_int_equal(unsent_read(batch, 0, &err), WEIR_OK);
    record = only_record();
    assert_true(weir_record_is_unsent(&record, weir_plan_find(plan, WEIR_STR("a.y"))));
    assert_false(weir_record_is_unsent(&record, weir_plan_find(plan, WEIR_STR("a.x"))));
    assert_false(weir_record_is_unsent(&record, weir_plan_find(plan, WEIR_STR("b"))));
}

static void a_record_without_the_header_was_sent_whole(void **state)
{
    weir_error err;

    (void)state;
    add_record((weir_str){0});
    assert_int_equal(unsent_read(batch, 0, &err), WEIR_OK);
    assert_null(only_record().unsent);
}

static void another_header_of_that_name_is_refused(void **state)
{
    weir_error err;

    (void)state;
    add_record(WEIR_STR("{\"a\":1}"));
    assert_int_equal(unsent_read(batch, 0, &err), WEIR_REJECT);
    assert_non_null(strstr(err.message, "is no JSON array"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_names_paths),
        cmocka_unit_test(the_bitmap_comes_back),
        cmocka_unit_test(a_record_without_the_header_was_sent_whole),
        cmocka_unit_test(another_header_of_that_name_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

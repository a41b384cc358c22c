/* test_change.c - which values are change events, and what each says about its row. */
#include "connectors/warehouse/change.h"

#include "schema-registry/avro/avro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define ROW                                                                                        \
    "{\"type\":\"record\",\"name\":\"Row\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"       \
    "{\"name\":\"name\",\"type\":[\"null\",\"string\"]}]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define SOURCE                                                                                     \
    "{\"type\":\"record\",\"name\":\"Source\",\"fields\":[{\"name\":\"lsn\",\"type\":\"long\"}]}"
#define RECORD(fields) "{\"type\":\"record\",\"name\":\"E\",\"fields\":[" fields "]}"
#define EVENT                                                                                      \
    RECORD(FIELD("before", "[\"null\"," ROW "]") "," FIELD(                                        \
        "after", "[\"null\",\"Row\"]") "," FIELD("source", SOURCE) "," FIELD("op", "\"string\""))

static weir_schema *parse(const char *text)
{
    weir_error err;
    weir_schema *schema = avro_parse(weir_cstr(text), &err);

    if (schema == NULL)
        fail_msg("%s", err.message);
    return schema;
}

static void the_row_of_an_event_is_what_stands_below_after(void **state)
{
    weir_schema *schema = parse(EVENT);
    const weir_plan *plan = weir_schema_plan(schema);
    change_shape shape = change_shape_of(schema);
    (void)state;

    assert_true(shape.is_event);
    assert_int_equal(shape.first, weir_plan_find(plan, WEIR_STR("after.id")));
    assert_int_equal(shape.end, weir_plan_find(plan, WEIR_STR("source")));
    avro_schema_free(schema);
}

static void every_other_record_is_its_row_itself(void **state)
{
    static const char *const schemas[] = {
        ROW,
        RECORD(
            FIELD("after", "\"string\"") "," FIELD("source", SOURCE) "," FIELD("op", "\"string\"")),
        RECORD(FIELD("after", ROW) "," FIELD("op", "\"string\"")),
        RECORD(FIELD("after", ROW) "," FIELD("source", SOURCE)),
    };
    (void)state;

    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
        weir_schema *schema = parse(schemas[i]);
        change_shape shape = change_shape_of(schema);

        assert_false(shape.is_event);
        assert_int_equal(shape.first, 0);
        assert_int_equal(shape.end, weir_plan_column_count(weir_schema_plan(schema)));
        avro_schema_free(schema);
    }
}

static void the_letter_of_an_event_says_what_became_of_its_row(void **state)
{
    static const struct {
        const char *op;
        bool has_after;
        weir_code code;
        change_kind kind;
    } cases[] = {
        {"c", true, WEIR_OK, CHANGE_ROW},          {"u", true, WEIR_OK, CHANGE_ROW},
        {"r", true, WEIR_OK, CHANGE_ROW},          {"d", false, WEIR_OK, CHANGE_DELETE},
        {"t", false, WEIR_OK, CHANGE_TRUNCATE},    {"c", false, WEIR_REJECT, CHANGE_ROW},
        {"m", false, WEIR_REJECT, CHANGE_ROW},     {"", false, WEIR_REJECT, CHANGE_ROW},
        {"create", true, WEIR_REJECT, CHANGE_ROW},
    };
    weir_schema *schema = parse(EVENT);
    change_shape shape = change_shape_of(schema);
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_slot slots[16] = {{.kind = WEIR_SLOT_NULL}};
        change_kind kind = CHANGE_ROW;
        weir_error err;

        assert_true(weir_plan_column_count(weir_schema_plan(schema)) <= 16);
        slots[shape.op] = (weir_slot){.kind = WEIR_SLOT_BYTES, .bytes = weir_cstr(cases[i].op)};
        if (cases[i].has_after)
            slots[shape.after].kind = WEIR_SLOT_NESTED;
        assert_int_equal(change_read(&shape, slots, &kind, &err), cases[i].code);
        assert_int_equal(kind, cases[i].kind);
    }
    avro_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_row_of_an_event_is_what_stands_below_after),
        cmocka_unit_test(every_other_record_is_its_row_itself),
        cmocka_unit_test(the_letter_of_an_event_says_what_became_of_its_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_index.c - names of indices, and what is asked and said of them when they are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/elasticsearch/index.h"
#include "sdk/src/batch.h"

#include "tests/unit/connectors/elasticsearch/search_fixture.h"

static void a_name_is_the_topics_in_lower_case(void **state)
{
    weir_buf out = {0};
    weir_error error;
    (void)state;

    assert_int_equal(index_name(WEIR_STR("Shop.Public.Orders-1_x"), &out, &error), WEIR_OK);
    assert_string_equal(weir_buf_cstr(&out), "shop.public.orders-1_x");
    weir_buf_done(&out);
}

static void a_name_that_elasticsearch_forbids_is_refused(void **state)
{
    static const char *const topics[] = {"",     "_a",  "-a",  "+a",   ".a",  "a b", "a,b", "a/b",
                                         "a\\b", "a*b", "a?b", "a\"b", "a<b", "a>b", "a|b", "a#b"};
    (void)state;

    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        weir_buf out = {0};
        weir_error error;

        assert_int_equal(index_name(weir_cstr(topics[i]), &out, &error), WEIR_CONFIG);
        assert_non_null(strstr(error.message, "route transform"));
        weir_buf_done(&out);
    }
}

/* --- Finding ---------------------------------------------------------------------------------- */

static search_fixture one;
static index_table table;
static weir_error err;

static int set_up(void **state)
{
    (void)state;
    search_set_up(&one);
    index_table_init(&table);
    search_open(&one);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    index_table_done(&table);
    search_tear_down(&one);
    return 0;
}

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"V\",\"fields\":[" fields "]}"
#define ID             "{\"name\":\"id\",\"type\":\"long\"}"
#define NOTE           "{\"name\":\"note\",\"type\":\"string\"}"

/* schema NULL: a deletion. */
static weir_code find(const char *log_topic, const char *topic, const char *schema)
{
    index_context context = {&one.task, &one.settings, one.client};
    weir_record record = {.log_topic = weir_cstr(log_topic), .topic = weir_cstr(topic)};
    document_version version = {.number = 1};
    const index_entry *found;

    if (schema != NULL) {
        record.value = WEIR_STR("something");
        record.value_schema = weir_task_schema(&one.task, weir_cstr(schema), &err);
        assert_non_null(record.value_schema);
    }
    return index_find(&table, &context, &record, &version, &found, &err);
}

static void assert_type(const char *index, const char *field, const char *type)
{
    json_t *mappings;
    const char *found;

    fake_settle(&one.server);
    mappings = json_object_get(json_object_get(one.server.indices, index), "mappings");
    found = json_string_value(
        json_object_get(json_object_get(json_object_get(mappings, "properties"), field), "type"));
    if (type == NULL)
        assert_null(found);
    else
        assert_string_equal(found, type);
}

static void two_topics_that_differ_by_case_do_not_meet_in_an_index(void **state)
{
    (void)state;
    assert_int_equal(find("a", "Orders", NULL), WEIR_OK);
    assert_int_equal(find("b", "Orders", NULL), WEIR_OK); /* routed there: that is meant */
    assert_int_equal(find("c", "orders", NULL), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "topics \"Orders\" and \"orders\" would both"));
    assert_int_equal(find("c", "orders", NULL), WEIR_CONFIG);
    assert_int_equal(find("a", "Orders", NULL), WEIR_OK);
}

static void topics_whose_versions_do_not_compare_are_warned_of(void **state)
{
    static const char warning[] = "\"both\" has documents of several topics";
    (void)state;

    assert_int_equal(find("a", "both", NULL), WEIR_OK);
    assert_null(strstr(weir_buf_cstr(&one.diags), warning));
    assert_int_equal(find("b", "both", NULL), WEIR_OK);
    assert_non_null(strstr(weir_buf_cstr(&one.diags), warning));
    weir_buf_clear(&one.diags);
    one.settings.key_ignore = true; /* no two records have one id then */
    assert_int_equal(find("c", "both", NULL), WEIR_OK);
    assert_null(strstr(weir_buf_cstr(&one.diags), warning));
}

/* Whatever comes first: a deletion, or a record of an older schema. */
static void fields_get_their_types_when_their_schema_comes(void **state)
{
    (void)state;
    assert_int_equal(find("a", "a", NULL), WEIR_OK);
    assert_type("a", "id", NULL);
    assert_int_equal(find("a", "a", RECORD(ID)), WEIR_OK);
    assert_type("a", "id", "long");
    assert_type("a", "note", NULL);
    assert_int_equal(find("a", "a", RECORD(ID "," NOTE)), WEIR_OK);
    assert_type("a", "note", "text");
}

static void what_an_index_says_of_its_fields_stays(void **state)
{
    (void)state;
    json_object_set_new(
        one.server.indices, "a",
        json_pack("{s:{s:{s:{s:s}}}}", "mappings", "properties", "note", "type", "keyword"));
    json_object_set_new(one.server.indices, "b",
                        json_pack("{s:{s:s}}", "mappings", "dynamic", "strict"));
    fake_settle(&one.server);
    assert_int_equal(find("a", "a", RECORD(ID "," NOTE)), WEIR_OK);
    assert_type("a", "note", "keyword");
    assert_type("a", "id", "long");
    assert_int_equal(find("b", "b", RECORD(ID "," NOTE)), WEIR_OK);
    assert_type("b", "id", NULL);
}

static void no_types_are_given_when_schemas_are_ignored(void **state)
{
    weir_str ignored[] = {WEIR_STR("b")};
    (void)state;

    one.settings.schema_ignore_topics = (weir_list){ignored, 1};
    assert_int_equal(find("a", "a", RECORD(ID)), WEIR_OK);
    assert_int_equal(find("b", "b", RECORD(ID)), WEIR_OK);
    assert_type("a", "id", "long");
    assert_type("b", "id", NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_the_topics_in_lower_case),
        cmocka_unit_test(a_name_that_elasticsearch_forbids_is_refused),
        CASE(two_topics_that_differ_by_case_do_not_meet_in_an_index),
        CASE(topics_whose_versions_do_not_compare_are_warned_of),
        CASE(fields_get_their_types_when_their_schema_comes),
        CASE(what_an_index_says_of_its_fields_stays),
        CASE(no_types_are_given_when_schemas_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

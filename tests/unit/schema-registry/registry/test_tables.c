/* test_tables.c - a topic that Confluent's registry wrote, applied record by record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/registry/tables.h"

#include <string.h>

static tables it;

static int setup(void **state)
{
    (void)state;
    tables_init(&it);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tables_done(&it);
    return 0;
}

/* True when the record was taken; value NULL is a tombstone. */
static bool apply(const char *key, const char *value)
{
    const char *reason;

    return tables_apply(&it, weir_cstr(key), weir_cstr(value), 1000, &reason);
}

#define KEY(subject, version)                                                                      \
    "{\"keytype\":\"SCHEMA\",\"subject\":\"" subject "\",\"version\":" version ",\"magic\":1}"
#define VALUE(subject, version, id, rest)                                                          \
    "{\"subject\":\"" subject "\",\"version\":" version ",\"id\":" id "," rest                     \
    "\"schema\":\"\\\"string\\\"\",\"deleted\":false}"

static const registry_version *version_of(const char *subject, int32_t version)
{
    return subject_version(tables_subject(&it, weir_cstr(subject)), version);
}

/* As kafka-console-consumer prints a _schemas of Confluent Platform, keys and values. */
static void a_topic_of_theirs_is_taken_over(void **state)
{
    (void)state;
    assert_true(apply("{\"keytype\":\"CONFIG\",\"subject\":null,\"magic\":0}",
                      "{\"compatibilityLevel\":\"FULL\"}"));
    assert_true(apply("{\"keytype\":\"NOOP\",\"magic\":0}", NULL));
    assert_true(
        apply("{\"keytype\":\"SCHEMA\",\"subject\":\"Kafka-key\",\"version\":1,\"magic\":1}",
              "{\"subject\":\"Kafka-key\",\"version\":1,\"id\":1,"
              "\"schema\":\"\\\"string\\\"\",\"deleted\":false}"));
    assert_true(apply("{\"keytype\":\"SCHEMA\",\"subject\":\"j\",\"version\":1,\"magic\":1}",
                      "{\"subject\":\"j\",\"version\":1,\"id\":2,\"schemaType\":\"JSON\","
                      "\"references\":[{\"name\":\"k\",\"subject\":\"Kafka-key\",\"version\":1}],"
                      "\"schema\":\"{}\",\"deleted\":false,\"x-unknown\":{\"a\": 1}}"));
    assert_true(apply("{\"keytype\":\"MODE\",\"subject\":\"j\",\"magic\":0}",
                      "{\"subject\":\"j\",\"mode\":\"READONLY\"}"));
    assert_true(
        apply("{\"keytype\":\"CONTEXT\",\"tenant\":\"default\",\"context\":\".c\",\"magic\":0}",
              "{\"tenant\":\"default\",\"context\":\".c\"}"));
    assert_true(apply("{\"keytype\":\"ASSOC\",\"tenant\":\"default\",\"magic\":0}", "{\"x\":1}"));
    tables_sort(&it);
    assert_int_equal(it.version_count, 2);
    assert_non_null(tables_setting(&it, RECORD_CONFIG, (weir_str){0})->odd_key);
    assert_null(tables_setting(&it, RECORD_MODE, WEIR_STR("j"))->odd_key);
    assert_int_equal(version_of("j", 1)->schema->type, RECORD_JSON);
    assert_string_equal(version_of("j", 1)->extra, ",\"x-unknown\":{\"a\":1}");
    assert_true(tables_context(&it, WEIR_STR(".c"))->has_record);
}

static void references_are_known_both_ways(void **state)
{
    stored_schema *const *referrers;

    a_topic_of_theirs_is_taken_over(state);
    assert_int_equal(tables_referrers(&it, WEIR_STR("Kafka-key"), 1, &referrers), 1);
    assert_int_equal(referrers[0]->id, 2);
    assert_true(apply(KEY("j", "1"), NULL));
    assert_int_equal(tables_referrers(&it, WEIR_STR("Kafka-key"), 1, &referrers), 0);
}

static void delete_subject_deletes_up_to_its_version(void **state)
{
    (void)state;
    assert_true(apply(KEY("a", "1"), VALUE("a", "1", "1", "")));
    assert_true(apply(KEY("a", "2"), VALUE("a", "2", "1", "")));
    assert_true(apply("{\"keytype\":\"DELETE_SUBJECT\",\"subject\":\"a\",\"magic\":0}",
                      "{\"subject\":\"a\",\"version\":1}"));
    assert_true(version_of("a", 1)->is_deleted);
    assert_false(version_of("a", 2)->is_deleted);
    assert_int_equal(tables_subject(&it, WEIR_STR("a"))->live_count, 1);
}

static void clear_subject_takes_away_what_is_deleted(void **state)
{
    (void)state;
    assert_true(apply(KEY("a", "1"), VALUE("a", "1", "1", "")));
    assert_true(apply(KEY("b", "1"), VALUE("b", "1", "1", "")));
    assert_true(apply("{\"keytype\":\"DELETE_SUBJECT\",\"subject\":\"a\",\"magic\":0}",
                      "{\"subject\":\"a\",\"version\":1}"));
    assert_true(apply("{\"keytype\":\"CLEAR_SUBJECT\",\"magic\":0}", "{}"));
    assert_null(tables_subject(&it, WEIR_STR("a")));
    assert_non_null(version_of("b", 1));
}

static void a_tombstone_takes_version_schema_and_subject_away_but_not_the_id(void **state)
{
    (void)state;
    assert_true(apply(KEY("a", "1"), VALUE("a", "1", "9", "")));
    assert_true(apply(KEY("a", "1"), NULL));
    assert_null(tables_subject(&it, WEIR_STR("a")));
    assert_null(context_schema(tables_context(&it, WEIR_STR(".")), 9));
    assert_int_equal(tables_context(&it, WEIR_STR("."))->last_id, 9);
    assert_int_equal(it.version_count + it.deleted_count + it.schema_count, 0);
}

static void a_noop_of_ours_keeps_the_last_ids(void **state)
{
    (void)state;
    assert_true(apply("{\"keytype\":\"NOOP\",\"magic\":0}", "{\"lastIds\":{\".\":7,\".c\":3}}"));
    assert_int_equal(tables_context(&it, WEIR_STR("."))->last_id, 7);
    assert_int_equal(tables_context(&it, WEIR_STR(".c"))->last_id, 3);
}

static void an_id_has_one_text(void **state)
{
    (void)state;
    assert_true(apply(KEY("a", "1"), VALUE("a", "1", "1", "")));
    assert_false(apply(KEY("b", "1"), "{\"subject\":\"b\",\"version\":1,\"id\":1,"
                                      "\"schema\":\"\\\"long\\\"\",\"deleted\":false}"));
    assert_null(version_of("b", 1));
}

static void texts_are_the_same_however_they_are_escaped(void **state)
{
    (void)state;
    assert_true(apply(KEY("a", "1"), VALUE("a", "1", "1", "")));
    assert_true(apply(KEY("b", "1"), "{\"subject\":\"b\",\"version\":1,\"id\":1,"
                                     "\"schema\":\"\\u0022string\\u0022\",\"deleted\":false}"));
    assert_ptr_equal(version_of("a", 1)->schema, version_of("b", 1)->schema);
}

static void one_id_may_have_two_kinds_of_metadata(void **state)
{
    const registry_context *context;

    (void)state;
    assert_true(apply(KEY("a", "1"), VALUE("a", "1", "1", "")));
    assert_true(
        apply(KEY("b", "1"), VALUE("b", "1", "1", "\"metadata\":{\"properties\":{\"o\":\"x\"}},")));
    assert_ptr_not_equal(version_of("a", 1)->schema, version_of("b", 1)->schema);
    assert_true(apply(KEY("b", "1"), NULL));
    context = tables_context(&it, WEIR_STR("."));
    assert_ptr_equal(context_schema(context, 1), version_of("a", 1)->schema);
}

static void a_subject_may_have_no_name(void **state)
{
    (void)state;
    assert_true(apply("{\"keytype\":\"SCHEMA\",\"version\":1,\"magic\":1}",
                      "{\"version\":1,\"id\":1,\"schema\":\"{}\",\"deleted\":false}"));
    assert_non_null(version_of("", 1));
}

static void nonsense_is_left_out(void **state)
{
    (void)state;
    assert_false(apply("", "{}"));
    assert_false(
        apply("{\"keytype\":\"SCHEMA\",\"subject\":\"a\",\"version\":0,\"magic\":1}", "{}"));
    assert_false(apply(KEY("a", "1"), "{\"id\":1}"));
    assert_false(apply(KEY("a", "1"), VALUE("a", "1", "-5", "")));
    assert_false(apply(KEY("a", "1"), VALUE("a", "1", "1", "\"schemaType\":\"THRIFT\",")));
    assert_false(apply("{\"keytype\":\"CONFIG\",\"magic\":0}", "[]"));
    assert_int_equal(it.version_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_topic_of_theirs_is_taken_over),
        TEST(references_are_known_both_ways),
        TEST(delete_subject_deletes_up_to_its_version),
        TEST(clear_subject_takes_away_what_is_deleted),
        TEST(a_tombstone_takes_version_schema_and_subject_away_but_not_the_id),
        TEST(a_noop_of_ours_keeps_the_last_ids),
        TEST(an_id_has_one_text),
        TEST(texts_are_the_same_however_they_are_escaped),
        TEST(one_id_may_have_two_kinds_of_metadata),
        TEST(a_subject_may_have_no_name),
        TEST(nonsense_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

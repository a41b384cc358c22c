/* test_import.c - a topic _schemas as several versions of Confluent's registry leave it, opened as ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/registry/registry.h"
#include "tests/fixtures/fake_log.h"
#include "tests/fixtures/registry_fixture.h"

#include <string.h>

typedef struct record {
    const char *key, *value; /* NULL: a tombstone */
} record;

#define SCHEMA(subject, version)                                                                   \
    "{\"keytype\":\"SCHEMA\",\"subject\":\"" subject "\",\"version\":" version ",\"magic\":1}"
#define OF(kind, subject) "{\"keytype\":\"" kind "\",\"subject\":\"" subject "\",\"magic\":0}"
#define GLOBAL(kind)      "{\"keytype\":\"" kind "\",\"magic\":0}"

/* Older ones know Avro alone; null is written where nothing is. */
static const record of_5[] = {
    {"{\"keytype\":\"NOOP\",\"magic\":0}", NULL},
    {"{\"keytype\":\"CONFIG\",\"subject\":null,\"magic\":0}", "{\"compatibilityLevel\":\"FULL\"}"},
    {"{\"keytype\":\"SCHEMA\",\"subject\":\"five\",\"version\":1,\"magic\":0}", /* before 4.0 */
     "{\"subject\":\"five\",\"version\":1,\"id\":1,\"schema\":\"\\\"string\\\"\"}"},
    {SCHEMA("five", "2"),
     "{\"subject\":\"five\",\"version\":2,\"id\":2,\"schema\":\"\\\"bytes\\\"\","
     "\"deleted\":true}"},
    {OF("MODE", "five"), "{\"mode\":\"READONLY\"}"},
    {OF("CONFIG", "gone"), "{\"compatibilityLevel\":\"NONE\"}"},
    {OF("CONFIG", "gone"), NULL},
    {SCHEMA("gone", "1"), "{\"subject\":\"gone\",\"version\":1,\"id\":3,\"schema\":\"\\\"int\\\"\","
                          "\"deleted\":false}"},
    {SCHEMA("gone", "1"), NULL},
};

/* Types, references and contexts. */
static const record of_6[] = {
    {SCHEMA("six", "1"), "{\"subject\":\"six\",\"version\":1,\"id\":4,\"references\":[],\"schema\":"
                         "\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"In\\\",\\\"fields\\\":[]}"
                         "\",\"deleted\":false}"},
    {SCHEMA("six", "2"),
     "{\"subject\":\"six\",\"version\":2,\"id\":5,\"schemaType\":\"JSON\",\"references\":null,"
     "\"schema\":\"{\\\"type\\\":\\\"object\\\"}\",\"deleted\":false}"},
    {SCHEMA("user", "1"), "{\"subject\":\"user\",\"version\":1,\"id\":6,\"schemaType\":null,"
                          "\"references\":[{\"name\":\"In\","
                          "\"subject\":\"six\",\"version\":1}],\"schema\":\"[\\\"null\\\","
                          "\\\"In\\\"]\",\"deleted\":false}"},
    {"{\"keytype\":\"CONTEXT\",\"tenant\":\"default\",\"context\":\".c\",\"magic\":0}",
     "{\"tenant\":\"default\",\"context\":\".c\"}"},
    {SCHEMA(":.c:six", "7"),
     "{\"subject\":\":.c:six\",\"version\":7,\"id\":1,\"schemaType\":\"PROTOBUF\","
     "\"schema\":\"syntax = \\\"proto3\\\";\",\"deleted\":false}"},
    {SCHEMA("left", "1"),
     "{\"subject\":\"left\",\"version\":1,\"id\":1,\"schema\":\"\\\"string\\\"\","
     "\"deleted\":false}"},
    {SCHEMA("left", "2"),
     "{\"subject\":\"left\",\"version\":2,\"id\":4,\"schema\":"
     "\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"In\\\",\\\"fields\\\":[]}\","
     "\"deleted\":false}"},
    {OF("DELETE_SUBJECT", "left"), "{\"subject\":\"left\",\"version\":1}"},
};

/* Metadata, rules, the MD5, all that a configuration may say; what nobody knows yet. */
static const record of_8[] = {
    {SCHEMA("eight", "1"),
     "{\"subject\":\"eight\",\"version\":1,\"id\":9,\"md5\":\"AAECAwQFBgcICQoLDA0ODw==\","
     "\"metadata\":{\"properties\":{\"owner\":\"ann\"}},\"ruleSet\":{\"domainRules\":[{\"name\":"
     "\"r\","
     "\"kind\":\"CONDITION\",\"mode\":\"WRITE\",\"type\":\"CEL\",\"expr\":\"true\",\"disabled\":"
     "false}]},"
     "\"schema\":\"\\\"long\\\"\",\"deleted\":false,\"offset\":17,\"ts\":1700000000000,\"guid\":"
     "\"x\"}"},
    {SCHEMA("eight", "2"), /* as a client that does not validate may have it */
     "{\"subject\":\"eight\",\"version\":2,\"id\":10,\"schema\":\"{\\\"type\\\":\\\"record\\\","
     "\\\"name\\\":"
     "\\\"B\\\",\\\"namespace\\\":\\\"a-b\\\",\\\"fields\\\":[{\\\"name\\\":\\\"f\\\",\\\"type\\\":"
     "\\\"int\\\","
     "\\\"default\\\":null}]}\",\"deleted\":false}"},
    {OF("CONFIG", "eight"),
     "{\"subject\":\"eight\",\"alias\":\"x\",\"normalize\":true,\"validateFields\":true,"
     "\"compatibilityLevel\":\"BACKWARD_TRANSITIVE\",\"compatibilityGroup\":\"major\","
     "\"defaultMetadata\":{\"properties\":{\"a\":\"b\"}},\"overrideRuleSet\":{\"domainRules\":[]}"
     "}"},
    {OF("MODE", "eight"), "{\"subject\":\"eight\",\"mode\":\"IMPORT\"}"},
    {OF("CLEAR_SUBJECT", "five"), "{\"subject\":\"five\"}"},
    {"{\"keytype\":\"ASSOC\",\"tenant\":\"default\",\"subject\":\"eight\",\"magic\":0}",
     "{\"x\":1}"},
    {GLOBAL("MODE"), "{\"mode\":\"READWRITE\"}"},
    {GLOBAL("NOOP"), NULL},
};

static log *backend;
static registry *it;

static void open_it(void)
{
    weir_error err;

    assert_int_equal(registry_open(backend, &REGISTRY_DEFAULTS, &it, &err), WEIR_OK);
}

static void write_all(const record *records, size_t count)
{
    log_writer *writer;
    weir_error err;

    assert_int_equal(log_writer_open(backend, REGISTRY_TOPIC, &writer, &err), WEIR_OK);
    for (size_t i = 0; i < count; i++) {
        log_record added = {.topic = REGISTRY_TOPIC,
                            .timestamp_ms = 1000 + (int64_t)i,
                            .key = weir_cstr(records[i].key),
                            .value = weir_cstr(records[i].value)};

        assert_int_equal(log_add(writer, &added, &err), WEIR_OK);
        assert_int_equal(log_wait(writer, log_commit(writer), 1000, &err), LOG_COMMITTED);
    }
    log_writer_close(writer);
}

static int setup(void **state)
{
    (void)state;
    backend = fake_log_new(1);
    open_it();
    registry_close(it);
    write_all(of_5, sizeof(of_5) / sizeof(of_5[0]));
    write_all(of_6, sizeof(of_6) / sizeof(of_6[0]));
    write_all(of_8, sizeof(of_8) / sizeof(of_8[0]));
    open_it();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    registry_close(it);
    fake_log_free(backend);
    answers_done();
    return 0;
}

static void assert_says(const char *answer, const char *part)
{
    if (strstr(answer, part) == NULL)
        fail_msg("no %s in %s", part, answer);
}

static void what_was_there_is_there_and_what_was_deleted_is_not(void **state)
{
    (void)state;
    assert_string_equal(subjects_of(it, ":*:", REGISTRY_WITH_DELETED),
                        "[\":.c:six\",\"eight\",\"five\",\"left\",\"six\",\"user\"]");
    assert_string_equal(versions_of(it, "five", REGISTRY_WITH_DELETED), "[1]"); /* cleared: 2 */
    assert_string_equal(versions_of(it, "left", REGISTRY_LIVE), "[2]");
    assert_string_equal(versions_of(it, "left", REGISTRY_DELETED_ONLY), "[1]");
    assert_string_equal(version_of(it, "gone", 1, true), "40401 Subject 'gone' not found.");
    assert_string_equal(schema_subjects(it, 1, true), "[\"five\",\"left\"]");
    assert_string_equal(schema_subjects(it, 1, false), "[\"five\"]");
    assert_string_equal(version_text(it, ":.c:six", 7), "syntax = \"proto3\";");
    assert_says(version_of(it, "six", 2, false), "\"schemaType\":\"JSON\",\"schema\":");
    assert_string_equal(check(it, "user", 1, "[\"null\",\"int\"]", false),
                        "{\"is_compatible\":false}"); /* its reference is found */
    assert_string_equal(delete_version(it, "six", 1, false),
                        "42206 One or more references exist to the schema "
                        "{magic=1,keytype=SCHEMA,subject=six,version=1}.");
}

static void settings_count(void **state)
{
    (void)state;
    assert_string_equal(get_config(it, NULL, false), "{\"compatibilityLevel\":\"FULL\"}");
    assert_says(get_config(it, "eight", false), "\"compatibilityGroup\":\"major\"");
    assert_says(get_config(it, "eight", false), "\"overrideRuleSet\":{\"domainRules\":[]}");
    assert_string_equal(get_config(it, "gone", true), "{\"compatibilityLevel\":\"FULL\"}");
    assert_string_equal(get_mode(it, "five", false), "{\"mode\":\"READONLY\"}");
    assert_string_equal(get_mode(it, "eight", false), "{\"mode\":\"IMPORT\"}");
    assert_string_equal(register_text(it, "five", "\"long\""),
                        "42205 Subject five in context  is in read-only mode");
}

static void what_is_written_on_goes_on_from_theirs(void **state)
{
    (void)state;
    assert_says(version_of(it, "eight", 1, false),
                "\"guid\":\"00010203-0405-0607-0809-0a0b0c0d0e0f\"");
    assert_says(version_of(it, "eight", 1, false), "\"expr\":\"true\"");
    assert_says(register_text(it, "new", "\"double\""), "{\"id\":11,\"version\":1,");
    assert_says(register_text(it, "new", "\"string\""), "409"); /* FULL */
    assert_says(look_up(it, "left", "{\"type\":\"record\",\"name\":\"In\",\"fields\":[]}", false),
                "\"version\":2,\"id\":4,");
    assert_string_equal(delete_version(it, "eight", 1, false), "1");
    registry_close(it);
    open_it();
    assert_says(version_of(it, "eight", 1, true),
                "\"metadata\":{\"properties\":{\"owner\":\"ann\"}}");
    assert_says(version_text(it, "eight", 2), "\"namespace\":\"a-b\"");
    assert_says(register_text(it, "other", "\"float\""), "{\"id\":12,\"version\":1,");
}

/* The key that theirs spelled otherwise would live on beside ours: it is taken away with what it said. */
static void what_is_replaced_is_replaced_whatever_its_key(void **state)
{
    (void)state;
    assert_says(set_mode(it, "five", "READWRITE", false), "READWRITE");
    assert_string_equal(delete_version(it, "five", 1, false), "1");
    assert_string_equal(delete_version(it, "five", 1, true), "1");
    assert_says(set_config(it, NULL, "{\"compatibility\":\"NONE\"}"), "NONE");
    registry_close(it);
    open_it();
    assert_string_equal(version_of(it, "five", 1, true), "40401 Subject 'five' not found.");
    assert_string_equal(get_config(it, NULL, false), "{\"compatibilityLevel\":\"NONE\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(what_was_there_is_there_and_what_was_deleted_is_not),
        TEST(settings_count),
        TEST(what_is_written_on_goes_on_from_theirs),
        TEST(what_is_replaced_is_replaced_whatever_its_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

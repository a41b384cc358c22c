/* test_document.c - ids, documents and versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/elasticsearch/document.h"
#include "schema-registry/avro/avro.h"
#include "sdk/src/batch.h"

#define BYTES(literal)    ((weir_str){literal, sizeof(literal) - 1})
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define RECORD(fields)    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"

static void assert_id(const char *schema, weir_str key, const char *expected)
{
    weir_error err = {0};
    weir_schema *parsed = schema != NULL ? avro_parse(weir_cstr(schema), &err) : NULL;
    weir_record record = {.key = key, .key_schema = parsed};
    weir_buf out = {0};
    weir_code code = document_id(&record, &out, &err);

    assert_int_equal(code, expected != NULL ? WEIR_OK : WEIR_REJECT);
    if (expected != NULL)
        assert_string_equal(weir_buf_cstr(&out), expected);
    weir_buf_done(&out);
    avro_schema_free(parsed);
}

static void an_id_is_the_key_or_all_its_fields(void **state)
{
    (void)state;
    assert_id(NULL, WEIR_STR("plain"), "plain");
    assert_id("\"string\"", BYTES("\x04ok"), "ok");
    assert_id(RECORD(FIELD("id", "\"long\"")), BYTES("\x02"), "1");
    assert_id(RECORD(FIELD("id", "\"string\"")), BYTES("\x06x\"y"), "x\"y");
    assert_id(RECORD(FIELD("a", "\"int\"") "," FIELD("b", "\"string\"")), BYTES("\x02\x02x"),
              "[1,\"x\"]");
}

static void what_cannot_be_an_id_is_rejected(void **state)
{
    char longer[513];
    (void)state;

    memset(longer, 'x', sizeof(longer));
    assert_id(NULL, (weir_str){longer, 512}, (longer[512] = '\0', longer));
    longer[512] = 'x';
    assert_id(NULL, (weir_str){longer, 513}, NULL);
    assert_id(NULL, (weir_str){NULL, 0}, NULL);
    assert_id(NULL, WEIR_STR(""), NULL);
    assert_id(RECORD(FIELD("id", "[\"null\",\"long\"]")), BYTES("\0"), NULL);
    assert_id(NULL, BYTES("\xff"), NULL);
    assert_id(NULL, BYTES("\xc3"), NULL);
    assert_id(NULL, BYTES("\xc0\x80"), NULL);
    assert_id(NULL, BYTES("\xed\xa0\x80"), NULL);
    assert_id(NULL, BYTES("\xf4\x90\x80\x80"), NULL);
    assert_id(NULL, BYTES("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
}

#define ROW                                                                                        \
    RECORD(FIELD("id", "\"int\"") "," FIELD("text", "[\"null\",\"string\"]") "," FIELD("n",        \
                                                                                       "\"int\""))

static void assert_document(uint64_t unsent, const char *present, bool merge, const char *expected)
{
    weir_error err = {0};
    weir_schema *schema = avro_parse(WEIR_STR(ROW), &err);
    weir_record record = {
        .value = BYTES("\x02\x02\x02?\x04"), .value_schema = schema, .unsent = &unsent};
    weir_buf out = {0};

    assert_int_equal(document_json(&record, weir_cstr(present), merge, &out, &err), WEIR_OK);
    assert_string_equal(weir_buf_cstr(&out), expected);
    weir_buf_done(&out);
    avro_schema_free(schema);
}

static void what_was_not_sent_comes_from_the_document_that_is_there(void **state)
{
    static const char there[] = "{\"id\":9,\"te\\u0078t\":1e400 ,\"other\":[1.0]}";
    (void)state;

    assert_document(0, there, false, "{\"id\":1,\"text\":\"?\",\"n\":2}");
    assert_document(2, there, false, "{\"id\":1,\"text\":1e400,\"n\":2}");
    assert_document(2, "", false, "{\"id\":1,\"n\":2}");
    assert_document(2, "{}", false, "{\"id\":1,\"n\":2}");
    assert_document(2, there, true, "{\"id\":1,\"text\":1e400,\"n\":2,\"other\":[1.0]}");
    assert_document(0, there, true, "{\"id\":1,\"text\":\"?\",\"n\":2,\"other\":[1.0]}");
    assert_document(7, "", true, "{}");
}

static void assert_text(const char *json, bool merge, const char *expected)
{
    weir_record record = {.value = weir_cstr(json)};
    weir_buf out = {0};
    weir_error err = {0};
    weir_code code = document_json(&record, (weir_str){0}, merge, &out, &err);

    assert_int_equal(code, expected != NULL ? WEIR_OK : WEIR_REJECT);
    if (expected != NULL)
        assert_string_equal(weir_buf_cstr(&out), expected);
    weir_buf_done(&out);
}

static void json_without_a_schema_is_the_document_on_one_line(void **state)
{
    (void)state;
    assert_text("{\"a\":1.50,\"b\":\"x\\ny\"}", false, "{\"a\":1.50,\"b\":\"x\\ny\"}");
    assert_text(" {\r\n\"a\":\n[1,\n2]}\n", false, " {  \"a\": [1, 2]} ");
    assert_text("{}", false, "{}");
    assert_text("[1]", false, NULL);
    assert_text("\"text\"", false, NULL);
    assert_text("{\"a\":1", false, NULL);
    assert_text("plain", false, NULL);
    assert_text("{\"a\":1}", true, NULL); /* what is not there could mean anything */
}

static void a_field_inside_of_a_field_must_have_been_sent(void **state)
{
    uint64_t unsent = 2;
    weir_error err = {0};
    weir_schema *schema = avro_parse(
        /* cppcheck-suppress unknownMacro ; it is above */
        WEIR_STR("{\"type\":\"record\",\"name\":\"E\",\"fields\":[" FIELD("after", ROW) "]}"),
        &err);
    weir_record record = {
        .value = BYTES("\x02\x02\x02?\x04"), .value_schema = schema, .unsent = &unsent};
    weir_buf out = {0};
    (void)state;

    assert_int_equal(document_json(&record, (weir_str){0}, false, &out, &err), WEIR_REJECT);
    assert_non_null(strstr(err.message, "after.id"));
    weir_buf_done(&out);
    avro_schema_free(schema);
}

/* source NULL: the record has no such header. */
static document_version version_of(const char *position, const char *source, bool id_is_key,
                                   bool *valid)
{
    weir_batch *batch = batch_new(4096);
    weir_record record = {0};
    weir_buf headers = {0};
    document_version version;

    weir_buf_printf(&headers, "%cweir.position%c%s", 26, (int)(2 * strlen(position)), position);
    if (source != NULL)
        weir_buf_printf(&headers, "%cweir.source%c%s", 22, (int)(2 * strlen(source)), source);
    assert_true(
        batch_add_log_record(batch, &(batch_log_record){.topic = batch_topic(batch, WEIR_STR("t")),
                                                        .offset = 42,
                                                        .headers = weir_buf_str(&headers),
                                                        .header_count = position[0] == '-' ? 0
                                                                        : source == NULL   ? 1
                                                                                           : 2}));
    assert_true(weir_record_next(batch, &record));
    *valid = document_version_of(batch, &record, id_is_key, &version);
    if (source != NULL)
        assert_true(weir_str_eq(version.source, id_is_key ? weir_cstr(source) : (weir_str){0}));
    weir_buf_done(&headers);
    batch_free(batch);
    version.source = (weir_str){0};
    return version;
}

static void assert_version(const char *position, bool id_is_key, bool valid, int64_t expected)
{
    bool is_valid;
    document_version version = version_of(position, NULL, id_is_key, &is_valid);

    assert_int_equal(is_valid, valid);
    if (!valid)
        return;
    assert_int_equal(version.number, expected);
    assert_int_equal(version.is_position, id_is_key && position[0] != '-');
}

static void a_position_comes_with_its_source_an_offset_without(void **state)
{
    bool is_valid;
    (void)state;

    (void)version_of("700", "7391234567890123456/1", true, &is_valid);
    assert_true(is_valid);
    (void)version_of("700", "7391234567890123456/1", false, &is_valid);
    assert_true(is_valid);
}

static void a_version_is_the_position_where_the_id_is_the_key_else_the_offset(void **state)
{
    (void)state;
    assert_version("9223372036854775807", true, true, INT64_MAX);
    assert_version("700", true, true, 700);
    assert_version("700", false, true, 42);
    assert_version("-", true, true, 42); /* no header */
    assert_version("9223372036854775808", true, false, 0);
    assert_version("7x", true, false, 0);
    assert_version("", true, false, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_the_key_or_all_its_fields),
        cmocka_unit_test(what_cannot_be_an_id_is_rejected),
        cmocka_unit_test(what_was_not_sent_comes_from_the_document_that_is_there),
        cmocka_unit_test(json_without_a_schema_is_the_document_on_one_line),
        cmocka_unit_test(a_field_inside_of_a_field_must_have_been_sent),
        cmocka_unit_test(a_version_is_the_position_where_the_id_is_the_key_else_the_offset),
        cmocka_unit_test(a_position_comes_with_its_source_an_offset_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

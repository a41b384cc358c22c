/* test_converter.c - into the log and out of it again, by each converter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/connect/converter.h"
#include "schema-registry/avro/avro.h"
#include "tests/fixtures/fake_log.h"

#include <string.h>

#define TOPIC WEIR_STR("orders")
#define ROW                                                                                        \
    "{\"type\":\"record\",\"name\":\"Row\",\"namespace\":\"shop\",\"fields\":["                    \
    "{\"name\":\"id\",\"type\":\"long\"},"                                                         \
    "{\"name\":\"small\",\"type\":{\"type\":\"int\",\"connect.type\":\"int16\"}},"                 \
    "{\"name\":\"name\",\"type\":[\"null\",\"string\"],\"default\":null},"                         \
    "{\"name\":\"price\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":"  \
    "64,"                                                                                          \
    "\"scale\":2,\"connect.name\":\"org.apache.kafka.connect.data.Decimal\",\"connect.version\":"  \
    "1,"                                                                                           \
    "\"connect.parameters\":{\"scale\":\"2\"}}},"                                                  \
    "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"                      \
    "{\"name\":\"rate\",\"type\":\"double\"}]}"

static log *the_log;
static registry *schemas;
static converter_settings settings;
static weir_batch *batch;
static converter *self;

static int setup(void **state)
{
    weir_error err;

    (void)state;
    the_log = fake_log_new(1);
    assert_int_equal(registry_open(the_log, &REGISTRY_DEFAULTS, &schemas, &err), WEIR_OK);
    batch = batch_new(4096);
    self = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    converter_free(self);
    batch_free(batch);
    registry_close(schemas);
    fake_log_free(the_log);
    return 0;
}

static void begin(converter_kind kind, bool schemas_enable)
{
    weir_error err;

    converter_free(self);
    settings = (converter_settings){
        .schemas_enable = schemas_enable, .replace_null = true, .auto_register = true};
    assert_int_equal(
        converter_new(
            &(converter_options){.kind = kind, .settings = &settings, .registry = schemas}, &self,
            &err),
        WEIR_OK);
}

/* What the log gets, prefix included. */
static void write_bytes(const weir_schema *schema, weir_str bytes, weir_buf *out)
{
    converted made;
    weir_error err;

    assert_int_equal(converter_write(self, TOPIC, schema, bytes, &made, &err), WEIR_OK);
    weir_buf_clear(out);
    weir_buf_add_str(out, made.prefix);
    weir_buf_add_str(out, made.content);
}

/* Reads a message of the log; the record it becomes is the batch's only one. */
static weir_code read_bytes(weir_str bytes, weir_error *err)
{
    batch_log_record record = {.topic = 0, .offset = 0, .timestamp_ms = 0, .value = bytes};

    batch_clear(batch);
    record.topic = batch_topic(batch, TOPIC);
    assert_true(batch_add_log_record(batch, &record));
    return converter_read(self, batch, batch_at(batch, 0), err);
}

static weir_record read_record(weir_str bytes)
{
    weir_record record = {0};
    weir_error err;

    if (read_bytes(bytes, &err) != WEIR_OK)
        fail_msg("%s", err.message);
    assert_true(weir_record_next(batch, &record));
    return record;
}

static void assert_refused(weir_str bytes, const char *expected)
{
    weir_error err;

    assert_int_equal(read_bytes(bytes, &err), WEIR_REJECT);
    if (strstr(err.message, expected) == NULL)
        fail_msg("%s", err.message);
}

/* id 5, small -3, name "Ann", price 12.34, tags ["a"], rate 0.5 */
static const char row_bytes[] = "\x0a\x05\x02\x06"
                                "Ann\x04\x04\xd2\x02\x02"
                                "a\x00\x00\x00\x00\x00\x00\x00\xe0\x3f";

static weir_str row(void)
{
    return (weir_str){row_bytes, sizeof(row_bytes) - 1};
}

static void assert_json(const weir_record *record, const char *expected)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf json = {0};
    weir_error err;

    assert_int_equal(avro_validate(record->value_schema, record->value, &err), WEIR_OK);
    assert_int_equal(weir_value_json(record->value_schema, record->value, &json, &err), WEIR_OK);
    assert_string_equal(weir_buf_cstr(&json), expected);
}

static void avro_is_framed_and_comes_back(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf message = {0};
    weir_error err;
    weir_schema *schema = avro_parse(WEIR_STR(ROW), &err);
    weir_record record;

    (void)state;
    begin(CONVERTER_AVRO, true);
    write_bytes(schema, row(), &message);
    assert_memory_equal(message.ptr, "\0\0\0\0\1", 5);
    record = read_record(weir_buf_str(&message));
    assert_true(weir_str_eq(record.value, row()));
    assert_true(weir_str_eq(weir_schema_text(record.value_schema), weir_schema_text(schema)));
    avro_schema_free(schema);
}

static void what_is_no_frame_is_refused(void **state)
{
    (void)state;
    begin(CONVERTER_AVRO, true);
    assert_refused(WEIR_STR("\0\0\0"), "3 bytes is not framed as Avro");
    assert_refused((weir_str){"\1\0\0\0\1x", 6}, "is not framed as Avro");
    assert_refused((weir_str){"\0\0\0\0\x63x", 6}, "schema id 99 is not in _schemas");
}

static void avro_needs_a_schema(void **state)
{
    converted made;
    weir_error err;

    (void)state;
    begin(CONVERTER_AVRO, true);
    assert_int_equal(converter_write(self, TOPIC, NULL, WEIR_STR("x"), &made, &err), WEIR_REJECT);
    assert_non_null(strstr(err.message, "has no schema"));
}

static void json_with_its_schema_comes_back(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf message = {0}, again = {0};
    weir_error err;
    weir_schema *schema = avro_parse(WEIR_STR(ROW), &err);
    weir_record record;

    (void)state;
    begin(CONVERTER_JSON, true);
    write_bytes(schema, row(), &message);
    record = read_record(weir_buf_str(&message));
    assert_json(&record, "{\"id\":5,\"small\":-3,\"name\":\"Ann\",\"price\":\"BNI=\","
                         "\"tags\":[\"a\"],\"rate\":0.5}");
    assert_true(weir_str_eq(record.value, row()));
    assert_int_equal(weir_schema_scale(weir_schema_field(record.value_schema, 3)), 2);
    write_bytes(record.value_schema, record.value, &again);
    assert_string_equal(weir_buf_cstr(&again), weir_buf_cstr(&message));
    avro_schema_free(schema);
}

#define INT_FIELD "{\"type\":\"int8\",\"optional\":false,\"field\":\"a b\",\"default\":7}"
#define STRUCT(fields)                                                                             \
    "{\"type\":\"struct\",\"optional\":false,\"name\":\"x.Y\",\"fields\":[" fields "]}"

static void connect_schemas_become_avro(void **state)
{
    weir_record record;

    (void)state;
    begin(CONVERTER_JSON, true);
    record = read_record(WEIR_STR("{\"schema\":" STRUCT(INT_FIELD) ",\"payload\":{}}"));
    assert_json(&record, "{\"a b\":7}"); /* the default; a name that Avro forbids */
    record = read_record(
        WEIR_STR("{\"schema\":{\"type\":\"map\",\"keys\":{\"type\":\"int32\"},\"values\":{\"type\":"
                 "\"string\",\"optional\":true}},\"payload\":[[1,\"x\"],[2,null]]}"));
    assert_json(&record, "[[1,\"x\"],[2,null]]");
    record = read_record(
        WEIR_STR("{\"schema\":{\"type\":\"float\",\"optional\":true},\"payload\":\"-Infinity\"}"));
    assert_json(&record, "\"-Infinity\"");
    record = read_record(WEIR_STR("{\"schema\":" STRUCT(
        "{\"field\":\"l\",\"type\":\"array\",\"optional\":true,\"items\":" STRUCT(
            INT_FIELD) "}") ",\"payload\":{\"l\":[{\"a b\":1}]}}"));
    assert_json(&record, "{\"l\":[{\"a b\":1}]}"); /* another struct of the same name */
    record = read_record(WEIR_STR("{\"schema\":null,\"payload\":{\"any\":[1]}}"));
    assert_null(record.value_schema);
    assert_true(weir_str_eq(record.value, WEIR_STR("{\"any\":[1]}")));
    record = read_record(WEIR_STR("{\"schema\":null,\"payload\":null}"));
    assert_null(record.value.ptr);
}

static void json_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    begin(CONVERTER_JSON, true);
    assert_refused(WEIR_STR("{"), "is no JSON");
    assert_refused(WEIR_STR("{\"id\":1}"), "set schemas.enable to false for plain JSON");
    assert_refused(WEIR_STR("{\"schema\":{\"type\":\"int128\"},\"payload\":1}"),
                   "none of Connect's");
    assert_refused(WEIR_STR("{\"schema\":{\"type\":\"int32\"},\"payload\":2147483648}"),
                   "2147483648 is no int");
    assert_refused(WEIR_STR("{\"schema\":{\"type\":\"bytes\"},\"payload\":\"no base64!\"}"),
                   "is no bytes");
    assert_refused(WEIR_STR("{\"schema\":" STRUCT(
                       "{\"field\":\"n\",\"type\":\"string\"}") ",\"payload\":{\"n\":5}}"),
                   "the payload: \"n\": 5 is no string");
    assert_refused(
        WEIR_STR("{\"schema\":" STRUCT("{\"field\":\"n\",\"type\":\"string\"}") ",\"payload\":{}}"),
        "nothing is no string");
}

static void plain_json_stays_text(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf message = {0};
    weir_error err;
    weir_schema *schema = avro_parse(WEIR_STR(ROW), &err);
    weir_record record;

    (void)state;
    begin(CONVERTER_JSON, false);
    write_bytes(schema, row(), &message);
    assert_string_equal(
        weir_buf_cstr(&message),
        "{\"id\":5,\"small\":-3,\"name\":\"Ann\",\"price\":\"BNI=\",\"tags\":[\"a\"],"
        "\"rate\":0.5}");
    record = read_record(weir_buf_str(&message));
    assert_null(record.value_schema);
    assert_true(weir_str_eq(record.value, weir_buf_str(&message)));
    avro_schema_free(schema);
}

static void texts_and_bytes_come_back(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf message = {0};
    weir_error err;
    weir_schema *schema = avro_parse(WEIR_STR("\"string\""), &err);
    weir_record record;

    (void)state;
    begin(CONVERTER_STRING, true);
    write_bytes(schema,
                WEIR_STR("\x06"
                         "Ann"),
                &message);
    assert_string_equal(weir_buf_cstr(&message), "Ann");
    record = read_record(WEIR_STR("Ann"));
    assert_json(&record, "\"Ann\"");
    begin(CONVERTER_BYTES, true);
    record = read_record(WEIR_STR("Ann"));
    assert_json(&record, "\"QW5u\"");
    avro_schema_free(schema);
}

static void the_bytes_converter_takes_no_records(void **state)
{
    weir_error err;
    weir_schema *schema = avro_parse(WEIR_STR(ROW), &err);
    converted made;

    (void)state;
    begin(CONVERTER_BYTES, true);
    assert_int_equal(converter_write(self, TOPIC, schema, row(), &made, &err), WEIR_REJECT);
    assert_non_null(strstr(err.message, "bytes and strings only"));
    avro_schema_free(schema);
}

static void null_stays_null(void **state)
{
    static const converter_kind kinds[] = {CONVERTER_AVRO, CONVERTER_JSON, CONVERTER_STRING,
                                           CONVERTER_BYTES};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        converted made;
        weir_error err;
        weir_record record;

        begin(kinds[i], true);
        assert_int_equal(converter_write(self, TOPIC, NULL, (weir_str){0}, &made, &err), WEIR_OK);
        assert_null(made.prefix.ptr);
        assert_null(made.content.ptr);
        record = read_record((weir_str){0});
        assert_null(record.value.ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(avro_is_framed_and_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_frame_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(avro_needs_a_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(json_with_its_schema_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(connect_schemas_become_avro, setup, teardown),
        cmocka_unit_test_setup_teardown(json_that_does_not_fit_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(plain_json_stays_text, setup, teardown),
        cmocka_unit_test_setup_teardown(texts_and_bytes_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(the_bytes_converter_takes_no_records, setup, teardown),
        cmocka_unit_test_setup_teardown(null_stays_null, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

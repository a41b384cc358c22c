/* test_types.c - a value gives the same Avro bytes from its binary form and from its text. */
#include "tests/unit/connectors/postgres-cdc/codec_fixture.h"

static const type_options defaults = {.money_digits = 2, .placeholder = {"__gone", 6}};

/* NOLINTNEXTLINE(readability-function-size): a table */
/* What PostgreSQL sends for a value in either form, and what is put for it. */
static const struct {
    uint32_t type;
    int32_t modifier;
    weir_str binary;
    const char *text;
    weir_str avro;
} forms[] = {
    {16, -1, BYTES("\1"), "t", BYTES("\1")},
    {21, -1, BYTES("\x80\0"), "-32768", BYTES("\xff\xff\3")},
    {23, -1, BYTES("\x7f\xff\xff\xff"), "2147483647", BYTES("\xfe\xff\xff\xff\xf")},
    {20, -1, BYTES("\x80\0\0\0\0\0\0\0"), "-9223372036854775808",
     BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1")},
    {26, -1, BYTES("\xff\xff\xff\xff"), "4294967295", BYTES("\xfe\xff\xff\xff\x1f")},
    {700, -1, BYTES("\x3f\x8c\xcc\xcd"), "1.1", BYTES("\xcd\xcc\x8c\x3f")},
    {701, -1, BYTES("\x7f\xf0\0\0\0\0\0\0"), "Infinity", BYTES("\0\0\0\0\0\0\xf0\x7f")},
    {25, -1, BYTES("abc"), "abc", BYTES("\6abc")},
    {17, -1, BYTES("\0\xff"), "\\x00ff", BYTES("\4\0\xff")},
    {1700, (10 << 16 | 2) + 4, BYTES("\0\2\0\0\0\0\0\2\0\1\x13\x88"), "1.50", BYTES("\4\0\x96")},
    {1700, -1, BYTES("\0\2\0\0\0\0\0\2\0\1\x13\x88"), "1.50", BYTES("\2\2\xf")},
    {1082, -1, BYTES("\x7f\xff\xff\xff"), "infinity", BYTES("\xe7\xd4\xfe\xff\xf")},
    {1082, -1, BYTES("\x80\0\0\0"), "-infinity", BYTES("\xe5\xd4\xfe\xff\xf")},
    {1082, -1, BYTES("\0\0\0\1"), "2000-01-02", BYTES("\x9c\xab\1")},
    {1083, -1, BYTES("\0\0\0\x14\x1d\xd7\x60\0"), "24:00:00", BYTES("\x80\x80\xbb\xdd\x83\5")},
    {1083, 3, BYTES("\0\0\0\0\0\0\x07\xd0"), "00:00:00.002", BYTES("\4")},
    {1114, 3, BYTES("\xff\xfc\xa2\xfe\xc4\xc8\x1f\xff"), "1969-12-31 23:59:59.999999", BYTES("\1")},
    {1184, -1, BYTES("\x7f\xff\xff\xff\xff\xff\xff\xff"), "infinity", BYTES("\x10infinity")},
    {1184, 0, BYTES("\0\0\0\0\0\0\0\0"), "2000-01-01 00:00:00+00",
     BYTES("\x28"
           "2000-01-01T00:00:00Z")},
    {1186, -1, BYTES("\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0"), "1 day", BYTES("\x80\x80\xbb\xdd\x83\5")},
    {2950, -1, BYTES("\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\0"),
     "11223344-5566-7788-99aa-bbccddeeff00",
     BYTES("\x48"
           "11223344-5566-7788-99aa-bbccddeeff00")},
    {3802, -1, BYTES("\1{}"), "{}", BYTES("\4{}")},
    {869, -1, BYTES("\2\x18\0\4\xc0\xa8\1\5"), "192.168.1.5/24",
     BYTES("\x1c"
           "192.168.1.5/24")},
    {869, -1, BYTES("\2\x20\0\4\xc0\xa8\1\5"), "192.168.1.5",
     BYTES("\x16"
           "192.168.1.5")},
    {650, -1, BYTES("\2\x08\1\4\xa\0\0\0"), "10.0.0.0/8",
     BYTES("\x14"
           "10.0.0.0/8")},
    {829, -1, BYTES("\x08\0\x2b\1\2\3"), "08:00:2b:01:02:03",
     BYTES("\x22"
           "08:00:2b:01:02:03")},
    {790, -1, BYTES("\xff\xff\xff\xff\xff\xfe\x1d\xc0"), "-$1,234.56", BYTES("\6\xfe\x1d\xc0")},
    {1560, 1, BYTES("\0\0\0\1\x80"), "1", BYTES("\1")},
    {1560, 5, BYTES("\0\0\0\5\xa8"), "10101", BYTES("\2\x15")},
    {1562, -1, BYTES("\0\0\0\0"), "", BYTES("\0")},
    {1562, -1, BYTES("\0\0\0\xa\x80\0"), "1000000000", BYTES("\4\0\2")},
    {1007, -1, BYTES("\0\0\0\0\0\0\0\0\0\0\0\x17"), "{}", BYTES("\0")},
    {1007, -1, BYTES("\0\0\0\1\0\0\0\1\0\0\0\x17\0\0\0\2\0\0\0\2\0\0\0\4\0\0\0\7\xff\xff\xff\xff"),
     "[2:3]={7,NULL}", BYTES("\4\2\xe\0\0")},
    {1009, -1,
     BYTES("\0\0\0\1\0\0\0\1\0\0\0\x19\0\0\0\3\0\0\0\1\0\0\0\0\0\0\0\4NULL\xff\xff\xff\xff"),
     "{\"\",\"NULL\",NULL}", BYTES("\6\2\0\2\x8NULL\0\0")},
};

static void both_forms_give_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        codec self;
        weir_batch out = empty_batch();

        assert_true(codec_init(&self, pg_type_builtin(forms[i].type), forms[i].modifier, &defaults,
                               scratch));
        assert_int_equal(self.binary(&self, forms[i].binary, &out, &err), WEIR_OK);
        assert_written(&out, forms[i].avro);
        out = empty_batch();
        assert_int_equal(self.text(&self, weir_cstr(forms[i].text), &out, &err), WEIR_OK);
        assert_written(&out, forms[i].avro);
    }
}

static void what_is_no_value_of_its_type_is_refused_with_its_name(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        weir_str binary;
        const char *text;
        const char *message;
    } cases[] = {
        {23, BYTES("\0\0\1"), "2147483648", "int4"},
        {16, BYTES(""), "maybe", "bool"},
        {1700, BYTES("\0"), "1.2.3", "numeric"},
        {1082, BYTES("\0"), "yesterday", "date"},
        {1114, BYTES("\0"), "2000-01-01", "timestamp"},
        {2950, BYTES("\0"), NULL, "uuid"},
        {869, BYTES("\2\x18\0\x10\xc0"), NULL, "inet"},
        {1007, BYTES("\0\0\0\1\0\0\0\0\0\0\0\x17\x7f\xff\xff\xff\0\0\0\1"), "{1,2", "_int4"},
        {1007, BYTES("\0\0\0\2\0\0\0\0\0\0\0\x17\0\0\0\1\0\0\0\1"), "{{1},{2}}",
         "more than one dimension"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        codec self;
        weir_batch out = empty_batch();

        assert_true(codec_init(&self, pg_type_builtin(cases[i].type), -1, &defaults, scratch));
        assert_int_equal(self.binary(&self, cases[i].binary, &out, &err), WEIR_FATAL);
        assert_non_null(strstr(err.message, cases[i].message));
        if (cases[i].text == NULL)
            continue;
        assert_int_equal(self.text(&self, weir_cstr(cases[i].text), &out, &err), WEIR_FATAL);
        assert_non_null(strstr(err.message, cases[i].message));
    }
}

static void nan_is_no_decimal_and_the_message_says_what_to_set(void **state)
{
    (void)state;
    codec self;
    weir_batch out = empty_batch();

    assert_true(codec_init(&self, pg_type_builtin(1700), -1, &defaults, scratch));
    assert_int_equal(self.text(&self, WEIR_STR("NaN"), &out, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "decimal.handling.mode"));
}

static void a_schema_has_the_properties_that_connect_writes(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        int32_t modifier;
        const char *default_json;
        const char *schema;
    } cases[] = {
        {23, -1, "", "\"int\""},
        {23, -1, "0", "{\"type\":\"int\",\"connect.default\":0}"},
        {21, -1, "", "{\"type\":\"int\",\"connect.type\":\"int16\"}"},
        {1114, -1, "",
         "{\"type\":\"long\",\"connect.version\":1,"
         "\"connect.name\":\"io.debezium.time.MicroTimestamp\"}"},
        {1114, 3, "",
         "{\"type\":\"long\",\"connect.version\":1,\"connect.name\":\"io.debezium.time."
         "Timestamp\"}"},
        {1700, (10 << 16 | 2) + 4, "",
         "{\"type\":\"bytes\",\"scale\":2,\"precision\":10,\"connect.version\":1,"
         "\"connect.parameters\":{\"scale\":\"2\",\"connect.decimal.precision\":\"10\"},"
         "\"connect.name\":\"org.apache.kafka.connect.data.Decimal\",\"logicalType\":\"decimal\"}"},
        {1560, 5, "",
         "{\"type\":\"bytes\",\"connect.version\":1,\"connect.parameters\":{\"length\":\"5\"},"
         "\"connect.name\":\"io.debezium.data.Bits\"}"},
        {1005, -1, "",
         "{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"int\",\"connect.type\":\"int16\"}]}"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        codec self;
        weir_buf text = {0};
        unsigned defined = 0;

        assert_true(codec_init(&self, pg_type_builtin(cases[i].type), cases[i].modifier, &defaults,
                               scratch));
        codec_schema(&self, weir_cstr(cases[i].default_json), &defined, &text);
        assert_string_equal(weir_buf_cstr(&text), cases[i].schema);
        weir_buf_done(&text);
    }
}

static void a_default_is_avro_json(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        int32_t modifier;
        const char *text;
        const char *json; /* NULL: none */
    } cases[] = {
        {23, -1, "-5", "-5"},
        {16, -1, "true", "true"},
        {25, -1, "a\"b", "\"a\\\"b\""},
        {1700, (10 << 16 | 2) + 4, "1.50", "\"\\u0000\\u0096\""},
        {701, -1, "0.5", "0.5"},
        {701, -1, "NaN", NULL},
        {23, -1, "nextval", NULL},
        {1007, -1, "{}", NULL},
        {1184, -1, "2000-01-01 00:00:00+00", "\"2000-01-01T00:00:00.000000Z\""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        codec self;
        weir_buf json = {0};

        assert_true(codec_init(&self, pg_type_builtin(cases[i].type), cases[i].modifier, &defaults,
                               scratch));
        assert_int_equal(codec_default(&self, weir_cstr(cases[i].text), &json),
                         cases[i].json != NULL);
        assert_string_equal(weir_buf_cstr(&json), cases[i].json != NULL ? cases[i].json : "");
        weir_buf_done(&json);
    }
}

static void the_placeholder_goes_where_it_fits(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        bool holds;
    } cases[] = {{25, true},    {17, true},  {3802, true},  {1009, true}, {1016, true},
                 {1700, false}, {23, false}, {1562, false}, {1231, false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        codec self;

        assert_true(codec_init(&self, pg_type_builtin(cases[i].type), -1, &defaults, scratch));
        assert_int_equal(codec_holds_unsent(&self), cases[i].holds);
    }
}

static void an_unknown_type_has_no_codec(void **state)
{
    (void)state;
    pg_type line = {.oid = 628, .kind = 'b', .name = {"line", 4}};
    codec self;

    assert_null(pg_type_builtin(628));
    assert_false(codec_init(&self, &line, -1, &defaults, scratch));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_give_the_same_bytes),
        cmocka_unit_test(what_is_no_value_of_its_type_is_refused_with_its_name),
        cmocka_unit_test(nan_is_no_decimal_and_the_message_says_what_to_set),
        cmocka_unit_test(a_schema_has_the_properties_that_connect_writes),
        cmocka_unit_test(a_default_is_avro_json),
        cmocka_unit_test(the_placeholder_goes_where_it_fits),
        cmocka_unit_test(an_unknown_type_has_no_codec),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}

/* test_rehearsal.c - specimens of records become subjects and schemas, as in a running task. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/connect/rehearsal.h"
#include "weir/weir.h"

#define V1 "{\"type\":\"record\",\"name\":\"V\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]}"
#define V2 "{\"type\":\"record\",\"name\":\"V\",\"fields\":[{\"name\":\"a\",\"type\":\"long\"}]}"

/* --- A source that can be rehearsed ----------------------------------------------------------- */

typedef struct toy {
    weir_str topic, password, other;
} toy;

static weir_str password_seen; /* of the last rehearsal */
static int close_count;

static const weir_field fields[] = {
    WEIR_FIELD(toy, topic, .name = "topic", .doc = "Where to."),
    WEIR_FIELD(toy, password, .name = "password", .fallback = "", .secret = true, .doc = "Secret."),
    WEIR_FIELD(toy, other, .name = "other", .fallback = "", .doc = "Another."),
};

static weir_code write_record(weir_task *task, const toy *self, const char *value,
                              weir_batch *batch, weir_error *err)
{
    const weir_schema *key = weir_task_schema(task, WEIR_STR("\"string\""), err);
    const weir_schema *schema = weir_task_schema(task, weir_cstr(value), err);

    assert_true(weir_record_begin(batch, self->topic));
    weir_record_key(batch, key);
    weir_put_text(batch, WEIR_STR("k"));
    weir_record_value(batch, schema);
    if (strcmp(value, V1) == 0)
        weir_put_int(batch, 1);
    else
        weir_put_long(batch, 1);
    return weir_record_end(batch, err);
}

static weir_code write_tombstone(weir_task *task, const toy *self, weir_batch *batch,
                                 weir_error *err)
{
    assert_true(weir_record_begin(batch, self->topic));
    weir_record_key(batch, weir_task_schema(task, WEIR_STR("\"string\""), err));
    weir_put_text(batch, WEIR_STR("k"));
    return weir_record_end(batch, err);
}

static weir_code toy_rehearse(weir_task *task, void *state, const weir_rehearsal *what,
                              weir_error *err)
{
    const toy *self = state;

    assert_true(weir_str_eq(what->target, WEIR_STR("somewhere")));
    password_seen = self->password.len > 0 ? WEIR_STR("some") : WEIR_STR("none");
    if (weir_str_eq(what->script, WEIR_STR("fail")))
        return weir_fail(err, WEIR_CONFIG, "%.*s:1: no", WEIR_ARG(what->script_name));
    weir_task_diag(task, WEIR_WARN, "look out");
    weir_task_diag(task, WEIR_WARN, "look out");
    weir_task_diag(task, WEIR_INFO, "nothing of interest");
    weir_task_progress(task, "trying", 0, 1);
    weir_task_gauge(task, "tries", 1);
    if (write_record(task, self, V1, what->before, err) != WEIR_OK ||
        write_tombstone(task, self, what->after, err) != WEIR_OK)
        return err->code;
    return write_record(task, self, weir_str_eq(what->script, WEIR_STR("same")) ? V1 : V2,
                        what->after, err);
}

static weir_code toy_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                          weir_error *err)
{
    (void)task, (void)state, (void)batch, (void)timeout_ms, (void)err;
    return WEIR_END;
}

static void toy_close(weir_task *task, void *state)
{
    (void)task, (void)state;
    close_count++;
}

/* --- Rehearsals ------------------------------------------------------------------------------- */

static plugins *all;

static void add_toy(const char *name, bool can)
{
    plugin toy_plugin = {.path = "(test)",
                         .kind = PLUGIN_SOURCE,
                         .name = name,
                         .version = "1.0.0",
                         .summary = "A toy.",
                         .table = {fields, sizeof(fields) / sizeof(fields[0]), sizeof(weir_field)},
                         .state_size = sizeof(toy),
                         .record_size = sizeof(weir_record),
                         .source = {.name = name, .poll = toy_poll, .close = toy_close}};
    weir_error err;

    toy_plugin.source.rehearse = can ? toy_rehearse : NULL;
    assert_int_equal(plugins_add(all, &toy_plugin, &err), WEIR_OK);
}

static int open_plugins(void **state)
{
    (void)state;
    all = plugins_new("/nonexistent");
    add_toy("toy", true);
    add_toy("lame", false);
    return 0;
}

static int close_plugins(void **state)
{
    (void)state;
    plugins_free(all);
    return 0;
}

/* Behind connector.class and topic: pairs of name and value, NULL behind the last. */
static weir_code run(const char *script, const char *const *pairs, rehearsal **out, weir_error *err)
{
    config_setting settings[16] = {{WEIR_STR("connector.class"), WEIR_STR("toy")},
                                   {WEIR_STR("topic"), WEIR_STR("t.a")}};
    rehearsal_options options = {.plugins = all,
                                 .connector = WEIR_STR("one"),
                                 .settings = settings,
                                 .setting_count = 2,
                                 .target = WEIR_STR("somewhere"),
                                 .script = weir_cstr(script),
                                 .script_name = WEIR_STR("s.sql")};

    for (; *pairs != NULL; pairs += 2) {
        size_t at = strcmp(pairs[0], "connector.class") == 0 ? 0 : options.setting_count++;

        settings[at] = (config_setting){weir_cstr(pairs[0]), weir_cstr(pairs[1])};
    }
    return rehearsal_run(&options, out, err);
}

#define PAIRS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* "SUBJECT-b" before, "SUBJECT+" after, "SUBJECT=" both; one line each. */
static void assert_subjects(const char *script, const char *const *pairs, const char *expected)
{
    weir_buf found = {0};
    const rehearsed_schema *one;
    rehearsal *self;
    weir_error err;

    assert_int_equal(run(script, pairs, &self, &err), WEIR_OK);
    for (size_t i = 0; (one = rehearsal_at(self, i)) != NULL; i++)
        weir_buf_printf(&found, "%.*s%s ", WEIR_ARG(one->subject),
                        one->is_before && one->is_after ? "=" : (one->is_before ? "-" : "+"));
    assert_string_equal(weir_buf_cstr(&found), expected);
    weir_buf_done(&found);
    rehearsal_free(self);
}

static void a_schema_is_before_behind_or_both(void **state)
{
    (void)state;
    assert_subjects("same", PAIRS(NULL), "t.a-key= t.a-value= ");
    assert_subjects("change", PAIRS(NULL), "t.a-key= t.a-value- t.a-value+ ");
}

static void the_text_is_the_one_that_is_registered(void **state)
{
    const rehearsed_schema *value;
    rehearsal *self;
    weir_error err;
    (void)state;

    assert_int_equal(run("same", PAIRS(NULL), &self, &err), WEIR_OK);
    value = rehearsal_at(self, 1);
    assert_string_equal(value->text.ptr, V1);
    assert_false(value->is_key);
    assert_string_equal(value->topic.ptr, "t.a");
    assert_string_equal(rehearsal_at(self, 0)->text.ptr, "\"string\"");
    assert_null(rehearsal_at(self, 2));
    rehearsal_free(self);
}

static void transforms_and_naming_are_the_connectors(void **state)
{
    (void)state;
    assert_subjects("same",
                    PAIRS("transforms", "r", "transforms.r.type", "route", "transforms.r.regex",
                          "t\\.(.*)", "transforms.r.replacement", "flat_$1"),
                    "flat_a-key= flat_a-value= ");
    assert_subjects("change",
                    PAIRS("value.converter.value.subject.name.strategy", "RecordNameStrategy"),
                    "t.a-key= V- V+ ");
    assert_subjects("change",
                    PAIRS("value.converter.value.subject.name.strategy", "TopicRecordNameStrategy"),
                    "t.a-key= t.a-V- t.a-V+ ");
}

static void only_the_avro_converter_has_subjects(void **state)
{
    (void)state;
    assert_subjects("same", PAIRS("key.converter", "string"), "t.a-value= ");
    assert_subjects("same", PAIRS("key.converter", "json", "value.converter", "json"), "");
}

static void a_note_is_told_once(void **state)
{
    rehearsal *self;
    weir_error err;
    (void)state;

    assert_int_equal(run("same", PAIRS(NULL), &self, &err), WEIR_OK);
    assert_string_equal(rehearsal_note(self, 0), "look out");
    assert_null(rehearsal_note(self, 1));
    rehearsal_free(self);
}

static void a_secret_that_is_not_known_is_as_if_not_set(void **state)
{
    static const char *const values[] = {"***", "${env:WEIR_TEST_IS_NOT_SET}"};
    rehearsal *self;
    weir_error err;
    (void)state;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_int_equal(run("same", PAIRS("password", values[i]), &self, &err), WEIR_OK);
        assert_true(weir_str_eq(password_seen, WEIR_STR("none")));
        assert_non_null(strstr(rehearsal_note(self, 0), "password is not known here: "));
        rehearsal_free(self);
    }
    assert_int_equal(run("same", PAIRS("password", "x"), &self, &err), WEIR_OK);
    assert_true(weir_str_eq(password_seen, WEIR_STR("some")));
    rehearsal_free(self);
    assert_int_equal(run("same", PAIRS("other", values[1]), &self, &err), WEIR_CONFIG);
    assert_string_equal(err.message, "setting \"other\": the environment variable "
                                     "\"WEIR_TEST_IS_NOT_SET\" is not set");
}

static void what_cannot_be_tried_out_is_refused(void **state)
{
    static const struct {
        const char *script, *name, *value, *message;
    } cases[] = {
        {"fail", "other", "x", "s.sql:1: no"},
        {"same", "connector.class", "lame",
         "one is a lame, which cannot try out a change of what it captures"},
        {"same", "connector.class", "none", "none"},
        {"same", "transforms", "missing", "missing"},
        {"same", "value.converter", "xml", "xml"},
        {"same", "key.converter.key.subject.name.strategy", "RecordNameStrategy",
         "before the change: the key is no record"},
    };
    rehearsal *self;
    weir_error err;
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_not_equal(
            run(cases[i].script, PAIRS(cases[i].name, cases[i].value), &self, &err), WEIR_OK);
        assert_null(self);
        assert_non_null(strstr(err.message, cases[i].message));
    }
}

static void the_connector_is_closed_also_when_it_failed(void **state)
{
    rehearsal *self;
    weir_error err;
    (void)state;

    close_count = 0;
    assert_int_equal(run("fail", PAIRS(NULL), &self, &err), WEIR_CONFIG);
    assert_int_equal(close_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schema_is_before_behind_or_both),
        cmocka_unit_test(the_text_is_the_one_that_is_registered),
        cmocka_unit_test(transforms_and_naming_are_the_connectors),
        cmocka_unit_test(only_the_avro_converter_has_subjects),
        cmocka_unit_test(a_note_is_told_once),
        cmocka_unit_test(a_secret_that_is_not_known_is_as_if_not_set),
        cmocka_unit_test(what_cannot_be_tried_out_is_refused),
        cmocka_unit_test(the_connector_is_closed_also_when_it_failed),
    };

    return cmocka_run_group_tests(tests, open_plugins, close_plugins);
}

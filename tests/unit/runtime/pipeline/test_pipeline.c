/* test_pipeline.c - a pipeline becomes Connect's settings; what is wrong is told with file and line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/pipeline/pipeline.h"
#include "weir/buf.h"

static const char shop[] = "name: shop\n"
                           "value.converter: json\n"
                           "errors: {tolerance: all, deadletterqueue: {topic.name: dlq}}\n"
                           "on.full: wait\n"
                           "source:\n"
                           "  connector: postgres-cdc\n"
                           "  config:\n"
                           "    database.hostname: localhost\n"
                           "    database.port: 5432\n"
                           "    table.include.list: [public.orders, \"public.*\"]\n"
                           "sinks:\n"
                           "  - name: dwh\n"
                           "    connector: warehouse\n"
                           "    topics: [\"shop.public.*\"]\n"
                           "    transforms:\n"
                           "      - unwrap: {}\n"
                           "      - route: {regex: \"shop\\\\.(.*)\", replacement: $1}\n"
                           "      - route: {regex: x, replacement: y}\n"
                           "    config: {insert.mode: upsert, value.converter: avro}\n"
                           "  - name: es\n"
                           "    connector: io.confluent.Es\n"
                           "    topics: [a, b-c]\n"
                           "    transforms: [org.x.Unwrap]\n";

static pipeline_set *parsed(const char *text)
{
    pipeline_set *set = pipeline_set_new();

    pipeline_parse(set, weir_cstr(text), "f.yaml");
    return set;
}

/* All problems, one a line. */
static void assert_problems(pipeline_set *set, const char *expected)
{
    weir_buf all = {0};

    for (size_t i = 0; i < pipeline_problem_count(set); i++) {
        char line[1200];

        pipeline_problem_print(pipeline_problem_at(set, i), line, sizeof(line));
        weir_buf_printf(&all, "%s%s", i > 0 ? "\n" : "", line);
    }
    assert_string_equal(weir_buf_cstr(&all), expected);
    weir_buf_done(&all);
}

static void assert_setting(const pipeline_connector *connector, const char *name, const char *value,
                           int line)
{
    const pipeline_setting *setting = pipeline_setting_of(connector, weir_cstr(name));

    if (value == NULL) {
        assert_null(setting);
        return;
    }
    if (setting == NULL) {
        fail_msg("no setting %s", name);
        return; /* the linter does not know that fail_msg does not */
    }
    assert_string_equal(setting->value.ptr, value);
    assert_int_equal(setting->line, line);
}

static void a_pipeline_becomes_connectors_in_order(void **state)
{
    CLEANUP(pipeline_set_freep) pipeline_set *set = parsed(shop);
    (void)state;

    assert_problems(set, "");
    assert_int_equal(pipeline_count(set), 1);
    assert_string_equal(pipeline_at(set, 0)->name.ptr, "shop");
    assert_int_equal(pipeline_connector_count(set), 3);
    assert_string_equal(pipeline_connector_at(set, 0)->name.ptr, "shop.source");
    assert_string_equal(pipeline_connector_at(set, 1)->name.ptr, "shop.dwh");
    assert_string_equal(pipeline_connector_at(set, 2)->name.ptr, "shop.es");
    assert_false(pipeline_connector_at(set, 0)->is_sink);
    assert_true(pipeline_connector_at(set, 2)->is_sink);
    assert_int_equal(pipeline_connector_at(set, 1)->plugin_line, 13);
}

static void settings_are_texts_with_their_lines(void **state)
{
    CLEANUP(pipeline_set_freep) pipeline_set *set = parsed(shop);
    const pipeline_connector *source = pipeline_connector_at(set, 0);
    (void)state;

    assert_setting(source, "connector.class", "postgres-cdc", 6);
    assert_setting(source, "database.port", "5432", 9);
    assert_setting(source, "table.include.list", "public.orders,public.*", 10);
}

static void a_comma_in_brackets_belongs_to_its_item(void **state)
{
    CLEANUP(pipeline_set_freep)
    pipeline_set *set = parsed("name: p\nsource:\n  connector: c\n  config:\n"
                               "    l: [\"t[0-9]{1,3}\", \"a\\\\,b\", c]\n");
    (void)state;

    assert_problems(set, "");
    assert_setting(pipeline_connector_at(set, 0), "l", "t[0-9]{1,3},a\\,b,c", 5);
}

static void shared_settings_go_to_those_they_concern(void **state)
{
    CLEANUP(pipeline_set_freep) pipeline_set *set = parsed(shop);
    const pipeline_connector *source = pipeline_connector_at(set, 0);
    const pipeline_connector *sink = pipeline_connector_at(set, 1);
    (void)state;

    assert_setting(source, "value.converter", "json", 2);
    assert_setting(source, "errors.tolerance", "all", 3);
    assert_setting(source, "on.full", "wait", 4);
    assert_setting(source, "errors.deadletterqueue.topic.name", NULL, 0);
    assert_setting(sink, "errors.deadletterqueue.topic.name", "dlq", 3);
    assert_setting(sink, "on.full", NULL, 0);
    assert_setting(sink, "value.converter", "avro", 19); /* its own wins */
}

static void transforms_are_those_of_connect(void **state)
{
    CLEANUP(pipeline_set_freep) pipeline_set *set = parsed(shop);
    const pipeline_connector *dwh = pipeline_connector_at(set, 1);
    const pipeline_connector *es = pipeline_connector_at(set, 2);
    (void)state;

    assert_setting(dwh, "transforms", "unwrap,route,route_2", 15);
    assert_setting(dwh, "transforms.unwrap.type", "unwrap", 16);
    assert_setting(dwh, "transforms.route.type", "route", 17);
    assert_setting(dwh, "transforms.route.regex", "shop\\.(.*)", 17);
    assert_setting(dwh, "transforms.route_2.replacement", "y", 18);
    assert_setting(es, "transforms", "Unwrap", 23);
    assert_setting(es, "transforms.Unwrap.type", "org.x.Unwrap", 23);
}

static void wildcards_make_a_pattern_of_the_topics(void **state)
{
    CLEANUP(pipeline_set_freep)
    pipeline_set *set = parsed("name: p\nsinks:\n"
                               "- {name: a, connector: c, topics: [\"s.p.*\", t, \"u?\"]}\n"
                               "- {name: b, connector: c, topics: single}\n");
    (void)state;

    assert_problems(set, "");
    assert_setting(pipeline_connector_at(set, 0), "topics.regex", "s\\.p\\..*|t|u.", 3);
    assert_setting(pipeline_connector_at(set, 0), "topics", NULL, 0);
    assert_setting(pipeline_connector_at(set, 1), "topics", "single", 4);
}

static void many_documents_are_many_pipelines(void **state)
{
    CLEANUP(pipeline_set_freep)
    pipeline_set *set = parsed("name: a\nsource: {connector: x}\n---\nname: b\n"
                               "source: {connector: x}\n---\nname: a\nsource: {connector: x}\n");
    (void)state;

    assert_int_equal(pipeline_count(set), 3);
    assert_problems(set, "f.yaml:7: two pipelines are called \"a\", the first in f.yaml:1");
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
    static const struct {
        const char *text, *problems;
    } cases[] = {
        {"", "f.yaml:1: there is no pipeline in this file"},
        {"a: [", "f.yaml:2: did not find expected node content"},
        {"- a\n", "f.yaml:1: a pipeline is a map with name, source and sinks, not a list"},
        {"name: a\n", "f.yaml:1: a pipeline needs a source or sinks"},
        {"source: {connector: x}\n", "f.yaml:1: a pipeline has no name"},
        {"name: a\nsuorce: {connector: x}\n",
         "f.yaml:2: a pipeline has no key \"suorce\"; did you mean \"source\"?\n"
         "f.yaml:1: a pipeline needs a source or sinks"},
        {"name: a\nsource: {connector: x}\nfrobnicate: 1\n",
         "f.yaml:3: a pipeline has no key \"frobnicate\""},
        {"name: a b\nsource: {connector: x}\n", "f.yaml:1: the name of a pipeline is made of "
                                                "letters, digits and any of \"-_.\", up to 100 "
                                                "of them"},
        {"name: a\nsource: [x]\n", "f.yaml:2: source is a list where a map is expected"},
        {"name: a\nsource: {}\n", "f.yaml:2: the source has no \"connector\""},
        {"name: a\nsource: {connector: [x]}\n", "f.yaml:2: connector must be a connector's name"},
        {"name: a\nsource:\n  connector: x\n  conifg: {}\n",
         "f.yaml:4: the source has no key \"conifg\"; did you mean \"config\"?"},
        {"name: a\nsource: {connector: x, config: 3}\n",
         "f.yaml:2: config is a text where a map is expected"},
        {"name: a\nsource:\n  connector: x\n  config:\n    b: ~\n",
         "f.yaml:5: b has no value (an empty text is written \"\")"},
        {"name: a\nsource: {connector: x, config: {l: [a, [b]]}}\n",
         "f.yaml:2: l holds a list where a text is expected"},
        {"name: a\nsource: {connector: x, config: {l: [\"a,b\"]}}\n",
         "f.yaml:2: l holds \"a,b\", but a comma separates the items of a list"},
        {"name: a\nsource:\n  connector: x\n  config:\n    b.c: 1\n    b: {c: 2}\n",
         "f.yaml:6: \"b.c\" is set twice, first in line 5"},
        {"name: a\nsource: {connector: x, transforms: unwrap}\n",
         "f.yaml:2: transforms is a text where a list is expected, as in [{unwrap: {}}]"},
        {"name: a\nsource: {connector: x, transforms: [{a: {}, b: {}}]}\n",
         "f.yaml:2: a transform is written as NAME: {its settings}, as in - unwrap: {}"},
        {"name: a\nsinks: {}\n", "f.yaml:2: sinks is a map where a list is expected"},
        {"name: a\nsinks: [x]\n", "f.yaml:2: a sink is a text where a map is expected"},
        {"name: a\nsinks: [{connector: x, topics: [t]}]\n", "f.yaml:2: a sink has no name"},
        {"name: a\nsinks:\n- {connector: x, topcis: [t]}\n- {connector: x, topics: [t]}\n",
         "f.yaml:3: a sink has no name\nf.yaml:3: sink \"?\" has no \"topics\"\n"
         "f.yaml:3: sink \"?\" has no key \"topcis\"; did you mean \"topics\"?\n"
         "f.yaml:4: a sink has no name"},
        {"name: a\nsinks: [{name: b.c, connector: x, topics: [t]}]\n",
         "f.yaml:2: the name of a sink is made of letters, digits and any of \"-_\", up to 100 of "
         "them"},
        {"name: a\nsinks: [{name: b, connector: x}]\n", "f.yaml:2: sink \"b\" has no \"topics\""},
        {"name: a\nsinks: [{name: source, connector: x, topics: [t]}]\n",
         "f.yaml:2: a sink cannot be called \"source\""},
        {"name: a\nsinks:\n- {name: b, connector: x, topics: [t]}\n"
         "- {name: b, connector: x, topics: [t]}\n",
         "f.yaml:4: two sinks are called \"b\", the first in line 3"},
        {"name: a\nsinks: [{name: b, connector: x, topics: []}]\n",
         "f.yaml:2: topics must be a list of topic names, as in [\"shop.public.*\"]"},
        {"name: a\nsinks: [{name: b, connector: x, topics: [\"a b\"]}]\n",
         "f.yaml:2: topics holds \"a b\", which is no topic name: letters, digits, '.', '_', '-', "
         "and '*' and '?' as wildcards"},
        {"name: a\nsinks: [{name: b, connector: x, topics: [t], topcis: [t]}]\n",
         "f.yaml:2: sink \"b\" has no key \"topcis\"; did you mean \"topics\"?"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(pipeline_set_freep) pipeline_set *set = parsed(cases[i].text);

        assert_problems(set, cases[i].problems);
    }
}

static void the_command_line_overrides_settings(void **state)
{
    CLEANUP(pipeline_set_freep) pipeline_set *set = parsed(shop);
    (void)state;

    pipeline_override(set, WEIR_STR("shop.source"), WEIR_STR("database.port"), WEIR_STR("6432"));
    pipeline_override(set, WEIR_STR(""), WEIR_STR("value.converter"), WEIR_STR("string"));
    assert_setting(pipeline_connector_at(set, 0), "database.port", "6432", 6);
    assert_setting(pipeline_connector_at(set, 1), "database.port", NULL, 0);
    assert_setting(pipeline_connector_at(set, 2), "value.converter", "string", 20);
    assert_problems(set, "");
    pipeline_override(set, WEIR_STR("shop.dhw"), WEIR_STR("insert.mode"), WEIR_STR("insert"));
    pipeline_override(set, WEIR_STR("x"), WEIR_STR("y"), WEIR_STR("z"));
    assert_problems(set,
                    "--set shop.dhw:insert.mode: there is no connector \"shop.dhw\"; did you mean "
                    "\"shop.dwh\"?\n--set x:y: there is no connector \"x\"");
}

static void a_merged_map_is_part_of_the_settings(void **state)
{
    CLEANUP(pipeline_set_freep)
    pipeline_set *set =
        parsed("name: p\nsinks:\n"
               "  - {name: a, connector: c, topics: [t], config: &base {x: 1, y: 2}}\n"
               "  - name: b\n    connector: c\n    topics: [t]\n"
               "    config: {<<: *base, y: 3}\n");
    (void)state;

    assert_problems(set, "");
    assert_setting(pipeline_connector_at(set, 1), "x", "1", 3);
    assert_setting(pipeline_connector_at(set, 1), "y", "3", 7);
}

static void more_problems_than_the_limit_are_counted(void **state)
{
    CLEANUP(pipeline_set_freep) pipeline_set *set = pipeline_set_new();
    char last[256];
    (void)state;

    for (int i = 0; i < PIPELINE_PROBLEMS + 7; i++)
        pipeline_add_problem(set, "f.yaml", i + 1, "p");
    assert_int_equal(pipeline_problem_count(set), PIPELINE_PROBLEMS);
    pipeline_problem_print(pipeline_problem_at(set, PIPELINE_PROBLEMS - 1), last, sizeof(last));
    assert_string_equal(last, "f.yaml: and 8 more problems");
}

static void more_settings_than_the_limit_are_refused(void **state)
{
    CLEANUP(pipeline_set_freep) pipeline_set *set = pipeline_set_new();
    weir_buf text = {0};
    (void)state;

    weir_buf_printf(&text, "name: a\nsource:\n  connector: x\n  config:\n");
    for (int i = 0; i < 2001; i++)
        weir_buf_printf(&text, "    k%d: v\n", i);
    pipeline_parse(set, weir_buf_str(&text), "f.yaml");
    weir_buf_done(&text);
    assert_true(pipeline_problem_count(set) > 0);
    assert_string_equal(pipeline_problem_at(set, 0)->message,
                        "more than 2000 settings for one connector");
}

static void a_missing_file_is_a_problem(void **state)
{
    CLEANUP(pipeline_set_freep) pipeline_set *set = pipeline_set_new();
    (void)state;

    pipeline_read(set, "/nowhere.yaml");
    assert_problems(set, "/nowhere.yaml: cannot be read: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipeline_becomes_connectors_in_order),
        cmocka_unit_test(settings_are_texts_with_their_lines),
        cmocka_unit_test(a_comma_in_brackets_belongs_to_its_item),
        cmocka_unit_test(shared_settings_go_to_those_they_concern),
        cmocka_unit_test(transforms_are_those_of_connect),
        cmocka_unit_test(wildcards_make_a_pattern_of_the_topics),
        cmocka_unit_test(many_documents_are_many_pipelines),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(the_command_line_overrides_settings),
        cmocka_unit_test(a_merged_map_is_part_of_the_settings),
        cmocka_unit_test(more_problems_than_the_limit_are_counted),
        cmocka_unit_test(more_settings_than_the_limit_are_refused),
        cmocka_unit_test(a_missing_file_is_a_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_plugin.c - what cannot be used as a plugin is refused by name; what can be is found by its names.
 *
 * The plugins are a few lines of C each, compiled by the test into a folder of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/connect/plugin.h"

static char folder[] = "/tmp/test_plugin_XXXXXX";

#define HEAD                                                                                       \
    "#include \"weir/weir.h\"\n"                                                                   \
    "static weir_code poll(weir_task *t, void *s, weir_batch *b, int m, weir_error *e)\n"          \
    "{ (void)t, (void)s, (void)b, (void)m, (void)e; return WEIR_END; }\n"                          \
    "static weir_code put(weir_task *t, void *s, const weir_batch *b, weir_error *e)\n"            \
    "{ (void)t, (void)s, (void)b, (void)e; return WEIR_OK; }\n"                                    \
    "static weir_code flush(weir_task *t, void *s, weir_offsets *o, weir_error *e)\n"              \
    "{ (void)t, (void)s, (void)o, (void)e; return WEIR_OK; }\n"                                    \
    "typedef struct state { int64_t rows; } state;\n"                                              \
    "static const weir_field fields[] = {\n"                                                       \
    "    WEIR_FIELD(state, rows, .name = \"rows\", .fallback = \"5\",\n"                           \
    "               .doc = \"How many rows there are.\", .min = 1, .max = 9)};\n"                  \
    "static const char *const names[] = {\"org.example.ToySourceConnector\", NULL};\n"

#define SOURCE                                                                                     \
    HEAD "static const weir_source toy = {.name = \"toy\", .version = \"1.0.0\",\n"                \
         "    .summary = \"A source for tests.\", .fields = fields, .field_count = 1,\n"           \
         "    .state_size = sizeof(state), .aliases = names, .poll = poll};\n"

#define FIELD(...)                                                                                 \
    HEAD "static const weir_field bad[] = {{" __VA_ARGS__ "}};\n"                                  \
         "static const weir_source s = {.name = \"bad\", .version = \"1\", .summary = \"x\",\n"    \
         "    .fields = bad, .field_count = 1, .state_size = 8, .poll = poll};\n"                  \
         "WEIR_EXPORT(.source = &s);\n"

static const struct {
    const char *file, *code;
} sources[] = {
    {"toy", SOURCE "WEIR_EXPORT(.source = &toy);\n"},
    {"both", HEAD "static const weir_source a = {.name = \"both\", .version = \"1\", .summary = "
                  "\"Reads things.\","
                  " .poll = poll};\n"
                  "static const weir_sink b = {.name = \"both\", .version = \"1\", .summary = "
                  "\"Writes things.\","
                  " .put = put, .flush = flush};\n"
                  "WEIR_EXPORT(.source = &a, .sink = &b);\n"},
    {"abi", SOURCE "WEIR_EXPORT(.source = &toy, .abi = 99);\n"},
    {"small", SOURCE "WEIR_EXPORT(.source = &toy, .source_size = 8);\n"},
    {"older",
     HEAD "static const weir_source old = {.name = \"older\", .version = \"1\", .summary = "
          "\"x\", .poll = poll, .rehearse = (void *)poll};\n"
          "WEIR_EXPORT(.source = &old, .source_size = offsetof(weir_source, rehearse));\n"},
    {"empty", "#include \"weir/weir.h\"\nWEIR_EXPORT(.source = NULL);\n"},
    {"entry", "int nothing;\n"},
    {"unresolved", "int missing(void);\nint use(void);\nint use(void) { return missing(); }\n"},
    {"nopoll",
     "#include \"weir/weir.h\"\n"
     "static const weir_source s = {.name = \"nopoll\", .version = \"1\", .summary = \"x\"};"
     "\nWEIR_EXPORT(.source = &s);\n"},
    {"noflush",
     HEAD "static const weir_sink s = {.name = \"noflush\", .version = \"1\", .summary = "
          "\"x\", .put = put};\nWEIR_EXPORT(.sink = &s);\n"},
    {"twin", SOURCE "WEIR_EXPORT(.source = &toy);\n"},
    {"sloppy", HEAD
     "static const weir_field bad[] = {\n"
     "    WEIR_FIELD(state, rows, .name = \"Rows\", .fallback = \"50\", .doc = \"x\", .min = 1, "
     ".max = 9),\n"
     "    WEIR_FIELD(state, rows, .name = \"late\", .fallback = \"1\", .doc = \"A late setting.\", "
     ".depends_on = \"none\"),\n"
     "    {.name = \"late\", .doc = \"Once again.\", .fallback = \"1\", .kind = WEIR_KIND_INT}};\n"
     "static const weir_source s = {.name = \"Sloppy\", .version = \"one\", .summary = \"\",\n"
     "    .fields = bad, .field_count = 3, .state_size = sizeof(state), .poll = poll};\n"
     "WEIR_EXPORT(.source = &s);\n"},
    {"outside",
     FIELD(".name = \"x\", .doc = \"x\", .kind = WEIR_KIND_INT, .offset = 1, .bound = true")},
    {"kind", FIELD(".name = \"x\", .doc = \"x\", .kind = 99")},
    {"choice", FIELD(".name = \"x\", .doc = \"x\", .kind = WEIR_KIND_CHOICE")},
    {"undocumented", FIELD(".name = \"x\", .kind = WEIR_KIND_INT")},
    {"huge", HEAD "static const weir_source s = {.name = \"huge\", .version = \"1\", .summary = "
                  "\"x\", .poll = poll,\n"
                  "    .state_size = (size_t)-1};\nWEIR_EXPORT(.source = &s);\n"},
    {"nothing", "#include \"weir/weir.h\"\n"
                "WEIR_API const weir_plugin *weir_plugin_entry(void) { return NULL; }\n"},
    {"record", SOURCE "WEIR_EXPORT(.source = &toy, .record_size = 8);\n"},
};

static int build_plugins(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        char command[512];
        FILE *compiler;

        snprintf(command, sizeof(command),
                 "cc -w -std=c11 -shared -fPIC -Isdk/include -x c - -o %s/%s.so", folder,
                 sources[i].file);
        compiler = popen(command, "we");
        if (compiler == NULL || fputs(sources[i].code, compiler) < 0 || pclose(compiler) != 0)
            return -1;
    }
    return 0;
}

static int remove_plugins(void **state)
{
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s.so", folder, sources[i].file);
        if (unlink(path) != 0)
            return -1;
    }
    return rmdir(folder);
}

static void a_connector_is_found_by_its_file_without_loading_the_rest(void **state)
{
    plugins *all = plugins_new(folder);
    weir_error err;
    const plugin *toy = plugins_find(all, WEIR_STR("toy"), PLUGIN_ANY, &err);
    (void)state;

    assert_non_null(toy);
    assert_int_equal(toy->kind, PLUGIN_SOURCE);
    assert_string_equal(toy->version, "1.0.0");
    assert_int_equal(toy->table.count, 1);
    assert_null(plugins_at(all, 1));
    assert_null(plugins_refusal(all, 0));
    plugins_free(all);
}

static void a_java_class_name_finds_its_replacement(void **state)
{
    plugins *all = plugins_new(folder);
    weir_error err;
    (void)state;

    assert_string_equal(
        plugins_find(all, WEIR_STR("org.example.ToySourceConnector"), PLUGIN_SOURCE, &err)->name,
        "toy");
    assert_string_equal(plugins_find(all, WEIR_STR("ToySourceConnector"), PLUGIN_ANY, &err)->name,
                        "toy");
    assert_string_equal(plugins_find(all, WEIR_STR("ToySource"), PLUGIN_ANY, &err)->name, "toy");
    assert_null(plugins_find(all, WEIR_STR("Toy"), PLUGIN_ANY, &err));
    assert_null(plugins_find(all, WEIR_STR("ource"), PLUGIN_ANY, &err));
    plugins_free(all);
}

static void a_source_and_a_sink_may_share_a_name(void **state)
{
    plugins *all = plugins_new(folder);
    weir_error err;
    (void)state;

    assert_int_equal(plugins_find(all, WEIR_STR("both"), PLUGIN_SINK, &err)->kind, PLUGIN_SINK);
    assert_int_equal(plugins_find(all, WEIR_STR("both"), PLUGIN_SOURCE, &err)->kind, PLUGIN_SOURCE);
    assert_null(plugins_find(all, WEIR_STR("toy"), PLUGIN_SINK, &err));
    plugins_free(all);
}

static void an_unknown_name_is_told_with_the_nearest_one(void **state)
{
    plugins *all = plugins_new(folder);
    char expected[128];
    weir_error err;
    (void)state;

    snprintf(expected, sizeof(expected), "there is no source \"tyo\" in %s; did you mean \"toy\"?",
             folder);
    assert_null(plugins_find(all, WEIR_STR("tyo"), PLUGIN_SOURCE, &err));
    assert_int_equal(err.code, WEIR_CONFIG);
    assert_memory_equal(err.message, expected, strlen(expected));
    assert_non_null(strstr(err.message, "; refused: "));
    plugins_free(all);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    plugins *all = plugins_new("/nowhere");
    weir_error err;
    (void)state;

    assert_null(plugins_find(all, WEIR_STR("toy"), PLUGIN_ANY, &err));
    assert_string_equal(err.message,
                        "there is no connector \"toy\" in /nowhere; refused: /nowhere: "
                        "cannot be read: No such file or directory");
    plugins_free(all);
}

static void what_is_no_plugin_is_refused_by_name_and_reason(void **state)
{
    static const struct {
        const char *file, *reason;
    } cases[] = {
        {"abi", "was built for ABI 99, this weir has ABI 1: build it with the headers of this "
                "version"},
        {"small", "its descriptor is smaller than ABI 1 allows"},
        {"empty", "has neither a source nor a sink"},
        {"entry", "is no plugin: it has no function weir_plugin_entry"},
        {"unresolved", "cannot be loaded: undefined symbol: missing"},
        {"nopoll", "its source has no \"poll\""},
        {"noflush", "its sink has no \"flush\""},
        {"outside", "the member of field \"x\" lies outside of the state (state_size is 8)"},
        {"kind", "field \"x\" has a kind that this weir does not know"},
        {"choice", "field \"x\" is a choice of nothing"},
        {"undocumented", "field 0 has no documentation"},
        {"huge", "18446744073709551615 bytes of state and 0 fields are too many"},
        {"nothing", "weir_plugin_entry returned nothing"},
        {"record", "its descriptor is smaller than ABI 1 allows"},
        {"absent", "cannot be loaded: cannot open shared object file: No such file or directory"},
    };
    plugins *all = plugins_new(folder);
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[128], expected[256];
        weir_error err;

        snprintf(path, sizeof(path), "%s/%s.so", folder, cases[i].file);
        snprintf(expected, sizeof(expected), "%s: %s", path, cases[i].reason);
        assert_int_equal(plugins_load(all, path, &err), WEIR_CONFIG);
        assert_string_equal(err.message, expected);
    }
    plugins_free(all);
}

static void an_operation_that_a_plugin_was_built_without_is_null(void **state)
{
    plugins *all = plugins_new(folder);
    weir_error err;
    const plugin *older = plugins_find(all, WEIR_STR("older"), PLUGIN_SOURCE, &err);
    (void)state;

    assert_non_null(older);
    assert_non_null(older->source.poll);
    assert_null(older->source.rehearse);
    plugins_free(all);
}

static void refused_files_leave_the_rest_usable(void **state)
{
    plugins *all = plugins_new(folder);
    size_t refusals = 0;
    weir_error err;
    (void)state;

    plugins_load_all(all);
    while (plugins_refusal(all, refusals) != NULL)
        refusals++;
    assert_int_equal(refusals, 15); /* fourteen that are wrong, and "twin", which is "toy" again */
    assert_string_equal(plugins_at(all, 0)->name, "Sloppy");
    assert_string_equal(plugins_at(all, 1)->name, "both");
    assert_int_equal(plugins_at(all, 1)->kind, PLUGIN_SOURCE);
    assert_int_equal(plugins_at(all, 2)->kind, PLUGIN_SINK);
    assert_string_equal(plugins_at(all, 3)->name, "older");
    assert_string_equal(plugins_at(all, 4)->name, "toy");
    assert_null(plugins_at(all, 5));
    assert_non_null(plugins_find(all, WEIR_STR("toy"), PLUGIN_ANY, &err));
    plugins_free(all);
}

static void keep(void *context, const char *message)
{
    weir_buf_printf(context, "%s\n", message);
}

static void the_check_tells_an_author_what_is_sloppy(void **state)
{
    plugins *all = plugins_new(folder);
    weir_buf found = {0};
    weir_error err;
    (void)state;

    plugin_check(plugins_find(all, WEIR_STR("toy"), PLUGIN_ANY, &err), keep, &found);
    assert_string_equal(weir_buf_cstr(&found), "");
    plugin_check(plugins_find(all, WEIR_STR("Sloppy"), PLUGIN_ANY, &err), keep, &found);
    assert_string_equal(
        weir_buf_cstr(&found),
        "the name \"Sloppy\" has other than lower-case letters, digits, '.', '-' and '_'\n"
        "the version \"one\" does not begin with a number\n"
        "the summary says nothing\n"
        "setting \"Rows\": a name begins with a lower-case letter and has letters, digits, '.', "
        "'-' "
        "and '_'\n"
        "setting \"Rows\": has no documentation\n"
        "setting \"late\": depends on \"none\", which is not in the table\n"
        "setting \"late\": stands twice in the table\n"
        "setting \"Rows\": its own default is refused: 50 is not between 1 and 9\n");
    weir_buf_done(&found);
    plugins_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connector_is_found_by_its_file_without_loading_the_rest),
        cmocka_unit_test(a_java_class_name_finds_its_replacement),
        cmocka_unit_test(a_source_and_a_sink_may_share_a_name),
        cmocka_unit_test(an_unknown_name_is_told_with_the_nearest_one),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
        cmocka_unit_test(what_is_no_plugin_is_refused_by_name_and_reason),
        cmocka_unit_test(an_operation_that_a_plugin_was_built_without_is_null),
        cmocka_unit_test(refused_files_leave_the_rest_usable),
        cmocka_unit_test(the_check_tells_an_author_what_is_sloppy),
    };
    return cmocka_run_group_tests(tests, build_plugins, remove_plugins);
}

/* plugin.c - `weir plugin list|describe|check|new`. */
#include "runtime/connect/plugin.h"
#include "runtime/base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/options.h"
#include "runtime/cli/plugin_builtin.h"
#include "runtime/cli/plugin_run.h"
#include "runtime/cli/plugin_template.h"
#include "runtime/rest/definition.h"

#include <ctype.h>
#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PLUGIN_NAMES = 64 };

typedef struct arguments {
    options options;
    bool json, markdown, sink;
    size_t count;
    const char *names[PLUGIN_NAMES];
} arguments;

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    arguments *args = state->input;

    switch (key) {
    case 'p':
        snprintf(args->options.plugins, sizeof(args->options.plugins), "%s", value);
        return 0;
    case 'j':
        args->json = true;
        return 0;
    case 'm':
        args->markdown = true;
        return 0;
    case 's':
        args->sink = true;
        return 0;
    case ARGP_KEY_ARG:
        if (args->count == PLUGIN_NAMES)
            argp_error(state, "more than %d names", PLUGIN_NAMES);
        else
            args->names[args->count++] = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const char *kind_of(const plugin *one)
{
    return one->kind == PLUGIN_SOURCE ? "source" : "sink";
}

/* --- list ------------------------------------------------------------------------------------ */

static void print_table(plugins *all)
{
    struct libscols_table *table;
    const plugin *one;

    cli_use_locale();
    table = scols_new_table();
    if (table == NULL)
        abort(); /* fails only without memory */
    (void)scols_table_new_column(table, "NAME", 0, 0);
    (void)scols_table_new_column(table, "TYPE", 0, 0);
    (void)scols_table_new_column(table, "VERSION", 0, 0);
    (void)scols_table_new_column(table, "SUMMARY", 0, 0);
    for (size_t i = 0; (one = plugins_at(all, i)) != NULL; i++) {
        struct libscols_line *line = scols_table_new_line(table, NULL);

        if (line == NULL)
            abort(); /* fails only without memory */
        (void)scols_line_set_data(line, 0, one->name);
        (void)scols_line_set_data(line, 1, kind_of(one));
        (void)scols_line_set_data(line, 2, one->version);
        (void)scols_line_set_data(line, 3, one->summary);
    }
    (void)scols_print_table(table);
    scols_unref_table(table);
}

static json_t *settings_json(const config_table *table, const char *group)
{
    json_t *settings = json_array();

    for (size_t i = 0; i < table->count; i++) {
        weir_field field = config_field(table, i);

        (void)json_array_append_new(settings, definition_json(&field, group, (int)i + 1));
    }
    return settings;
}

static json_t *describe_json(const plugin *one)
{
    json_t *aliases = json_array();

    for (size_t i = 0; one->aliases != NULL && one->aliases[i] != NULL; i++)
        (void)json_array_append_new(aliases, json_string(one->aliases[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "class", one->name, "type",
                     kind_of(one), "version", one->version, "summary", one->summary, "file",
                     one->path, "aliases", aliases, "settings",
                     settings_json(&one->table, one->name));
}

static void print_json(json_t *take_value)
{
    (void)json_dumpf(take_value, stdout, JSON_INDENT(2)); /* as good as printf */
    putchar('\n');
    json_decref(take_value);
}

static int list(const arguments *args, plugins *all)
{
    json_t *array = json_array();
    const plugin *one;
    const char *refusal;

    plugins_load_all(all);
    for (size_t i = 0; (one = plugins_at(all, i)) != NULL; i++)
        (void)json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:s}", "class", one->name,
                                                     "type", kind_of(one), "version", one->version,
                                                     "summary", one->summary));
    if (args->json)
        print_json(json_incref(array));
    else
        print_table(all);
    json_decref(array);
    for (size_t i = 0; (refusal = plugins_refusal(all, i)) != NULL; i++)
        fprintf(stderr, "weir plugin: refused: %s\n", refusal);
    return plugins_refusal(all, 0) == NULL ? CLI_OK : CLI_FAILED;
}

/* --- describe -------------------------------------------------------------------------------- */

static void describe(const arguments *args, const plugin *one)
{
    weir_buf out = {0};

    if (args->json) {
        print_json(describe_json(one));
        return;
    }
    weir_buf_printf(&out, "%s%s, %s %s\n\n%s\n\n", args->markdown ? "# " : "", one->name,
                    kind_of(one), one->version, one->summary);
    for (size_t i = 0; one->aliases != NULL && one->aliases[i] != NULL; i++)
        weir_buf_printf(&out, "%s`%s`%s", i == 0 ? "Also called " : ", ", one->aliases[i],
                        one->aliases[i + 1] == NULL ? ".\n\n" : "");
    config_reference(&one->table, &out);
    (void)fwrite(out.ptr, 1, out.len, stdout); /* as good as printf */
    weir_buf_done(&out);
}

static void describe_builtin(const arguments *args, const plugin_builtin *one)
{
    weir_buf out = {0};

    if (args->json) {
        print_json(json_pack("{s:s, s:s, s:s, s:o}", "class", one->name, "type", one->kind,
                             "summary", one->summary, "settings",
                             settings_json(&one->table, one->name)));
        return;
    }
    weir_buf_printf(&out, "%s%s, %s\n\n%s\n\n", args->markdown ? "# " : "", one->name, one->kind,
                    one->summary);
    if (one->alias != NULL)
        weir_buf_printf(&out, "Also called `%s`.\n\n", one->alias);
    config_reference(&one->table, &out);
    (void)fwrite(out.ptr, 1, out.len, stdout); /* as good as printf */
    weir_buf_done(&out);
}

static int describe_all(const arguments *args, plugins *all)
{
    for (size_t i = 0; i < args->count; i++) {
        static const plugin_kind kinds[] = {PLUGIN_SOURCE, PLUGIN_SINK};
        plugin_builtin builtin;
        weir_error err;
        bool found = false;

        if (plugin_builtin_find(weir_cstr(args->names[i]), &builtin)) {
            if (i > 0)
                putchar('\n');
            describe_builtin(args, &builtin);
            continue;
        }
        for (size_t k = 0; k < 2; k++) {
            const plugin *one = plugins_find(all, weir_cstr(args->names[i]), kinds[k], &err);

            if (one == NULL)
                continue;
            if (found || i > 0)
                putchar('\n');
            describe(args, one);
            found = true;
        }
        if (!found && plugins_find(all, weir_cstr(args->names[i]), PLUGIN_ANY, &err) == NULL)
            return cli_fail("plugin", "%s", err.message);
    }
    return CLI_OK;
}

/* --- check ----------------------------------------------------------------------------------- */

typedef struct findings {
    const plugin *of;
    size_t count;
} findings;

static void print_finding(void *context, const char *message)
{
    findings *found = context;

    found->count++;
    printf("%s: %s: %s\n", found->of->path, kind_of(found->of), message);
}

static int check_file(plugins *all, const char *path)
{
    findings found = {0};
    weir_error err;
    size_t i;

    if (plugins_load(all, path, &err) != WEIR_OK) {
        puts(err.message);
        return CLI_FAILED;
    }
    for (i = 0; (found.of = plugins_at(all, i)) != NULL; i++) {
        plugin_check(found.of, print_finding, &found);
        if (found.count == 0)
            printf("%s: %s \"%s\" %s is good\n", found.of->path, kind_of(found.of), found.of->name,
                   found.of->version);
    }
    return found.count == 0 ? CLI_OK : CLI_FAILED;
}

/* Behind a file may stand settings, NAME=VALUE: with them it is run, too. */
static int check(const arguments *args)
{
    int result = CLI_OK;

    for (size_t i = 0, next; i < args->count; i = next) {
        plugins *all = plugins_new("."); /* one for each file: two may hold the same name */
        const char *path = args->names[i];
        bool good = check_file(all, path) == CLI_OK;

        plugins_free(all);
        for (next = i + 1; next < args->count && strchr(args->names[next], '=') != NULL;)
            next++;
        if (good && next > i + 1) {
            good = plugin_run(path, args->sink, &args->names[i + 1], next - i - 1);
            if (good)
                printf("%s: it runs as it should\n", path);
        } else if (good) {
            printf("%s: not run; with settings behind it, NAME=VALUE, it is\n", path);
        }
        result = good ? result : CLI_FAILED;
    }
    return result;
}

/* --- new ------------------------------------------------------------------------------------- */

/* The template with @NAME@ replaced. */
static void add_expanded(weir_buf *out, weir_str text, const char *name)
{
    static const char mark[] = "@NAME@";

    while (text.len > 0) {
        const char *found = memmem(text.ptr, text.len, mark, sizeof(mark) - 1);
        size_t plain = found != NULL ? (size_t)(found - text.ptr) : text.len;

        weir_buf_add(out, text.ptr, plain);
        if (found != NULL) {
            weir_buf_add_str(out, weir_cstr(name));
            plain += sizeof(mark) - 1;
        }
        text = (weir_str){text.ptr + plain, text.len - plain};
    }
}

static bool write_file(const char *folder, const char *file, weir_str text, const char *name)
{
    char path[4096];
    weir_buf out = {0};
    FILE *made;
    bool good;

    snprintf(path, sizeof(path), "%s/%s", folder, file);
    made = fopen(path, "wxe"); /* never over something that is there */
    if (made == NULL) {
        (void)cli_fail("plugin", "%s: cannot be written: %s", path, strerror(errno));
        return false;
    }
    add_expanded(&out, text, name);
    good = fwrite(out.ptr, 1, out.len, made) == out.len;
    good = fclose(made) == 0 && good;
    weir_buf_done(&out);
    if (!good)
        (void)cli_fail("plugin", "%s: cannot be written: %s", path, strerror(errno));
    return good;
}

static bool name_is_legal(const char *name)
{
    for (const char *at = name; *at != '\0'; at++)
        if (!islower((unsigned char)*at) && !isdigit((unsigned char)*at) && *at != '-')
            return false;
    return islower((unsigned char)name[0]) && strlen(name) <= 60;
}

static int create(const arguments *args)
{
    const char *name = args->names[0];
    const char *folder = args->count > 1 ? args->names[1] : name;

    if (!name_is_legal(name))
        return cli_fail("plugin", "\"%s\": a name is made of lower-case letters, digits and '-'",
                        name);
    if (mkdir(folder, 0777) != 0)
        return cli_fail("plugin", "%s: cannot be made: %s", folder, strerror(errno));
    if (!write_file(folder, args->sink ? "sink.c" : "source.c",
                    args->sink ? plugin_template_sink() : plugin_template_source(), name) ||
        !write_file(folder, "Makefile", plugin_template_makefile(), name) ||
        !write_file(folder, "README.md", plugin_template_readme(), name))
        return CLI_FAILED;
    printf("%s: a %s to begin with; build it with make, check it with make check\n", folder,
           args->sink ? "sink" : "source");
    return CLI_OK;
}

/* --- Choosing -------------------------------------------------------------------------------- */

static const struct argp_option flags[] = {
    {"plugins", 'p', "DIR", 0, "Where connectors are", 0},
    {"json", 'j', NULL, 0, "list, describe: print JSON", 0},
    {"markdown", 'm', NULL, 0, "describe: print the page of the reference", 0},
    {"sink", 's', NULL, 0, "new: begin with a sink, not a source; check: run the sink", 0},
    {0},
};

static int choose(const char *action, const arguments *args)
{
    plugins *all = plugins_new(args->options.plugins);
    int result = CLI_USAGE;

    if (strcmp(action, "list") == 0 && args->count == 0)
        result = list(args, all);
    else if (strcmp(action, "describe") == 0 && args->count > 0)
        result = describe_all(args, all);
    else if (strcmp(action, "check") == 0 && args->count > 0)
        result = check(args);
    else if (strcmp(action, "new") == 0 && (args->count == 1 || args->count == 2))
        result = create(args);
    else
        fputs("usage: weir plugin list | describe NAME... | check FILE [NAME=VALUE...] | new NAME "
              "[DIR]\n",
              stderr);
    plugins_free(all);
    return result;
}

int cli_plugin(int argc, char **argv)
{
    static const struct argp parser = {
        flags,
        parse_option,
        "list\ndescribe NAME...\ncheck FILE [NAME=VALUE...]\nnew NAME [DIR]",
        "Lists connectors, describes their settings, checks a shared object before others use it, "
        "and writes the beginning of a new one.",
        NULL,
        NULL,
        NULL};
    arguments args = {0};
    const char *action;

    options_init(&args.options);
    cli_parse(&parser, argc, argv, &args);
    action = args.count > 0 ? args.names[0] : "";
    if (args.count > 0) {
        args.count--;
        memmove(&args.names[0], &args.names[1], args.count * sizeof(args.names[0]));
    }
    return choose(action, &args);
}

/* validate.c - `weir validate FILE…`: all that is wrong with pipeline files, without connecting anywhere. */
#include "runtime/cli/cli.h"
#include "runtime/cli/options.h"
#include "runtime/pipeline/deploy.h"

#include <jansson.h>
#include <stdio.h>

enum { VALIDATE_FILES = 256 };

typedef struct arguments {
    options options;
    bool json;
    size_t count;
    const char *files[VALIDATE_FILES];
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
    case ARGP_KEY_ARG:
        if (args->count == VALIDATE_FILES)
            argp_error(state, "more than %d files", VALIDATE_FILES);
        else
            args->files[args->count++] = value;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which file?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_json(const pipeline_set *set)
{
    json_t *problems = json_array(), *all;

    for (size_t i = 0; i < pipeline_problem_count(set); i++) {
        const pipeline_problem *one = pipeline_problem_at(set, i);

        (void)json_array_append_new(problems,
                                    json_pack("{s:s, s:i, s:s}", "file", one->file, "line",
                                              one->line, "message", one->message));
    }
    all = json_pack("{s:i, s:i, s:o}", "pipelines", (int)pipeline_count(set), "connectors",
                    (int)pipeline_connector_count(set), "problems", problems);
    (void)json_dumpf(all, stdout, JSON_INDENT(2)); /* as good as printf */
    putchar('\n');
    json_decref(all);
}

static void print_text(const pipeline_set *set)
{
    for (size_t i = 0; i < pipeline_problem_count(set); i++) {
        char line[1400];

        pipeline_problem_print(pipeline_problem_at(set, i), line, sizeof(line));
        puts(line);
    }
    if (pipeline_problem_count(set) > 0)
        return;
    for (size_t i = 0; i < pipeline_count(set); i++) {
        const pipeline *one = pipeline_at(set, i);

        printf("%s:%d: pipeline \"%s\" is good\n", one->file, one->line, one->name.ptr);
    }
}

int cli_validate(int argc, char **argv)
{
    static const struct argp_option flags[] = {
        {"plugins", 'p', "DIR", 0, "Where connectors are", 0},
        {"json", 'j', NULL, 0, "Print JSON", 0},
        {0},
    };
    static const struct argp parser = {
        flags,
        parse_option,
        "FILE...",
        "Tells all that is wrong with pipeline files, each with file "
        "and line. Connects nowhere.",
        NULL,
        NULL,
        NULL};
    arguments args = {0};
    pipeline_set *set = pipeline_set_new();
    plugins *all;
    int result;

    options_init(&args.options);
    cli_parse(&parser, argc, argv, &args);
    all = plugins_new(args.options.plugins);
    for (size_t i = 0; i < args.count; i++)
        pipeline_read(set, args.files[i]);
    pipeline_check(set, all);
    if (args.json)
        print_json(set);
    else
        print_text(set);
    result = pipeline_problem_count(set) == 0 ? CLI_OK : CLI_FAILED;
    plugins_free(all);
    pipeline_set_free(set);
    return result;
}

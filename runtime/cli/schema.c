/* schema.c - `weir schema`: lists, shows, registers, checks and compares schemas of a schema registry; and says what
 * a migration of a source would do to them. */
#include "runtime/base/http_client.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/client.h"
#include "runtime/cli/migration.h"
#include "runtime/cli/text_diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 4, FILE_LIMIT = 16 << 20 };

typedef struct arguments {
    const char *url; /* as it was given */
    http_client_options to;
    bool json, deleted, normalize;
    const char *type;    /* of the schema in FILE */
    const char *version; /* to check against */
    size_t count;
    const char *words[WORDS]; /* the command and what it names */
    migration_arguments migration;
} arguments;

static const struct argp_option flags[] = {
    {"url", 'u', "URL", 0, "Where the registry is (http://" CLI_REGISTRY_ADDRESS ")", 0},
    {"user", 'U', "NAME:PASSWORD", 0, "Whom to be there", 0},
    {"ca-file", 'a', "FILE", 0, "Whom to trust over TLS (PEM; else the system's)", 0},
    {"json", 'j', NULL, 0, "Print the answer as JSON", 0},
    {"deleted", 'd', NULL, 0, "Also what is soft-deleted", 0},
    {"normalize", 'n', NULL, 0, "Compare and store the schema in its normal form", 0},
    {"type", 't', "TYPE", 0, "Of the schema in FILE: AVRO, JSON or PROTOBUF (AVRO)", 0},
    {"version", 'v', "VERSION", 0, "What to check against: a number, latest or all (all)", 0},
    {NULL, 0, NULL, 0, "For check-migration:", 1},
    {"source", 's', "CONNECTOR", 0, "The source whose database is to be migrated", 1},
    {"scratch", 'S', "URL", 0,
     "A PostgreSQL with the definitions of what it captures, where the script is tried out", 1},
    {"rest", 'r', "HOST:PORT", 0, "The worker that runs the connector (" CLI_REST_ADDRESS ")", 1},
    {"pipeline", 'f', "FILE", 0, "A pipeline with the connector in it, instead of a worker", 1},
    {"plugins", 'p', "DIR", 0, "Where connectors are", 1},
    {0},
};

/* Options by where their text goes, and by what they switch on. */
typedef struct place {
    int key;
    size_t offset;
} place;

static const place texts[] = {
    {'u', offsetof(arguments, url)},
    {'U', offsetof(arguments, to.user)},
    {'a', offsetof(arguments, to.ca_file)},
    {'t', offsetof(arguments, type)},
    {'v', offsetof(arguments, version)},
    {'s', offsetof(arguments, migration.source)},
    {'S', offsetof(arguments, migration.scratch)},
    {'r', offsetof(arguments, migration.rest)},
    {'f', offsetof(arguments, migration.pipeline)},
    {'p', offsetof(arguments, migration.plugins)},
};

static const place switches[] = {
    {'j', offsetof(arguments, json)},
    {'d', offsetof(arguments, deleted)},
    {'n', offsetof(arguments, normalize)},
};

static void *member_of(arguments *args, const place *all, size_t count, int key)
{
    for (size_t i = 0; i < count; i++)
        if (all[i].key == key)
            return (char *)args + all[i].offset;
    return NULL;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    arguments *args = state->input;
    const char **text = member_of(args, texts, sizeof(texts) / sizeof(texts[0]), key);
    bool *is_on = member_of(args, switches, sizeof(switches) / sizeof(switches[0]), key);

    if (text != NULL)
        *text = value;
    else if (is_on != NULL)
        *is_on = true;
    else if (key == ARGP_KEY_ARG && args->count < WORDS)
        args->words[args->count++] = value;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "too many words");
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

/* --- Asking the registry ---------------------------------------------------------------------- */

static weir_code send(const arguments *args, const http_client_request *request, int *status,
                      weir_buf *answer, weir_error *err)
{
    http_client *http = NULL;

    if (http_client_new(&args->to, &http, err) != WEIR_OK)
        return err->code;
    weir_code code = http_client_send(http, request, status, answer, err);
    http_client_free(http);
    return code;
}

/* The answer as JSON, which the caller owns; NULL, and the message is written, when there is none. */
static json_t *ask(const arguments *args, const char *method, weir_buf *target, weir_str body)
{
    http_client_request request = {method, weir_buf_cstr(target), body};
    weir_buf answer = {0};
    weir_error err;
    json_t *value = NULL;
    int status = 0;

    if (send(args, &request, &status, &answer, &err) != WEIR_OK) {
        (void)cli_fail("schema", "%s", err.message);
        weir_buf_done(&answer);
        return NULL;
    }
    value = json_loadb(answer.ptr != NULL ? answer.ptr : "", answer.len, JSON_DECODE_ANY, NULL);
    weir_buf_done(&answer);
    if (value == NULL) {
        (void)cli_fail("schema", "what answers at %s is no schema registry", args->to.url);
    } else if (status >= 400) {
        const char *message = json_string_value(json_object_get(value, "message"));

        (void)cli_fail("schema", "%s (%d)", message != NULL ? message : "the registry refused",
                       (int)json_integer_value(json_object_get(value, "error_code")));
        json_decref(value);
        value = NULL;
    }
    return value;
}

static void add_version_target(weir_buf *target, const char *subject, const char *version)
{
    weir_buf_add_str(target, WEIR_STR("/subjects/"));
    http_client_add_segment(target, weir_cstr(subject));
    weir_buf_add_str(target, WEIR_STR("/versions/"));
    http_client_add_segment(target, weir_cstr(version));
}

/* --- Files ------------------------------------------------------------------------------------ */

static bool read_text(const char *path, weir_buf *out)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    size_t got = 1;

    if (file == NULL) {
        (void)cli_fail("schema", "cannot read %s: %s", path, strerror(errno));
        return false;
    }
    while (got > 0 && out->len < FILE_LIMIT) {
        got = fread(weir_buf_reserve(out, 1 << 16), 1, 1 << 16, file);
        out->len += got;
    }
    if (file != stdin)
        (void)fclose(file); /* it was only read */
    if (out->len >= FILE_LIMIT)
        (void)cli_fail("schema", "%s has more than %d bytes", path, FILE_LIMIT);
    return out->len < FILE_LIMIT;
}

/* The body of a request that brings the schema in a file. */
static bool read_schema(const arguments *args, const char *path, weir_buf *body)
{
    weir_buf text = {0};
    bool good = read_text(path, &text);

    if (good) {
        weir_buf_add_str(body, WEIR_STR("{\"schemaType\":"));
        weir_buf_add_json(body, weir_cstr(args->type));
        weir_buf_add_str(body, WEIR_STR(",\"schema\":"));
        weir_buf_add_json(body, weir_buf_str(&text));
        weir_buf_add_byte(body, '}');
    }
    weir_buf_done(&text);
    return good;
}

/* --- Commands: each gets the words behind its name -------------------------------------------- */

static int list(const arguments *args)
{
    weir_buf target = {0};
    json_t *subjects, *subject;
    size_t i;

    weir_buf_printf(&target,
                    "/subjects?deleted=%s&subjectPrefix=", args->deleted ? "true" : "false");
    http_client_add_segment(&target, weir_cstr(args->count > 1 ? args->words[1] : ":*:"));
    subjects = ask(args, "GET", &target, (weir_str){0});
    weir_buf_done(&target);
    if (subjects == NULL)
        return CLI_FAILED;
    if (args->json) {
        client_print(subjects);
        return CLI_OK;
    }
    json_array_foreach(subjects, i, subject)
    {
        puts(json_string_value(subject));
    }
    json_decref(subjects);
    return CLI_OK;
}

static json_t *fetch(const arguments *args, const char *subject, const char *version)
{
    weir_buf target = {0};
    json_t *found;

    add_version_target(&target, subject, version);
    if (args->deleted)
        weir_buf_add_str(&target, WEIR_STR("?deleted=true"));
    found = ask(args, "GET", &target, (weir_str){0});
    weir_buf_done(&target);
    return found;
}

static int get(const arguments *args)
{
    json_t *found = fetch(args, args->words[1], args->count > 2 ? args->words[2] : "latest");
    const char *text;

    if (found == NULL)
        return CLI_FAILED;
    if (args->json) {
        client_print(found);
        return CLI_OK;
    }
    text = json_string_value(json_object_get(found, "schema"));
    puts(text != NULL ? text : "");
    json_decref(found);
    return CLI_OK;
}

static int enroll(const arguments *args)
{
    weir_buf target = {0}, body = {0};
    json_t *answer = NULL;

    weir_buf_add_str(&target, WEIR_STR("/subjects/"));
    http_client_add_segment(&target, weir_cstr(args->words[1]));
    weir_buf_printf(&target, "/versions?normalize=%s", args->normalize ? "true" : "false");
    if (read_schema(args, args->words[2], &body))
        answer = ask(args, "POST", &target, weir_buf_str(&body));
    weir_buf_done(&target);
    weir_buf_done(&body);
    if (answer == NULL)
        return CLI_FAILED;
    if (args->json) {
        client_print(answer);
        return CLI_OK;
    }
    printf("id %d", (int)json_integer_value(json_object_get(answer, "id")));
    if (json_object_get(answer, "version") != NULL)
        printf(", version %d", (int)json_integer_value(json_object_get(answer, "version")));
    putchar('\n');
    json_decref(answer);
    return CLI_OK;
}

static int check(const arguments *args)
{
    weir_buf target = {0}, body = {0};
    json_t *answer = NULL, *message;
    bool compatible;
    size_t i;

    weir_buf_add_str(&target, WEIR_STR("/compatibility"));
    add_version_target(&target, args->words[1], args->version);
    if (strcmp(args->version, "all") == 0)
        target.len -= sizeof("/all") - 1;
    weir_buf_printf(&target, "?verbose=true&normalize=%s", args->normalize ? "true" : "false");
    if (read_schema(args, args->words[2], &body))
        answer = ask(args, "POST", &target, weir_buf_str(&body));
    weir_buf_done(&target);
    weir_buf_done(&body);
    if (answer == NULL)
        return CLI_FAILED;
    compatible = json_is_true(json_object_get(answer, "is_compatible"));
    if (args->json) {
        client_print(answer);
        return compatible ? CLI_OK : CLI_FAILED;
    }
    puts(compatible ? "compatible" : "not compatible");
    json_array_foreach(json_object_get(answer, "messages"), i, message)
    {
        printf("  %s\n", json_string_value(message));
    }
    json_decref(answer);
    return compatible ? CLI_OK : CLI_FAILED;
}

/* A schema's text over many lines, so that two can be compared line by line. JSON is indented, its members
 * stay in their order; Protobuf is as it is. */
static void spread(weir_str text, weir_buf *out)
{
    json_t *value = json_loadb(text.ptr != NULL ? text.ptr : "", text.len, JSON_DECODE_ANY, NULL);
    char *lines = value != NULL ? json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY) : NULL;

    weir_buf_add_str(out, lines != NULL ? weir_cstr(lines) : text);
    free(lines);
    json_decref(value);
}

/* A version when the subject has one of this name, else a file. */
static bool spread_side(const arguments *args, const char *word, weir_buf *out)
{
    bool is_version = strcmp(word, "latest") == 0 || strspn(word, "0123456789") == strlen(word);
    weir_buf text = {0};
    json_t *found;

    if (!is_version) {
        bool good = read_text(word, &text);

        if (good)
            spread(weir_buf_str(&text), out);
        weir_buf_done(&text);
        return good;
    }
    found = fetch(args, args->words[1], word);
    if (found == NULL)
        return false;
    spread(weir_cstr(json_string_value(json_object_get(found, "schema"))), out);
    json_decref(found);
    return true;
}

/* As diff(1): 0 when they are the same, 1 when they differ. */
static int diff(const arguments *args)
{
    weir_buf before = {0}, after = {0}, out = {0};
    int result = CLI_FAILED;

    if (spread_side(args, args->words[2], &before) &&
        spread_side(args, args->count > 3 ? args->words[3] : "latest", &after)) {
        if (!text_diff(weir_buf_str(&before), weir_buf_str(&after), &out))
            result = CLI_OK;
        fputs(weir_buf_cstr(&out), stdout);
    }
    weir_buf_done(&before);
    weir_buf_done(&after);
    weir_buf_done(&out);
    return result;
}

static int check_migration(const arguments *args)
{
    migration_arguments wanted = args->migration;
    weir_buf text = {0};
    int result = CLI_FAILED;

    if (wanted.source == NULL || wanted.scratch == NULL) {
        (void)cli_fail("schema", "check-migration takes --source CONNECTOR and --scratch URL");
        return CLI_USAGE;
    }
    wanted.registry.url = args->url;
    wanted.registry.user = args->to.user;
    wanted.registry.ca_file = args->to.ca_file;
    wanted.json = args->json;
    wanted.script_name = strcmp(args->words[1], "-") == 0 ? "standard input" : args->words[1];
    if (read_text(args->words[1], &text)) {
        wanted.script = weir_buf_str(&text);
        result = migration_check(&wanted);
    }
    weir_buf_done(&text);
    return result;
}

typedef struct command {
    const char *name;
    size_t least, most; /* words behind the name */
    int (*run)(const arguments *args);
} command;

static const command commands[] = {
    {"list", 0, 1, list},   {"get", 1, 2, get},   {"register", 2, 2, enroll},
    {"check", 2, 2, check}, {"diff", 2, 3, diff}, {"check-migration", 1, 1, check_migration},
};

int cli_schema(int argc, char **argv)
{
    static const struct argp parser = {
        flags,
        parse_option,
        "list [PREFIX]\nget SUBJECT [VERSION]\nregister SUBJECT FILE\ncheck SUBJECT FILE\n"
        "diff SUBJECT VERSION|FILE [VERSION|FILE]\n"
        "check-migration FILE.sql --source CONNECTOR --scratch URL",
        "Asks a schema registry.\v"
        "check ends with 1 when the schema may not become the subject's next version, and prints "
        "why. diff compares line by line; without a second one, with the latest version. "
        "check-migration tries a script out in a transaction that is rolled back, and says which "
        "subjects would break if it changed the source, and why; it ends with 1 when one would. "
        "FILE may be \"-\".",
        NULL,
        NULL,
        NULL};
    arguments args = {.to = {.url = "http://" CLI_REGISTRY_ADDRESS,
                             .what = "schema registry",
                             .accept = "application/vnd.schemaregistry.v1+json"},
                      .type = "AVRO",
                      .version = "all"};

    cli_parse(&parser, argc, argv, &args);
    if (args.url != NULL)
        args.to.url = args.url;
    for (size_t i = 0; args.count > 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(args.words[0], commands[i].name) != 0)
            continue;
        if (args.count - 1 >= commands[i].least && args.count - 1 <= commands[i].most)
            return commands[i].run(&args);
        (void)cli_fail("schema", "%s takes other words: see weir schema --help", commands[i].name);
        return CLI_USAGE;
    }
    (void)cli_fail("schema", "what to do? list, get, register, check, diff or check-migration");
    return CLI_USAGE;
}

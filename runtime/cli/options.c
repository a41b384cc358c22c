/* options.c - the options of `weir run` and `weir server`. */
#include "runtime/cli/options.h"

#include "runtime/base/diag.h"
#include "runtime/base/mem.h"
#include "runtime/base/text.h"
#include "runtime/base/yaml_tree.h"
#include "runtime/cli/cli.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One row per option: its flag and where its text goes. */
typedef struct place {
    const char *name;
    char letter;
    size_t offset, room;
} place;

#define PLACE(name, letter, member)                                                                \
    {                                                                                              \
        name, letter, offsetof(options, member), sizeof(((options *)0)->member)                    \
    }

static const place places[] = {
    PLACE("data", 'd', data),
    PLACE("plugins", 'p', plugins),
    PLACE("rest", 'r', rest),
    PLACE("registry", 'g', registry),
    PLACE("registry-users", 1, registry_users), /* from here on no short flags */
    PLACE("registry-tls-certificate", 2, registry_tls_certificate),
    PLACE("registry-tls-key", 3, registry_tls_key),
    PLACE("registry-compatibility", 4, registry_compatibility),
    PLACE("registry-error-codes", 5, registry_error_codes),
    PLACE("log-level", 'l', log_level),
    PLACE("log-format", 'f', log_format),
};

enum { PLACES = sizeof(places) / sizeof(places[0]) };

static bool put(options *self, const place *where, weir_str value)
{
    char *text = (char *)self + where->offset;

    if (value.len >= where->room)
        return false;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    return true;
}

static bool is_directory(const char *path)
{
    struct stat found;

    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

void options_init(options *self)
{
    char exe[PATH_MAX] = "";
    ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    const char *folder;

    *self = (options){
        .rest = CLI_REST_ADDRESS, .log_level = "info", .log_format = "logfmt", .plugins = ""};
    if (length <= 0)
        return;
    exe[length] = '\0';
    folder = dirname(exe);
    if ((size_t)snprintf(self->plugins, sizeof(self->plugins), "%s/connectors", folder) <
            sizeof(self->plugins) &&
        is_directory(self->plugins))
        return;
    (void)snprintf(self->plugins, sizeof(self->plugins), "%s/../lib/weir/connectors", folder);
}

weir_code options_read(options *self, const char *path, weir_error *err)
{
    const char *names[PLACES + 1] = {0};
    CLEANUP(yaml_tree_freep) yaml_tree *tree = NULL;
    const yaml_tree_node *root;

    for (size_t i = 0; i < PLACES; i++)
        names[i] = places[i].name;
    if (yaml_tree_read(path, &tree, err) != WEIR_OK)
        return err->code;
    root = yaml_tree_document(tree, 0);
    if (root == NULL || root->is_null)
        return WEIR_OK;
    if (root->kind != YAML_TREE_MAP || yaml_tree_count(tree) > 1)
        return weir_fail(err, WEIR_CONFIG, "%s:%d: one map of options is expected", path,
                         root->line);
    for (size_t i = 0; i < root->count; i++) {
        const yaml_tree_pair *pair = &root->pairs[i];
        const char *near = text_nearest(pair->key, names);
        const place *where = NULL;

        for (size_t n = 0; n < PLACES; n++)
            if (weir_str_eq(pair->key, weir_cstr(places[n].name)))
                where = &places[n];
        if (where == NULL)
            return weir_fail(err, WEIR_CONFIG, "%s:%d: no option \"%s\"%s%s%s", path, pair->line,
                             pair->key.ptr, near != NULL ? "; did you mean \"" : "",
                             near != NULL ? near : "", near != NULL ? "\"?" : "");
        if (pair->value->kind != YAML_TREE_SCALAR || pair->value->is_null)
            return weir_fail(err, WEIR_CONFIG, "%s:%d: %s is %s where a text is expected", path,
                             pair->line, pair->key.ptr, yaml_tree_kind_name(pair->value));
        if (strchr(self->set_by_flag, where->letter) == NULL &&
            !put(self, where, pair->value->text))
            return weir_fail(err, WEIR_CONFIG, "%s:%d: %s is longer than %zu bytes", path,
                             pair->line, pair->key.ptr, where->room - 1);
    }
    return WEIR_OK;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    options *self = state->input;
    weir_error err;

    if (key == 'c') {
        if (options_read(self, value, &err) != WEIR_OK)
            argp_error(state, "%s", err.message);
        return 0;
    }
    for (size_t i = 0; i < PLACES; i++) {
        size_t used = strlen(self->set_by_flag);

        if (key != places[i].letter)
            continue;
        if (!put(self, &places[i], weir_cstr(value)))
            argp_error(state, "--%s is longer than %zu bytes", places[i].name, places[i].room - 1);
        if (used + 1 < sizeof(self->set_by_flag))
            self->set_by_flag[used] = places[i].letter;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option flags[] = {
    {"data", 'd', "DIR", 0, "Where the log is kept", 0},
    {"plugins", 'p', "DIR", 0,
     "Where connectors are (connectors/ beside the program, else ../lib/weir/connectors)", 0},
    {"rest", 'r', "HOST:PORT", 0, "Where the REST API listens; none: nowhere", 0},
    {"registry", 'g', "HOST:PORT", 0, "Where the schema registry listens; none: nowhere", 0},
    {"registry-users", 1, "FILE", 0,
     "Who may do what there (YAML); without it everybody everything", 0},
    {"registry-tls-certificate", 2, "FILE", 0, "Serve the schema registry over TLS (PEM)", 0},
    {"registry-tls-key", 3, "FILE", 0, "The certificate's key (PEM)", 0},
    {"registry-compatibility", 4, "LEVEL", 0, "Of subjects without a level of their own (BACKWARD)",
     0},
    {"registry-error-codes", 5, "WHICH", 0,
     "short or long: what an incompatible schema is answered with, 409 or 40901 (short)", 0},
    {"log-level", 'l', "LEVEL", 0, "debug, info, warn or error (info)", 0},
    {"log-format", 'f', "FORMAT", 0, "logfmt or json (logfmt)", 0},
    {"config", 'c', "FILE", 0, "A YAML file with these options, by their names", 0},
    {0},
};

const struct argp options_argp = {flags, parse_option, NULL, NULL, NULL, NULL, NULL};

weir_code options_apply(const options *self, weir_error *err)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};

    for (int i = 0; i < 4; i++) {
        if (strcmp(self->log_level, levels[i]) != 0)
            continue;
        if (strcmp(self->log_format, "json") != 0 && strcmp(self->log_format, "logfmt") != 0)
            return weir_fail(err, WEIR_CONFIG, "--log-format is logfmt or json, not \"%s\"",
                             self->log_format);
        diag_set_level((weir_level)i);
        diag_set_json(strcmp(self->log_format, "json") == 0);
        return WEIR_OK;
    }
    return weir_fail(err, WEIR_CONFIG, "--log-level is debug, info, warn or error, not \"%s\"",
                     self->log_level);
}

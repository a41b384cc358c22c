/* registry.c - `weir registry`: a schema registry alone, until it is told to end. */
#include "runtime/base/diag.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/options.h"
#include "runtime/cli/registry_host.h"
#include "runtime/cli/signals.h"
#include "runtime/log/embedded.h"
#include "schema-registry/api/password.h"

#include <stdio.h>
#include <string.h>

typedef struct arguments {
    const char *data;
    registry_settings settings;
    options diagnostics; /* of which only level and format are used */
    bool hash_password;
} arguments;

static const struct argp_option flags[] = {
    {"listen", 's', "HOST:PORT", 0, "Where it listens (" CLI_REGISTRY_ADDRESS ")", 0},
    {"data", 'd', "DIR", 0, "Where the log with the schemas is kept", 0},
    {"users", 'u', "FILE", 0, "Who may do what (YAML); without it everybody everything", 0},
    {"tls-certificate", 't', "FILE", 0, "Serve over TLS (PEM)", 0},
    {"tls-key", 'k', "FILE", 0, "The certificate's key (PEM)", 0},
    {"compatibility", 'c', "LEVEL", 0, "Of subjects without a level of their own (BACKWARD)", 0},
    {"error-codes", 'e', "WHICH", 0,
     "short or long: what an incompatible schema is answered with, 409 or 40901 (short)", 0},
    {"log-level", 'l', "LEVEL", 0, "debug, info, warn or error (info)", 0},
    {"log-format", 'f', "FORMAT", 0, "logfmt or json (logfmt)", 0},
    {"hash-password", 'p', NULL, 0,
     "Read a password from standard input, print what stands for it in --users, and end", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    arguments *args = state->input;
    const struct {
        int key;
        const char **text;
    } texts[] = {{'s', &args->settings.address},    {'d', &args->data},
                 {'u', &args->settings.users},      {'t', &args->settings.tls_certificate},
                 {'k', &args->settings.tls_key},    {'c', &args->settings.compatibility},
                 {'e', &args->settings.error_codes}};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (key == texts[i].key) {
            *texts[i].text = value;
            return 0;
        }
    }
    if (key == 'l')
        snprintf(args->diagnostics.log_level, sizeof(args->diagnostics.log_level), "%s", value);
    else if (key == 'f')
        snprintf(args->diagnostics.log_format, sizeof(args->diagnostics.log_format), "%s", value);
    else if (key == 'p')
        args->hash_password = true;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "there is nothing to name but options");
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static int print_hash(void)
{
    char line[1024];
    weir_buf hash = {0};
    size_t length;

    if (fgets(line, sizeof(line), stdin) == NULL)
        return cli_fail("registry", "there is no password on standard input");
    length = strcspn(line, "\n");
    password_hash((weir_str){line, length}, &hash);
    puts(weir_buf_cstr(&hash));
    weir_buf_done(&hash);
    return CLI_OK;
}

static weir_code open_all(const arguments *args, registry_host *host, log **backend,
                          weir_error *err)
{
    weir_code code = registry_host_listen(host, &args->settings, err);

    if (code != WEIR_OK)
        return code;
    code = embedded_open(&(store_options){.path = args->data}, backend, err);
    if (code == WEIR_OK)
        code = registry_host_open(host, *backend, err);
    if (code != WEIR_OK) {
        registry_host_close(host);
        embedded_close(*backend);
    }
    return code;
}

static void serve(const arguments *args, const registry_host *host, int signals)
{
    char port[16];

    snprintf(port, sizeof(port), "%d", http_server_port(host->server));
    diag_with(WEIR_INFO,
              (diag_pair[]){{"data", weir_cstr(args->data)},
                            {"registry", weir_cstr(args->settings.address)},
                            {"port", weir_cstr(port)}},
              3, "ready");
    while (!signals_wait(signals, -1)) {
        /* poll was interrupted: by SIGSTOP and SIGCONT, say */
    }
    diag(WEIR_INFO, "stopping");
}

int cli_registry(int argc, char **argv)
{
    static const struct argp parser = {
        flags,
        parse_option,
        NULL,
        "Runs a schema registry that keeps its schemas in the log in DIR, until SIGINT or SIGTERM.",
        NULL,
        NULL,
        NULL};
    arguments args = {.settings = {.flag = "--listen",
                                   .address = CLI_REGISTRY_ADDRESS,
                                   .users = "",
                                   .tls_certificate = "",
                                   .tls_key = "",
                                   .compatibility = "",
                                   .error_codes = ""}};
    registry_host host;
    log *backend = NULL;
    weir_error err;
    int signals;

    options_init(&args.diagnostics);
    cli_parse(&parser, argc, argv, &args);
    if (args.hash_password)
        return print_hash();
    if (args.data == NULL || strcmp(args.settings.address, "none") == 0) {
        (void)cli_fail("registry", args.data == NULL
                                       ? "--data DIR is missing: where shall schemas be kept?"
                                       : "a registry alone has to listen somewhere");
        return CLI_USAGE;
    }
    if (options_apply(&args.diagnostics, &err) != WEIR_OK) {
        (void)cli_fail("registry", "%s", err.message);
        return CLI_USAGE;
    }
    if (signals_open(&signals, &err) != WEIR_OK ||
        open_all(&args, &host, &backend, &err) != WEIR_OK)
        return cli_fail("registry", "%s", err.message);
    serve(&args, &host, signals);
    registry_host_close(&host);
    embedded_close(backend);
    return CLI_OK;
}

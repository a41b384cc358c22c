/* client.c - asks a running worker over its REST API. */
#include "runtime/cli/client.h"

#include "runtime/base/http_client.h"
#include "runtime/cli/cli.h"

#include <stdio.h>

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    client *self = state->input;

    switch (key) {
    case 'r':
        self->rest = value;
        return 0;
    case 'j':
        self->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (self->count == CLIENT_NAMES)
            argp_error(state, "more than %d names", CLIENT_NAMES);
        else
            self->names[self->count++] = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"rest", 'r', "HOST:PORT", 0, "Where the worker listens (" CLI_REST_ADDRESS ")", 0},
    {"json", 'j', NULL, 0, "Print the answer as JSON", 0},
    {0},
};

const struct argp client_argp = {options, parse_option, NULL, NULL, NULL, NULL, NULL};

void client_init(client *self, const char *command)
{
    *self = (client){.command = command, .rest = CLI_REST_ADDRESS};
}

static weir_code send_to_worker(const client *self, const http_client_request *request, int *status,
                                weir_buf *answer, weir_error *err)
{
    http_client *http = NULL;

    if (http_client_new(&(http_client_options){.url = self->rest, .what = "worker"}, &http, err) !=
        WEIR_OK)
        return err->code;
    weir_code code = http_client_send(http, request, status, answer, err);
    http_client_free(http);
    return code;
}

bool client_ask(const client *self, const char *method, const char *target, weir_str body,
                json_t **out)
{
    http_client_request request = {method, target, body};
    weir_buf answer = {0};
    weir_error err;
    json_t *value;
    int status = 0;

    if (send_to_worker(self, &request, &status, &answer, &err) != WEIR_OK) {
        weir_buf_done(&answer);
        (void)cli_fail(self->command, "%s", err.message);
        return false;
    }
    value = json_loadb(answer.ptr != NULL ? answer.ptr : "", answer.len, JSON_DECODE_ANY, NULL);
    weir_buf_done(&answer);
    if (status >= 400) {
        const char *message = json_string_value(json_object_get(value, "message"));

        (void)cli_fail(self->command, "%s (%d)", message != NULL ? message : "the worker refused",
                       status);
        json_decref(value);
        return false;
    }
    if (out != NULL)
        *out = value;
    else
        json_decref(value);
    return true;
}

void client_connector_target(weir_buf *target, const char *name, const char *behind)
{
    weir_buf_add_str(target, WEIR_STR("/connectors/"));
    http_client_add_segment(target, weir_cstr(name));
    weir_buf_add_str(target, weir_cstr(behind));
}

void client_print(json_t *take_value)
{
    if (take_value == NULL)
        return;
    (void)json_dumpf(take_value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY); /* as good as printf */
    putchar('\n');
    json_decref(take_value);
}

/* test_http.c - routes, bodies, bounds and refusals of the HTTP server, over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/http.h"

static void handle_item(void *context, const http_request *request, http_reply *reply)
{
    const char *expand = http_query_at(request, "expand", 1);

    (void)context;
    http_reply_json(reply, 200,
                    json_pack("{s:s, s:s, s:b}", "name", request->parameters[0], "expand",
                              expand != NULL ? expand : "-", "flag",
                              http_query_bool(request, "flag", false)));
}

static void handle_post(void *context, const http_request *request, http_reply *reply)
{
    json_t *body = http_body_json(request, reply);

    (void)context;
    if (body == NULL)
        return;
    weir_buf_add_str(&reply->location, WEIR_STR("/items/new"));
    http_reply_json(reply, 201, body);
}

static void handle_nothing(void *context, const http_request *request, http_reply *reply)
{
    (void)request;
    reply->status = *(int *)context;
}

static const http_route routes[] = {
    {"GET", "/", handle_nothing},
    {"GET", "/items/{name}", handle_item},
    {"POST", "/items", handle_post},
    {"DELETE", "/items/{name}", handle_nothing},
};

static int nothing = 204;
static http_server *server;
static char answer[8192];

static int start(void **state)
{
    weir_error err;

    (void)state;
    return http_server_start("--rest", "127.0.0.1:0",
                             &(http_service){.routes = routes,
                                             .route_count = sizeof(routes) / sizeof(routes[0]),
                                             .context = &nothing},
                             &server, &err) == WEIR_OK
               ? 0
               : -1;
}

static int stop(void **state)
{
    (void)state;
    http_server_stop(server);
    return 0;
}

static int connected(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)http_server_port(server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void send_all(int fd, const char *bytes, size_t size)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t n = send(fd, bytes + sent, size - sent, MSG_NOSIGNAL);

        assert_true(n > 0);
        sent += (size_t)n;
    }
}

/* Sends one request and reads the answer up to the end of the connection. */
static const char *ask(const char *head, const char *body, size_t body_size)
{
    int fd = connected();
    char full[1024];
    size_t got = 0;
    ssize_t n;

    snprintf(full, sizeof(full),
             "%s\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", head, body_size);
    send_all(fd, full, strlen(full));
    send_all(fd, body, body_size);
    while ((n = read(fd, answer + got, sizeof(answer) - 1 - got)) > 0)
        got += (size_t)n;
    answer[got] = '\0';
    close(fd);
    return answer;
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in:\n%s", part, text);
}

static void parameters_and_queries_are_decoded(void **state)
{
    (void)state;
    assert_has(ask("GET /items/a%2Fb%20c?expand=x&expand=i%26o&flag HTTP/1.1", "", 0),
               "{\"name\":\"a/b c\",\"expand\":\"i&o\",\"flag\":true}");
    assert_has(ask("GET /items/x/?flag=FALSE HTTP/1.1", "", 0),
               "{\"name\":\"x\",\"expand\":\"-\",\"flag\":false}");
    assert_has(answer, "Content-Type: application/json");
}

static void head_is_get_without_the_body(void **state)
{
    const char *end;
    (void)state;

    end = strstr(ask("HEAD /items/x HTTP/1.1", "", 0), "\r\n\r\n");
    assert_has(answer, "HTTP/1.1 200");
    assert_non_null(end);
    assert_string_equal(end, "\r\n\r\n");
}

static void what_has_no_route_is_404_or_405(void **state)
{
    static const char *const unknown[] = {"GET /nowhere HTTP/1.1", "GET /items/a/b HTTP/1.1",
                                          "GET /items/%zz HTTP/1.1", "GET /items/%00 HTTP/1.1"};
    (void)state;

    for (size_t i = 0; i < 4; i++) {
        assert_has(ask(unknown[i], "", 0), "HTTP/1.1 404");
        assert_has(answer, "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}");
    }
    assert_has(ask("PUT /items/a HTTP/1.1", "", 0), "HTTP/1.1 405");
    assert_has(answer, "Allow: GET, DELETE");
    assert_has(answer, "{\"error_code\":405,\"message\":\"HTTP 405 Method Not Allowed\"}");
}

static void options_lists_the_methods_of_a_path(void **state)
{
    (void)state;
    assert_has(ask("OPTIONS /items/a HTTP/1.1", "", 0), "HTTP/1.1 200");
    assert_has(answer, "Allow: GET, DELETE, HEAD, OPTIONS\r\n");
    assert_has(answer, "Content-Type: text/plain\r\n");
    assert_has(answer, "\r\n\r\nGET, DELETE, HEAD, OPTIONS");
    assert_has(ask("OPTIONS /items/a HTTP/1.1\r\nAccept: application/json", "", 0), "HTTP/1.1 200");
    assert_has(answer, "Content-Length: 0\r\n");
    assert_has(ask("OPTIONS /nowhere HTTP/1.1", "", 0), "HTTP/1.1 404");
}

static void a_json_body_is_parsed(void **state)
{
    (void)state;
    assert_has(ask("POST /items HTTP/1.1\r\nContent-Type: application/json", "{\"a\": [1]}", 10),
               "HTTP/1.1 201");
    assert_has(answer, "Location: http://x/items/new");
    assert_has(answer, "{\"a\":[1]}");
    assert_has(ask("POST /items HTTP/1.1\r\nContent-Type: application/json", "{\"a\": ", 6),
               "HTTP/1.1 400");
    assert_has(answer, "the body is not JSON");
    assert_has(ask("POST /items HTTP/1.1\r\nContent-Type: text/plain", "{}", 2), "HTTP/1.1 415");
}

static void a_body_past_the_limit_is_413(void **state)
{
    char *large = calloc(1, HTTP_BODY_LIMIT + 1);
    (void)state;

    assert_has(
        ask("POST /items HTTP/1.1\r\nContent-Type: application/json", large, HTTP_BODY_LIMIT + 1),
        "HTTP/1.1 413");
    free(large);
}

static void a_parameter_may_be_as_long_as_the_path(void **state)
{
    char head[900], expected[900];
    (void)state;

    snprintf(head, sizeof(head), "GET /items/%0700d%%2f HTTP/1.1", 7);
    snprintf(expected, sizeof(expected), "{\"name\":\"%0700d/\"", 7);
    assert_has(ask(head, "", 0), expected);
}

static void handle_secret(void *context, const http_request *request, http_reply *reply)
{
    weir_buf user = {0}, password = {0};

    (void)context;
    if (http_basic_auth(request, &user, &password)) {
        http_reply_json(reply, 200,
                        json_pack("[ss]", weir_buf_cstr(&user), weir_buf_cstr(&password)));
    } else {
        http_reply_error(reply, 401, "Unauthorized");
        reply->challenge = "Basic realm=\"x\"";
    }
    weir_buf_done(&user);
    weir_buf_done(&password);
}

static void a_service_has_its_own_types_limit_and_threads(void **state)
{
    static const char *const accepted[] = {"application/x+json", "application/octet-stream", NULL};
    static const http_route own[] = {{"GET", "/", handle_secret}, {"POST", "/", handle_post}};
    http_server *shared = server;
    weir_error err;
    (void)state;

    assert_int_equal(http_server_start("--x", "127.0.0.1:0",
                                       &(http_service){.routes = own,
                                                       .route_count = 2,
                                                       .content_type = "application/x+json",
                                                       .body_types = accepted,
                                                       .body_limit = 10,
                                                       .threads = 1},
                                       &server, &err),
                     WEIR_OK);
    assert_has(ask("POST / HTTP/1.1\r\nContent-Type: application/octet-stream", "{}", 2),
               "HTTP/1.1 201");
    assert_has(answer, "Content-Type: application/x+json");
    assert_has(ask("POST / HTTP/1.1", "{}", 2), "HTTP/1.1 201");
    assert_has(ask("POST / HTTP/1.1\r\nContent-Type: application/x+json;charset=utf-8", "{}", 2),
               "HTTP/1.1 201");
    assert_has(ask("POST / HTTP/1.1\r\nContent-Type: application/json", "{}", 2), "HTTP/1.1 415");
    assert_has(answer, "Content-Type: application/x+json");
    assert_has(ask("POST / HTTP/1.1", "           ", 11), "the body is larger than 10 bytes");
    assert_has(ask("GET / HTTP/1.1", "", 0), "WWW-Authenticate: Basic realm=\"x\"");
    assert_has(ask("GET / HTTP/1.1\r\nAuthorization: Basic YW5uOmE6Yg==", "", 0),
               "[\"ann\",\"a:b\"]");
    assert_has(ask("GET / HTTP/1.1\r\nAuthorization: Basic !!", "", 0), "HTTP/1.1 401");
    http_server_stop(server);
    server = shared;
}

enum { WAITING = 2 * HTTP_THREADS };

static sem_t gate;

static void handle_wait(void *context, const http_request *request, http_reply *reply)
{
    (void)context, (void)request, (void)reply;
    while (sem_wait(&gate) != 0) {
        /* interrupted by a signal */
    }
}

static void handlers_that_wait_hold_nobody_up(void **state)
{
    static const http_route own[] = {{"GET", "/wait", handle_wait}, {"GET", "/", handle_nothing}};
    static const char request[] = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";
    http_server *shared = server;
    int waiting[WAITING];
    char byte;
    weir_error err;
    (void)state;

    sem_init(&gate, 0, 0);
    assert_int_equal(
        http_server_start(
            "--x", "127.0.0.1:0",
            &(http_service){.routes = own, .route_count = 2, .context = &nothing, .waits = true},
            &server, &err),
        WEIR_OK);
    for (size_t i = 0; i < WAITING; i++) {
        waiting[i] = connected();
        send_all(waiting[i], request, sizeof(request) - 1);
    }
    assert_has(ask("GET / HTTP/1.1", "", 0), "HTTP/1.1 204");
    for (size_t i = 0; i < WAITING; i++)
        sem_post(&gate);
    for (size_t i = 0; i < WAITING; i++) {
        assert_int_equal(read(waiting[i], &byte, 1), 1);
        close(waiting[i]);
    }
    http_server_stop(server);
    server = shared;
    sem_destroy(&gate);
}

static void many_connections_are_answered(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++)
        assert_has(ask("GET / HTTP/1.1", "", 0), "HTTP/1.1 204");
}

static void a_port_in_use_is_named_with_the_flag(void **state)
{
    char address[64], expected[256];
    http_server *second = NULL;
    weir_error err = {0};
    (void)state;

    snprintf(address, sizeof(address), "127.0.0.1:%d", http_server_port(server));
    snprintf(expected, sizeof(expected),
             "port %d is in use by another process: choose another one with --rest HOST:PORT, or "
             "switch the listener off with --rest none",
             http_server_port(server));
    assert_int_equal(
        http_server_start("--rest", address,
                          &(http_service){.routes = routes, .route_count = 1, .optional = true},
                          &second, &err),
        WEIR_CONFIG);
    assert_string_equal(err.message, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_and_queries_are_decoded),
        cmocka_unit_test(head_is_get_without_the_body),
        cmocka_unit_test(what_has_no_route_is_404_or_405),
        cmocka_unit_test(options_lists_the_methods_of_a_path),
        cmocka_unit_test(a_json_body_is_parsed),
        cmocka_unit_test(a_body_past_the_limit_is_413),
        cmocka_unit_test(a_parameter_may_be_as_long_as_the_path),
        cmocka_unit_test(a_service_has_its_own_types_limit_and_threads),
        cmocka_unit_test(handlers_that_wait_hold_nobody_up),
        cmocka_unit_test(many_connections_are_answered),
        cmocka_unit_test(a_port_in_use_is_named_with_the_flag),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

/* bench_http.c - the limit that the registry's lookup is measured against: libmicrohttpd with one epoll
 * thread and a fixed answer, for whatever it is asked.
 *
 * bench_http [BYTES]: writes its port, serves an answer of that many bytes (200) until its standard input ends.
 */
#include "runtime/base/mem.h"
#include "runtime/base/text.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NOLINTNEXTLINE(readability-function-size): its parameters are libmicrohttpd's */
static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    (void)url, (void)method, (void)version, (void)data, (void)size;
    if (*state == NULL) { /* libmicrohttpd calls first with the head, then with all of it */
        *state = context;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, context);
}

int main(int argc, char **argv)
{
    int64_t bytes = 200;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Response *response;
    struct MHD_Daemon *daemon;
    char *body;

    if (argc > 1 && (!text_to_int(weir_cstr(argv[1]), &bytes) || bytes < 1 || bytes > 1 << 20)) {
        fprintf(stderr, "usage: bench_http [BYTES]\n");
        return 2;
    }
    body = mem_zalloc((size_t)bytes, 1);
    memset(body, 'x', (size_t)bytes);
    response = MHD_create_response_from_buffer((size_t)bytes, body, MHD_RESPMEM_PERSISTENT);
    (void)MHD_add_response_header(response, "Content-Type",
                                  "application/vnd.schemaregistry.v1+json");
    daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, response,
                              MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    if (daemon == NULL)
        return 1;
    printf("%d\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    while (getchar() != EOF) {
        /* until whoever started it closes the pipe */
    }
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    free(body);
    return 0;
}

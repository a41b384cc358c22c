/* test_http_listen.c - addresses, and sockets that know their port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/base/http_listen.h"

static void addresses_are_host_and_port(void **state)
{
    static const char *const bad[] = {"8083", "h:", "h:x", "h:65536", "h:-1", ""};
    char host[256];
    weir_error err;
    int port;
    (void)state;

    assert_int_equal(http_listen_parse("[::1]:80", host, &port, &err), WEIR_OK);
    assert_string_equal(host, "::1");
    assert_int_equal(port, 80);
    assert_int_equal(http_listen_parse(":8083", host, &port, &err), WEIR_OK);
    assert_string_equal(host, "");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(http_listen_parse(bad[i], host, &port, &err), WEIR_CONFIG);
}

static void the_system_chooses_a_port_when_the_address_says_0(void **state)
{
    int first = -1, second = -1;
    char address[64];
    weir_error err;
    (void)state;

    assert_int_equal(http_listen("--x", "127.0.0.1:0", false, &first, &err), WEIR_OK);
    assert_true(http_listen_port(first) > 0);
    snprintf(address, sizeof(address), "127.0.0.1:%d", http_listen_port(first));
    assert_int_equal(http_listen("--x", address, false, &second, &err), WEIR_CONFIG);
    close(first);
    assert_int_equal(http_listen("--x", address, false, &second, &err), WEIR_OK);
    close(second);
}

static void an_address_that_cannot_be_listened_on_is_named_with_the_flag(void **state)
{
    int fd = -1;
    weir_error err;
    (void)state;

    assert_int_equal(http_listen("--x", "192.0.2.1:80", false, &fd, &err), WEIR_CONFIG);
    assert_string_equal(err.message,
                        "--x 192.0.2.1:80: cannot listen: Cannot assign requested address");
    assert_int_equal(http_listen("--x", "80", false, &fd, &err), WEIR_CONFIG);
    assert_string_equal(err.message, "--x: \"80\" is not HOST:PORT, as in 127.0.0.1:8083");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_host_and_port),
        cmocka_unit_test(the_system_chooses_a_port_when_the_address_says_0),
        cmocka_unit_test(an_address_that_cannot_be_listened_on_is_named_with_the_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

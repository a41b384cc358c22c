/* test_signals.c - the first signal is received, not suffered; the second one ends the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cli/signals.h"

/* In a child: two times SIGTERM. It must see the first and die of the second. */
static void child(void)
{
    weir_error err;
    int fd;

    if (signals_open(&fd, &err) != WEIR_OK)
        _exit(10);
    if (signals_wait(fd, 0))
        _exit(11);
    (void)kill(getpid(), SIGTERM);
    if (!signals_wait(fd, 1000))
        _exit(12);
    (void)kill(getpid(), SIGTERM);
    _exit(13);
}

static void the_second_signal_ends_the_process(void **state)
{
    pid_t pid = fork();
    int status;
    (void)state;

    assert_true(pid >= 0);
    if (pid == 0)
        child();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_second_signal_ends_the_process)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

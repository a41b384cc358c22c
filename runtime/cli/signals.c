/* signals.c - SIGINT and SIGTERM as a file descriptor. */
#include "runtime/cli/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void ending_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

weir_code signals_open(int *fd, weir_error *err)
{
    sigset_t set;

    ending_signals(&set);
    (void)signal(SIGPIPE, SIG_IGN); /* fails for no signal that there is */
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return weir_fail(err, WEIR_FATAL, "signals cannot be blocked");
    *fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (*fd < 0)
        return weir_fail(err, WEIR_FATAL, "signals cannot be received: %s", strerror(errno));
    return WEIR_OK;
}

bool signals_wait(int fd, int timeout_ms)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    struct signalfd_siginfo info;
    sigset_t set;

    if (poll(&ready, 1, timeout_ms) <= 0)
        return false;
    if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return false;
    ending_signals(&set);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* the next one has its default: it ends us */
    return true;
}

/* plugin_run.c - weir-kit as a child that must end in time. */
#include "runtime/cli/plugin_run.h"

#include "runtime/base/mem.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN_MS = 60000 };

/* weir-kit beside this program; false when the path does not fit. */
static bool find_kit(char *out, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", out, size - 1);
    char *slash;

    if (length < 0)
        return false;
    out[length] = '\0';
    slash = strrchr(out, '/');
    if (slash == NULL || (size_t)(slash - out) + sizeof("/weir-kit") > size)
        return false;
    memcpy(slash, "/weir-kit", sizeof("/weir-kit"));
    return true;
}

static bool start(const char *path, bool is_sink, const char *const *settings, size_t count,
                  pid_t *pid)
{
    char kit[4096], check[] = "check", sink[] = "--sink";
    char **argv = mem_zalloc(count + 5, sizeof(*argv));
    size_t argc = 0;
    int problem = ENAMETOOLONG;

    argv[argc++] = kit;
    argv[argc++] = check;
    argv[argc++] = (char *)(uintptr_t)path;
    if (is_sink)
        argv[argc++] = sink;
    for (size_t i = 0; i < count; i++)
        argv[argc++] = (char *)(uintptr_t)settings[i];
    (void)fflush(stdout);
    if (find_kit(kit, sizeof(kit)))
        problem = posix_spawn(pid, kit, NULL, NULL, argv, environ);
    free(argv);
    if (problem != 0)
        printf("%s: could not be run: %s: %s\n", path, kit, strerror(problem));
    return problem == 0;
}

/* Waits for the child; one that takes too long is killed. */
static bool finish(const char *path, pid_t pid)
{
    int fd = pidfd_open(pid, 0), status = 0;
    struct pollfd end = {.fd = fd, .events = POLLIN};
    bool is_late = fd < 0 || poll(&end, 1, RUN_MS) == 0;

    if (is_late)
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (fd >= 0)
        (void)close(fd);
    if (is_late)
        printf("%s: it did not come to an end in %d s: a function of the connector hangs\n", path,
               RUN_MS / 1000);
    else if (WIFSIGNALED(status))
        printf("%s: it crashed while it ran: %s\n", path, strsignal(WTERMSIG(status)));
    return !is_late && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool plugin_run(const char *path, bool is_sink, const char *const *settings, size_t count)
{
    pid_t pid;

    return start(path, is_sink, settings, count, &pid) && finish(path, pid);
}

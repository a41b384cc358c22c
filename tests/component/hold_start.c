/* hold_start.c - holds a program up while it reads the log at its start: for LD_PRELOAD.
 *
 * The first pread is told by making the file WEIR_TEST_HELD, and waits until the pipe WEIR_TEST_GATE was opened
 * for writing and closed: as if the log took that long to read.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_at_gate(void)
{
    const char *held = getenv("WEIR_TEST_HELD"), *gate = getenv("WEIR_TEST_GATE");
    char byte;
    int fd;

    if (held == NULL || gate == NULL)
        return;
    fd = open(held, O_WRONLY | O_CREAT, 0600);
    if (fd >= 0)
        (void)close(fd);
    fd = open(gate, O_RDONLY); /* waits for who opens it for writing */
    while (fd >= 0 && read(fd, &byte, 1) > 0) {
    }
    if (fd >= 0)
        (void)close(fd);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t at)
{
    static ssize_t (*next)(int, void *, size_t, off_t);
    static atomic_flag was_held = ATOMIC_FLAG_INIT;

    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "pread");
    if (!atomic_flag_test_and_set(&was_held))
        wait_at_gate();
    return next(fd, buffer, size, at);
}

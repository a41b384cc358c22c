/* full_disk.c - makes the disk of a program full: for LD_PRELOAD, since a test may mount nothing.
 *
 * While the file named by WEIR_TEST_FULL exists, reservations and writes behind the end of a file fail with
 * ENOSPC. What lies before the end was reserved earlier, and has its room.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static bool is_full(void)
{
    const char *flag = getenv("WEIR_TEST_FULL");

    return flag != NULL && access(flag, F_OK) == 0;
}

ssize_t pwritev(int fd, const struct iovec *buffers, int count, off_t at)
{
    static ssize_t (*next)(int, const struct iovec *, int, off_t);
    struct stat status;
    off_t end = at;

    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "pwritev");
    for (int i = 0; i < count; i++)
        end += (off_t)buffers[i].iov_len;
    if (!is_full() || (fstat(fd, &status) == 0 && end <= status.st_size))
        return next(fd, buffers, count, at);
    errno = ENOSPC;
    return -1;
}

int posix_fallocate(int fd, off_t at, off_t size)
{
    static int (*next)(int, off_t, off_t);

    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "posix_fallocate");
    return is_full() ? ENOSPC : next(fd, at, size);
}

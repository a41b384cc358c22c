/* disk.c - the disk interface, and its implementation over the operating system's file system. */
#include "runtime/base/disk.h"

#include "runtime/base/mem.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    GATHER_COUNT = 256,       /* buffers given to one system call; well below IOV_MAX */
    STRIDE_BYTES = 256 << 10, /* of a large write, see posix_pwritev */
    PAGE_BYTES = 4096,
};

typedef struct posix_file {
    disk_file base;
    int fd;
    char path[]; /* for messages */
} posix_file;

static weir_code fail_errno(weir_error *err, int reason, const char *what, const char *path)
{
    weir_code code = reason == ENOSPC || reason == EDQUOT ? WEIR_RETRY : WEIR_FATAL;

    if (reason == EMFILE)
        return weir_fail(err, code,
                         "could not %s '%s': %s; the process needs a higher limit (ulimit -n)",
                         what, path, strerror(reason));
    return weir_fail(err, code, "could not %s '%s': %s", what, path, strerror(reason));
}

static weir_code posix_open(disk *self, const char *path, disk_mode mode, disk_file **out,
                            weir_error *err)
{
    static const int FLAGS[] = {
        [DISK_READ] = O_RDONLY,
        [DISK_WRITE] = O_RDWR,
        [DISK_CREATE] = O_RDWR | O_CREAT,
        [DISK_EXCLUSIVE] = O_RDWR | O_CREAT | O_EXCL,
    };
    size_t path_size = strlen(path) + 1;
    int fd = open(path, FLAGS[mode] | O_CLOEXEC, 0644);
    posix_file *file;

    if (fd < 0)
        return fail_errno(err, errno, mode == DISK_READ ? "open" : "open for writing", path);
    file = mem_zalloc(1, sizeof(*file) + path_size);
    file->base.ops = self->ops;
    file->fd = fd;
    memcpy(file->path, path, path_size);
    *out = &file->base;
    return WEIR_OK;
}

static void posix_close(disk_file *base)
{
    posix_file *file = (posix_file *)base;

    (void)close(file->fd); /* what had to be durable was synced before */
    free(file);
}

/* The next buffers of a write, at most STRIDE_BYTES of them; `skip` bytes of the first are written. */
static int fill_window(struct iovec *window, const struct iovec *buffers, int count, size_t skip)
{
    size_t room = STRIDE_BYTES;
    int used = 0;

    while (used < count && used < GATHER_COUNT && room > 0) {
        size_t size = buffers[used].iov_len - skip;

        size = size < room ? size : room;
        window[used] = (struct iovec){(char *)buffers[used].iov_base + skip, size};
        room -= size;
        skip = 0;
        used++;
    }
    return used;
}

/* Asks the disk to begin with the whole pages of a range; a page that is not full will be written to again.
 * Only a hint: where the file system knows no such thing, nothing is lost, and a sync reports every error. */
static void begin_writeback(const posix_file *file, int64_t from, int64_t to)
{
    from -= from % PAGE_BYTES;
    to -= to % PAGE_BYTES;
    (void)sync_file_range(file->fd, from, to - from, SYNC_FILE_RANGE_WRITE);
}

/* A large write goes in strides: the disk begins with each while the next one is copied, so that who syncs
 * waits for less. */
static weir_code posix_pwritev(disk_file *base, const struct iovec *buffers, int count, int64_t at,
                               weir_error *err)
{
    posix_file *file = (posix_file *)base;
    size_t skip = 0; /* of buffers[0], written already */

    for (;;) {
        struct iovec window[GATHER_COUNT];
        ssize_t written;

        for (; count > 0 && buffers->iov_len == skip; count--, buffers++)
            skip = 0;
        if (count == 0)
            return WEIR_OK;
        written = pwritev(file->fd, window, fill_window(window, buffers, count, skip), at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return fail_errno(err, written < 0 ? errno : EIO, "write to", file->path);
        if (written == STRIDE_BYTES)
            begin_writeback(file, at, at + written);
        at += written;
        for (skip += (size_t)written; count > 0 && skip >= buffers->iov_len; count--, buffers++)
            skip -= buffers->iov_len;
    }
}

static weir_code posix_pread(disk_file *base, void *bytes, size_t size, int64_t at, size_t *got,
                             weir_error *err)
{
    posix_file *file = (posix_file *)base;
    size_t done = 0;

    while (done < size) {
        ssize_t n = pread(file->fd, (char *)bytes + done, size - done, at + (int64_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, errno, "read from", file->path);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *got = done;
    return WEIR_OK;
}

static weir_code posix_fdatasync(disk_file *base, weir_error *err)
{
    posix_file *file = (posix_file *)base;

    if (fdatasync(file->fd) != 0)
        return fail_errno(err, errno, "sync", file->path);
    return WEIR_OK;
}

static weir_code posix_truncate(disk_file *base, int64_t size, weir_error *err)
{
    posix_file *file = (posix_file *)base;

    if (ftruncate(file->fd, size) != 0)
        return fail_errno(err, errno, "truncate", file->path);
    return WEIR_OK;
}

static weir_code posix_allocate(disk_file *base, int64_t at, int64_t size, weir_error *err)
{
    posix_file *file = (posix_file *)base;
    int reason;

    do
        reason = posix_fallocate(file->fd, at, size);
    while (reason == EINTR);
    if (reason != 0)
        return fail_errno(err, reason, "reserve space in", file->path);
    return WEIR_OK;
}

static weir_code posix_size(disk_file *base, int64_t *size, weir_error *err)
{
    posix_file *file = (posix_file *)base;
    struct stat status;

    if (fstat(file->fd, &status) != 0)
        return fail_errno(err, errno, "read the size of", file->path);
    *size = status.st_size;
    return WEIR_OK;
}

static weir_code posix_rename(disk *self, const char *from, const char *to, weir_error *err)
{
    (void)self;
    if (rename(from, to) != 0)
        return fail_errno(err, errno, "rename", from);
    return WEIR_OK;
}

static weir_code posix_unlink(disk *self, const char *path, weir_error *err)
{
    (void)self;
    if (unlink(path) != 0)
        return fail_errno(err, errno, "remove", path);
    return WEIR_OK;
}

static weir_code posix_mkdir(disk *self, const char *path, weir_error *err)
{
    struct stat status;
    int reason;

    (void)self;
    if (mkdir(path, 0755) == 0)
        return WEIR_OK;
    reason = errno;
    if (reason == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return WEIR_OK;
    return fail_errno(err, reason, "make the directory", path);
}

static weir_code posix_rmdir(disk *self, const char *path, weir_error *err)
{
    (void)self;
    if (rmdir(path) != 0)
        return fail_errno(err, errno, "remove the directory", path);
    return WEIR_OK;
}

static weir_code posix_sync_dir(disk *self, const char *path, weir_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed;
    int reason;

    (void)self;
    if (fd < 0)
        return fail_errno(err, errno, "open the directory", path);
    failed = fsync(fd);
    reason = errno;
    (void)close(fd); /* read-only: nothing to lose */
    if (failed != 0)
        return fail_errno(err, reason, "sync the directory", path);
    return WEIR_OK;
}

static weir_code posix_list(disk *self, const char *path,
                            void (*each)(void *context, const char *name), void *context,
                            weir_error *err)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    int reason;

    (void)self;
    if (directory == NULL)
        return fail_errno(err, errno, "list the directory", path);
    for (errno = 0; (entry = readdir(directory)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            each(context, entry->d_name);
    }
    reason = errno;
    (void)closedir(directory); /* read-only: nothing to lose */
    if (reason != 0)
        return fail_errno(err, reason, "list the directory", path);
    return WEIR_OK;
}

static weir_code posix_lock(disk *self, const char *path, disk_file **out, weir_error *err)
{
    disk_file *file;
    int reason;

    if (posix_open(self, path, DISK_CREATE, &file, err) != WEIR_OK)
        return err->code;
    if (flock(((posix_file *)file)->fd, LOCK_EX | LOCK_NB) == 0) {
        *out = file;
        return WEIR_OK;
    }
    reason = errno;
    posix_close(file);
    if (reason == EWOULDBLOCK)
        return weir_fail(err, WEIR_CONFIG,
                         "'%s' is locked by another process: end that one, or use another "
                         "directory",
                         path);
    return fail_errno(err, reason, "lock", path);
}

disk *disk_posix(void)
{
    static const disk_ops OPS = {
        .open = posix_open,
        .close = posix_close,
        .pwritev = posix_pwritev,
        .pread = posix_pread,
        .fdatasync = posix_fdatasync,
        .truncate = posix_truncate,
        .allocate = posix_allocate,
        .size = posix_size,
        .rename = posix_rename,
        .unlink = posix_unlink,
        .mkdir = posix_mkdir,
        .rmdir = posix_rmdir,
        .sync_dir = posix_sync_dir,
        .list = posix_list,
        .lock = posix_lock,
    };
    static disk posix = {&OPS};

    return &posix;
}

weir_code disk_pwritev(disk_file *file, const struct iovec *buffers, int count, int64_t at,
                       weir_error *err)
{
    assert(at >= 0);
    return file->ops->pwritev(file, buffers, count, at, err);
}

weir_code disk_pread(disk_file *file, void *bytes, size_t size, int64_t at, size_t *got,
                     weir_error *err)
{
    assert(at >= 0);
    return file->ops->pread(file, bytes, size, at, got, err);
}

weir_code disk_open(disk *self, const char *path, disk_mode mode, disk_file **out, weir_error *err)
{
    return self->ops->open(self, path, mode, out, err);
}

void disk_close(disk_file *file)
{
    if (file != NULL)
        file->ops->close(file);
}

weir_code disk_fdatasync(disk_file *file, weir_error *err)
{
    return file->ops->fdatasync(file, err);
}

weir_code disk_truncate(disk_file *file, int64_t size, weir_error *err)
{
    assert(size >= 0);
    return file->ops->truncate(file, size, err);
}

weir_code disk_allocate(disk_file *file, int64_t at, int64_t size, weir_error *err)
{
    assert(at >= 0);
    assert(size > 0);
    return file->ops->allocate(file, at, size, err);
}

weir_code disk_size(disk_file *file, int64_t *size, weir_error *err)
{
    return file->ops->size(file, size, err);
}

weir_code disk_rename(disk *self, const char *from, const char *to, weir_error *err)
{
    return self->ops->rename(self, from, to, err);
}

weir_code disk_unlink(disk *self, const char *path, weir_error *err)
{
    return self->ops->unlink(self, path, err);
}

weir_code disk_mkdir(disk *self, const char *path, weir_error *err)
{
    return self->ops->mkdir(self, path, err);
}

weir_code disk_rmdir(disk *self, const char *path, weir_error *err)
{
    return self->ops->rmdir(self, path, err);
}

weir_code disk_sync_dir(disk *self, const char *path, weir_error *err)
{
    return self->ops->sync_dir(self, path, err);
}

weir_code disk_list(disk *self, const char *path, void (*each)(void *context, const char *name),
                    void *context, weir_error *err)
{
    return self->ops->list(self, path, each, context, err);
}

weir_code disk_lock(disk *self, const char *path, disk_file **out, weir_error *err)
{
    return self->ops->lock(self, path, out, err);
}

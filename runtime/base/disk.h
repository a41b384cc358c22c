/* disk.h - the narrow interface through which the log does all its I/O.
 *
 * disk_posix is the real one. The simulation puts another behind the same functions: it tears writes,
 * loses and reorders what was not synced, fills up, returns errors and crashes at every call.
 *
 * Paths are relative to nothing in particular: they are passed through. Any thread may call; one file
 * may be read and written by several threads at once. Errors are WEIR_FATAL, except a full disk, which
 * is WEIR_RETRY; the message names the operation, the path and the system's reason.
 */
#ifndef RUNTIME_BASE_DISK_H
#define RUNTIME_BASE_DISK_H

#include "weir/base.h"

#include <sys/uio.h>

typedef struct disk disk;
typedef struct disk_file disk_file;

typedef enum disk_mode {
    DISK_READ,      /* must exist */
    DISK_WRITE,     /* must exist; reads and writes */
    DISK_CREATE,    /* made when it does not exist; reads and writes */
    DISK_EXCLUSIVE, /* must not exist; reads and writes */
} disk_mode;

typedef struct disk_ops {
    weir_code (*open)(disk *, const char *path, disk_mode, disk_file **, weir_error *);
    void (*close)(disk_file *);
    weir_code (*pwritev)(disk_file *, const struct iovec *, int count, int64_t at, weir_error *);
    weir_code (*pread)(disk_file *, void *bytes, size_t size, int64_t at, size_t *got,
                       weir_error *);
    weir_code (*fdatasync)(disk_file *, weir_error *);
    weir_code (*truncate)(disk_file *, int64_t size, weir_error *);
    weir_code (*allocate)(disk_file *, int64_t at, int64_t size, weir_error *);
    weir_code (*size)(disk_file *, int64_t *, weir_error *);
    weir_code (*rename)(disk *, const char *from, const char *to, weir_error *);
    weir_code (*unlink)(disk *, const char *path, weir_error *);
    weir_code (*mkdir)(disk *, const char *path, weir_error *); /* WEIR_OK when it is there */
    weir_code (*rmdir)(disk *, const char *path, weir_error *);
    weir_code (*sync_dir)(disk *, const char *path, weir_error *);
    weir_code (*list)(disk *, const char *path, void (*each)(void *, const char *name), void *,
                      weir_error *);
    weir_code (*lock)(disk *, const char *path, disk_file **, weir_error *); /* until closed */
} disk_ops;

/* An implementation's disk and file begin with these. */
struct disk {
    const disk_ops *ops;
};

struct disk_file {
    const disk_ops *ops;
};

/* The operating system's file system. Lives as long as the process. */
disk *disk_posix(void);

/* Writes all of the buffers at a place, or fails; a short write is continued. */
WEIR_MUST_CHECK weir_code disk_pwritev(disk_file *file, const struct iovec *buffers, int count,
                                       int64_t at, weir_error *err);
/* Reads up to size bytes; *got is less only at the end of the file. */
WEIR_MUST_CHECK weir_code disk_pread(disk_file *file, void *bytes, size_t size, int64_t at,
                                     size_t *got, weir_error *err);
WEIR_MUST_CHECK weir_code disk_open(disk *self, const char *path, disk_mode mode, disk_file **out,
                                    weir_error *err);
void disk_close(disk_file *file);
WEIR_MUST_CHECK weir_code disk_fdatasync(disk_file *file, weir_error *err);
WEIR_MUST_CHECK weir_code disk_truncate(disk_file *file, int64_t size, weir_error *err);
/* Reserves space, so that later writes there do not fail for want of it; the size grows to cover it. */
WEIR_MUST_CHECK weir_code disk_allocate(disk_file *file, int64_t at, int64_t size, weir_error *err);
WEIR_MUST_CHECK weir_code disk_size(disk_file *file, int64_t *size, weir_error *err);
WEIR_MUST_CHECK weir_code disk_rename(disk *self, const char *from, const char *to,
                                      weir_error *err);
WEIR_MUST_CHECK weir_code disk_unlink(disk *self, const char *path, weir_error *err);
WEIR_MUST_CHECK weir_code disk_mkdir(disk *self, const char *path, weir_error *err);
WEIR_MUST_CHECK weir_code disk_rmdir(disk *self, const char *path, weir_error *err);
/* Makes the names in a directory durable: files made, renamed and removed in it. */
WEIR_MUST_CHECK weir_code disk_sync_dir(disk *self, const char *path, weir_error *err);
WEIR_MUST_CHECK weir_code disk_list(disk *self, const char *path,
                                    void (*each)(void *context, const char *name), void *context,
                                    weir_error *err);
/* Takes the lock file; WEIR_CONFIG when another process has it. Given back by disk_close. */
WEIR_MUST_CHECK weir_code disk_lock(disk *self, const char *path, disk_file **out, weir_error *err);

#endif

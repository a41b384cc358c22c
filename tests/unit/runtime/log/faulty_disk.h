/* faulty_disk.h - the operating system's disk, with faults switched on by a test. */
#ifndef TESTS_FAULTY_DISK_H
#define TESTS_FAULTY_DISK_H

#include "runtime/base/disk.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct faulty_disk {
    disk base;
    disk_ops disk_ops, file_ops;
    atomic_bool is_full;    /* reserving space and making files longer fail with WEIR_RETRY */
    atomic_bool syncs_fail; /* fdatasync fails with WEIR_FATAL */
    atomic_bool segment_syncs_find_no_room; /* of segments, with WEIR_RETRY */
    atomic_int segment_syncs;               /* of files whose names end in .log */
    atomic_int journal_syncs;
    atomic_long segment_bytes;            /* written */
    atomic_int journal_fronts;            /* likewise */
    atomic_bool index_finds_no_room;      /* making an index file fails with WEIR_RETRY */
    void (*before_unlink)(void *context); /* of each file; NULL: nothing */
    void *context;
} faulty_disk;

typedef struct faulty_file {
    disk_file base;
    disk_file *inner;
    faulty_disk *disk;
    bool is_segment, is_journal;
} faulty_file;

static inline weir_code faulty_open(disk *self, const char *path, disk_mode mode, disk_file **out,
                                    weir_error *err)
{
    faulty_file *file;

    if (((faulty_disk *)self)->index_finds_no_room && mode == DISK_CREATE &&
        strstr(path, "index") != NULL)
        return weir_fail(err, WEIR_RETRY, "could not open '%s': No space left on device", path);
    file = calloc(1, sizeof(*file));
    file->disk = (faulty_disk *)self;
    file->base.ops = &file->disk->file_ops;
    file->is_segment = strlen(path) > 4 && strcmp(path + strlen(path) - 4, ".log") == 0;
    file->is_journal = strstr(path, "/journal-") != NULL;
    if (disk_open(disk_posix(), path, mode, &file->inner, err) != WEIR_OK) {
        free(file);
        return err->code;
    }
    *out = &file->base;
    return WEIR_OK;
}

static inline void faulty_close(disk_file *base)
{
    disk_close(((faulty_file *)base)->inner);
    free(base);
}

static inline weir_code faulty_pwritev(disk_file *base, const struct iovec *buffers, int count,
                                       int64_t at, weir_error *err)
{
    faulty_file *file = (faulty_file *)base;

    for (int i = 0; i < count && file->is_segment; i++)
        file->disk->segment_bytes += (long)buffers[i].iov_len;
    file->disk->journal_fronts +=
        file->is_journal && at == 0 && count == 1 && buffers->iov_len < 512;
    return disk_pwritev(file->inner, buffers, count, at, err);
}

static inline weir_code faulty_pread(disk_file *base, void *bytes, size_t size, int64_t at,
                                     size_t *got, weir_error *err)
{
    return disk_pread(((faulty_file *)base)->inner, bytes, size, at, got, err);
}

static inline weir_code faulty_fdatasync(disk_file *base, weir_error *err)
{
    faulty_file *file = (faulty_file *)base;

    file->disk->segment_syncs += file->is_segment;
    file->disk->journal_syncs += file->is_journal;
    if (file->disk->syncs_fail)
        return weir_fail(err, WEIR_FATAL, "could not sync: Input/output error");
    if (file->disk->segment_syncs_find_no_room && file->is_segment)
        return weir_fail(err, WEIR_RETRY, "could not sync: No space left on device");
    return disk_fdatasync(file->inner, err);
}

static inline weir_code faulty_truncate(disk_file *base, int64_t size, weir_error *err)
{
    return disk_truncate(((faulty_file *)base)->inner, size, err);
}

static inline weir_code faulty_allocate(disk_file *base, int64_t at, int64_t size, weir_error *err)
{
    faulty_file *file = (faulty_file *)base;

    if (file->disk->is_full)
        return weir_fail(err, WEIR_RETRY, "could not reserve space: No space left on device");
    return disk_allocate(file->inner, at, size, err);
}

static inline weir_code faulty_size(disk_file *base, int64_t *size, weir_error *err)
{
    return disk_size(((faulty_file *)base)->inner, size, err);
}

static inline weir_code faulty_unlink(disk *self, const char *path, weir_error *err)
{
    const faulty_disk *on = (const faulty_disk *)self;

    if (on->before_unlink != NULL)
        on->before_unlink(on->context);
    return disk_unlink(disk_posix(), path, err);
}

static inline void faulty_disk_init(faulty_disk *self)
{
    self->disk_ops = *disk_posix()->ops;
    self->disk_ops.open = faulty_open;
    self->disk_ops.unlink = faulty_unlink;
    self->file_ops = (disk_ops){.close = faulty_close,
                                .pwritev = faulty_pwritev,
                                .pread = faulty_pread,
                                .fdatasync = faulty_fdatasync,
                                .truncate = faulty_truncate,
                                .allocate = faulty_allocate,
                                .size = faulty_size};
    self->base.ops = &self->disk_ops;
}

#endif

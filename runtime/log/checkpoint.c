/* checkpoint.c - writes and reads the checkpoint file. */
#include "runtime/log/checkpoint.h"

#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 4096, MAX_PARTITIONS = 1 << 22 };

#define CHECKPOINT_MAGIC UINT32_C(0x31435857) /* "WXC1" */

/* The front of the file, little-endian, followed by the partitions. */
typedef struct checkpoint_front {
    uint32_t magic;
    uint32_t crc; /* of all behind it */
    uint64_t generation;
    uint64_t position;
    uint64_t partition_count;
    uint8_t log_id[16];
} checkpoint_front;

_Static_assert(sizeof(checkpoint_front) == 48, "no padding");

void checkpoint_add(log_checkpoint *checkpoint, const checkpoint_partition *partition)
{
    weir_buf_add(&checkpoint->partitions, partition, sizeof(*partition));
}

size_t checkpoint_count(const log_checkpoint *checkpoint)
{
    return checkpoint->partitions.len / sizeof(checkpoint_partition);
}

checkpoint_partition checkpoint_at(const log_checkpoint *checkpoint, size_t i)
{
    checkpoint_partition partition;

    assert(i < checkpoint_count(checkpoint));
    memcpy(&partition, checkpoint->partitions.ptr + i * sizeof(partition), sizeof(partition));
    return partition;
}

void checkpoint_done(log_checkpoint *checkpoint)
{
    weir_buf_done(&checkpoint->partitions);
}

static uint32_t crc_of(const checkpoint_front *front, weir_str partitions)
{
    size_t skip = offsetof(checkpoint_front, generation);
    uint32_t crc = crc32c(0, &front->generation, sizeof(*front) - skip);

    return crc32c(crc, partitions.ptr, partitions.len);
}

static weir_code write_file(const log_checkpoint *checkpoint, disk_file *file, weir_error *err)
{
    checkpoint_front front = {.magic = CHECKPOINT_MAGIC,
                              .generation = checkpoint->generation,
                              .position = checkpoint->position,
                              .partition_count = checkpoint_count(checkpoint)};
    weir_str partitions = weir_buf_str(&checkpoint->partitions);
    struct iovec buffers[] = {{&front, sizeof(front)}, {(void *)partitions.ptr, partitions.len}};

    memcpy(front.log_id, checkpoint->log_id, sizeof(front.log_id));
    front.crc = crc_of(&front, partitions);
    if (disk_truncate(file, 0, err) != WEIR_OK)
        return err->code;
    if (disk_pwritev(file, buffers, 2, 0, err) != WEIR_OK)
        return err->code;
    return disk_fdatasync(file, err);
}

weir_code checkpoint_write(const log_checkpoint *checkpoint, disk *on, const char *path,
                           weir_error *err)
{
    char new_path[PATH_BYTES], final_path[PATH_BYTES];
    disk_file *file;
    weir_code code;

    snprintf(new_path, sizeof(new_path), "%s/checkpoint.new", path);
    snprintf(final_path, sizeof(final_path), "%s/checkpoint", path);
    if (disk_open(on, new_path, DISK_CREATE, &file, err) != WEIR_OK)
        return err->code;
    code = write_file(checkpoint, file, err);
    disk_close(file);
    if (code != WEIR_OK)
        return code;
    if (disk_rename(on, new_path, final_path, err) != WEIR_OK)
        return err->code;
    return disk_sync_dir(on, path, err);
}

static weir_code read_file(log_checkpoint *checkpoint, disk_file *file, const char *path,
                           weir_error *err)
{
    checkpoint_front front;
    size_t got, size;

    if (disk_pread(file, &front, sizeof(front), 0, &got, err) != WEIR_OK)
        return err->code;
    if (got != sizeof(front) || front.magic != CHECKPOINT_MAGIC ||
        front.partition_count > MAX_PARTITIONS)
        return weir_fail(err, WEIR_FATAL, "the checkpoint '%s' is damaged at offset 0", path);
    size = front.partition_count * sizeof(checkpoint_partition);
    if (disk_pread(file, weir_buf_reserve(&checkpoint->partitions, size), size, sizeof(front), &got,
                   err) != WEIR_OK)
        return err->code;
    checkpoint->partitions.len = got;
    if (got != size || crc_of(&front, weir_buf_str(&checkpoint->partitions)) != front.crc)
        return weir_fail(err, WEIR_FATAL, "the checkpoint '%s' is damaged: its CRC is wrong", path);
    checkpoint->generation = front.generation;
    checkpoint->position = front.position;
    memcpy(checkpoint->log_id, front.log_id, sizeof(front.log_id));
    return WEIR_OK;
}

weir_code checkpoint_read(log_checkpoint *checkpoint, disk *on, const char *path, weir_error *err)
{
    char file_path[PATH_BYTES];
    disk_file *file;
    weir_code code;

    snprintf(file_path, sizeof(file_path), "%s/checkpoint", path);
    if (disk_open(on, file_path, DISK_READ, &file, err) != WEIR_OK)
        return err->code;
    code = read_file(checkpoint, file, file_path, err);
    disk_close(file);
    return code;
}

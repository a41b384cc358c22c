/* index.c - sparse indexes and their files. */
#include "runtime/log/index.h"

#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <string.h>

enum { MAX_PAIRS = 1 << 24 };

#define INDEX_MAGIC UINT32_C(0x32495857) /* "WXI2" */

/* The front of the file, little-endian, followed by the pairs. */
typedef struct index_front {
    uint32_t magic;
    uint32_t crc; /* of the rest of the front */
    uint32_t pair_count;
    uint32_t pairs_crc;
    index_facts facts;
} index_front;

_Static_assert(sizeof(index_front) == 40, "the front of an index file has no padding");

size_t sparse_index_count(const sparse_index *index)
{
    return index->pairs.len / sizeof(sparse_pair);
}

sparse_pair sparse_index_at(const sparse_index *index, size_t i)
{
    sparse_pair pair;

    assert(i < sparse_index_count(index));
    memcpy(&pair, index->pairs.ptr + i * sizeof(pair), sizeof(pair));
    return pair;
}

void sparse_index_add(sparse_index *index, int64_t key, int64_t value)
{
    sparse_pair pair = {key, value};
    size_t count = sparse_index_count(index);

    if (count > 0) {
        int64_t last = sparse_index_at(index, count - 1).key;

        assert(key >= last);
        if (key == last)
            index->pairs.len -= sizeof(pair);
    }
    weir_buf_add(&index->pairs, &pair, sizeof(pair));
}

bool sparse_index_seek(const sparse_index *index, int64_t key, sparse_pair *found)
{
    size_t low = 0, high = sparse_index_count(index);

    while (low < high) { /* the first pair above key is in [low, high] */
        size_t middle = low + (high - low) / 2;

        if (sparse_index_at(index, middle).key <= key)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0)
        *found = sparse_index_at(index, low - 1);
    return low > 0;
}

int64_t sparse_index_floor(const sparse_index *index, int64_t key, int64_t otherwise)
{
    sparse_pair found;

    return sparse_index_seek(index, key, &found) ? found.value : otherwise;
}

void sparse_index_done(sparse_index *index)
{
    weir_buf_done(&index->pairs);
}

static uint32_t front_crc(const index_front *front)
{
    size_t skip = offsetof(index_front, pair_count);

    return crc32c(0, (const char *)front + skip, sizeof(*front) - skip);
}

static weir_code write_all(disk_file *file, const sparse_index *index, const index_facts *facts,
                           weir_error *err)
{
    index_front front = {.magic = INDEX_MAGIC,
                         .pair_count = (uint32_t)sparse_index_count(index),
                         .pairs_crc = crc32c(0, index->pairs.ptr, index->pairs.len),
                         .facts = *facts};
    struct iovec buffers[] = {{&front, sizeof(front)}, {index->pairs.ptr, index->pairs.len}};

    front.crc = front_crc(&front);
    if (disk_truncate(file, 0, err) != WEIR_OK)
        return err->code;
    if (disk_pwritev(file, buffers, 2, 0, err) != WEIR_OK)
        return err->code;
    return disk_fdatasync(file, err);
}

weir_code index_write(disk *on, const char *path, const sparse_index *index,
                      const index_facts *facts, weir_error *err)
{
    disk_file *file;
    weir_code code;

    assert(sparse_index_count(index) <= MAX_PAIRS);
    if (disk_open(on, path, DISK_CREATE, &file, err) != WEIR_OK)
        return err->code;
    code = write_all(file, index, facts, err);
    disk_close(file);
    return code;
}

static weir_code read_pairs(disk_file *file, const char *path, const index_front *front,
                            sparse_index *index, weir_error *err)
{
    size_t size = front->pair_count * sizeof(sparse_pair);
    char *room = weir_buf_reserve(&index->pairs, size);
    size_t got;

    if (disk_pread(file, room, size, sizeof(*front), &got, err) != WEIR_OK)
        return err->code;
    if (got != size || crc32c(0, room, size) != front->pairs_crc)
        return weir_fail(err, WEIR_REJECT, "the index '%s' is damaged", path);
    index->pairs.len += size;
    return WEIR_OK;
}

static weir_code read_all(disk_file *file, const char *path, sparse_index *index,
                          index_facts *facts, weir_error *err)
{
    index_front front;
    size_t got;

    if (disk_pread(file, &front, sizeof(front), 0, &got, err) != WEIR_OK)
        return err->code;
    if (got != sizeof(front) || front.magic != INDEX_MAGIC || front.crc != front_crc(&front) ||
        front.pair_count > MAX_PAIRS)
        return weir_fail(err, WEIR_REJECT, "the index '%s' is damaged", path);
    if (index != NULL && read_pairs(file, path, &front, index, err) != WEIR_OK)
        return err->code;
    *facts = front.facts;
    return WEIR_OK;
}

weir_code index_read(disk *on, const char *path, sparse_index *index, index_facts *facts,
                     weir_error *err)
{
    disk_file *file;
    weir_code code;

    /* A missing index and an unreadable one are the same to the caller: it is built again. */
    if (disk_open(on, path, DISK_READ, &file, err) != WEIR_OK)
        return err->code = WEIR_REJECT;
    code = read_all(file, path, index, facts, err);
    disk_close(file);
    return code;
}

/* assignment.c - a map from partitions to tasks. */
#include "runtime/connect/assignment.h"

#include "runtime/base/mem.h"
#include "weir/buf.h"
#include "weir/map.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

struct assignment {
    pthread_mutex_t lock;
    weir_map *counts_of; /* "topic partition" -> the owner's place in counts */
    uint64_t generation;
    int task_count;
    int counts[]; /* of each task's partitions */
};

assignment *assignment_new(int task_count)
{
    assignment *self = mem_zalloc(1, sizeof(*self) + (size_t)task_count * sizeof(int));

    self->task_count = task_count;
    self->counts_of = weir_map_new();
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

void assignment_free(assignment *self)
{
    if (self == NULL)
        return;
    weir_map_free(self->counts_of);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static weir_str key_of(weir_str topic, int32_t partition, weir_buf *out)
{
    weir_buf_printf(out, "%.*s %" PRId32, WEIR_ARG(topic), partition);
    return weir_buf_str(out);
}

int assignment_owner(assignment *self, weir_str topic, int32_t partition)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};
    int *owner;

    key_of(topic, partition, &key);
    pthread_mutex_lock(&self->lock);
    owner = weir_map_get(self->counts_of, weir_buf_str(&key));
    if (owner == NULL) {
        owner = &self->counts[0];
        for (int i = 1; i < self->task_count; i++)
            if (self->counts[i] < *owner)
                owner = &self->counts[i];
        ++*owner;
        (void)weir_map_put(self->counts_of, weir_buf_str(&key), owner);
    }
    pthread_mutex_unlock(&self->lock);
    return (int)(owner - self->counts);
}

void assignment_give_back(assignment *self, weir_str topic, int32_t partition)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};
    int *owner;

    key_of(topic, partition, &key);
    pthread_mutex_lock(&self->lock);
    owner = weir_map_remove(self->counts_of, weir_buf_str(&key));
    if (owner != NULL)
        --*owner;
    self->generation++;
    pthread_mutex_unlock(&self->lock);
}

uint64_t assignment_generation(assignment *self)
{
    uint64_t generation;

    pthread_mutex_lock(&self->lock);
    generation = self->generation;
    pthread_mutex_unlock(&self->lock);
    return generation;
}

/* beside.c - a thread that waits for a function to run. */
#include "runtime/log/beside.h"

#include "runtime/base/diag.h"
#include "runtime/base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct beside {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t begun, ended;

    /* locked */
    beside_run *run; /* NULL: none, or done */
    void *context;
    bool is_closing;
    weir_code code;
    weir_error err;
};

static void *run_beside(void *argument)
{
    beside *self = argument;

    pthread_mutex_lock(&self->lock);
    for (;;) {
        weir_error err = {0};
        weir_code code;

        while (self->run == NULL && !self->is_closing)
            pthread_cond_wait(&self->begun, &self->lock);
        if (self->run == NULL)
            break;
        pthread_mutex_unlock(&self->lock);
        code = self->run(self->context, &err); /* neither changes before end */
        pthread_mutex_lock(&self->lock);
        self->code = code;
        self->err = err;
        self->run = NULL;
        pthread_cond_signal(&self->ended);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

beside *beside_new(const char *name)
{
    beside *made = mem_zalloc(1, sizeof(*made));

    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->begun, NULL);
    pthread_cond_init(&made->ended, NULL);
    if (pthread_create(&made->thread, NULL, run_beside, made) != 0) {
        diag(WEIR_ERROR, "could not start the thread %s", name);
        abort(); /* as out of memory: the worker cannot go on */
    }
    (void)pthread_setname_np(made->thread, name); /* a name is only for people */
    return made;
}

void beside_free(beside *self)
{
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    assert(self->run == NULL);
    self->is_closing = true;
    pthread_cond_signal(&self->begun);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->begun);
    pthread_cond_destroy(&self->ended);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

void beside_begin(beside *self, beside_run *run, void *context)
{
    pthread_mutex_lock(&self->lock);
    assert(self->run == NULL);
    self->run = run;
    self->context = context;
    pthread_cond_signal(&self->begun);
    pthread_mutex_unlock(&self->lock);
}

weir_code beside_end(beside *self, weir_error *err)
{
    weir_code code;

    pthread_mutex_lock(&self->lock);
    while (self->run != NULL)
        pthread_cond_wait(&self->ended, &self->lock);
    code = self->code;
    if (code != WEIR_OK)
        *err = self->err;
    pthread_mutex_unlock(&self->lock);
    return code;
}

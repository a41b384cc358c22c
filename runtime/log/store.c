/* store.c - opening and closing the store, its threads, and what they share. */
#include "runtime/base/diag.h"
#include "runtime/base/mem.h"
#include "runtime/log/store_work.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

enum { TEND_MS = 1000, CHECKPOINT_RETRY_MS = 200, APPLY_RETRY_MS = 250 };

enum { MIN_DIRTY_FILES = 16, MAX_DIRTY_FILES = 16384 };

/* --- Identities ----------------------------------------------------------------------------- */

/* splitmix64: identities of a simulation follow from its seed. */
static uint64_t next_random(store *self)
{
    uint64_t value = self->random_state += UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

void store_new_id(store *self, uint8_t *id)
{
    uint64_t words[2] = {next_random(self), next_random(self)};

    if (self->options.seed == 0 && getrandom(words, sizeof(words), 0) != sizeof(words))
        words[0] ^= (uint64_t)self->clock->mono_ns(self->clock); /* never on Linux 3.17 and later */
    memcpy(id, words, sizeof(words));
    id[6] = (uint8_t)(0x40 | (id[6] & 0x0f)); /* RFC 9562: version 4, variant 1 */
    id[8] = (uint8_t)(0x80 | (id[8] & 0x3f));
}

/* --- Stopping ------------------------------------------------------------------------------- */

void store_stop(store *self, const weir_error *reason)
{
    bool first;

    pthread_mutex_lock(&self->lock);
    first = !self->has_stopped;
    if (first) {
        (void)weir_fail(&self->stop_reason, WEIR_FATAL, "the log has stopped: %.900s",
                        reason->message);
        self->has_stopped = true;
    }
    pthread_cond_broadcast(&self->to_write);
    pthread_cond_broadcast(&self->to_keep);
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->lock);
    if (first)
        diag_with(WEIR_ERROR, (diag_pair[]){{"reason", weir_cstr(reason->message)}}, 1,
                  "the log has stopped: nothing is acknowledged any more");
}

bool store_has_stopped(store *self, weir_error *err)
{
    bool stopped;

    pthread_mutex_lock(&self->lock);
    stopped = self->has_stopped;
    if (stopped && err != NULL)
        *err = self->stop_reason;
    pthread_mutex_unlock(&self->lock);
    return stopped;
}

const char *store_id(const store *self)
{
    return self->id_text;
}

clock_source *store_clock(const store *self)
{
    return self->clock;
}

void store_get_stats(store *self, store_stats *out)
{
    pthread_mutex_lock(&self->lock);
    *out = self->stats;
    out->journal_bytes = journal_kept_bytes(self->journal);
    pthread_mutex_unlock(&self->lock);
}

/* --- The threads ---------------------------------------------------------------------------- */

/* Locked. How long until a group may be written: 0 now, -1 not before something happens. */
static int64_t write_delay_ns(store *self)
{
    int64_t now = self->clock->mono_ns(self->clock);
    int64_t due = 0;

    if (self->recheck_parked && self->parked.first != NULL)
        return 0;
    if (self->queue.first == NULL)
        return -1;
    if (self->has_stopped || self->is_closing)
        return 0;
    if (self->pending_is_crowded)
        return -1;
    if (self->disk_is_full)
        due = self->retry_ns;
    else if (self->options.sync_interval_ms > 0)
        due = self->queue.first->queued_ns + (int64_t)self->options.sync_interval_ms * 1000000;
    return due > now ? due - now : 0;
}

static void wait_ns(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t delay_ns)
{
    struct timespec deadline;

    if (delay_ns < 0) {
        pthread_cond_wait(condition, lock);
        return;
    }
    clock_deadline(&deadline, delay_ns / 1000000 + 1);
    (void)pthread_cond_timedwait(condition, lock, &deadline); /* the caller looks what is due */
}

static void *run_writer(void *argument)
{
    store *self = argument;
    bool ends = false;

    while (!ends) {
        int64_t delay;
        bool did;

        pthread_mutex_lock(&self->lock);
        while ((delay = write_delay_ns(self)) != 0 && !self->is_closing)
            wait_ns(&self->to_write, &self->lock, delay);
        pthread_mutex_unlock(&self->lock);
        did = store_write_group(self);
        pthread_mutex_lock(&self->lock);
        ends = self->is_closing && (self->queue.first == NULL || !did);
        pthread_mutex_unlock(&self->lock);
    }
    store_fail_queue(self);
    pthread_mutex_lock(&self->lock);
    self->writer_has_ended = true;
    pthread_cond_signal(&self->to_apply);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

static void *run_applier(void *argument)
{
    store *self = argument;

    for (;;) {
        bool ends;

        pthread_mutex_lock(&self->lock);
        while ((self->pending_first == NULL || self->has_stopped) && !self->writer_has_ended)
            pthread_cond_wait(&self->to_apply, &self->lock);
        ends = self->pending_first == NULL || self->has_stopped;
        pthread_mutex_unlock(&self->lock);
        if (ends)
            return NULL;
        if (store_apply_group(self))
            continue;
        pthread_mutex_lock(&self->lock);
        ends = self->apply_is_full &&
               self->writer_has_ended; /* the next start finds it all in the journal */
        if (self->apply_is_full && !ends)
            wait_ns(&self->to_apply, &self->lock, (int64_t)APPLY_RETRY_MS * 1000000);
        pthread_mutex_unlock(&self->lock);
        if (ends)
            return NULL;
    }
}

/* Locked. Until the keeper has something to do. */
static int64_t keep_delay_ns(store *self)
{
    int64_t due = self->tended_ns + (int64_t)TEND_MS * 1000000;
    int64_t now = self->clock->mono_ns(self->clock);

    if (self->is_closing || self->is_kicked || self->checkpoint_wanted != self->checkpoint_done)
        return 0;
    if (store_checkpoint_is_due(self) && self->checkpoint_retry_ns < due)
        due = self->checkpoint_retry_ns;
    return due > now ? due - now : 0;
}

static void tend(store *self)
{
    weir_error err;

    pthread_mutex_lock(&self->lock);
    self->tended_ns = self->clock->mono_ns(self->clock);
    self->is_kicked = false;
    pthread_mutex_unlock(&self->lock);
    if (!self->has_stopped && journal_prepare(self->journal, &err) != WEIR_OK &&
        err.code == WEIR_FATAL)
        diag_with(WEIR_WARN, (diag_pair[]){{"reason", weir_cstr(err.message)}}, 1,
                  "no journal file could be prepared");
    if (!self->has_stopped && self->options.tend != NULL)
        self->options.tend(self, self->options.tend_context);
}

/* A checkpoint, when one is due or asked for. */
static void keep_checkpoint(store *self)
{
    uint64_t wanted;
    weir_error err = {0};
    bool is_due, first_failure, failed;

    pthread_mutex_lock(&self->lock);
    wanted = self->checkpoint_wanted;
    is_due =
        !self->has_stopped && (wanted != self->checkpoint_done ||
                               (store_checkpoint_is_due(self) &&
                                self->clock->mono_ns(self->clock) >= self->checkpoint_retry_ns));
    first_failure = self->checkpoint_retry_ns == 0;
    pthread_mutex_unlock(&self->lock);
    if (!is_due)
        return;
    failed =
        store_make_checkpoint(self, &err) == WEIR_RETRY; /* what is fatal has stopped the log */
    if (failed && first_failure)
        diag_with(WEIR_WARN, (diag_pair[]){{"reason", weir_cstr(err.message)}}, 1,
                  "no checkpoint could be made; tried again until there is room");
    pthread_mutex_lock(&self->lock);
    self->checkpoint_retry_ns =
        failed ? self->clock->mono_ns(self->clock) + (int64_t)CHECKPOINT_RETRY_MS * 1000000 : 0;
    self->checkpoint_done = wanted;
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->lock);
}

static void *run_keeper(void *argument)
{
    store *self = argument;

    for (;;) {
        int64_t delay;
        bool ends, tend_is_due;

        pthread_mutex_lock(&self->lock);
        while ((delay = keep_delay_ns(self)) != 0)
            wait_ns(&self->to_keep, &self->lock, delay);
        ends = self->is_closing;
        tend_is_due = self->is_kicked || self->clock->mono_ns(self->clock) - self->tended_ns >=
                                             (int64_t)TEND_MS * 1000000;
        pthread_mutex_unlock(&self->lock);
        if (ends)
            return NULL;
        keep_checkpoint(self);
        if (tend_is_due)
            tend(self);
    }
}

bool store_step(store *self, store_work work)
{
    uint64_t before = self->stats.checkpoints;
    weir_error err;

    assert(self->options.manual);
    switch (work) {
    case STORE_WRITE:
        return store_write_group(self);
    case STORE_APPLY:
        return store_apply_group(self);
    case STORE_CHECKPOINT:
        if (self->has_stopped || (self->applied_position == self->checkpoint_position &&
                                  self->dirty.len == 0 && self->doomed == NULL))
            return false;
        if (store_make_checkpoint(self, &err) != WEIR_OK)
            return false; /* what is fatal has stopped the log */
        return self->stats.checkpoints > before;
    case STORE_TEND:
        tend(self);
        return true;
    }
    return false;
}

weir_code store_checkpoint_now(store *self, weir_error *err)
{
    uint64_t ticket;

    if (self->options.manual) {
        while (store_step(self, STORE_APPLY))
            ;
        if (store_has_stopped(self, err))
            return WEIR_FATAL;
        return store_make_checkpoint(self, err);
    }
    pthread_mutex_lock(&self->lock);
    while (self->pending_first != NULL && !self->has_stopped)
        pthread_cond_wait(&self->moved, &self->lock);
    ticket = ++self->checkpoint_wanted;
    pthread_cond_signal(&self->to_keep);
    while (self->checkpoint_done < ticket && !self->has_stopped)
        pthread_cond_wait(&self->moved, &self->lock);
    pthread_mutex_unlock(&self->lock);
    return store_has_stopped(self, err) ? WEIR_FATAL : WEIR_OK;
}

/* --- Appending and waiting ------------------------------------------------------------------ */

/* A lock of its own: many submitters wait at once, and each is woken alone. */
typedef struct append_waiter {
    pthread_mutex_t lock;
    pthread_cond_t signal;
    bool is_done;
} append_waiter;

static void wake_waiter(store_append *append)
{
    append_waiter *waiter = append->context;

    pthread_mutex_lock(&waiter->lock);
    waiter->is_done = true;
    pthread_cond_signal(&waiter->signal);
    pthread_mutex_unlock(&waiter->lock);
}

/* Manual mode: does what the threads would do until the append has ended. */
static bool step_until(store *self, const append_waiter *waiter)
{
    while (!waiter->is_done) {
        bool did = store_step(self, STORE_WRITE);

        if (!did && !waiter->is_done) {
            did = store_step(self, STORE_APPLY) || store_step(self, STORE_CHECKPOINT);
            if (!did)
                return false;
        }
    }
    return true;
}

weir_code store_append_now(store *self, store_append *append, weir_error *err)
{
    append_waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .signal = PTHREAD_COND_INITIALIZER};

    append->done = wake_waiter;
    append->gives_up = true;
    /* cppcheck-suppress autoVariables ; this function returns when it was used */
    append->context = &waiter;
    store_submit(self, append);
    if (self->options.manual && !step_until(self, &waiter))
        store_fail_queue(self);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.is_done)
        pthread_cond_wait(&waiter.signal, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    if (append->code != WEIR_OK)
        *err = append->err;
    return append->code;
}

/* --- Opening and closing -------------------------------------------------------------------- */

static void *start_failed(const char *what)
{
    diag(WEIR_ERROR, "could not start the log's %s thread", what);
    abort();
}

static void start_thread(pthread_t *thread, void *(*run)(void *), store *self, const char *name)
{
    if (pthread_create(thread, NULL, run, self) != 0)
        start_failed(name);                  /* as out of memory: the worker cannot go on */
    (void)pthread_setname_np(*thread, name); /* for whoever looks with ps */
}

/* Sockets, plugins and readers have to open files, too. */
static size_t dirty_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 4 < MIN_DIRTY_FILES)
        return MIN_DIRTY_FILES;
    return limit.rlim_cur / 4 < MAX_DIRTY_FILES ? (size_t)limit.rlim_cur / 4 : MAX_DIRTY_FILES;
}

static void set_defaults(store *self, const store_options *options)
{
    self->options = *options;
    self->disk = options->disk != NULL ? options->disk : disk_posix();
    self->clock = options->clock != NULL ? options->clock : clock_system();
    if (options->journal_file_bytes == 0)
        self->options.journal_file_bytes = 64 << 20;
    if (options->segment_bytes == 0)
        self->options.segment_bytes = 64 << 20;
    if (options->give_up_ms == 0)
        self->options.give_up_ms = 5000;
    if (options->large_bytes == 0)
        self->options.large_bytes = 256 << 10;
    self->random_state = options->seed;
    self->max_dirty = options->dirty_files > 0 ? (size_t)options->dirty_files : dirty_limit();
}

static void destroy(store *self)
{
    journal_close(self->journal);
    if (self->topics != NULL)
        topics_done(self);
    while (self->pending_first != NULL) {
        pending_group *next = self->pending_first->next;

        free(self->pending_first);
        self->pending_first = next;
    }
    disk_close(self->lock_file);
    weir_buf_done(&self->dirty);
    weir_buf_done(&self->tables);
    weir_buf_done(&self->vectors);
    weir_buf_done(&self->apply_bytes);
    weir_buf_done(&self->apply_order);
    pthread_cond_destroy(&self->to_write);
    pthread_cond_destroy(&self->to_apply);
    pthread_cond_destroy(&self->to_keep);
    pthread_cond_destroy(&self->moved);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->admin);
    free(self);
}

weir_code store_open(const store_options *options, store **out, weir_error *err)
{
    store *opened;

    if (strlen(options->path) > STORE_MAX_PATH_BYTES)
        return weir_fail(err, WEIR_CONFIG, "the path of the log's directory is too long");
    opened = mem_zalloc(1, sizeof(*opened));
    set_defaults(opened, options);
    snprintf(opened->path, sizeof(opened->path), "%s", options->path);
    pthread_mutex_init(&opened->admin, NULL);
    pthread_mutex_init(&opened->lock, NULL);
    store_cond_init(&opened->to_write);
    store_cond_init(&opened->to_apply);
    store_cond_init(&opened->to_keep);
    store_cond_init(&opened->moved);
    if (store_claim(opened, err) != WEIR_OK) {
        destroy(opened);
        return err->code;
    }
    topics_init(opened);
    if (store_recover(opened, err) != WEIR_OK) {
        (void)weir_wrap(err, "could not open the log in '%s'", opened->path);
        destroy(opened);
        return err->code;
    }
    /* Every opening makes other identities out of the same seed. */
    opened->random_state += opened->generation * UINT64_C(0xd1b54a32d192ed03);
    opened->tended_ns = opened->clock->mono_ns(opened->clock);
    if (!options->manual) {
        opened->beside = beside_new("log-beside");
        start_thread(&opened->writer, run_writer, opened, "log-writer");
        start_thread(&opened->applier, run_applier, opened, "log-applier");
        start_thread(&opened->keeper, run_keeper, opened, "log-keeper");
    }
    *out = opened;
    return WEIR_OK;
}

void store_close(store *self)
{
    weir_error err;

    if (self == NULL)
        return;
    if (self->options.manual) {
        while (store_write_group(self) || store_apply_group(self))
            ;
        store_fail_queue(self);
    } else {
        pthread_mutex_lock(&self->lock);
        self->is_closing = true;
        pthread_cond_broadcast(&self->to_write);
        pthread_cond_broadcast(&self->to_keep);
        pthread_mutex_unlock(&self->lock);
        pthread_join(self->writer, NULL);
        pthread_join(self->applier, NULL);
        pthread_join(self->keeper, NULL);
        beside_free(self->beside);
    }
    if (!self->has_stopped && store_make_checkpoint(self, &err) != WEIR_OK)
        diag_with(WEIR_WARN, (diag_pair[]){{"reason", weir_cstr(err.message)}}, 1,
                  "no last checkpoint: the next start reads the journal");
    destroy(self);
}

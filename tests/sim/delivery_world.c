/* delivery_world.c - numbers from a source system to a destination, through tasks that crash.
 *
 * One thread: tasks run one after the other in it, the connector's callbacks draw from the seed what happens
 * next. A crash is a callback that fails for good, after which either the task or the whole worker starts anew;
 * what was in memory of a worker is gone with it.
 */
#include "tests/sim/delivery_world.h"

#include "tests/fixtures/connect_world.h"
#include "tests/fixtures/fake_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TOPIC     "numbers"
#define DEAD      "dead"
#define SINK      "sink"
#define PARTITION WEIR_STR("{\"p\":0}")

enum {
    PARTITIONS = 3,
    SINKS = 2,
    LEAST_NUMBERS = 40,
    MORE_NUMBERS = 160,
    LEAST_ROUNDS = 8,
    MORE_ROUNDS = 16,
    LAST_ROUNDS = 60,
    REFUSED_EVERY = 29,
    MAX_ZOMBIES = 3,
};

const char *const DELIVERY_EVENT_NAMES[EVENTS] = {
#define X(name, text) text,
    DELIVERY_EVENTS
#undef X
};

typedef struct sink_state {
    int64_t run_next[PARTITIONS]; /* what this start sees next; -1: nothing yet */
} sink_state;

typedef struct source_state {
    int next;
} source_state;

/* The one world of this process. */
static struct {
    uint64_t random;
    log *log;
    connect_world world;
    assignment *assignment;
    delivery_totals *totals;
    int numbers;   /* how many there are */
    int confirmed; /* the source system has forgotten those below */
    bool source_has_ended;
    int budget; /* callbacks until this run of a task ends */
    bool crashed;
    bool is_calm; /* the last rounds: nothing happens any more */
    int zombies;
    weir_task *running;      /* a sink's */
    int64_t has[PARTITIONS]; /* the destination has all below */
    int64_t put[PARTITIONS]; /* and would have these, were it flushed */
    char failure[256];
} it;

static int pick(int below)
{
    it.random = it.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((it.random >> 33) % (uint64_t)below);
}

static bool happens(int percent)
{
    return !it.is_calm && pick(100) < percent;
}

static void count(delivery_event event)
{
    it.totals->events[event]++;
}

/* The first broken promise is the one that is told. */
static void broken(const char *promise, int64_t a, int64_t b)
{
    if (it.failure[0] == '\0')
        snprintf(it.failure, sizeof(it.failure), "%s (%" PRId64 ", %" PRId64 ")", promise, a, b);
}

static weir_code crash(delivery_event where, weir_error *err)
{
    it.crashed = true;
    count(where);
    return weir_fail(err, WEIR_FATAL, "crash");
}

/* --- The source ------------------------------------------------------------------------------- */

static weir_code source_open(weir_task *task, void *state, weir_error *err)
{
    source_state *self = state;
    weir_str offset = weir_task_offset(task, PARTITION);
    int64_t next = 0;
    (void)err;

    if (offset.len > 0 && !weir_offset_int(offset, "next", &next))
        broken("an offset came back as something else", 0, 0);
    self->next = (int)(next > it.confirmed ? next : it.confirmed); /* as a slot does */
    count(EVENT_SOURCE_STARTS);
    return WEIR_OK;
}

static weir_code add_number(source_state *self, weir_batch *batch, weir_error *err)
{
    char text[16];
    int number = self->next++;

    if (!weir_record_begin(batch, WEIR_STR(TOPIC)))
        return weir_fail(err, WEIR_FATAL, "the batch is full");
    weir_record_partition(batch, number % PARTITIONS);
    weir_record_value(batch, NULL);
    weir_put_raw(batch, (weir_str){text, (size_t)snprintf(text, sizeof(text), "%d", number)});
    return weir_record_end(batch, err);
}

static void checkpoint(const source_state *self, weir_batch *batch)
{
    weir_offset(batch, PARTITION, "{\"next\":%d}", self->next);
    weir_checkpoint(batch);
}

/* How a run of a task ends: crashed, asked to stop, or with a fault that may pass. */
static weir_code end_run(weir_task *task, delivery_event where, weir_error *err)
{
    fake_log_set_full(it.log, false);
    if (happens(50))
        return crash(where, err);
    if (happens(50)) {
        count(EVENT_RETRIES);
        return weir_fail(err, WEIR_RETRY, "a passing fault");
    }
    count(EVENT_STOPS);
    atomic_store(&task->stopping, true);
    return WEIR_OK;
}

static void run_source(const connect_world *world);

/* Another worker starts the same task, while this one still lives. */
static void run_successor(void)
{
    connect_world other;
    int budget = it.budget;

    it.zombies++;
    it.budget = 3;
    connect_world_open(&other, it.log);
    run_source(&other);
    connect_world_close(&other);
    it.budget = budget;
}

static weir_code source_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                             weir_error *err)
{
    source_state *self = state;
    int records = pick(12);
    (void)timeout_ms;

    if (happens(2) && it.zombies < MAX_ZOMBIES)
        run_successor();
    if (happens(4)) {
        fake_log_set_full(it.log, true);
        count(EVENT_FULL);
    }
    for (int i = 0; i < records && self->next < it.numbers; i++) {
        if (add_number(self, batch, err) != WEIR_OK)
            return err->code;
        if (pick(4) == 0)
            checkpoint(self, batch);
        else if (pick(4) == 0)
            weir_offset(batch, PARTITION, "{\"next\":%d}", self->next);
    }
    if (self->next == it.numbers) {
        fake_log_set_full(it.log, false);
        checkpoint(self, batch);
        return WEIR_END;
    }
    if (it.budget-- <= 0)
        return end_run(task, EVENT_CRASH_POLL, err);
    if (pick(3) > 0)
        checkpoint(self, batch);
    return WEIR_OK;
}

static weir_code source_idle(weir_task *task, void *state, weir_error *err)
{
    (void)task, (void)state;

    if (happens(5)) {
        fake_log_set_full(it.log, false);
        return crash(EVENT_CRASH_POLL, err);
    }
    if (pick(2) == 0)
        fake_log_set_full(it.log, false);
    return WEIR_OK;
}

static int64_t numbers_of(int partition, int below)
{
    return (below + PARTITIONS - 1 - partition) / PARTITIONS;
}

static weir_code source_acked(weir_task *task, void *state, weir_str partition, weir_str offset,
                              weir_error *err)
{
    int64_t next = 0;
    (void)task, (void)state, (void)partition;

    if (!weir_offset_int(offset, "next", &next))
        broken("an acknowledged offset is another one than was given", 0, 0);
    for (int p = 0; p < PARTITIONS; p++)
        if (fake_log_count(it.log, WEIR_STR(TOPIC), p) < numbers_of(p, (int)next))
            broken("a source was told durable what is not in the log", next, p);
    if (next > it.confirmed)
        it.confirmed = (int)next;
    if (happens(2)) {
        fake_log_set_full(it.log, false);
        return crash(EVENT_CRASH_ACKED, err);
    }
    return WEIR_OK;
}

static const plugin source_plugin = {
    .kind = PLUGIN_SOURCE,
    .name = "numbers",
    .version = "1",
    .state_size = sizeof(source_state),
    .source = {.name = "numbers",
               .open = source_open,
               .poll = source_poll,
               .idle = source_idle,
               .acked = source_acked},
};

/* --- The sink --------------------------------------------------------------------------------- */

static weir_code sink_open(weir_task *task, void *state, weir_error *err)
{
    sink_state *self = state;
    (void)err;

    it.running = task;
    for (int p = 0; p < PARTITIONS; p++)
        self->run_next[p] = -1;
    count(EVENT_SINK_STARTS);
    return WEIR_OK;
}

static weir_code take_record(sink_state *self, weir_task *task, const weir_record *record,
                             weir_error *err)
{
    int p = record->log_partition;
    int64_t number = record->log_offset * PARTITIONS + p, *next = &self->run_next[p];

    if (*next < 0 ? record->log_offset > it.has[p] : record->log_offset != *next)
        broken("a sink misses records, or sees them out of order", record->log_offset,
               *next < 0 ? it.has[p] : *next);
    *next = record->log_offset + 1;
    if (number % REFUSED_EVERY != 0)
        return WEIR_OK;
    count(EVENT_REFUSED);
    return weir_task_reject(task, record, err, "%" PRId64 " is not wanted", number);
}

static weir_code sink_put(weir_task *task, void *state, const weir_batch *batch, weir_error *err)
{
    sink_state *self = state, before = *self;
    weir_record record = {0};

    while (weir_record_next(batch, &record))
        if (take_record(self, task, &record, err) != WEIR_OK)
            return err->code;
    if (happens(10))
        return crash(EVENT_CRASH_PUT, err);
    if (happens(15)) { /* the same batch comes again */
        *self = before;
        count(EVENT_RETRIES);
        return weir_fail(err, WEIR_RETRY, "a passing fault");
    }
    for (int p = 0; p < PARTITIONS; p++)
        if (self->run_next[p] > it.put[p])
            it.put[p] = self->run_next[p];
    return WEIR_OK;
}

static weir_code sink_flush_it(weir_task *task, void *state, weir_offsets *offsets, weir_error *err)
{
    sink_state *self = state;

    if (happens(10))
        return crash(EVENT_CRASH_FLUSH, err); /* before anything is durable */
    for (int p = 0; p < PARTITIONS; p++) {
        int64_t next = self->run_next[p];

        if (next < 0)
            continue;
        if (happens(15) && next > it.has[p]) {
            next = it.has[p] + pick((int)(next - it.has[p]));
            weir_offsets_set(offsets, WEIR_STR(TOPIC), p, next);
            count(EVENT_PARTIAL);
        }
        it.has[p] = next > it.has[p] ? next : it.has[p];
    }
    if (happens(10))
        return crash(EVENT_CRASH_FLUSH, err); /* durable, and nobody knows */
    return it.budget-- <= 0 ? end_run(task, EVENT_CRASH_FLUSH, err) : WEIR_OK;
}

static const plugin sink_plugin = {
    .kind = PLUGIN_SINK,
    .name = "destination",
    .version = "1",
    .state_size = sizeof(sink_state),
    .sink = {.name = "destination", .open = sink_open, .put = sink_put, .flush = sink_flush_it},
};

/* There is nothing to read: enough for this start. */
static void nothing_to_read(void *context)
{
    (void)context;
    if (it.running != NULL)
        atomic_store(&it.running->stopping, true);
}

/* --- Tasks ------------------------------------------------------------------------------------ */

static const config_setting source_settings[] = {
    {WEIR_STR("connector.class"), WEIR_STR("numbers")},
    {WEIR_STR("key.converter"), WEIR_STR("bytes")},
    {WEIR_STR("value.converter"), WEIR_STR("bytes")},
    {WEIR_STR("topic.creation.default.partitions"), WEIR_STR("3")},
    {WEIR_STR("max.in.flight.bytes"), WEIR_STR("65536")},
};

static const config_setting sink_settings[] = {
    {WEIR_STR("connector.class"), WEIR_STR("destination")},
    {WEIR_STR("topics"), WEIR_STR(TOPIC)},
    {WEIR_STR("key.converter"), WEIR_STR("bytes")},
    {WEIR_STR("value.converter"), WEIR_STR("bytes")},
    {WEIR_STR("errors.tolerance"), WEIR_STR("all")},
    {WEIR_STR("errors.deadletterqueue.topic.name"), WEIR_STR(DEAD)},
    {WEIR_STR("errors.retry.delay.max.ms"), WEIR_STR("1")},
    {WEIR_STR("offset.flush.interval.ms"), WEIR_STR("1")},
    {WEIR_STR("max.in.flight.bytes"), WEIR_STR("65536")}, /* as large is its batch */
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* A failure that nobody asked for is one of ours. */
static void check_end(const connect_task *task)
{
    if (task->was_fenced)
        count(EVENT_ZOMBIES);
    else if (task->outcome == WEIR_FATAL && !it.crashed && it.failure[0] == '\0')
        snprintf(it.failure, sizeof(it.failure), "a task failed: %.200s", task->error.message);
}

static void run_source(const connect_world *world)
{
    connect_task *task = task_new(
        &world->world, &(task_role){.plugin = &source_plugin, .connector = WEIR_STR("source")},
        source_settings, LENGTH(source_settings));

    task_run(task);
    check_end(task);
    it.source_has_ended |= task->outcome == WEIR_END;
    task_free(task);
}

static void check_committed(void)
{
    for (int p = 0; p < PARTITIONS; p++) {
        int64_t committed = connect_world_committed(it.log, SINK, TOPIC, p);
        int64_t held = fake_log_held(it.log, WEIR_STR(SINK), WEIR_STR(TOPIC), p);

        if (committed > it.has[p])
            broken("an offset was committed before it was durable", committed, it.has[p]);
        if (held > (committed > 0 ? committed : 0))
            broken("retention may remove what is not committed", held, committed);
    }
}

static void run_sink(int number)
{
    connect_task *task = task_new(&it.world.world,
                                  &(task_role){.plugin = &sink_plugin,
                                               .connector = WEIR_STR(SINK),
                                               .number = number,
                                               .assignment = it.assignment},
                                  sink_settings, LENGTH(sink_settings));

    task_run(task);
    it.running = NULL;
    check_end(task);
    task_free(task);
    check_committed();
}

/* --- The worker ------------------------------------------------------------------------------- */

static void start_worker(void)
{
    weir_str topic = WEIR_STR(TOPIC);

    connect_world_open(&it.world, it.log);
    it.assignment = assignment_new(SINKS);
    holds_add(it.world.world.holds, WEIR_STR(SINK), (weir_list){&topic, 1}, (weir_str){0});
    count(EVENT_WORKER_STARTS);
}

static void end_worker(void)
{
    connect_world_close(&it.world);
    assignment_free(it.assignment);
}

/* Retention takes all that it may. */
static void trim(void)
{
    for (int p = 0; p < PARTITIONS; p++) {
        int64_t held = fake_log_held(it.log, WEIR_STR(SINK), WEIR_STR(TOPIC), p), start;
        weir_error err;

        if (held <= 0 ||
            log_offset_of(it.log, WEIR_STR(TOPIC), p, LOG_EARLIEST, &start, &err) != WEIR_OK)
            continue;
        it.totals->events[EVENT_TRIMMED] += held > start ? (uint64_t)(held - start) : 0;
        fake_log_trim(it.log, WEIR_STR(TOPIC), p, held);
    }
}

static void round_of(void)
{
    int what = pick(10);

    it.crashed = false;
    it.budget = pick(8);
    if (!it.is_calm)
        fake_log_chaos(it.log, pick(12), pick(12), pick(60));
    if (what < 5 && !it.source_has_ended)
        run_source(&it.world);
    else if (what < 9)
        run_sink(pick(SINKS));
    else
        trim();
    if (it.crashed ? pick(2) == 0 : happens(10)) {
        end_worker();
        start_worker();
    }
}

/* --- The verdict ------------------------------------------------------------------------------ */

static void finish(void)
{
    it.is_calm = true;
    it.budget = 1000000;
    fake_log_chaos(it.log, 0, 0, 0);
    for (int i = 0; i < LAST_ROUNDS && !it.source_has_ended; i++) {
        it.crashed = false;
        run_source(&it.world);
    }
    it.crashed = false;
    for (int i = 0; i < 2 * SINKS; i++)
        run_sink(i % SINKS);
}

static void check_log(void)
{
    for (int p = 0; p < PARTITIONS; p++) {
        int64_t there = fake_log_count(it.log, WEIR_STR(TOPIC), p);

        if (there != numbers_of(p, it.numbers))
            broken("the log has too few or too many records", there, numbers_of(p, it.numbers));
        for (int64_t i = 0; i < there; i++) {
            fake_record record;
            char text[24];

            snprintf(text, sizeof(text), "%" PRId64, i * PARTITIONS + p);
            if (!fake_log_at(it.log, WEIR_STR(TOPIC), p, i, &record) ||
                !weir_str_eq(record.value, weir_cstr(text)))
                broken("the log has another record than was produced", p, i);
        }
        if (it.has[p] != there || connect_world_committed(it.log, SINK, TOPIC, p) != there)
            broken("the destination has not everything, or it is not committed", it.has[p], there);
    }
}

static void check_dead_letters(void)
{
    int64_t there = fake_log_count(it.log, WEIR_STR(DEAD), 0);
    bool seen[LEAST_NUMBERS + MORE_NUMBERS] = {false};

    if (there != (it.numbers + REFUSED_EVERY - 1) / REFUSED_EVERY)
        broken("the dead letter queue has too few or too many records", there, it.numbers);
    for (int64_t i = 0; i < there; i++) {
        fake_record record;
        int number = 0;

        if (!fake_log_at(it.log, WEIR_STR(DEAD), 0, i, &record))
            continue;
        for (size_t at = 0; at < record.value.len; at++)
            number = number * 10 + (record.value.ptr[at] - '0');
        if (number % REFUSED_EVERY != 0 || number >= it.numbers || seen[number])
            broken("a dead letter is none, or is there twice", number, i);
        else
            seen[number] = true;
    }
}

static void add_fates(void)
{
    it.totals->events[EVENT_ABORTED] += (uint64_t)fake_log_fate_count(it.log, FAKE_ABORT);
    it.totals->events[EVENT_DELAYED] += (uint64_t)fake_log_fate_count(it.log, FAKE_DELAY);
    it.totals->events[EVENT_UNKNOWN] += (uint64_t)(fake_log_fate_count(it.log, FAKE_UNKNOWN_KEPT) +
                                                   fake_log_fate_count(it.log, FAKE_UNKNOWN_LOST));
}

bool delivery_run(uint64_t seed, delivery_totals *totals, char *message, size_t message_bytes)
{
    memset(&it, 0, sizeof(it)); /* the world of the last seed */
    it.random = seed * 2 + 1;
    it.totals = totals;
    it.numbers = LEAST_NUMBERS + pick(MORE_NUMBERS);
    it.log = fake_log_new(seed);
    fake_log_hurry(it.log, nothing_to_read, NULL);
    start_worker();
    for (int i = LEAST_ROUNDS + pick(MORE_ROUNDS); i > 0 && it.failure[0] == '\0'; i--)
        round_of();
    if (it.failure[0] == '\0')
        finish();
    if (it.failure[0] == '\0')
        check_log();
    if (it.failure[0] == '\0')
        check_dead_letters();
    add_fates();
    end_worker();
    fake_log_free(it.log);
    totals->seeds++;
    totals->records += (uint64_t)it.numbers;
    snprintf(message, message_bytes, "%s", it.failure);
    return it.failure[0] == '\0';
}

/* bench_log.c - the embedded log's appends against plain writes of the same bytes, in one run.
 *
 *     bench_log [DIRECTORY] [--json] [--only TEXT]
 *
 * Each figure is a ratio: the log and its baseline take turns (A B A B ...), a few commits each, because a
 * shared disk is another one a second later. A ratio is taken of each round of such turns, and the median
 * of the rounds is what counts. The directory (default: the current
 * one) decides which disk is measured; --only picks figures by a part of their name.
 *
 * The baseline appends to one file that grows through all rounds, as the log's segments do, and is begun
 * again when it has 256 MiB. Before a round the log makes a checkpoint, untimed, so that none begins with
 * what an earlier one left to be written.
 */
#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/log/embedded.h"
#include "runtime/log/store_keep.h"
#include "sdk/src/batch.h"

#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    ROUNDS = 11, /* odd: there is a middle one */
    MIB = 1 << 20,
    PLAIN_BYTES = 256 << 20,
    THREADS = 64,
    THREAD_COUNT = 60,
    RECORDS = 500000,
    BATCH_RECORDS = 1000,
    LATENCY_COUNT = 200,
    IN_FLIGHT = 8,
};

typedef struct bench {
    log *log;
    log_writer *writer;
    int plain; /* the baseline's file */
    off_t plain_at;
    char dir[4096];
    char *bytes; /* 1 MiB of no pattern */
    weir_error err;
} bench;

static double seconds(void)
{
    return (double)clock_system()->mono_ns(clock_system()) / 1e9;
}

static void must(weir_code code, const weir_error *err)
{
    if (code == WEIR_OK)
        return;
    fprintf(stderr, "bench_log: %s\n", err->message);
    exit(1);
}

/* --- Baselines ------------------------------------------------------------------------------ */

static void fail_plain(void)
{
    perror("bench_log: the plain file");
    exit(1);
}

/* Appends size bytes count times, each followed by fdatasync; how many a second. latencies may be NULL. */
static double plain_writes(bench *self, size_t size, int count, double *latencies)
{
    double start;

    if (self->plain_at + (off_t)size * count > PLAIN_BYTES) {
        self->plain_at = 0;
        if (ftruncate(self->plain, 0) != 0 || fsync(self->plain) != 0)
            fail_plain();
    }
    start = seconds();
    for (int i = 0; i < count; i++) {
        double before = seconds();

        if (pwrite(self->plain, self->bytes, size, self->plain_at) != (ssize_t)size ||
            fdatasync(self->plain) != 0)
            fail_plain();
        self->plain_at += (off_t)size;
        if (latencies != NULL)
            latencies[i] = seconds() - before;
    }
    return count / (seconds() - start);
}

/* --- The log -------------------------------------------------------------------------------- */

static void commit_durably(log_writer *writer, weir_error *err)
{
    if (log_wait(writer, log_commit(writer), 60000, err) != LOG_COMMITTED) {
        fprintf(stderr, "bench_log: not committed: %s\n", err->message);
        exit(1);
    }
}

/* Entries of parts records, each to a partition of its own; how many entries a second. */
static double log_entries(bench *self, log_writer *writer, size_t size, int parts, int count)
{
    double start = seconds();

    for (int i = 0; i < count; i++) {
        for (int part = 0; part < parts; part++) {
            log_record record = {.topic = WEIR_STR("bench"),
                                 .partition = part,
                                 .timestamp_ms = 1,
                                 .value = {self->bytes, size}};

            must(log_add(writer, &record, &self->err), &self->err);
        }
        commit_durably(writer, &self->err);
    }
    return count / (seconds() - start);
}

static void *run_small(void *argument)
{
    bench mine = *(bench *)argument;
    log_writer *writer;

    must(log_writer_open(mine.log, (weir_str){0}, &writer, &mine.err), &mine.err);
    (void)log_entries(&mine, writer, 4000, 1, THREAD_COUNT);
    log_writer_close(writer);
    return NULL;
}

static double many_writers(bench *self, int count)
{
    pthread_t threads[THREADS];
    double start = seconds();

    (void)count; /* THREADS * THREAD_COUNT, in one turn */

    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, run_small, self) != 0)
            exit(1);
    }
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    return THREADS * THREAD_COUNT / (seconds() - start);
}

/* 100-byte records, units of 1,000, some units under way; records a second, until all are durable. */
static double record_rate(bench *self, int count)
{
    double start = seconds();
    log_ticket last = -1;
    log_writer *writer;

    must(log_writer_open(self->log, WEIR_STR("records"), &writer, &self->err), &self->err);
    for (int i = 0; i < count; i++) {
        log_record record = {
            .topic = WEIR_STR("bench"), .timestamp_ms = 1, .value = {self->bytes + i % 1000, 100}};

        must(log_add(writer, &record, &self->err), &self->err);
        if ((i + 1) % BATCH_RECORDS != 0)
            continue;
        last = log_commit(writer);
        if (last >= IN_FLIGHT &&
            log_wait(writer, last - IN_FLIGHT, 60000, &self->err) != LOG_COMMITTED)
            exit(1);
    }
    if (log_wait(writer, last, 60000, &self->err) != LOG_COMMITTED)
        exit(1);
    log_writer_close(writer);
    return count / (seconds() - start);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* From commit until a reader has it, 100 rows a second; the p99 in ms. */
static double visible_p99(bench *self, int count)
{
    double taken[LATENCY_COUNT];
    weir_batch *batch = batch_new(1 << 16);
    struct timespec pause = {.tv_nsec = 9000000};
    log_writer *writer;
    log_reader *reader;
    int64_t end;

    assert(count == LATENCY_COUNT);
    must(log_writer_open(self->log, WEIR_STR("rows"), &writer, &self->err), &self->err);
    must(log_reader_open(self->log, &reader, &self->err), &self->err);
    must(log_offset_of(self->log, WEIR_STR("rows"), 0, LOG_LATEST, &end, &self->err), &self->err);
    must(log_reader_assign(reader, WEIR_STR("rows"), 0, end, &self->err), &self->err);
    for (int i = 0; i < LATENCY_COUNT; i++) {
        log_record record = {
            .topic = WEIR_STR("rows"), .timestamp_ms = 1, .value = {self->bytes, 100}};
        double start = seconds();

        must(log_add(writer, &record, &self->err), &self->err);
        (void)log_commit(writer);
        do {
            batch_clear(batch);
            must(log_read(reader, batch, 1000, &self->err), &self->err);
        } while (batch_count(batch) == 0);
        taken[i] = (seconds() - start) * 1e3;
        (void)nanosleep(&pause, NULL); /* the load is 100 rows a second: this is its pace */
    }
    log_reader_close(reader);
    log_writer_close(writer);
    batch_free(batch);
    qsort(taken, LATENCY_COUNT, sizeof(*taken), by_size);
    return taken[LATENCY_COUNT * 99 / 100];
}

static double plain_p99(bench *self, int count)
{
    double taken[LATENCY_COUNT];

    assert(count == LATENCY_COUNT);
    (void)plain_writes(self, 4096, LATENCY_COUNT, taken);
    qsort(taken, LATENCY_COUNT, sizeof(*taken), by_size);
    return taken[LATENCY_COUNT * 99 / 100] * 1e3;
}

/* --- The figures ---------------------------------------------------------------------------- */

static double log_1m(bench *self, int count)
{
    return log_entries(self, self->writer, MIB - 200, 1, count);
}

static double log_16(bench *self, int count)
{
    return log_entries(self, self->writer, 65536 - 200, 16, count);
}

static double log_4k(bench *self, int count)
{
    return log_entries(self, self->writer, 4000, 1, count);
}

static double plain_1m(bench *self, int count)
{
    return plain_writes(self, MIB, count, NULL);
}

static double plain_256k(bench *self, int count)
{
    return plain_writes(self, 262144, count, NULL);
}

static double plain_4k(bench *self, int count)
{
    return plain_writes(self, 4096, count, NULL);
}

/* A round is so many turns of so many commits; a side says how many commits a second its turn had. */
static const struct figure {
    const char *name, *unit, *target;
    double (*log)(bench *, int count);
    double (*plain)(bench *, int count);
    int turns, log_count, plain_count;
} FIGURES[] = {
    {"1 MiB entries, one partition", "entries/s", "0.8", log_1m, plain_1m, 16, 4, 4},
    {"16 x 64 KiB entries, 16 partitions", "entries/s", "0.35", log_16, plain_1m, 16, 4, 4},
    {"4 KiB entries, one thread", "commits/s", "0.8", log_4k, plain_4k, 16, 16, 16},
    {"4 KiB entries, 64 threads", "commits/s", "8, or 0.5 of the next", many_writers, plain_4k, 2,
     THREADS *THREAD_COUNT, 200},
    {"the same against 256 KiB writes", "commits/s", "0.5 of its bytes: 32", many_writers,
     plain_256k, 2, THREADS *THREAD_COUNT, 64},
    {"100-byte records, units of 1,000", "records/s", "2,000,000 records/s", record_rate, NULL, 1,
     RECORDS, 0},
    {"commit to readable, p99", "ms", "below max(20, plain + 10)", visible_p99, plain_p99, 1,
     LATENCY_COUNT, LATENCY_COUNT},
};

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), by_size);
    return values[ROUNDS / 2];
}

static void print_figure(const struct figure *figure, double *of_log, double *of_plain,
                         double *ratios, bool json)
{
    double mine = median(of_log), other = median(of_plain), ratio = median(ratios);

    if (json)
        printf("  {\"name\": \"%s\", \"unit\": \"%s\", \"log\": %.3f, \"plain\": %.3f, "
               "\"ratio\": %.3f, \"low\": %.3f, \"high\": %.3f, \"rounds\": %d, "
               "\"target\": \"%s\"}",
               figure->name, figure->unit, mine, other, ratio, ratios[0], ratios[ROUNDS - 1],
               ROUNDS, figure->target);
    else
        printf("%-36s %12.1f %12.1f %7.2f (%.2f to %.2f)  %-10s %s\n", figure->name, mine, other,
               ratio, ratios[0], ratios[ROUNDS - 1], figure->unit, figure->target);
    fflush(stdout);
}

/* The mean over a round's turns: of rates, by the time that was taken. */
static void run_round(bench *self, const struct figure *figure, double *of_log, double *of_plain)
{
    double log_time = 0, plain_time = 0;

    for (int i = 0; i < figure->turns; i++) {
        log_time += 1 / figure->log(self, figure->log_count);
        if (figure->plain != NULL)
            plain_time += 1 / figure->plain(self, figure->plain_count);
    }
    *of_log = figure->turns / log_time;
    *of_plain = figure->plain != NULL ? figure->turns / plain_time : 0;
}

static void measure(bench *self, const struct figure *figure, bool json)
{
    double of_log[ROUNDS], of_plain[ROUNDS], ratios[ROUNDS];

    must(log_writer_open(self->log, WEIR_STR("bench"), &self->writer, &self->err), &self->err);
    (void)figure->log(self, figure->log_count); /* files are made and memory is taken in here */
    for (int i = 0; i < ROUNDS; i++) {
        must(store_checkpoint_now(embedded_store(self->log), &self->err), &self->err);
        run_round(self, figure, &of_log[i], &of_plain[i]);
        ratios[i] = of_plain[i] > 0 ? of_log[i] / of_plain[i] : 0;
    }
    log_writer_close(self->writer);
    print_figure(figure, of_log, of_plain, ratios, json);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void open_log(bench *self, const char *parent)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    char path[4200];
    store_options options = {.path = path};

    snprintf(self->dir, sizeof(self->dir), "%.4000s/bench-log-XXXXXX", parent);
    if (mkdtemp(self->dir) == NULL) {
        perror(self->dir);
        exit(1);
    }
    snprintf(path, sizeof(path), "%s/plain", self->dir);
    self->plain = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (self->plain < 0)
        fail_plain();
    snprintf(path, sizeof(path), "%s/log", self->dir);
    must(embedded_open(&options, &self->log, &self->err), &self->err);
    must(log_topic_create(self->log, WEIR_STR("rows"), &config, &self->err), &self->err);
    config.partitions = 16;
    must(log_topic_create(self->log, WEIR_STR("bench"), &config, &self->err), &self->err);
}

static void close_log(bench *self)
{
    embedded_close(self->log);
    (void)close(self->plain); /* nothing that is kept */
    (void)nftw(self->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(self->bytes);
}

int main(int argc, char **argv)
{
    bench self = {.bytes = mem_zalloc(1, MIB)};
    const char *parent = ".", *only = "";
    bool json = false, is_first = true;
    uint32_t random = 1;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            only = argv[++i];
        else
            parent = argv[i];
    }
    for (int i = 0; i < MIB; i++)
        self.bytes[i] = (char)((random = random * 1664525u + 1013904223u) >> 24);
    open_log(&self, parent);
    if (json)
        printf("[\n");
    else
        printf("%-36s %12s %12s %7s %-16s %-10s %s\n", "", "log", "plain", "ratio", "", "unit",
               "at least");
    for (size_t i = 0; i < sizeof(FIGURES) / sizeof(*FIGURES); i++) {
        if (strstr(FIGURES[i].name, only) == NULL)
            continue;
        if (json && !is_first)
            printf(",\n");
        is_first = false;
        measure(&self, &FIGURES[i], json);
    }
    if (json)
        printf("\n]\n");
    close_log(&self);
    return 0;
}

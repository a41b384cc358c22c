/* bench_log.c - the embedded log's appends against plain writes of the same bytes, in one run.
 *
 *     bench_log [DIRECTORY] [--json]
 *
 * Each figure is a ratio: the log and its baseline take turns (A B A B ...), and the medians of the rounds
 * are compared. The directory (default: the current one) decides which disk is measured.
 */
#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/log/embedded.h"
#include "sdk/src/batch.h"

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
    ROUNDS = 5,
    MIB = 1 << 20,
    LARGE_COUNT = 96,
    SMALL_COUNT = 400,
    THREADS = 64,
    THREAD_COUNT = 60,
    RECORDS = 1000000,
    BATCH_RECORDS = 1000,
    LATENCY_COUNT = 200,
    IN_FLIGHT = 8,
};

typedef struct bench {
    log *log;
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

/* Appends size bytes count times, each followed by fdatasync; how many a second. latencies may be NULL. */
static double plain_writes(bench *self, size_t size, int count, double *latencies)
{
    char path[4200];
    double start;
    int fd;

    snprintf(path, sizeof(path), "%s/plain", self->dir);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    start = seconds();
    for (int i = 0; i < count; i++) {
        double before = seconds();

        if (fd < 0 || write(fd, self->bytes, size) != (ssize_t)size || fdatasync(fd) != 0) {
            perror(path);
            exit(1);
        }
        if (latencies != NULL)
            latencies[i] = seconds() - before;
    }
    start = seconds() - start;
    (void)close(fd);
    (void)unlink(path);
    return count / start;
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

static double one_writer(bench *self, size_t size, int parts, int count)
{
    log_writer *writer;
    double rate;

    must(log_writer_open(self->log, WEIR_STR("bench"), &writer, &self->err), &self->err);
    rate = log_entries(self, writer, size, parts, count);
    log_writer_close(writer);
    return rate;
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

static double many_writers(bench *self)
{
    pthread_t threads[THREADS];
    double start = seconds();

    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, run_small, self) != 0)
            exit(1);
    }
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    return THREADS * THREAD_COUNT / (seconds() - start);
}

/* 100-byte records, units of 1,000, some units under way; records a second, until all are durable. */
static double record_rate(bench *self)
{
    double start = seconds();
    log_ticket last = -1;
    log_writer *writer;

    must(log_writer_open(self->log, WEIR_STR("records"), &writer, &self->err), &self->err);
    for (int i = 0; i < RECORDS; i++) {
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
    return RECORDS / (seconds() - start);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* From commit until a reader has it, 100 rows a second; the p99 in ms. */
static double visible_p99(bench *self)
{
    double taken[LATENCY_COUNT];
    weir_batch *batch = batch_new(1 << 16);
    struct timespec pause = {.tv_nsec = 9000000};
    log_writer *writer;
    log_reader *reader;
    int64_t end;

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

static double plain_p99(bench *self)
{
    double taken[LATENCY_COUNT];

    (void)plain_writes(self, 4096, LATENCY_COUNT, taken);
    qsort(taken, LATENCY_COUNT, sizeof(*taken), by_size);
    return taken[LATENCY_COUNT * 99 / 100] * 1e3;
}

/* --- The figures ---------------------------------------------------------------------------- */

static double log_1m(bench *self)
{
    return one_writer(self, MIB - 200, 1, LARGE_COUNT);
}

static double log_16(bench *self)
{
    return one_writer(self, 65536 - 200, 16, LARGE_COUNT);
}

static double log_4k(bench *self)
{
    return one_writer(self, 4000, 1, SMALL_COUNT);
}

static double plain_1m(bench *self)
{
    return plain_writes(self, MIB, LARGE_COUNT, NULL);
}

static double plain_256k(bench *self)
{
    return plain_writes(self, 262144, LARGE_COUNT, NULL);
}

static double plain_4k(bench *self)
{
    return plain_writes(self, 4096, SMALL_COUNT, NULL);
}

static const struct figure {
    const char *name, *unit, *target;
    double (*log)(bench *);
    double (*plain)(bench *);
} FIGURES[] = {
    {"1 MiB entries, one partition", "entries/s", "0.8", log_1m, plain_1m},
    {"16 x 64 KiB entries, 16 partitions", "entries/s", "0.35", log_16, plain_1m},
    {"4 KiB entries, one thread", "commits/s", "0.8", log_4k, plain_4k},
    {"4 KiB entries, 64 threads", "commits/s", "8, or 0.5 of the next", many_writers, plain_4k},
    {"the same against 256 KiB writes", "commits/s", "0.5 of its bytes: 32", many_writers,
     plain_256k},
    {"100-byte records, units of 1,000", "records/s", "2,000,000 records/s", record_rate, NULL},
    {"commit to readable, p99", "ms", "below max(20, plain + 10)", visible_p99, plain_p99},
};

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), by_size);
    return values[ROUNDS / 2];
}

static void measure(bench *self, const struct figure *figure, bool json, bool is_last)
{
    double of_log[ROUNDS], of_plain[ROUNDS] = {0};
    double mine, other;

    for (int i = 0; i < ROUNDS; i++) {
        of_log[i] = figure->log(self);
        if (figure->plain != NULL)
            of_plain[i] = figure->plain(self);
    }
    mine = median(of_log);
    other = median(of_plain);
    if (json)
        printf("  {\"name\": \"%s\", \"unit\": \"%s\", \"log\": %.3f, \"plain\": %.3f, "
               "\"ratio\": %.3f, \"target\": \"%s\"}%s\n",
               figure->name, figure->unit, mine, other, other > 0 ? mine / other : 0,
               figure->target, is_last ? "" : ",");
    else
        printf("%-36s %12.1f %12.1f %8.2f  %-10s %s\n", figure->name, mine, other,
               other > 0 ? mine / other : 0, figure->unit, figure->target);
    fflush(stdout);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void open_log(bench *self, char *path, size_t path_bytes)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    store_options options = {.path = path};

    snprintf(path, path_bytes, "%s/log", self->dir);
    must(embedded_open(&options, &self->log, &self->err), &self->err);
    must(log_topic_create(self->log, WEIR_STR("rows"), &config, &self->err), &self->err);
    config.partitions = 16;
    must(log_topic_create(self->log, WEIR_STR("bench"), &config, &self->err), &self->err);
}

int main(int argc, char **argv)
{
    size_t count = sizeof(FIGURES) / sizeof(*FIGURES);
    bench self = {.bytes = mem_zalloc(1, MIB)};
    const char *parent = ".";
    char path[4200];
    bool json = false;
    uint32_t random = 1;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else
            parent = argv[i];
    }
    for (int i = 0; i < MIB; i++)
        self.bytes[i] = (char)((random = random * 1664525u + 1013904223u) >> 24);
    snprintf(self.dir, sizeof(self.dir), "%.4000s/bench-log-XXXXXX", parent);
    if (mkdtemp(self.dir) == NULL) {
        perror(self.dir);
        return 1;
    }
    open_log(&self, path, sizeof(path));
    if (json)
        printf("[\n");
    else
        printf("%-36s %12s %12s %8s  %-10s %s\n", "", "log", "plain", "ratio", "unit", "at least");
    for (size_t i = 0; i < count; i++)
        measure(&self, &FIGURES[i], json, i + 1 == count);
    if (json)
        printf("]\n");
    embedded_close(self.log);
    (void)nftw(self.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(self.bytes);
    return 0;
}

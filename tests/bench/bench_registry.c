/* bench_registry.c - the registry's start, registrations and lookups, each beside what bounds it.
 *
 *     bench_registry [DIRECTORY] [SCHEMAS=100000] [VERSIONS=100]
 *
 * start: opening the registry over a log that has so many different schemas of 20 fields, and the memory of
 * the process afterwards. register: a new version with 50 fields of a subject that has so many versions,
 * BACKWARD_TRANSITIVE, against plain appends of as many bytes with fdatasync, in turns. lookup: by id, from
 * one thread and from two.
 */
#include "runtime/base/clock.h"
#include "runtime/log/embedded.h"
#include "schema-registry/registry/record.h"
#include "schema-registry/registry/registry.h"

#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { UNIT_RECORDS = 1000, ROUNDS = 5, IN_ROUND = 20, LOOKUPS = 300000 };

static char dir[4096];
static weir_error err;

static double seconds(void)
{
    return (double)clock_system()->mono_ns(clock_system()) / 1e9;
}

static void must(bool is_good, const char *what)
{
    if (is_good)
        return;
    fprintf(stderr, "bench_registry: %s: %s\n", what, err.message);
    exit(1);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

/* fields of them, one more with a default that makes the schema another; 0: without it. */
static void add_schema(int number, int fields, int edition, weir_buf *out)
{
    weir_buf_printf(out,
                    "{\"type\":\"record\",\"name\":\"Order%d\",\"namespace\":\"shop\",\"fields\":[",
                    number);
    for (int i = 0; i < fields; i++)
        weir_buf_printf(out, "%s{\"name\":\"column_%d\",\"type\":\"%s\"}", i > 0 ? "," : "", i,
                        i % 2 == 0 ? "long" : "string");
    if (edition > 0)
        weir_buf_printf(out, ",{\"name\":\"edition\",\"type\":\"int\",\"default\":%d}", edition);
    weir_buf_add_str(out, WEIR_STR("]}"));
}

static log *open_log(void)
{
    store_options options = {.path = dir};
    log *opened;

    must(embedded_open(&options, &opened, &err) == WEIR_OK, "opening the log");
    return opened;
}

/* --- The start -------------------------------------------------------------------------------- */

static void fill(log *backend, int count)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    log_writer *writer;

    config.compact = true;
    must(log_topic_create(backend, REGISTRY_TOPIC, &config, &err) == WEIR_OK, "the topic");
    must(log_writer_open(backend, WEIR_STR(""), &writer, &err) == WEIR_OK, "a writer");
    for (int i = 1; i <= count; i++) {
        WEIR_CLEANUP(weir_buf_done)
        weir_buf subject = {0}, text = {0}, json = {0}, key = {0}, value = {0};
        record_schema schema = {.version = 1, .id = i};
        log_record record = {.topic = REGISTRY_TOPIC, .timestamp_ms = -1};

        weir_buf_printf(&subject, "orders-%d-value", i);
        add_schema(i, 20, 0, &text);
        weir_buf_add_json(&json, weir_buf_str(&text));
        schema.text = weir_buf_str(&json);
        record_schema_key_add(weir_buf_str(&subject), 1, &key);
        record_schema_add(weir_buf_str(&subject), &schema, &value);
        record.key = weir_buf_str(&key);
        record.value = weir_buf_str(&value);
        must(log_add(writer, &record, &err) == WEIR_OK, "adding");
        if (i % UNIT_RECORDS == 0 || i == count)
            must(log_wait(writer, log_commit(writer), 60000, &err) == LOG_COMMITTED, "filling");
    }
    log_writer_close(writer);
}

static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    char line[128] = "";
    char *at = line;

    must(file != NULL && fgets(line, sizeof(line), file) != NULL, "/proc/self/statm");
    (void)fclose(file);          /* it was read */
    (void)strtol(line, &at, 10); /* the size, not what is resident */
    return strtol(at, NULL, 10) * (sysconf(_SC_PAGESIZE) / 1024);
}

static registry *measure_start(log *backend, int count)
{
    registry_options options = REGISTRY_DEFAULTS;
    long before = resident_kib();
    double start = seconds();
    registry *opened;

    must(registry_open(backend, &options, &opened, &err) == WEIR_OK, "opening the registry");
    must(registry_count(opened).schemas == (size_t)count, "counting");
    printf("start      %d schemas: %.2f s, %ld MiB resident, %ld MiB of them the registry's\n",
           count, seconds() - start, resident_kib() / 1024, (resident_kib() - before) / 1024);
    return opened;
}

/* --- Registering ------------------------------------------------------------------------------ */

static void put(registry *self, const char *subject, int edition)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0}, reply = {0};
    registry_schema request = {0};
    registry_error error = {0};

    add_schema(0, 49, edition, &text);
    request.text = weir_buf_str(&text);
    if (!registry_register(self, weir_cstr(subject), &request, REGISTRY_PLAIN, &reply, &error)) {
        fprintf(stderr, "bench_registry: %s\n", weir_buf_cstr(&error.message));
        exit(1);
    }
}

static double plain_appends(size_t size, int count)
{
    char path[5000];
    char *bytes = calloc(1, size);
    double start;
    int file;

    snprintf(path, sizeof(path), "%s/plain", dir);
    file = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    must(file >= 0 && bytes != NULL, "a plain file");
    start = seconds();
    for (int i = 0; i < count; i++)
        must(write(file, bytes, size) == (ssize_t)size && fdatasync(file) == 0, "writing");
    start = seconds() - start;
    close(file);
    free(bytes);
    return count / start;
}

static int compare_numbers(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* A subject with so many versions, the level set. */
static void fill_subject(registry *self, const char *subject, int versions)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf reply = {0};
    registry_error error = {0};

    must(registry_set_config(self, weir_cstr(subject),
                             WEIR_STR("{\"compatibility\":\"BACKWARD_TRANSITIVE\"}"), &reply,
                             &error),
         "the level");
    for (int i = 1; i <= versions; i++)
        put(self, subject, i);
}

static void measure_register(registry *self, int versions)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0};
    double rates[ROUNDS], plain[ROUNDS];

    add_schema(0, 50, 0, &text);
    for (int round = 0; round < ROUNDS; round++) {
        char subject[32];
        double start;

        snprintf(subject, sizeof(subject), "many-%d", round);
        fill_subject(self, subject, versions);
        plain[round] = plain_appends(text.len + 300, IN_ROUND);
        start = seconds();
        for (int i = 1; i <= IN_ROUND; i++)
            put(self, subject, versions + i);
        rates[round] = IN_ROUND / (seconds() - start);
    }
    qsort(rates, ROUNDS, sizeof(rates[0]), compare_numbers);
    qsort(plain, ROUNDS, sizeof(plain[0]), compare_numbers);
    printf("register   a version behind %d others: %.0f/s, plain appends with fdatasync %.0f/s\n",
           versions, rates[ROUNDS / 2], plain[ROUNDS / 2]);
}

/* --- Looking up ------------------------------------------------------------------------------- */

typedef struct looker {
    registry *self;
    int count, start;
} looker;

static void *look_up(void *context)
{
    looker *self = context;
    weir_buf reply = {0};
    registry_error error = {0};

    for (int i = 0; i < LOOKUPS; i++) {
        weir_buf_clear(&reply);
        must(registry_get_schema(self->self, (self->start + i * 7) % self->count + 1, (weir_str){0},
                                 REGISTRY_PLAIN, &reply, &error),
             "looking up");
    }
    weir_buf_done(&reply);
    return NULL;
}

static void measure_lookup(registry *self, int count)
{
    for (int threads = 1; threads <= 2; threads++) {
        looker lookers[2] = {{self, count, 0}, {self, count, count / 2}};
        double start = seconds();
        pthread_t other;

        if (threads == 2)
            must(pthread_create(&other, NULL, look_up, &lookers[1]) == 0, "a thread");
        look_up(&lookers[0]);
        if (threads == 2)
            pthread_join(other, NULL);
        printf("lookup     by id, %d thread(s): %.0f/s\n", threads,
               (double)LOOKUPS * threads / (seconds() - start));
    }
}

int main(int argc, char **argv)
{
    int count = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 100000;
    int versions = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 100;
    registry *opened;
    log *backend;

    snprintf(dir, sizeof(dir), "%s/bench-registry-XXXXXX", argc > 1 ? argv[1] : ".");
    must(mkdtemp(dir) != NULL, "a directory");
    backend = open_log();
    fill(backend, count);
    embedded_close(backend);
    backend = open_log();
    opened = measure_start(backend, count);
    measure_lookup(opened, count);
    measure_register(opened, versions);
    registry_close(opened);
    embedded_close(backend);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

/* sim_log.c - the log on a simulated disk, thousands of times: each seed another history of faults.
 *
 *     sim_log [--seeds A..B] [--seed N] [--verbose] [--plant N]
 *
 * Prints how often each fault hit each kind of call. Exits with 1 when a seed broke a promise, which is then
 * printed with its seed, or when a fault never hit a call that it can hit. One process for each core.
 */
#include "runtime/base/plant.h"
#include "runtime/base/text.h"
#include "tests/sim/log_world.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_WORKERS = 16, DEFAULT_SEEDS = 10000, MESSAGE_BYTES = 1024 };

/* What a worker says, in memory that it shares with its parent. */
typedef struct worker {
    world_totals totals;
    uint64_t seed; /* the one that runs, or failed */
    bool failed;
    char message[MESSAGE_BYTES];
    pid_t pid;
} worker;

typedef struct plan {
    uint64_t first, last;
    int worker_count;
    bool verbose;
    bool is_partial; /* some seeds only: faults that never hit are no failure */
} plan;

static void quiet(void)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (nowhere >= 0)
        (void)dup2(nowhere, 2); /* a log that stops says so, thousands of times */
}

static void work(const plan *todo, worker *me, int index)
{
    if (!todo->verbose)
        quiet();
    for (uint64_t seed = todo->first + (uint64_t)index; seed <= todo->last;
         seed += (uint64_t)todo->worker_count) {
        me->seed = seed;
        if (!world_run(seed, todo->verbose, &me->totals, me->message, sizeof(me->message))) {
            me->failed = true;
            break;
        }
    }
    fflush(stdout);
    _exit(me->failed ? 1 : 0);
}

static void add_totals(world_totals *sum, const world_totals *more)
{
    for (int call = 0; call < SIM_CALLS; call++) {
        for (int fault = 0; fault < SIM_FAULTS; fault++)
            sum->counts.hit[call][fault] += more->counts.hit[call][fault];
    }
    sum->seeds += more->seeds;
    sum->operations += more->operations;
    sum->crashes += more->crashes;
    sum->recoveries += more->recoveries;
    sum->replayed += more->replayed;
    sum->units += more->units;
    sum->acknowledged += more->acknowledged;
    sum->kept_unacknowledged += more->kept_unacknowledged;
    sum->lost_unacknowledged += more->lost_unacknowledged;
    sum->stops += more->stops;
    sum->trims += more->trims;
    sum->topics_made += more->topics_made;
    sum->topics_deleted += more->topics_deleted;
    sum->large += more->large;
    sum->compactions += more->compactions;
    sum->compacted += more->compacted;
    sum->meanwhile += more->meanwhile;
    if (sum->least_operations == 0 ||
        (more->least_operations > 0 && more->least_operations < sum->least_operations))
        sum->least_operations = more->least_operations;
}

/* A line of the table; how many of its fields are zero and should not be. */
static int print_call(const sim_counts *counts, int call)
{
    int missing = 0;

    printf("%-10s", SIM_CALL_NAMES[call]);
    for (int fault = 0; fault < SIM_FAULTS; fault++) {
        if (!sim_fault_applies((sim_fault)fault, (sim_call)call)) {
            printf("%12s", "-");
            continue;
        }
        printf("%12" PRIu64, counts->hit[call][fault]);
        missing += counts->hit[call][fault] == 0;
    }
    printf("\n");
    return missing;
}

static int print_table(const sim_counts *counts)
{
    int missing = 0;

    printf("%-10s", "");
    for (int fault = 0; fault < SIM_FAULTS; fault++)
        printf("%12s", SIM_FAULT_NAMES[fault]);
    printf("\n");
    for (int call = 0; call < SIM_CALLS; call++)
        missing += print_call(counts, call);
    return missing;
}

static void print_totals(const world_totals *sum)
{
    printf("%" PRIu64 " seeds, %" PRIu64 " operations (at least %" PRIu64 " each), %" PRIu64
           " crashes, %" PRIu64 " recoveries, %" PRIu64 " entries replayed\n",
           sum->seeds, sum->operations, sum->least_operations, sum->crashes, sum->recoveries,
           sum->replayed);
    printf("%" PRIu64 " units (%" PRIu64 " large), %" PRIu64 " acknowledged; of the others %" PRIu64
           " survived whole, %" PRIu64 " not at all\n",
           sum->units, sum->large, sum->acknowledged, sum->kept_unacknowledged,
           sum->lost_unacknowledged);
    printf("%" PRIu64 " stops, %" PRIu64 " trims, %" PRIu64 " topics made, %" PRIu64 " deleted\n",
           sum->stops, sum->trims, sum->topics_made, sum->topics_deleted);
    printf("%" PRIu64 " compactions removed %" PRIu64 " records; %" PRIu64
           " times another thread went on in the middle of I/O\n\n",
           sum->compactions, sum->compacted, sum->meanwhile);
}

static int run(const plan *todo)
{
    worker *workers = mmap(NULL, sizeof(*workers) * MAX_WORKERS, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    world_totals sum = {0};
    int failures = 0, missing;

    if (workers == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    for (int i = 0; i < todo->worker_count; i++) {
        workers[i].pid = fork();
        if (workers[i].pid == 0)
            work(todo, &workers[i], i);
    }
    for (int i = 0; i < todo->worker_count; i++) {
        int status = 1;

        if (workers[i].pid < 0 || waitpid(workers[i].pid, &status, 0) < 0 || status != 0) {
            printf("seed %" PRIu64 " failed: %s\n", workers[i].seed,
                   workers[i].failed ? workers[i].message : "the process died");
            failures++;
        }
        add_totals(&sum, &workers[i].totals);
    }
    print_totals(&sum);
    missing = print_table(&sum.counts);
    if (missing > 0 && !todo->is_partial)
        printf("\n%d combinations of call and fault never happened\n", missing);
    return failures > 0 || (missing > 0 && !todo->is_partial) ? 1 : 0;
}

static bool parse_range(const char *text, plan *todo)
{
    const char *dots = strstr(text, "..");
    int64_t first, last;

    if (dots == NULL || !text_to_int((weir_str){text, (size_t)(dots - text)}, &first) ||
        !text_to_int(weir_cstr(dots + 2), &last) || first < 0 || last < first)
        return false;
    todo->first = (uint64_t)first;
    todo->last = (uint64_t)last;
    return true;
}

static bool set_plant(int64_t number)
{
#ifdef WEIR_PLANTS
    plant_active = (int)number;
    return number > PLANT_NONE && number < PLANTS;
#else
    (void)number;
    return false; /* only `make BUILD=planted` has them */
#endif
}

static bool parse(int argc, char **argv, plan *todo)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        int64_t number;

        if (strcmp(argv[i], "--verbose") == 0) {
            todo->verbose = true;
        } else if ((strcmp(argv[i], "--seeds") == 0 && parse_range(value, todo)) ||
                   (strcmp(argv[i], "--plant") == 0 && text_to_int(weir_cstr(value), &number) &&
                    set_plant(number))) {
            i++;
            todo->is_partial = true;
        } else if (strcmp(argv[i], "--seed") == 0 && text_to_int(weir_cstr(value), &number) &&
                   number >= 0) {
            i++;
            todo->is_partial = true;
            todo->first = todo->last = (uint64_t)number;
            todo->worker_count = 1;
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    plan todo = {.first = 1, .last = DEFAULT_SEEDS};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    todo.worker_count = cores < 1 ? 1 : cores > MAX_WORKERS ? MAX_WORKERS : (int)cores;
    if (!parse(argc, argv, &todo)) {
        fprintf(stderr, "usage: sim_log [--seeds A..B] [--seed N] [--verbose] [--plant N]\n");
        return 2;
    }
    return run(&todo);
}

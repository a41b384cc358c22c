/* sim_delivery.c - the delivery protocol, thousands of times: each seed another history of faults.
 *
 *     sim_delivery [--seeds A..B] [--seed N] [--plant N]
 *
 * Prints how often each thing happened. Exits with 1 when a seed broke a promise, which is then printed with its
 * seed, or when something never happened. One process for each core.
 */
#include "runtime/base/plant.h"
#include "runtime/base/text.h"
#include "tests/sim/delivery_world.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_WORKERS = 16, DEFAULT_SEEDS = 4000, MESSAGE_BYTES = 256 };

/* What a process says, in memory that it shares with its parent. */
typedef struct process {
    delivery_totals totals;
    uint64_t seed; /* the one that runs, or failed */
    bool failed;
    char message[MESSAGE_BYTES];
    pid_t pid;
} process;

typedef struct plan {
    uint64_t first, last;
    int process_count;
    bool is_partial; /* some seeds only: what never happened is no failure */
} plan;

static void work(const plan *todo, process *me, int index)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (nowhere >= 0)
        (void)dup2(nowhere, 2); /* tasks that fail say so, thousands of times */
    for (uint64_t seed = todo->first + (uint64_t)index; seed <= todo->last && !me->failed;
         seed += (uint64_t)todo->process_count) {
        me->seed = seed;
        me->failed = !delivery_run(seed, &me->totals, me->message, sizeof(me->message));
    }
    _exit(me->failed ? 1 : 0);
}

static void add_totals(delivery_totals *sum, const delivery_totals *more)
{
    sum->seeds += more->seeds;
    sum->records += more->records;
    for (int i = 0; i < EVENTS; i++)
        sum->events[i] += more->events[i];
}

static bool wait_for(process *one)
{
    int status = 1;

    if (one->pid >= 0 && waitpid(one->pid, &status, 0) >= 0 && status == 0)
        return true;
    printf("seed %" PRIu64 " failed: %s\n", one->seed,
           one->failed ? one->message : "the process died");
    return false;
}

static int run(const plan *todo)
{
    process *all = mmap(NULL, sizeof(*all) * MAX_WORKERS, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    delivery_totals sum = {0};
    int failures = 0, missing = 0;

    if (all == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    for (int i = 0; i < todo->process_count; i++) {
        all[i].pid = fork();
        if (all[i].pid == 0)
            work(todo, &all[i], i);
    }
    for (int i = 0; i < todo->process_count; i++) {
        failures += !wait_for(&all[i]);
        add_totals(&sum, &all[i].totals);
    }
    printf("%" PRIu64 " seeds, %" PRIu64 " records\n", sum.seeds, sum.records);
    for (int i = 0; i < EVENTS; i++) {
        printf("%12" PRIu64 "  %s\n", sum.events[i], DELIVERY_EVENT_NAMES[i]);
        missing += sum.events[i] == 0;
    }
    if (missing > 0 && !todo->is_partial)
        printf("%d of these never happened\n", missing);
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

static bool parse_option(const char *name, const char *value, plan *todo)
{
    int64_t number;

    todo->is_partial = true;
    if (strcmp(name, "--seeds") == 0)
        return parse_range(value, todo);
    if (!text_to_int(weir_cstr(value), &number) || number < 0)
        return false;
    if (strcmp(name, "--plant") == 0)
        return set_plant(number);
    todo->first = todo->last = (uint64_t)number;
    todo->process_count = 1;
    return strcmp(name, "--seed") == 0;
}

int main(int argc, char **argv)
{
    plan todo = {.first = 1, .last = DEFAULT_SEEDS};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    bool is_right = argc % 2 == 1;

    todo.process_count = cores < 1 ? 1 : cores > MAX_WORKERS ? MAX_WORKERS : (int)cores;
    for (int i = 1; i + 1 < argc; i += 2)
        is_right = is_right && parse_option(argv[i], argv[i + 1], &todo);
    if (!is_right) {
        fprintf(stderr, "usage: sim_delivery [--seeds A..B] [--seed N] [--plant N]\n");
        return 2;
    }
    return run(&todo);
}

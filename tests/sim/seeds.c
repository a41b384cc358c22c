/* seeds.c - runs a simulation's seeds in one process for each core. */
#include "tests/sim/seeds.h"

#include "runtime/base/plant.h"
#include "runtime/base/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PROCESSES = 16, MESSAGE_BYTES = 1024 };

/* What a process says, in memory that it shares with its parent; its totals lie behind all of these. */
typedef struct said {
    uint64_t seed; /* the one that runs, or failed */
    bool failed;
    char message[MESSAGE_BYTES];
} said;

static void quiet(void)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (nowhere >= 0)
        (void)dup2(nowhere, 2); /* what fails on purpose says so, thousands of times */
}

static void work(const seeds_plan *plan, const seeds_world *world, int index, said *me,
                 void *totals)
{
    if (!plan->verbose)
        quiet();
    for (uint64_t seed = plan->first + (uint64_t)index; seed <= plan->last && !me->failed;
         seed += (uint64_t)plan->process_count) {
        me->seed = seed;
        me->failed = !world->run(seed, plan->verbose, totals, me->message, sizeof(me->message));
    }
    fflush(stdout);
    _exit(me->failed ? 1 : 0);
}

/* Whether the process went through all of its seeds. */
static bool wait_for(pid_t process, const said *its)
{
    int status = 1;

    if (process > 0 && waitpid(process, &status, 0) == process && status == 0)
        return true;
    printf("seed %" PRIu64 " failed: %s\n", its->seed,
           its->failed ? its->message : "the process died");
    return false;
}

int seeds_run(const seeds_plan *plan, const seeds_world *world, void *sum)
{
    size_t size = (sizeof(said) + world->totals_size) * (size_t)plan->process_count;
    said *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *totals = (char *)(all + plan->process_count);
    pid_t processes[MAX_PROCESSES]; /* not shared: a child would write its own there */
    int failures = 0;

    if (all == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    fflush(stdout);
    for (int i = 0; i < plan->process_count; i++) {
        processes[i] = fork();
        if (processes[i] == 0)
            work(plan, world, i, &all[i], totals + (size_t)i * world->totals_size);
    }
    for (int i = 0; i < plan->process_count; i++) {
        failures += !wait_for(processes[i], &all[i]);
        world->add(sum, totals + (size_t)i * world->totals_size);
    }
    (void)munmap(all, size);
    return failures;
}

/* --- The command line ------------------------------------------------------------------------- */

static bool parse_range(const char *text, seeds_plan *plan)
{
    const char *dots = strstr(text, "..");
    int64_t first, last;

    if (dots == NULL || !text_to_int((weir_str){text, (size_t)(dots - text)}, &first) ||
        !text_to_int(weir_cstr(dots + 2), &last) || first < 0 || last < first)
        return false;
    plan->first = (uint64_t)first;
    plan->last = (uint64_t)last;
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

/* An option that has a value. */
static bool parse_option(const char *name, const char *value, seeds_plan *plan)
{
    int64_t number;

    plan->is_partial = true;
    if (strcmp(name, "--seeds") == 0)
        return parse_range(value, plan);
    if (!text_to_int(weir_cstr(value), &number) || number < 0)
        return false;
    if (strcmp(name, "--plant") == 0)
        return set_plant(number);
    plan->first = plan->last = (uint64_t)number;
    plan->process_count = 1;
    return strcmp(name, "--seed") == 0;
}

bool seeds_parse(int argc, char **argv, uint64_t count, seeds_plan *out)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    bool is_right = true;

    *out = (seeds_plan){.first = 1, .last = count};
    out->process_count = cores < 1 ? 1 : cores > MAX_PROCESSES ? MAX_PROCESSES : (int)cores;
    for (int i = 1; i < argc && is_right; i++) {
        if (strcmp(argv[i], "--verbose") == 0) {
            out->verbose = true;
            continue;
        }
        is_right = i + 1 < argc && parse_option(argv[i], argv[i + 1], out);
        i++;
    }
    if (!is_right)
        fprintf(stderr, "usage: %s [--seeds A..B] [--seed N] [--verbose] [--plant N]\n", argv[0]);
    return is_right;
}

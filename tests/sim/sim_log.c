/* sim_log.c - the log on a simulated disk, thousands of times: each seed another history of faults.
 *
 * Prints how often each fault hit each kind of call. Exits with 1 when a seed broke a promise, which is then
 * printed with its seed, or when a fault never hit a call that it can hit. seeds.h has the command line.
 */
#include "tests/sim/log_world.h"
#include "tests/sim/seeds.h"

#include <inttypes.h>
#include <stdio.h>

enum { DEFAULT_SEEDS = 10000 };

static bool run_seed(uint64_t seed, bool verbose, void *totals, char *message, size_t message_bytes)
{
    return world_run(seed, verbose, totals, message, message_bytes);
}

static void add_totals(void *all, const void *one)
{
    const world_totals *more = one;
    world_totals *sum = all;

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
    sum->mixed += more->mixed;
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
    printf("%" PRIu64 " units (%" PRIu64 " with pieces written to their segment at once, %" PRIu64
           " with others, too), %" PRIu64 " acknowledged; of the others %" PRIu64
           " survived whole, %" PRIu64 " not at all\n",
           sum->units, sum->large, sum->mixed, sum->acknowledged, sum->kept_unacknowledged,
           sum->lost_unacknowledged);
    printf("%" PRIu64 " stops, %" PRIu64 " trims, %" PRIu64 " topics made, %" PRIu64 " deleted\n",
           sum->stops, sum->trims, sum->topics_made, sum->topics_deleted);
    printf("%" PRIu64 " compactions removed %" PRIu64 " records; %" PRIu64
           " times another thread went on in the middle of I/O\n\n",
           sum->compactions, sum->compacted, sum->meanwhile);
}

int main(int argc, char **argv)
{
    static const seeds_world WORLD = {sizeof(world_totals), run_seed, add_totals};
    world_totals sum = {0};
    seeds_plan plan;
    int failures, missing;

    if (!seeds_parse(argc, argv, DEFAULT_SEEDS, &plan))
        return 2;
    failures = seeds_run(&plan, &WORLD, &sum);
    print_totals(&sum);
    missing = print_table(&sum.counts);
    missing += sum.mixed == 0;
    if (missing > 0 && !plan.is_partial)
        printf("\n%d combinations of call and fault never happened\n", missing);
    return failures > 0 || (missing > 0 && !plan.is_partial) ? 1 : 0;
}

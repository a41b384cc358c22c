/* sim_delivery.c - the delivery protocol, thousands of times: each seed another history of faults.
 *
 * Prints how often each thing happened. Exits with 1 when a seed broke a promise, which is then printed with its
 * seed, or when something never happened. seeds.h has the command line.
 */
#include "tests/sim/delivery_world.h"
#include "tests/sim/seeds.h"

#include <inttypes.h>
#include <stdio.h>

enum { DEFAULT_SEEDS = 4000 };

static bool run_seed(uint64_t seed, bool verbose, void *totals, char *message, size_t message_bytes)
{
    (void)verbose; /* tasks say themselves what becomes of them */
    return delivery_run(seed, totals, message, message_bytes);
}

static void add_totals(void *all, const void *one)
{
    const delivery_totals *more = one;
    delivery_totals *sum = all;

    sum->seeds += more->seeds;
    sum->records += more->records;
    for (int i = 0; i < EVENTS; i++)
        sum->events[i] += more->events[i];
}

int main(int argc, char **argv)
{
    static const seeds_world WORLD = {sizeof(delivery_totals), run_seed, add_totals};
    delivery_totals sum = {0};
    seeds_plan plan;
    int failures, missing = 0;

    if (!seeds_parse(argc, argv, DEFAULT_SEEDS, &plan))
        return 2;
    failures = seeds_run(&plan, &WORLD, &sum);
    printf("%" PRIu64 " seeds, %" PRIu64 " records\n", sum.seeds, sum.records);
    for (int i = 0; i < EVENTS; i++) {
        printf("%12" PRIu64 "  %s\n", sum.events[i], DELIVERY_EVENT_NAMES[i]);
        missing += sum.events[i] == 0;
    }
    if (missing > 0 && !plan.is_partial)
        printf("%d of these never happened\n", missing);
    return failures > 0 || (missing > 0 && !plan.is_partial) ? 1 : 0;
}

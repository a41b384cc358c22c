/* seeds.h - what every simulation does: its command line, and a range of seeds spread over processes.
 *
 *     sim_NAME [--seeds A..B] [--seed N] [--verbose] [--plant N]
 *
 * A failed seed is printed with what it said; a process that dies fails the seed that it ran.
 */
#ifndef TESTS_SIM_SEEDS_H
#define TESTS_SIM_SEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct seeds_plan {
    uint64_t first, last;
    int process_count; /* one for each core; one when a single seed is asked for */
    bool verbose;
    bool is_partial; /* some seeds only: what never happened in them is no failure */
} seeds_plan;

/* One simulation; totals are plain counters, zero at first, and move between processes as bytes. */
typedef struct seeds_world {
    size_t totals_size;
    /* Runs one seed. False: a promise was broken; message says which. */
    bool (*run)(uint64_t seed, bool verbose, void *totals, char *message, size_t message_bytes);
    void (*add)(void *sum, const void *more);
} seeds_world;

/* Reads the command line; false when it is none, after saying how it goes. Seeds 1 to count when it asks for none. */
bool seeds_parse(int argc, char **argv, uint64_t count, seeds_plan *out);

/* Runs all of them; sum is added to. How many processes found a broken promise, or died. */
int seeds_run(const seeds_plan *plan, const seeds_world *world, void *sum);

#endif

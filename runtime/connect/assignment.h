/* assignment.h - which task of a sink reads which partition.
 *
 * A partition is given to the task that has the fewest when it is first asked for, and stays with it until it
 * is given back: a topic that comes or goes moves nothing between tasks that run. What was given back may be
 * another's when it is asked for again, who has perhaps looked already: so each looks again when
 * assignment_generation has changed.
 *
 * Threads: any; one lock.
 */
#ifndef RUNTIME_CONNECT_ASSIGNMENT_H
#define RUNTIME_CONNECT_ASSIGNMENT_H

#include "weir/base.h"

typedef struct assignment assignment;

assignment *assignment_new(int task_count);
void assignment_free(assignment *assignment);

/* The number of the task whose partition it is. */
int assignment_owner(assignment *assignment, weir_str topic, int32_t partition);
/* The partition is no more. */
void assignment_give_back(assignment *assignment, weir_str topic, int32_t partition);
/* Grows with everything that is given back. */
uint64_t assignment_generation(assignment *assignment);

#endif

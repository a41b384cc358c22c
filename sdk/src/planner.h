/* planner.h - what a source's plan says, as its host sees it: the tasks, and what is set for each.
 *
 * Belongs to one thread. Everything that plan gave is copied.
 */
#ifndef SDK_SRC_PLANNER_H
#define SDK_SRC_PLANNER_H

#include "weir/buf.h"
#include "weir/task.h"

struct weir_planner {
    weir_buf texts;     /* names and values, one behind the other */
    weir_buf text_ends; /* where each of them ends in texts; size_t */
    weir_buf task_ends; /* how many texts there were behind each task; size_t */
};

/* `weir_planner planner = {0};` is one without tasks. */
void planner_done(weir_planner *planner);

size_t planner_count(const weir_planner *planner);
/* Steps through the settings of a task: `size_t at = 0; while (planner_next(...))`. Texts live as long as
 * nothing is added. */
bool planner_next(const weir_planner *planner, size_t task, size_t *at, weir_str *name,
                  weir_str *value);

#endif

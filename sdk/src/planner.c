/* planner.c - takes the configurations of a connector's tasks. */
#include "sdk/src/planner.h"

#include <assert.h>
#include <string.h>

void weir_planner_add(weir_planner *planner, const weir_str *settings, size_t count)
{
    size_t text_count;

    assert(count % 2 == 0); /* a value behind each name */
    for (size_t i = 0; i < count; i++) {
        weir_buf_add_str(&planner->texts, settings[i]);
        weir_buf_add(&planner->text_ends, &planner->texts.len, sizeof(planner->texts.len));
    }
    text_count = planner->text_ends.len / sizeof(size_t);
    weir_buf_add(&planner->task_ends, &text_count, sizeof(text_count));
}

void planner_done(weir_planner *planner)
{
    weir_buf_done(&planner->texts);
    weir_buf_done(&planner->text_ends);
    weir_buf_done(&planner->task_ends);
}

size_t planner_count(const weir_planner *planner)
{
    return planner->task_ends.len / sizeof(size_t);
}

/* The index-th end; what stands before the first begins at 0. */
static size_t end_before(const weir_buf *ends, size_t index)
{
    size_t end = 0;

    if (index > 0)
        memcpy(&end, ends->ptr + (index - 1) * sizeof(end), sizeof(end));
    return end;
}

static weir_str text_at(const weir_planner *planner, size_t index)
{
    size_t from = end_before(&planner->text_ends, index);

    return (weir_str){planner->texts.ptr + from, end_before(&planner->text_ends, index + 1) - from};
}

bool planner_next(const weir_planner *planner, size_t task, size_t *at, weir_str *name,
                  weir_str *value)
{
    size_t index = end_before(&planner->task_ends, task) + *at;

    assert(task < planner_count(planner));
    if (index >= end_before(&planner->task_ends, task + 1))
        return false;
    *name = text_at(planner, index);
    *value = text_at(planner, index + 1);
    *at += 2;
    return true;
}

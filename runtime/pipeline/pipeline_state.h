/* pipeline_state.h - what a set of pipelines consists of: for the files of this folder.
 *
 * All of it lives in the set's arena. Belongs to one thread.
 */
#ifndef RUNTIME_PIPELINE_PIPELINE_STATE_H
#define RUNTIME_PIPELINE_PIPELINE_STATE_H

#include "runtime/base/arena.h"
#include "runtime/pipeline/pipeline.h"

struct pipeline_set {
    arena arena; /* everything below */
    pipeline *pipelines;
    size_t count;
    pipeline_connector *connectors;
    size_t connector_count;
    pipeline_problem *problems;
    size_t problem_count;
    size_t lost_problems; /* past PIPELINE_PROBLEMS */
};

#endif

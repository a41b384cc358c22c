/* deploy.h - checks pipelines against the tables of their connectors, and hands them to a worker.
 *
 * Threads: those of the set.
 */
#ifndef RUNTIME_PIPELINE_DEPLOY_H
#define RUNTIME_PIPELINE_DEPLOY_H

#include "runtime/connect/worker.h"
#include "runtime/pipeline/pipeline.h"

/* Finds each connector's plugin and checks its settings; what is wrong becomes a problem of the set, at the
 * line of the setting. Connects to nothing. */
void pipeline_check(pipeline_set *set, plugins *plugins);

/* Deploys all connectors of a set without problems, running, and stops those of the worker that are in none
 * of its pipelines: the files say what shall run. The first refusal ends it. */
WEIR_MUST_CHECK weir_code pipeline_deploy(const pipeline_set *set, worker *worker, weir_error *err);

#endif

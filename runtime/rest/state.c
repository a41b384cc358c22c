/* state.c - /connectors/{name}: status, tasks, topics, and what changes its state. */
#include "runtime/rest/rest.h"

#include "runtime/base/text.h"

#include <string.h>

/* Answers with what the backend has for this connector, or 404. */
static void reply_with(http_reply *reply, const char *name, json_t *take_value)
{
    if (take_value != NULL)
        http_reply_json(reply, 200, take_value);
    else
        rest_reply_unknown(reply, name);
}

void rest_status_get(void *context, const http_request *request, http_reply *reply)
{
    const rest_backend *backend = &((const rest_api *)context)->backend;
    const char *name = request->parameters[0];
    json_t *status = backend->status(backend->context, name);

    if (status != NULL)
        http_reply_json(reply, 200, status);
    else
        http_reply_error(reply, 404, "No status found for connector %s", name);
}

void rest_tasks_get(void *context, const http_request *request, http_reply *reply)
{
    const rest_api *self = context;
    json_t *tasks = self->backend.tasks(self->backend.context, request->parameters[0]);
    json_t *task;
    size_t i;

    json_array_foreach(tasks, i, task)
    {
        json_t *config = json_incref(json_object_get(task, "config"));

        (void)json_object_set_new(task, "config", rest_mask(self, config));
    }
    reply_with(reply, request->parameters[0], tasks);
}

void rest_task_status_get(void *context, const http_request *request, http_reply *reply)
{
    const rest_backend *backend = &((const rest_api *)context)->backend;
    json_t *status = backend->status(backend->context, request->parameters[0]);
    int64_t number = -1;
    json_t *task, *found = NULL;
    size_t i;

    (void)text_to_int(weir_cstr(request->parameters[1]), &number); /* else there is none of it */
    json_array_foreach(json_object_get(status, "tasks"), i,
                       task) if (json_integer_value(json_object_get(task, "id")) == number) found =
        task;
    if (found == NULL)
        http_reply_error(reply, 404, "No status found for task %s-%s", request->parameters[0],
                         request->parameters[1]);
    else
        http_reply_json(reply, 200, json_incref(found));
    json_decref(status);
}

void rest_topics_get(void *context, const http_request *request, http_reply *reply)
{
    const rest_backend *backend = &((const rest_api *)context)->backend;
    const char *name = request->parameters[0];
    json_t *topics = backend->topics(backend->context, name);

    /* an unknown connector has used none: that is what Connect says of it, too */
    http_reply_json(reply, 200,
                    json_pack("{s:{s:o}}", name, "topics", topics != NULL ? topics : json_array()));
}

/* The list is what the tasks have used since they started, not a record of its own: nothing to reset. */
void rest_topics_reset(void *context, const http_request *request, http_reply *reply)
{
    (void)context, (void)request;
    reply->status = 202;
}

static void set_target(const rest_api *self, const http_request *request, http_reply *reply,
                       const char *target, int status)
{
    weir_error err;
    rest_result result =
        self->backend.set_target(self->backend.context, request->parameters[0], target, &err);

    if (result == REST_OK)
        reply->status = status;
    else if (result == REST_NOT_FOUND)
        http_reply_error(reply, 404, "Unknown connector %s", request->parameters[0]);
    else
        rest_reply_result(reply, result, &err);
}

void rest_pause(void *context, const http_request *request, http_reply *reply)
{
    set_target(context, request, reply, "PAUSED", 202);
}

void rest_resume(void *context, const http_request *request, http_reply *reply)
{
    set_target(context, request, reply, "RUNNING", 202);
}

void rest_stop(void *context, const http_request *request, http_reply *reply)
{
    set_target(context, request, reply, "STOPPED", 204);
}

/* What is restarted is shown as RESTARTING: it may run again before this answer is read. */
static void mark_restarting(json_t *one, bool only_failed)
{
    const char *state = json_string_value(json_object_get(one, "state"));

    if (!only_failed || (state != NULL && strcmp(state, "FAILED") == 0))
        (void)json_object_set_new(one, "state", json_string("RESTARTING"));
}

static void reply_with_plan(http_reply *reply, json_t *take_status, bool tasks, bool only_failed)
{
    json_t *task;
    size_t i;

    mark_restarting(json_object_get(take_status, "connector"), only_failed);
    json_array_foreach(json_object_get(take_status, "tasks"), i, task)
    {
        if (tasks)
            mark_restarting(task, only_failed);
    }
    http_reply_json(reply, 202, take_status);
}

/* The connector alone: 204. With its tasks, or only what failed: 202 and the status. */
void rest_restart(void *context, const http_request *request, http_reply *reply)
{
    const rest_backend *backend = &((const rest_api *)context)->backend;
    const char *name = request->parameters[0];
    bool tasks = http_query_bool(request, "includeTasks", false);
    bool failed = http_query_bool(request, "onlyFailed", false);
    json_t *before = backend->status(backend->context, name);
    weir_error err;
    rest_result result = backend->restart(backend->context, name, -1, tasks, failed, &err);

    if (result == REST_OK && before != NULL && (tasks || failed)) {
        reply_with_plan(reply, before, tasks, failed);
        return;
    }
    json_decref(before);
    if (result == REST_OK)
        reply->status = 204;
    else if (result == REST_NOT_FOUND)
        http_reply_error(reply, 404, "Unknown connector: %s", name);
    else
        rest_reply_result(reply, result, &err);
}

static void reply_unknown_task(const rest_backend *backend, const http_request *request,
                               http_reply *reply)
{
    json_t *status = backend->status(backend->context, request->parameters[0]);

    if (status == NULL)
        http_reply_error(reply, 404, "Unknown connector: %s", request->parameters[0]);
    else
        http_reply_error(reply, 404, "Unknown task: %s-%s", request->parameters[0],
                         request->parameters[1]);
    json_decref(status);
}

void rest_task_restart(void *context, const http_request *request, http_reply *reply)
{
    const rest_backend *backend = &((const rest_api *)context)->backend;
    int64_t number;
    weir_error err;
    rest_result result;

    if (!text_to_int(weir_cstr(request->parameters[1]), &number)) {
        http_reply_error(reply, 404, "HTTP 404 Not Found");
        return;
    }
    if (number < 0 || number > 9999) {
        reply_unknown_task(backend, request, reply);
        return;
    }
    result =
        backend->restart(backend->context, request->parameters[0], (int)number, false, false, &err);
    if (result == REST_OK)
        reply->status = 204;
    else if (result == REST_NOT_FOUND)
        reply_unknown_task(backend, request, reply);
    else
        rest_reply_result(reply, result, &err);
}

/* task.c - what a running task may ask of its host. */
#include "sdk/src/task.h"

#include "runtime/base/mem.h"
#include "schema-registry/avro/avro.h"

#include <assert.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 16384, DIAG_BYTES = 2048 };

/* Memory until close comes in chunks; a large request gets one of its own. */
typedef struct task_chunk {
    struct task_chunk *next;
    size_t used, size;
    max_align_t memory[];
} task_chunk;

void task_init(weir_task *task, weir_str connector, int number, const task_host *host,
               void *host_context)
{
    *task = (weir_task){.connector = connector,
                        .number = number,
                        .host = host,
                        .host_context = host_context,
                        .schemas = weir_map_new(),
                        .offsets = weir_map_new()};
}

void task_reset(weir_task *task)
{
    void *schema;

    for (size_t at = 0; weir_map_next(task->schemas, &at, NULL, &schema);)
        avro_schema_free(schema);
    weir_map_free(task->schemas);
    weir_map_free(task->offsets);
    task->schemas = weir_map_new();
    task->offsets = weir_map_new();
    while (task->chunks != NULL) {
        task_chunk *next = task->chunks->next;

        free(task->chunks);
        task->chunks = next;
    }
}

void task_done(weir_task *task)
{
    if (task->schemas == NULL)
        return;
    task_reset(task);
    weir_map_free(task->schemas);
    weir_map_free(task->offsets);
    *task = (weir_task){0};
}

weir_str weir_task_connector(const weir_task *task)
{
    return task->connector;
}

int weir_task_number(const weir_task *task)
{
    return task->number;
}

weir_str weir_task_log_id(const weir_task *task)
{
    return task->log_id;
}

weir_str weir_task_topic_id(weir_task *task, weir_str topic)
{
    return task->host->topic_id(task->host_context, topic);
}

int64_t weir_task_epoch(const weir_task *task)
{
    return task->epoch;
}

bool weir_task_stopping(const weir_task *task)
{
    return atomic_load_explicit(&((weir_task *)(uintptr_t)task)->stopping, memory_order_relaxed);
}

void *weir_task_alloc(weir_task *task, size_t size)
{
    task_chunk *chunk = task->chunks;
    size_t rounded = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    char *memory;

    assert(rounded >= size);
    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        size_t room = rounded > CHUNK_BYTES ? rounded : CHUNK_BYTES;

        chunk = mem_zalloc(1, sizeof(*chunk) + room);
        chunk->size = room;
        chunk->next = task->chunks;
        task->chunks = chunk;
    }
    memory = (char *)chunk->memory + chunk->used;
    chunk->used += rounded;
    return memory;
}

weir_str weir_task_copy(weir_task *task, weir_str text)
{
    char *copy = weir_task_alloc(task, text.len + 1);

    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    return (weir_str){copy, text.len};
}

const weir_schema *weir_task_schema(weir_task *task, weir_str avro_json, weir_error *err)
{
    weir_schema *schema = weir_map_get(task->schemas, avro_json);

    if (schema != NULL)
        return schema;
    schema = avro_parse(avro_json, err);
    if (schema != NULL)
        weir_map_put(task->schemas, avro_json, schema);
    return schema;
}

void weir_task_diag(weir_task *task, weir_level level, const char *fmt, ...)
{
    char text[DIAG_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args); /* a cut sentence is still a sentence */
    va_end(args);
    task->host->diag(task->host_context, level, weir_cstr(text));
}

void weir_task_progress(weir_task *task, const char *phase, int64_t done_count, int64_t total_count)
{
    task->host->progress(task->host_context, weir_cstr(phase), done_count, total_count);
}

void weir_task_gauge(weir_task *task, const char *name, double value)
{
    task->host->gauge(task->host_context, name, value);
}

weir_code weir_task_reject(weir_task *task, const weir_record *record, weir_error *err,
                           const char *fmt, ...)
{
    char reason[sizeof(err->message)];
    va_list args;

    va_start(args, fmt);
    vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    return task->host->reject(task->host_context, record, reason, err);
}

/* --- Offsets of sources --------------------------------------------------------------------- */

void task_set_offset(weir_task *task, weir_str partition, weir_str offset)
{
    weir_str *copy = weir_task_alloc(task, sizeof(*copy));

    *copy = weir_task_copy(task, offset);
    weir_map_put(task->offsets, partition, copy);
}

weir_str weir_task_offset(weir_task *task, weir_str partition)
{
    const weir_str *offset = weir_map_get(task->offsets, partition);

    return offset != NULL ? *offset : (weir_str){0};
}

bool weir_task_offset_next(weir_task *task, size_t *at, weir_str *partition, weir_str *offset)
{
    void *value;

    if (!weir_map_next(task->offsets, at, partition, &value))
        return false;
    *offset = *(const weir_str *)value;
    return true;
}

bool weir_offset_int(weir_str offset, const char *name, int64_t *out)
{
    json_t *root = json_loadb(offset.ptr != NULL ? offset.ptr : "", offset.len, 0, NULL);
    const json_t *value = json_object_get(root, name);
    bool found = json_is_integer(value);

    if (found)
        *out = json_integer_value(value);
    json_decref(root);
    return found;
}

weir_str weir_offset_text(weir_task *task, weir_str offset, const char *name)
{
    json_t *root = json_loadb(offset.ptr != NULL ? offset.ptr : "", offset.len, 0, NULL);
    const json_t *value = json_object_get(root, name);
    weir_str text = {0};

    if (json_is_string(value))
        text =
            weir_task_copy(task, (weir_str){json_string_value(value), json_string_length(value)});
    json_decref(root);
    return text;
}

/* transform.h - what happens to records between source and log, or log and sink.
 *
 * Transforms change entries of a batch: another topic, a part of the value with another schema, or taken
 * out. Nothing is copied unless bytes must be made. Each is compiled once per input schema. A chain belongs
 * to one task.
 */
#ifndef RUNTIME_CONNECT_TRANSFORM_H
#define RUNTIME_CONNECT_TRANSFORM_H

#include "sdk/src/batch.h"
#include "sdk/src/config.h"

typedef struct transform_type {
    const char *name;       /* in pipelines: "unwrap" */
    const char *java_class; /* in Connect's JSON */
    const char *summary;
    const weir_field *fields;
    size_t field_count;
    size_t state_size;
    weir_code (*open)(void *state, weir_error *err); /* optional; the settings are bound */
    /* WEIR_REJECT: this record cannot be transformed. */
    weir_code (*apply)(void *state, weir_batch *batch, batch_entry *entry, weir_error *err);
    void (*close)(void *state); /* optional */
} transform_type;

extern const transform_type transform_unwrap, transform_route;

/* By name or Java class; NULL: there is none. */
const transform_type *transform_find(weir_str name);
/* All of them, NULL behind the last. */
const transform_type *const *transform_all(void);

typedef struct transform_chain transform_chain;

/* Makes the chain that a connector's settings describe. Problems are put on the list, if it is not NULL, and
 * in any case returned: the chain is NULL then. */
weir_code transform_chain_open(const config_setting *settings, size_t count,
                               config_severity unknown, config_issues *issues,
                               transform_chain **out, weir_error *err);
void transform_chain_close(transform_chain *chain);

/* Applies all of them to one record, until one takes it out. */
WEIR_MUST_CHECK weir_code transform_apply(transform_chain *chain, weir_batch *batch,
                                          batch_entry *entry, weir_error *err);

#endif

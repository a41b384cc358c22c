/* pipeline.h - YAML pipelines: one source, its sinks, and what they have in common.
 *
 * A pipeline is a short way to write connectors: "shop" with a sink "dwh" becomes the connectors
 * "shop.source" and "shop.dwh", each with the flat settings that Kafka Connect's JSON would have
 * (connector.class, topics or topics.regex, transforms, transforms.X.type, ...). From there on nobody needs
 * to know that it came from YAML. What is kept beside each setting is the line it stands in, so that every
 * problem, also one that is found later by the connector's own table, is told with file and line.
 *
 * Reading goes on behind a problem: a file is told all that is wrong with it at once. A set with problems
 * must not be deployed.
 *
 * Ownership: a set owns everything in it; texts have a NUL behind them. Belongs to one thread.
 */
#ifndef RUNTIME_PIPELINE_PIPELINE_H
#define RUNTIME_PIPELINE_PIPELINE_H

#include "weir/base.h"

#define PIPELINE_PROBLEMS 100 /* more are counted, not kept */

typedef struct pipeline_setting {
    weir_str name, value;
    int line;
} pipeline_setting;

typedef struct pipeline_connector {
    weir_str name;   /* "shop.dwh" */
    weir_str plugin; /* "warehouse": the value of connector.class too */
    bool is_sink;
    const char *file;
    int line;        /* where it begins */
    int plugin_line; /* of `connector:` */
    pipeline_setting *settings;
    size_t setting_count;
} pipeline_connector;

typedef struct pipeline {
    weir_str name;
    const char *file;
    int line;
} pipeline;

typedef struct pipeline_problem {
    const char *file;
    int line; /* 0: the file as a whole; the message names the file then */
    const char *message;
} pipeline_problem;

typedef struct pipeline_set pipeline_set;

pipeline_set *pipeline_set_new(void);
void pipeline_set_free(pipeline_set *set);
void pipeline_set_freep(pipeline_set **set);

/* Adds all pipelines of a file, or of a text that is called file in messages. */
void pipeline_read(pipeline_set *set, const char *path);
void pipeline_parse(pipeline_set *set, weir_str text, const char *file);

size_t pipeline_count(const pipeline_set *set);
const pipeline *pipeline_at(const pipeline_set *set, size_t index);

/* Sources come before the sinks of their pipeline. */
size_t pipeline_connector_count(const pipeline_set *set);
const pipeline_connector *pipeline_connector_at(const pipeline_set *set, size_t index);

/* The setting of this name, or NULL. */
const pipeline_setting *pipeline_setting_of(const pipeline_connector *connector, weir_str name);

/* Sets what the command line adds to the connector of the set that is called so, or to all when connector is
 * empty; that there is none is a problem. The setting's line is that of the connector. */
void pipeline_override(pipeline_set *set, weir_str connector, weir_str name, weir_str value);

/* Adds a problem that was found elsewhere. */
void pipeline_add_problem(pipeline_set *set, const char *file, int line, const char *fmt, ...)
    WEIR_PRINTF(4, 5);
size_t pipeline_problem_count(const pipeline_set *set);
const pipeline_problem *pipeline_problem_at(const pipeline_set *set, size_t index);
/* "FILE:LINE: message", or the message alone; written into room bytes at text. */
void pipeline_problem_print(const pipeline_problem *problem, char *text, size_t room);

#endif

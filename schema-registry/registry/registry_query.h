/* registry_query.h - what a request brings: a schema, and the parameters of its query. registry.h includes it. */
#ifndef SCHEMA_REGISTRY_REGISTRY_REGISTRY_QUERY_H
#define SCHEMA_REGISTRY_REGISTRY_REGISTRY_QUERY_H

#include "weir/base.h"

/* A schema in a request, each member as in its JSON; ptr NULL where there was none. */
typedef struct registry_schema {
    weir_str text;
    weir_str type;       /* none: AVRO */
    weir_str references; /* JSON: [{"name":..,"subject":..,"version":..}, ...] */
    weir_str metadata;   /* JSON object */
    weir_str rule_set;   /* JSON object */
    int64_t id;          /* 0 or less: none */
    int64_t version;     /* 0: none; -1: the one that comes next, written into the metadata */
    weir_str tags_to_add, tags_to_remove; /* JSON, as schema_tags.h has it */
    bool propagate_tags;                  /* also the tags of the version in front */
} registry_schema;

typedef enum registry_filter {
    REGISTRY_LIVE,
    REGISTRY_WITH_DELETED,
    REGISTRY_DELETED_ONLY,
    REGISTRY_DELETED_NEGATIVE, /* all; the numbers of deleted versions with a minus */
} registry_filter;

typedef struct registry_page {
    int64_t offset;
    int64_t limit; /* 0 or less: all */
} registry_page;

/* A version of a subject, or all of them (0), or the latest (-1). */
typedef struct registry_versions {
    weir_str subject;
    int32_t version;
} registry_versions;

/* Names and values of properties of metadata. */
typedef struct registry_properties {
    const weir_str *names, *values;
    size_t count;
} registry_properties;

/* The parameters of a request's query, named as there. Zero: not given, which every request takes. */
typedef struct registry_query {
    weir_str format;           /* "resolved": with all references in the text */
    weir_str reference_format; /* "qualified": references with the context of their subject */
    registry_filter filter;    /* deleted: anything but REGISTRY_LIVE */
    registry_page page;
    const weir_str *find_tags; /* answers have schemaTags: entities with one of these; "*" is any */
    size_t find_tag_count;
    bool normalize, force, verbose, fetch_max_id, latest_only;
} registry_query;

#define REGISTRY_PLAIN (&(registry_query){0}) /* no parameters */

#endif

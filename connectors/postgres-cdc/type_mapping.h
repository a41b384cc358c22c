/* type_mapping.h - what a type becomes in Avro and Connect: chosen in types.c, described in type_schema.c. */
#ifndef POSTGRES_CDC_TYPE_MAPPING_H
#define POSTGRES_CDC_TYPE_MAPPING_H

#include "types.h"

typedef enum mapping_parameters {
    PARAMETERS_NONE,
    PARAMETERS_DECIMAL, /* scale and precision */
    PARAMETERS_MONEY,   /* scale */
    PARAMETERS_LENGTH,
    PARAMETERS_LABELS,
} mapping_parameters;

typedef struct type_mapping {
    weir_type base;
    const char *avro;         /* the base type's name in a schema */
    const char *connect_name; /* NULL: none, and no version */
    const char *connect_type; /* of what Avro has no type for */
    const char *logical;      /* Avro's logical type */
    mapping_parameters parameters;
} type_mapping;

#endif

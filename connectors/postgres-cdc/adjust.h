/* adjust.h - names with the characters that Avro allows, as Debezium's adjustment modes make them.
 *
 * Pure functions.
 */
#ifndef POSTGRES_CDC_ADJUST_H
#define POSTGRES_CDC_ADJUST_H

#include "weir/buf.h"

/* The order is that of the choices in the settings. */
typedef enum adjust_mode {
    ADJUST_NONE,
    ADJUST_AVRO,   /* an underscore for what is not allowed */
    ADJUST_UNICODE /* its number in UTF-16, behind _u; so an underscore is not allowed itself */
} adjust_mode;

/* Adds the adjusted name. The full name of a schema has dots, a field's has none. */
void adjust_schema_name(weir_str name, adjust_mode mode, weir_buf *out);
void adjust_field_name(weir_str name, adjust_mode mode, weir_buf *out);

#endif

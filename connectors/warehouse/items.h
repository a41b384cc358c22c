/* items.h - reads Avro data that has no column of its own: the items of an array, and the record of
 * a decimal with variable scale.
 *
 * Bytes were checked when the record was decoded, but every read is bounded all the same.
 */
#ifndef WAREHOUSE_ITEMS_H
#define WAREHOUSE_ITEMS_H

#include "weir/schema.h"

typedef struct items {
    const uint8_t *at, *end;
    const weir_schema *schema; /* of an item, null and all */
    int64_t left;              /* in this block */
    bool failed;
} items;

void items_init(items *self, const weir_schema *array, weir_str encoded);

/* The next item, decoded like a column of its schema. False behind the last, or when failed is set. */
bool items_next(items *self, weir_slot *slot);

/* A value {scale: int, value: bytes}; false when the bytes are not one. */
bool items_variable_decimal(weir_str encoded, int64_t *scale, weir_str *unscaled);

#endif

/* name.h - what Avro takes as a name. Making legal names is in weir/schema.h: weir_legal_name.
 *
 * Specification 1.11, "Names": a name begins with a letter or _ and goes on with letters, digits and _;
 * a full name is names joined by dots. Pure functions; any thread.
 */
#ifndef SCHEMA_REGISTRY_AVRO_NAME_H
#define SCHEMA_REGISTRY_AVRO_NAME_H

#include "weir/base.h"

bool avro_name_is_valid(weir_str name);
bool avro_full_name_is_valid(weir_str name);

#endif

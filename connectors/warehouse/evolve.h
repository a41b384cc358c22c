/* evolve.h - the table as records need it: made or widened where the settings allow it, else refused. */
#ifndef WAREHOUSE_EVOLVE_H
#define WAREHOUSE_EVOLVE_H

#include "dialect.h"
#include "fields.h"

/* Looks at the table if it is not known, and makes it fit these fields of the record. Afterwards the table
 * is known; it exists, unless the record is a delete. WEIR_CONFIG with the remedy when the settings do not
 * allow what would be needed; or what the dialect says. */
weir_code evolve_table(dialect *to, table *target, const weir_record *record,
                       const field_list *list, weir_error *err);

#endif

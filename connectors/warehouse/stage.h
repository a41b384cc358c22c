/* stage.h - a row as the staging table has it: its fields, what kind it is, and which of them were sent. */
#ifndef WAREHOUSE_STAGE_H
#define WAREHOUSE_STAGE_H

#include "fold.h"

/* Appends the row, in copy.h's form, with the fields op and mask behind its own; see sql.h. Fields that were not
 * sent become NULL. Pure. */
void stage_row(weir_buf *out, weir_str row, fold_kind kind);

#endif

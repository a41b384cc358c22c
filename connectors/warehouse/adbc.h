/* adbc.h - the pure parts of the ADBC dialect: for validation, and for tests. */
#ifndef WAREHOUSE_ADBC_H
#define WAREHOUSE_ADBC_H

#include "type.h"
#include "url.h"

/* WEIR_CONFIG when the URL names no vendor that there is a dialect for. Loads nothing. */
weir_code adbc_check(const url *where, weir_error *err);

/* What a driver's message means for the task. */
weir_code adbc_classify(const char *message);

/* The type of a column that the vendor declares so: "DECIMAL(10,2)[]". */
column_type adbc_type(weir_str declared);

#endif

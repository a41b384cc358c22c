/* adbc_vendor.h - the vendors behind ADBC drivers: what is special about each, and what its messages and types
 * mean. Pure; loads nothing. */
#ifndef WAREHOUSE_ADBC_VENDOR_H
#define WAREHOUSE_ADBC_VENDOR_H

#include "sql.h"
#include "url.h"

typedef struct adbc_vendor {
    const char *entry_point; /* of its driver: how it is recognised */
    const sql_vendor *sql;
    bool one_writer; /* of the same database */
} adbc_vendor;

/* The vendor that a URL names; NULL when there is no dialect for it. */
const adbc_vendor *adbc_vendor_find(const url *where);

/* WEIR_CONFIG when the URL names no vendor that there is a dialect for. */
weir_code adbc_vendor_check(const url *where, weir_error *err);

/* What a driver's message means for the task. */
weir_code adbc_vendor_class_of_error(const char *message);

/* The type of a column that the vendor declares so: "DECIMAL(10,2)[]". */
column_type adbc_vendor_type(weir_str declared);

#endif

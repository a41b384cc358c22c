/* adbc_connection.h - a connection of an ADBC driver that is loaded at run time.
 *
 * Belongs to the task's thread. One writer a file is kept, across processes and tasks.
 */
#ifndef WAREHOUSE_ADBC_CONNECTION_H
#define WAREHOUSE_ADBC_CONNECTION_H

#include "adbc_abi.h"
#include "url.h"

typedef struct adbc_connection {
    void *library;
    struct AdbcDriver driver;
    struct AdbcDatabase database;
    struct AdbcConnection connection;
    bool has_database, has_connection;
    int lock; /* a socket; -1: none is needed */
} adbc_connection;

/* Loads the driver and connects. To be closed in any case. WEIR_RETRY while another writes the file. */
weir_code adbc_connection_open(adbc_connection *self, const url *where, weir_error *err);
void adbc_connection_close(adbc_connection *self);

/* Returns the driver's error as ours, and releases it. */
weir_code adbc_connection_failed(struct AdbcError *error, const char *doing, weir_error *err);

#endif

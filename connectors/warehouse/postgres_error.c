/* postgres_error.c - what PostgreSQL's errors mean for the task, and what can be done about them. */
#include "postgres_error.h"

#include <libpq-fe.h>
#include <string.h>

weir_code postgres_error_class(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        weir_code code;
    } classes[] = {
        {"08", WEIR_RETRY},     /* connection */
        {"40", WEIR_RETRY},     /* serialization failure, deadlock */
        {"53", WEIR_RETRY},     /* out of disk, memory, connections */
        {"57", WEIR_RETRY},     /* shutdown, cancel */
        {"58", WEIR_RETRY},     /* I/O error */
        {"55", WEIR_RETRY},     /* lock not available, object in use */
        {"25P03", WEIR_RETRY},  /* idle in transaction for too long */
        {"25006", WEIR_RETRY},  /* read-only: a standby may be promoted */
        {"42P01", WEIR_RETRY},  /* dropped meanwhile: it is looked at again */
        {"42703", WEIR_RETRY},  /* likewise a column */
        {"28", WEIR_CONFIG},    /* authorization */
        {"3D", WEIR_CONFIG},    /* no such database */
        {"21", WEIR_REJECT},    /* one row twice: keys that differ only in spelling */
        {"22", WEIR_REJECT},    /* data exception */
        {"23", WEIR_REJECT},    /* constraint */
        {"44", WEIR_REJECT},    /* check option of a view */
        {"P0", WEIR_REJECT},    /* raised by a trigger */
        {"54000", WEIR_REJECT}, /* index row too large, and the like */
    };

    if (sqlstate == NULL)
        return WEIR_RETRY;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strncmp(sqlstate, classes[i].prefix, strlen(classes[i].prefix)) == 0)
            return classes[i].code;
    return WEIR_FATAL;
}

weir_code postgres_error_class_of_connect(const char *message)
{
    static const char *const ours[] = {
        "password authentication failed", "no password supplied",      "does not exist",
        "no pg_hba.conf entry",           "invalid connection option", "invalid sslmode",
        "permission denied for database"};

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (strstr(message, ours[i]) != NULL)
            return WEIR_CONFIG;
    return WEIR_RETRY;
}

weir_code postgres_error_connection(const PGconn *connection, const char *doing, weir_error *err)
{
    const char *message = PQerrorMessage(connection);

    return weir_fail(err, WEIR_RETRY, "%s: %.*s", doing, (int)strcspn(message, "\n"), message);
}

/* What can be done about it, where that is not obvious. */
const char *postgres_error_remedy(const char *sqlstate)
{
    static const struct {
        const char *sqlstate, *text;
    } remedies[] = {
        {"42P10", "; an upsert needs a primary key or unique constraint on exactly the columns of "
                  "pk.fields"},
        {"42501",
         "; grant the user of connection.user what it needs: INSERT, UPDATE, DELETE, SELECT "
         "on the tables, CREATE on the schema, TEMPORARY on the database"},
        {"25006", "; connect to the primary and not to a standby, or switch "
                  "default_transaction_read_only off for this user"},
        {"53100", "; free space on the destination: it is tried again"},
        {"3F000", "; create the schema, or name another one in table.name.format"},
        {"428C9",
         "; the destination makes the values of this column itself: leave the field out with "
         "fields.whitelist"},
        {"42846", "; give the column a type that the field can be cast to, or leave the field out "
                  "with fields.whitelist"},
        {"42804", "; give the column a type that the field can be cast to, or leave the field out "
                  "with fields.whitelist"},
    };

    for (size_t i = 0; sqlstate != NULL && i < sizeof(remedies) / sizeof(remedies[0]); i++)
        if (strcmp(sqlstate, remedies[i].sqlstate) == 0)
            return remedies[i].text;
    return "";
}

weir_code postgres_error_result(const PGconn *connection, const PGresult *result, const char *doing,
                                weir_error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (message == NULL || PQstatus(connection) == CONNECTION_BAD)
        return postgres_error_connection(connection, doing, err);
    /* the detail stays out: it shows the row, and values do not belong into diagnostics */
    return weir_fail(err, postgres_error_class(sqlstate), "%s: %s%s", doing, message,
                     postgres_error_remedy(sqlstate));
}

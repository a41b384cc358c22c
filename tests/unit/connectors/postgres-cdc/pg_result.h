/* pg_result.h - results of queries that no server has answered. */
#ifndef TESTS_POSTGRES_CDC_PG_RESULT_H
#define TESTS_POSTGRES_CDC_PG_RESULT_H

#include <libpq-fe.h>
#include <string.h>

enum { PG_RESULT_COLUMNS = 10 };

/* Rows of texts, column by column; the caller clears it. */
static inline PGresult *pg_result_new(const char *const *values, int rows, int columns)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc attributes[PG_RESULT_COLUMNS] = {{0}};
    char name[] = "?column?";

    for (int i = 0; i < columns && i < PG_RESULT_COLUMNS; i++)
        attributes[i].name = name;
    if (PQsetResultAttrs(result, columns, attributes) == 0)
        return result;
    for (int i = 0; i < rows * columns; i++) {
        char text[128];
        size_t length = strlen(values[i]);

        if (length >= sizeof(text))
            continue;
        memcpy(text, values[i], length + 1);
        (void)PQsetvalue(result, i / columns, i % columns, text, (int)length);
    }
    return result;
}

#endif

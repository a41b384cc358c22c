/* pgoutput.h - decodes the messages of PostgreSQL's logical replication plugin, protocol version 1.
 *
 * Pure functions over bytes: one message in, one struct out. Texts and values point into the message
 * and live as long as it does. PostgreSQL 15, "Logical Replication Message Formats".
 *
 * A decoder holds the columns of the message it decoded last and is used again for the next one; it
 * belongs to one thread.
 */
#ifndef POSTGRES_CDC_PGOUTPUT_H
#define POSTGRES_CDC_PGOUTPUT_H

#include "weir/base.h"

#define PGOUTPUT_COLUMN_LIMIT 1600 /* MaxHeapAttributeNumber */

typedef enum pgoutput_kind {
    PGOUTPUT_BEGIN = 'B',
    PGOUTPUT_COMMIT = 'C',
    PGOUTPUT_ORIGIN = 'O',
    PGOUTPUT_RELATION = 'R',
    PGOUTPUT_TYPE = 'Y',
    PGOUTPUT_INSERT = 'I',
    PGOUTPUT_UPDATE = 'U',
    PGOUTPUT_DELETE = 'D',
    PGOUTPUT_TRUNCATE = 'T',
    PGOUTPUT_MESSAGE = 'M',
} pgoutput_kind;

/* How a value came: each value says so for itself. */
typedef enum pgoutput_form {
    PGOUTPUT_NULL = 'n',
    PGOUTPUT_UNCHANGED = 'u', /* a TOASTed value that the change did not touch: not sent */
    PGOUTPUT_TEXT = 't',
    PGOUTPUT_BINARY = 'b',
} pgoutput_form;

typedef struct pgoutput_value {
    pgoutput_form form;
    weir_str bytes;
} pgoutput_value;

typedef struct pgoutput_tuple {
    uint16_t count;
    const pgoutput_value *values;
} pgoutput_tuple;

typedef struct pgoutput_column {
    bool identity; /* part of the replica identity */
    weir_str name;
    uint32_t type;
    int32_t modifier;
} pgoutput_column;

typedef struct pgoutput_message {
    pgoutput_kind kind;
    uint32_t relation; /* relation, insert, update, delete; of a type: its oid */
    union {
        struct {
            uint64_t final_lsn; /* where the commit record begins */
            int64_t time_us;    /* since 2000-01-01 */
            uint32_t xid;
        } begin;
        struct {
            uint64_t lsn;
            uint64_t end_lsn; /* behind the commit record: what can be confirmed */
            int64_t time_us;
        } commit;
        struct {
            weir_str schema; /* empty for pg_catalog */
            weir_str name;
            char identity; /* d: default, n: nothing, f: full, i: index */
            uint16_t count;
            const pgoutput_column *columns;
        } table;
        struct {
            char old_kind; /* 'K': the key's columns, 'O': all columns, 0: there is no old tuple */
            pgoutput_tuple old_tuple;
            pgoutput_tuple new_tuple;
        } change;
        struct {
            uint32_t count;
            weir_str relations; /* count big-endian numbers of 4 bytes */
        } truncate;
        struct {
            bool transactional;
            uint64_t lsn;
            weir_str prefix;
            weir_str content;
        } logical;
    };
} pgoutput_message;

typedef struct pgoutput_decoder {
    pgoutput_value old_values[PGOUTPUT_COLUMN_LIMIT];
    pgoutput_value new_values[PGOUTPUT_COLUMN_LIMIT];
    pgoutput_column columns[PGOUTPUT_COLUMN_LIMIT];
} pgoutput_decoder;

/* WEIR_FATAL when the bytes are no message of protocol version 1, to the last byte. */
WEIR_MUST_CHECK weir_code pgoutput_decode(pgoutput_decoder *decoder, weir_str payload,
                                          pgoutput_message *message, weir_error *err);

/* One of a truncate's relations; index is below its count. */
uint32_t pgoutput_truncated(const pgoutput_message *message, uint32_t index);

#endif

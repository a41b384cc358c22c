/* script.h - cuts a file of SQL into its statements, each with the line it begins in, as psql does.
 *
 * Statements end at a semicolon outside of quotes ('', E'', "", $tag$), comments (also nested ones), parentheses and
 * the body of a function that begins with BEGIN ATOMIC. The server parses each of them again and takes no more than
 * one at a time, so a mistake here ends in an error, never in something else being run.
 *
 * Pure functions over bytes; statements point into the text.
 */
#ifndef POSTGRES_CDC_SCRIPT_H
#define POSTGRES_CDC_SCRIPT_H

#include "weir/base.h"

typedef enum script_kind {
    SCRIPT_END,         /* there is nothing more */
    SCRIPT_STATEMENT,   /* to be sent to the server */
    SCRIPT_TRANSACTION, /* it begins or ends a transaction: BEGIN, COMMIT, ...; not SAVEPOINT */
    SCRIPT_META,        /* a command of psql's own: \connect */
    SCRIPT_UNCLOSED,    /* a quote or a comment that has no end */
} script_kind;

typedef struct script_statement {
    script_kind kind;
    weir_str text; /* without the semicolon; of what is unclosed, from where it begins */
    int line;      /* where text begins, from 1 */
} script_statement;

typedef struct script {
    weir_str text;
    size_t at; /* what comes next */
    int line;  /* of at */
} script;

script script_of(weir_str text);

/* Steps to the next statement. Nothing is to be asked for behind SCRIPT_META and SCRIPT_UNCLOSED. */
script_statement script_next(script *self);

/* The line of the statement's character at a position from 1, as the server names places in errors. */
int script_line_at(const script_statement *statement, int position);

#endif

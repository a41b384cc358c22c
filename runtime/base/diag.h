/* diag.h - diagnostics: what is written for an operator, one line each.
 *
 * A line is the level, what happened, then key=value pairs from the context; logfmt or JSON. Written to
 * standard error with one write(2), so that lines of different threads do not mix. Any thread.
 */
#ifndef RUNTIME_BASE_DIAG_H
#define RUNTIME_BASE_DIAG_H

#include "weir/task.h" /* weir_level */

#include <stdarg.h>

typedef struct diag_pair {
    const char *key;
    weir_str value;
} diag_pair;

/* Lines below this level are not written; WEIR_INFO at first. */
void diag_set_level(weir_level level);
void diag_set_json(bool json);
bool diag_is_on(weir_level level);
/* How many lines were written so far: who draws on the same terminal sees by it that he was interrupted. */
uint64_t diag_line_count(void);

/* Pairs that every later line of this thread carries, at most 4: connector=, task=. They are not copied:
 * they live until the next call. */
void diag_context(const diag_pair *pairs, size_t count);

/* The sentence: lower case, no full stop, no names and numbers that belong into pairs. */
void diag(weir_level level, const char *fmt, ...) WEIR_PRINTF(2, 3);
void diag_with(weir_level level, const diag_pair *pairs, size_t count, const char *fmt, ...)
    WEIR_PRINTF(4, 5);

#endif

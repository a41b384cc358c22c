/* java_regex.h - regular expressions of settings: Java's, as Kafka Connect and Debezium have them, by PCRE2.
 *
 * What PCRE2 writes otherwise is translated (\uXXXX, \p{Alpha} and its like), and what it would take for
 * something else is refused: classes within classes, [a-z&&[^b]]. Case, \d, \s and \w are ASCII's. A match has
 * a limit of steps, so that no expression holds a task up for long; one that reaches it is an error, neither a
 * match nor none.
 *
 * Belongs to one thread at a time.
 */
#ifndef RUNTIME_CONNECT_JAVA_REGEX_H
#define RUNTIME_CONNECT_JAVA_REGEX_H

#include "weir/buf.h"

typedef struct java_regex java_regex;

/* WEIR_CONFIG with the pattern, the reason, the character and a remedy. Nothing is kept of pattern. */
WEIR_MUST_CHECK weir_code java_regex_new(weir_str pattern, java_regex **out, weir_error *err);
/* NULL is fine. */
void java_regex_free(java_regex *self);

/* The check of a weir_field: whether it is an expression, or empty. */
weir_code java_regex_check(weir_str pattern, weir_error *err);

/* Whether it matches all of the text: Matcher.matches. */
WEIR_MUST_CHECK weir_code java_regex_matches(java_regex *self, weir_str text, bool *out,
                                             weir_error *err);

/* Adds the text with its first match replaced, or as it is: Matcher.replaceFirst. $1 and ${name} are groups,
 * empty where they took no part; \ takes the meaning from the next character. WEIR_CONFIG: the replacement
 * names a group that is not there. */
WEIR_MUST_CHECK weir_code java_regex_replace(java_regex *self, weir_str text, weir_str replacement,
                                             weir_buf *out, weir_error *err);
/* Whether all groups are there that it names. */
WEIR_MUST_CHECK weir_code java_regex_check_replacement(const java_regex *self, weir_str replacement,
                                                       weir_error *err);

#endif

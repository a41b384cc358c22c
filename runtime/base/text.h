/* text.h - small questions about text. Pure functions; any thread. */
#ifndef RUNTIME_BASE_TEXT_H
#define RUNTIME_BASE_TEXT_H

#include "weir/base.h"

/* How many single-character insertions, deletions, replacements and swaps of neighbours lead from a to b,
 * ignoring case. Texts longer than 64 bytes count as different in all that lies past it. */
size_t text_distance(weir_str a, weir_str b);

/* The name that was probably meant: the nearest one, if it is near enough to be a slip (a third of its
 * length, and at most 4); NULL when none is. names is NULL behind the last. */
const char *text_nearest(weir_str written, const char *const *names);

/* Whole text as a number: no sign but '-', no spaces, no leading '+'. False when it is none or too large. */
bool text_to_int(weir_str text, int64_t *out);

/* The text without what is a blank or a control character (as Java's trim has it) at its ends. */
weir_str text_trim(weir_str text);

#endif

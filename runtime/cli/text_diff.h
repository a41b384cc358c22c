/* text_diff.h - the difference of two texts, line by line. Pure function; any thread. */
#ifndef RUNTIME_CLI_TEXT_DIFF_H
#define RUNTIME_CLI_TEXT_DIFF_H

#include "weir/buf.h"

#define TEXT_DIFF_LINES                                                                            \
    5000 /* that differ, of one text; more are shown as all removed, all added */

/* Adds all lines: "  " before those of both, "- " before those of before only, "+ " before those of after
 * only. True when there are such. */
bool text_diff(weir_str before, weir_str after, weir_buf *out);

#endif

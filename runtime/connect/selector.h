/* selector.h - which topics a sink reads: names, or a regular expression that matches whole names.
 *
 * Topics of the worker's own (__..., _schemas) are only read when they are named.
 *
 * Belongs to one thread at a time.
 */
#ifndef RUNTIME_CONNECT_SELECTOR_H
#define RUNTIME_CONNECT_SELECTOR_H

#include "weir/base.h"
#include "weir/config.h"

typedef struct selector selector;

/* topics and regex are not copied: they outlive the selector. regex len 0: there is none. WEIR_CONFIG when it
 * is no regular expression. */
WEIR_MUST_CHECK weir_code selector_new(weir_list topics, weir_str regex, selector **out,
                                       weir_error *err);
void selector_free(selector *selector);

/* Fails only when the regular expression cannot tell: java_regex.h. */
WEIR_MUST_CHECK weir_code selector_matches(const selector *selector, weir_str topic, bool *out,
                                           weir_error *err);

#endif

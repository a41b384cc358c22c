/* rehearse.h - what would be captured after a migration, found out on a scratch database.
 *
 * One thread, on a state of its own that was not opened.
 */
#ifndef POSTGRES_CDC_REHEARSE_H
#define POSTGRES_CDC_REHEARSE_H

#include "weir/source.h"

/* The connector's operation `rehearse`. state is a source; its close is called behind it. */
WEIR_MUST_CHECK weir_code rehearse(weir_task *task, void *state, const weir_rehearsal *what,
                                   weir_error *err);

#endif

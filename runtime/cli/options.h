/* options.h - the options of `weir run` and `weir server`: where data and plugins are, where to listen.
 *
 * The same options can stand in a YAML file that --config names, with the flags' names as keys; a flag on
 * the command line wins.
 *
 * Threads: the main thread.
 */
#ifndef RUNTIME_CLI_OPTIONS_H
#define RUNTIME_CLI_OPTIONS_H

#include "weir/base.h"

#include <argp.h>

enum { OPTIONS_TEXT = 4096 };

typedef struct options {
    char data[OPTIONS_TEXT];    /* --data DIR */
    char plugins[OPTIONS_TEXT]; /* --plugins DIR */
    char rest[OPTIONS_TEXT];    /* --rest HOST:PORT; "none" switches it off */
    /* --registry HOST:PORT; "none" switches it off, "" is the command's default */
    char registry[OPTIONS_TEXT];
    char registry_users[OPTIONS_TEXT];           /* --registry-users FILE */
    char registry_tls_certificate[OPTIONS_TEXT]; /* --registry-tls-certificate FILE */
    char registry_tls_key[OPTIONS_TEXT];         /* --registry-tls-key FILE */
    char registry_compatibility[32];             /* --registry-compatibility LEVEL */
    char registry_error_codes[16];               /* --registry-error-codes short|long */
    char log_level[16];                          /* --log-level debug|info|warn|error */
    char log_format[16];                         /* --log-format logfmt|json */
    char set_by_flag[32]; /* keys of the flags that were on the command line */
} options;

/* As an argp child; its input is the options. --config is read by it at the end. */
extern const struct argp options_argp;

/* Defaults: no data directory, plugins beside the executable or in PREFIX/lib/weir/connectors, the default
 * address, info, logfmt. */
void options_init(options *self);

/* Takes what the file says, where no flag did. WEIR_CONFIG with file and line. */
WEIR_MUST_CHECK weir_code options_read(options *self, const char *path, weir_error *err);

/* Sets level and format of the diagnostics. WEIR_CONFIG when they have no such value. */
WEIR_MUST_CHECK weir_code options_apply(const options *self, weir_error *err);

#endif

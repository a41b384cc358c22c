/* url.h - connection.url: which dialect it means, and what it says.
 *
 * Three spellings: postgresql://…, which libpq reads itself; jdbc:postgresql://…, whose parameters
 * are translated; adbc:PATH.so?entrypoint=…&<driver option>=…. Pure functions over text.
 */
#ifndef WAREHOUSE_URL_H
#define WAREHOUSE_URL_H

#include "weir/buf.h"

typedef enum url_kind { URL_POSTGRES, URL_ADBC } url_kind;

enum { URL_PARAMETERS_MAX = 64 };

typedef struct url_parameter {
    weir_str name, value; /* percent-decoded, in url.text */
} url_parameter;

typedef struct url {
    url_kind kind;
    bool is_jdbc;
    weir_str base; /* the URL without jdbc: or adbc: and without parameters; in text */
    url_parameter parameters[URL_PARAMETERS_MAX];
    size_t parameter_count;
    weir_buf text; /* owns all of the above */
} url;

/* Takes a URL apart. WEIR_CONFIG when it is none of the three. */
weir_code url_parse(weir_str text, url *out, weir_error *err);
void url_done(url *self);

/* The value of a parameter; ptr NULL when it is not there. */
weir_str url_parameter_value(const url *self, const char *name);

/* The check of the setting connection.url. */
weir_code url_check(weir_str value, weir_error *err);

/* The libpq keyword of a JDBC parameter, NULL when libpq has no word for it. */
const char *url_jdbc_keyword(weir_str name);

#endif

/* outlook.h - what a remote registry would say to a schema, without registering it.
 *
 * It answers what a converter would get that comes with this schema: the same questions, in the order in which a
 * registration asks them. Blocks as the client does. One thread.
 */
#ifndef SCHEMA_REGISTRY_CLIENT_OUTLOOK_H
#define SCHEMA_REGISTRY_CLIENT_OUTLOOK_H

#include "schema-registry/client/registry_client.h"

/* What the converter does with a schema: its settings auto.register.schemas and use.latest.version. */
typedef enum outlook_use {
    OUTLOOK_USE_REGISTER,
    OUTLOOK_USE_FIND,          /* it has to be a version already */
    OUTLOOK_USE_LATEST,        /* the latest version has to be written in the same way */
    OUTLOOK_USE_LATEST_ANYHOW, /* some latest version has to be there */
} outlook_use;

typedef struct outlook_question {
    weir_str subject;
    const weir_schema *schema;
    weir_str text; /* of the schema, as it would be registered */
    bool normalize;
    outlook_use use;
} outlook_question;

typedef enum outlook_verdict {
    OUTLOOK_IS_VERSION, /* the subject has it */
    OUTLOOK_IS_NEW,     /* the subject has no version: this becomes the first */
    OUTLOOK_COMPATIBLE, /* it becomes the next version */
    OUTLOOK_INCOMPATIBLE,
    OUTLOOK_READ_ONLY, /* the subject's mode takes no version */
    OUTLOOK_MISSING,   /* it is not registered, and the converter does not register it */
    OUTLOOK_UNLIKE,    /* the latest version is not written in the same way */
} outlook_verdict;

/* `outlook a = {0};` is empty. */
typedef struct outlook {
    outlook_verdict verdict;
    char level[32];   /* of compatibility; empty where it does not matter */
    int32_t version;  /* that it is; or, when it is incompatible, with which; 0: not known */
    weir_buf fields;  /* those that are to blame, for people; see compat_fields */
    json_t *messages; /* the registry's reasons, an array of texts; NULL: none */
} outlook;

/* The name of a verdict: "compatible". */
const char *outlook_name(outlook_verdict verdict);
/* Whether records with such a schema can be written. */
bool outlook_is_good(outlook_verdict verdict);

/* Errors are those of the client. */
WEIR_MUST_CHECK weir_code outlook_ask(registry_client *client, const outlook_question *question,
                                      outlook *answer, weir_error *err);
void outlook_done(outlook *answer);

#endif

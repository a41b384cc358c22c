/* access.h - who may do what over the registry's API: users, passwords, and roles for prefixes of subjects.
 *
 * The rules are a YAML file:
 *
 *     users:
 *       ann:
 *         password: "pbkdf2-sha256$100000$…"   # as `weir registry --hash-password` prints it
 *         admin: [""]                          # "": every subject, and what is above subjects
 *       shop:
 *         password: "pbkdf2-sha256$100000$…"
 *         write: ["shop.", "billing."]
 *         read: [""]
 *
 * read: looking up and checking schemas. write: also registering, and soft deletion. admin: also permanent
 * deletion, configuration and modes. Listing subjects or schemas takes read for the prefix that is asked
 * for; a schema by its id takes read for one of its subjects. What says nothing of subjects (the types, the
 * version, the global configuration) every user may read.
 *
 * Threads: reading and freeing belong to one thread; in between any may ask.
 */
#ifndef SCHEMA_REGISTRY_API_ACCESS_H
#define SCHEMA_REGISTRY_API_ACCESS_H

#include "runtime/base/http.h"
#include "schema-registry/registry/registry.h"

#define ACCESS_USERS    1000
#define ACCESS_PREFIXES 1000 /* of one user in one role */

typedef enum access_role { ACCESS_READ, ACCESS_WRITE, ACCESS_ADMIN, ACCESS_ROLES } access_role;

typedef struct access_rules access_rules;

/* WEIR_CONFIG with file and line. */
WEIR_MUST_CHECK weir_code access_read(const char *path, access_rules **out, weir_error *err);
void access_free(access_rules *rules); /* NULL is fine */

/* True when the user of a request may make it; else the reply is 401 or 403. */
bool access_admit(const access_rules *rules, registry *registry, const http_request *request,
                  http_reply *reply);

#endif

/* password.h - passwords as they are kept: "pbkdf2-sha256$ITERATIONS$SALT$HASH", salt and hash in hex.
 *
 * What does not begin with "pbkdf2-sha256$" is the password itself, for trying things out. Checking a hash
 * is slow by design; who checks with each request remembers what was right (password_memory).
 *
 * Threads: any; a memory has a lock of its own.
 */
#ifndef SCHEMA_REGISTRY_API_PASSWORD_H
#define SCHEMA_REGISTRY_API_PASSWORD_H

#include "weir/buf.h"

#include <pthread.h>

#define PASSWORD_ITERATIONS 100000

/* The digest of the password that was right last; it is of no use outside this process. */
typedef struct password_memory {
    pthread_mutex_t lock; /* of the rest */
    bool is_set;
    unsigned char digest[32];
} password_memory;

void password_memory_init(password_memory *memory);
void password_memory_done(password_memory *memory);

/* Adds a new hash of a password. */
void password_hash(weir_str password, weir_buf *out);

/* Is this text one that can be checked against? WEIR_CONFIG when it begins as a hash and is none. */
WEIR_MUST_CHECK weir_code password_validate(weir_str kept, weir_error *err);

/* kept is valid. memory is of this kept text only. */
bool password_is_right(weir_str kept, weir_str password, password_memory *memory);

#endif

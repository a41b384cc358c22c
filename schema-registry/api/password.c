/* password.c - passwords as they are kept. */
#include "schema-registry/api/password.h"

#include "runtime/base/text.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum { SALT = 16, HASH = 32, ITERATIONS_MAX = 10000000 };

static const char scheme[] = "pbkdf2-sha256$";

typedef struct hashed {
    int iterations;
    unsigned char salt[SALT], hash[HASH];
} hashed;

void password_memory_init(password_memory *memory)
{
    *memory = (password_memory){0};
    if (pthread_mutex_init(&memory->lock, NULL) != 0)
        abort(); /* out of memory */
}

void password_memory_done(password_memory *memory)
{
    (void)pthread_mutex_destroy(&memory->lock);
}

static bool is_hashed(weir_str kept)
{
    return kept.len >= sizeof(scheme) - 1 && memcmp(kept.ptr, scheme, sizeof(scheme) - 1) == 0;
}

static void derive(weir_str password, const unsigned char *salt, int iterations, unsigned char *out)
{
    if (PKCS5_PBKDF2_HMAC(password.ptr, (int)password.len, salt, SALT, iterations, EVP_sha256(),
                          HASH, out) != 1)
        abort(); /* out of memory */
}

static void add_hex(weir_buf *out, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        weir_buf_printf(out, "%02x", bytes[i]);
}

void password_hash(weir_str password, weir_buf *out)
{
    unsigned char salt[SALT], hash[HASH];

    if (RAND_bytes(salt, SALT) != 1)
        abort(); /* a system without randomness */
    derive(password, salt, PASSWORD_ITERATIONS, hash);
    weir_buf_printf(out, "%s%d$", scheme, PASSWORD_ITERATIONS);
    add_hex(out, salt, SALT);
    weir_buf_add_byte(out, '$');
    add_hex(out, hash, HASH);
}

/* What stands before the next '$', or all; the rest stays in text. */
static weir_str cut(weir_str *text)
{
    const char *end = text->len > 0 ? memchr(text->ptr, '$', text->len) : NULL;
    weir_str part = {text->ptr, end != NULL ? (size_t)(end - text->ptr) : text->len};

    *text = end != NULL ? (weir_str){end + 1, text->len - part.len - 1} : (weir_str){0};
    return part;
}

static bool read_hex(weir_str text, unsigned char *out, size_t size)
{
    if (text.len != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = OPENSSL_hexchar2int((unsigned char)text.ptr[2 * i]);
        int low = OPENSSL_hexchar2int((unsigned char)text.ptr[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high * 16 + low);
    }
    return true;
}

static bool read_hashed(weir_str kept, hashed *out)
{
    weir_str left = {kept.ptr + sizeof(scheme) - 1, kept.len - sizeof(scheme) + 1};
    int64_t iterations;

    if (!text_to_int(cut(&left), &iterations) || iterations < 1 || iterations > ITERATIONS_MAX)
        return false;
    out->iterations = (int)iterations;
    return read_hex(cut(&left), out->salt, SALT) && read_hex(left, out->hash, HASH);
}

weir_code password_validate(weir_str kept, weir_error *err)
{
    hashed parts;

    if (kept.len == 0)
        return weir_fail(err, WEIR_CONFIG, "the password is empty");
    if (is_hashed(kept) && !read_hashed(kept, &parts))
        return weir_fail(err, WEIR_CONFIG,
                         "the password is no hash of the form %sITERATIONS$SALT$HASH", scheme);
    return WEIR_OK;
}

static void digest_of(weir_str text, unsigned char *out)
{
    if (EVP_Digest(text.ptr, text.len, out, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* out of memory */
}

static bool is_remembered(password_memory *memory, const unsigned char *digest)
{
    bool same;

    pthread_mutex_lock(&memory->lock);
    same = memory->is_set && CRYPTO_memcmp(memory->digest, digest, HASH) == 0;
    pthread_mutex_unlock(&memory->lock);
    return same;
}

static void remember(password_memory *memory, const unsigned char *digest)
{
    pthread_mutex_lock(&memory->lock);
    memcpy(memory->digest, digest, HASH);
    memory->is_set = true;
    pthread_mutex_unlock(&memory->lock);
}

bool password_is_right(weir_str kept, weir_str password, password_memory *memory)
{
    unsigned char digest[HASH], own[HASH];
    hashed parts;
    bool valid;

    if (password.len > INT32_MAX)
        return false;
    digest_of(password, digest);
    if (!is_hashed(kept)) {
        digest_of(kept, own);
        return CRYPTO_memcmp(digest, own, HASH) == 0;
    }
    if (is_remembered(memory, digest))
        return true;
    valid = read_hashed(kept, &parts);
    assert(valid); /* password_validate has looked */
    derive(password, parts.salt, parts.iterations, own);
    if (CRYPTO_memcmp(own, parts.hash, HASH) != 0)
        return false;
    remember(memory, digest);
    return true;
}

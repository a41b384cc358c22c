/* schema_hash.c - which schemas are one. */
#include "schema-registry/registry/schema_hash.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static void add_text(EVP_MD_CTX *md, const char *text)
{
    if (text != NULL)
        EVP_DigestUpdate(md, text, strlen(text));
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_texts(const void *a, const void *b)
{
    const char *left = json_string_value(*(json_t *const *)a);
    const char *right = json_string_value(*(json_t *const *)b);

    return strcmp(left != NULL ? left : "", right != NULL ? right : "");
}

/* A set of texts: Confluent keeps it sorted. */
static void add_set(EVP_MD_CTX *md, const json_t *array)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf items = {0};
    size_t count = json_array_size(array);

    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(array, i);

        weir_buf_add(&items, &item, sizeof(item));
    }
    if (count > 0)
        qsort(items.ptr, count, sizeof(json_t *), compare_texts);
    for (size_t i = 0; i < count; i++)
        add_text(md, json_string_value(((json_t **)(void *)items.ptr)[i]));
}

/* A map, by its sorted names; its values are texts or sets of them. */
static void add_map(EVP_MD_CTX *md, json_t *object)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf names = {0};
    size_t count = json_object_size(object);
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value) weir_buf_add(&names, &name, sizeof(name));
    if (names.ptr == NULL)
        return; /* it is empty, or none */
    qsort(names.ptr, count, sizeof(char *), compare_names);
    for (size_t i = 0; i < count; i++) {
        name = ((const char **)(void *)names.ptr)[i];
        value = json_object_get(object, name);
        add_text(md, name);
        add_text(md, json_string_value(value));
        add_set(md, value);
    }
}

static void add_reference(EVP_MD_CTX *md, const json_t *reference)
{
    const json_t *version = json_object_get(reference, "version");
    uint32_t number = (uint32_t)json_integer_value(version);
    uint8_t bytes[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                        (uint8_t)number};

    add_text(md, json_string_value(json_object_get(reference, "name")));
    add_text(md, json_string_value(json_object_get(reference, "subject")));
    if (json_is_integer(version))
        EVP_DigestUpdate(md, bytes, sizeof(bytes));
}

static void add_rules(EVP_MD_CTX *md, const json_t *rules)
{
    static const char *const before[] = {"name", "doc", "kind", "mode", "type"};
    static const char *const behind[] = {"expr", "onSuccess", "onFailure"};

    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);

        for (size_t k = 0; k < sizeof(before) / sizeof(before[0]); k++)
            add_text(md, json_string_value(json_object_get(rule, before[k])));
        add_set(md, json_object_get(rule, "tags"));
        add_map(md, json_object_get(rule, "params"));
        for (size_t k = 0; k < sizeof(behind) / sizeof(behind[0]); k++)
            add_text(md, json_string_value(json_object_get(rule, behind[k])));
        if (json_is_true(json_object_get(rule, "disabled")))
            add_text(md, "\1");
    }
}

static void add_metadata(EVP_MD_CTX *md, const json_t *metadata)
{
    EVP_DigestUpdate(md, "\1", 1); /* to distinguish it from none */
    add_map(md, json_object_get(metadata, "tags"));
    add_map(md, json_object_get(metadata, "properties"));
    add_set(md, json_object_get(metadata, "sensitive"));
}

static void add_rule_set(EVP_MD_CTX *md, const json_t *rule_set)
{
    EVP_DigestUpdate(md, "\1", 1);
    add_rules(md, json_object_get(rule_set, "migrationRules"));
    add_rules(md, json_object_get(rule_set, "domainRules"));
    add_rules(md, json_object_get(rule_set, "encodingRules"));
    add_text(md, json_string_value(json_object_get(rule_set, "enableAt")));
}

/* Parses one of the three; true also when there is none. */
static bool load(weir_str text, bool is_array, json_t **out)
{
    *out = text.ptr != NULL ? json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    return text.ptr == NULL || (is_array ? json_is_array(*out) : json_is_object(*out));
}

bool schema_hash(weir_str text, weir_str references, weir_str metadata, weir_str rule_set,
                 uint8_t out[RECORD_MD5_SIZE])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    json_t *parts[3] = {NULL, NULL, NULL};
    bool is_good = load(references, true, &parts[0]);

    is_good = load(metadata, false, &parts[1]) && is_good;
    is_good = load(rule_set, false, &parts[2]) && is_good;
    if (is_good) {
        EVP_DigestInit_ex(md, EVP_md5(), NULL);
        EVP_DigestUpdate(md, text.ptr, text.len);
        for (size_t i = 0; i < json_array_size(parts[0]); i++)
            add_reference(md, json_array_get(parts[0], i));
        if (parts[1] != NULL)
            add_metadata(md, parts[1]);
        if (parts[2] != NULL)
            add_rule_set(md, parts[2]);
        EVP_DigestFinal_ex(md, out, NULL);
    }
    for (size_t i = 0; i < 3; i++)
        json_decref(parts[i]);
    EVP_MD_CTX_free(md);
    return is_good;
}

void schema_hash_text(weir_str text, uint8_t out[RECORD_MD5_SIZE])
{
    (void)schema_hash(text, (weir_str){0}, (weir_str){0}, (weir_str){0},
                      out); /* nothing to parse */
}

void schema_guid(const uint8_t md5[RECORD_MD5_SIZE], char out[37])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    for (size_t i = 0; i < RECORD_MD5_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        out[at++] = digits[md5[i] >> 4];
        out[at++] = digits[md5[i] & 15];
    }
    out[at] = '\0';
}

bool schema_guid_read(weir_str text, uint8_t out[RECORD_MD5_SIZE])
{
    size_t digits = 0;

    for (size_t i = 0; i < text.len; i++) {
        const char *found;
        static const char hex[] = "0123456789abcdef0123456789ABCDEF";

        if (text.ptr[i] == '-')
            continue;
        found = memchr(hex, text.ptr[i], sizeof(hex) - 1);
        if (found == NULL || digits == (size_t)RECORD_MD5_SIZE * 2)
            return false;
        if (digits % 2 == 0)
            out[digits / 2] = 0;
        out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | (uint8_t)((found - hex) & 15));
        digits++;
    }
    return digits == (size_t)RECORD_MD5_SIZE * 2;
}

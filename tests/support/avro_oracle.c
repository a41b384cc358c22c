/* avro_oracle.c - what we say of Avro schemas: one question a line, one answer a line.
 *
 *     S refs... schema           is it one, and which texts and fingerprints does it have?
 *     C refs... reader writer    can the reader read what the writer wrote?
 *
 * The parts of a line stand between tabs; behind the letter is how many references there are, each of
 * which may use those in front of it. tests/support/java/AvroOracle.java answers the same in Java's words.
 */
#include "runtime/base/mem.h"
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/canonical.h"
#include "schema-registry/compat/compat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KNOWN_MAX = 16, PARTS_MAX = KNOWN_MAX + 4 };

typedef struct question {
    weir_str parts[PARTS_MAX];
    size_t count;
    weir_schema *known[KNOWN_MAX];
    size_t known_count;
} question;

static bool fail(weir_buf *out, const weir_error *err)
{
    weir_buf_printf(out, "-\t%s", err->message);
    return false;
}

static bool split(question *q, weir_str line)
{
    const char *at = line.ptr, *end = line.ptr + line.len;

    while (q->count < PARTS_MAX) {
        const char *tab = memchr(at, '\t', (size_t)(end - at));

        q->parts[q->count++] = (weir_str){at, (size_t)((tab == NULL ? end : tab) - at)};
        if (tab == NULL)
            return true;
        at = tab + 1;
    }
    return false;
}

static bool parse_known(question *q, weir_buf *out)
{
    size_t count = (size_t)(q->parts[1].ptr[0] - '0');
    weir_error err = {0};

    for (size_t i = 0; i < count; i++) {
        q->known[i] =
            avro_parse_with(q->parts[2 + i], (const weir_schema *const *)q->known, i, &err);
        if (q->known[i] == NULL)
            return fail(out, &err);
        q->known_count++;
    }
    return true;
}

static void write_part(weir_buf *out, void (*write)(const weir_schema *, weir_buf *),
                       const weir_schema *schema)
{
    weir_buf_add_byte(out, '\t');
    write(schema, out);
}

static void describe(const weir_schema *schema, weir_buf *out)
{
    uint8_t digest[32];

    weir_buf_add_byte(out, '+');
    write_part(out, avro_canonical, schema);
    write_part(out, avro_resolved, schema);
    write_part(out, avro_parsing_form, schema);
    weir_buf_printf(out, "\t%016" PRIx64 "\t", avro_fingerprint64(schema));
    avro_fingerprint_sha256(schema, digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        weir_buf_printf(out, "%02x", digest[i]);
    write_part(out, avro_normalize, schema);
}

static void compare(const weir_schema *reader, const weir_schema *writer, weir_buf *out)
{
    compat_result result = {0};

    (void)compat_reads(reader, writer, &result);
    weir_buf_add_byte(out, '=');
    for (size_t i = 0; i < compat_result_count(&result); i++) {
        const compat_error *found = compat_result_at(&result, i);

        if (found->kind == COMPAT_UNDECIDED) {
            weir_buf_clear(out);
            weir_buf_printf(out, "!\t%.*s", WEIR_ARG(found->message));
            break;
        }
        weir_buf_printf(out, "\t%s|%.*s|%.*s", compat_kind_name(found->kind), WEIR_ARG(found->path),
                        WEIR_ARG(found->message));
    }
    compat_result_done(&result);
}

static void answer(question *q, weir_buf *out)
{
    const weir_schema *const *known = (const weir_schema *const *)q->known;
    weir_error err = {0};

    if (!parse_known(q, out))
        return;
    CLEANUP(avro_schema_freep)
    weir_schema *schema =
        avro_parse_with(q->parts[2 + q->known_count], known, q->known_count, &err);

    if (schema == NULL) {
        fail(out, &err);
        return;
    }
    if (q->parts[0].ptr[0] == 'S') {
        describe(schema, out);
        return;
    }
    CLEANUP(avro_schema_freep)
    weir_schema *writer =
        avro_parse_with(q->parts[3 + q->known_count], known, q->known_count, &err);

    if (writer == NULL)
        fail(out, &err);
    else
        compare(schema, writer, out);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    weir_buf out = {0};

    while ((length = getline(&line, &size, stdin)) > 0) {
        question q = {0};
        size_t end = line[length - 1] == '\n' ? (size_t)length - 1 : (size_t)length;

        weir_buf_clear(&out);
        if (split(&q, (weir_str){line, end}) && q.count > 2)
            answer(&q, &out);
        for (size_t i = q.known_count; i > 0; i--)
            avro_schema_free(q.known[i - 1]);
        puts(weir_buf_cstr(&out));
    }
    free(line);
    weir_buf_done(&out);
    return 0;
}

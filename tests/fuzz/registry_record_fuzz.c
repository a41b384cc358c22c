/* registry_record_fuzz.c - any bytes as records of _schemas: left out or taken, and what is taken can be
 * served as JSON. A line is a key, a tab, a value; no tab: a tombstone. */
#include "schema-registry/registry/json_span.h"
#include "schema-registry/registry/tables.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every schema's pieces are one JSON object, as jansson reads it (but for what it alone refuses: U+0000 in a
 * string, numbers beyond its range, names that come twice). */
static void look_at(const tables *self)
{
    for (size_t i = 0; i < self->sorted_count; i++) {
        const registry_subject *subject = self->sorted[i];

        assert(subject->count > 0);
        for (size_t k = 0; k < subject->count; k++) {
            const stored_schema *schema = subject->versions[k].schema;
            WEIR_CLEANUP(weir_buf_done) weir_buf whole = {0};

            assert(k == 0 || subject->versions[k - 1].version < subject->versions[k].version);
            assert(schema->use_count > 0);
            weir_buf_add_byte(&whole, '{');
            weir_buf_add(&whole, schema->body, schema->body_size);
            weir_buf_add_byte(&whole, '}');
            assert(json_span_is_value(weir_buf_str(&whole)));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;
    tables self;

    tables_init(&self);
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        const char *tab, *stop = line_end != NULL ? line_end : end, *reason;
        weir_str value = {0};

        tab = memchr(at, '\t', (size_t)(stop - at));
        if (tab != NULL)
            value = (weir_str){tab + 1, (size_t)(stop - tab - 1)};
        if (!tables_apply(&self, (weir_str){at, (size_t)((tab != NULL ? tab : stop) - at)}, value,
                          1, &reason))
            assert(reason[0] != '\0');
        at = line_end != NULL ? line_end + 1 : end;
    }
    tables_sort(&self);
    look_at(&self);
    tables_done(&self);
    return 0;
}

/* text.c - a schema's text, made once and kept with it. */
#include "runtime/base/mem.h"
#include "schema-registry/avro/canonical.h"
#include "schema-registry/avro/tree.h"

#include <stdlib.h>
#include <string.h>

static avro_text *make_text(const weir_schema *schema)
{
    weir_buf out = {0};
    avro_text *text = NULL;

    avro_resolved(schema, &out);
    text = mem_zalloc(1, sizeof(*text) + out.len + 1);
    text->len = out.len;
    memcpy(text->bytes, out.ptr, out.len);
    weir_buf_done(&out);
    return text;
}

weir_str weir_schema_text(const weir_schema *schema)
{
    weir_schema *node = avro_cache_of(schema);
    avro_text *text = atomic_load_explicit(&node->text, memory_order_acquire);

    if (text == NULL) {
        avro_text *made = make_text(schema);

        if (atomic_compare_exchange_strong(&node->text, &text, made))
            text = made;
        else
            free(made); /* another thread was first: text is its */
    }
    return (weir_str){text->bytes, text->len};
}

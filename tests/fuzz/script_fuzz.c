/* script_fuzz.c - a file of SQL is somebody's: whatever it holds, its statements lie inside it, one behind the other,
 * and come to an end. */
#include "connectors/postgres-cdc/script.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_str text = {(const char *)data, size};
    const char *behind = text.ptr;
    script from = script_of(text);
    int line = 1;

    for (;;) {
        script_statement found = script_next(&from);

        if (found.kind == SCRIPT_END)
            break;
        assert(found.text.len > 0 && found.text.ptr >= behind);
        assert(found.text.ptr + found.text.len <= text.ptr + size);
        assert(found.line >= line);
        assert(script_line_at(&found, 1) == found.line);
        assert(script_line_at(&found, 1 << 30) >= found.line);
        if (found.kind == SCRIPT_META || found.kind == SCRIPT_UNCLOSED)
            break;
        behind = found.text.ptr + found.text.len;
        line = found.line;
    }
    return 0;
}

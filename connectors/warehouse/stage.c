/* stage.c - rows of a staging table. */
#include "stage.h"

#include "copy.h"

#include <assert.h>

void stage_row(weir_buf *out, weir_str row, fold_kind kind)
{
    size_t count = (size_t)(uint16_t)copy_read_int(row.ptr, 2);
    const char *field = row.ptr + 2;
    char letter = (char)kind;

    copy_row(out, count + 2);
    if (kind != FOLD_PARTIAL) {
        weir_buf_add(out, field, row.len - 2);
        copy_text(out, (weir_str){&letter, 1});
        copy_marker(out, COPY_NULL);
        return;
    }
    char mask[1664]; /* more columns than a table can have */

    assert(count < sizeof(mask));
    for (size_t i = 0; i < count; i++) {
        int32_t length = copy_length(field);

        mask[i] = length == COPY_UNSENT ? '0' : '1';
        if (length == COPY_UNSENT)
            copy_marker(out, COPY_NULL);
        else
            weir_buf_add(out, field, 4 + (length > 0 ? (size_t)length : 0));
        field += 4 + (length > 0 ? length : 0);
    }
    copy_text(out, (weir_str){&letter, 1});
    copy_text(out, (weir_str){mask, count});
}

/* named.c - what two named types of one kind differ in: names, sizes, symbols. */
#include "schema-registry/compat/checker.h"

#include <stdlib.h>
#include <string.h>

void compat_check_names(compat_checker *self, const weir_schema *reader, const weir_schema *writer)
{
    weir_buf message = {0};

    if (weir_str_eq(avro_simple_name(reader->name), avro_simple_name(writer->name)) ||
        compat_has_name(&reader->aliases, writer->name))
        return;
    weir_buf_printf(&message, "expected: %.*s", WEIR_ARG(writer->name));
    compat_add(self, COMPAT_NAME_MISMATCH, "/name", weir_buf_str(&message));
    weir_buf_done(&message);
}

void compat_check_size(compat_checker *self, const weir_schema *reader, const weir_schema *writer)
{
    weir_buf message = {0};

    if (reader->fixed_size == writer->fixed_size)
        return;
    weir_buf_printf(&message, "expected: %zu, found: %zu", writer->fixed_size, reader->fixed_size);
    compat_add(self, COMPAT_FIXED_SIZE_MISMATCH, "/size", weir_buf_str(&message));
    weir_buf_done(&message);
}

static int compare_names(const void *a, const void *b)
{
    weir_str first = *(const weir_str *)a, second = *(const weir_str *)b;
    int order = memcmp(first.ptr, second.ptr, first.len < second.len ? first.len : second.len);

    return order != 0 ? order : (first.len > second.len) - (first.len < second.len);
}

/* Java lists the missing symbols sorted. */
void compat_check_symbols(compat_checker *self, const weir_schema *reader,
                          const weir_schema *writer)
{
    weir_buf missing = {0}, message = {0};

    if (reader->enum_default.ptr != NULL || !compat_step(self, writer->symbols.count))
        return; /* a default is one of the symbols */
    for (size_t i = 0; i < writer->symbols.count; i++)
        if (!compat_has_symbol(self, reader, writer->symbols.items[i]))
            weir_buf_add(&missing, &writer->symbols.items[i], sizeof(weir_str));
    size_t count = missing.len / sizeof(weir_str);
    weir_str *names = (void *)missing.ptr;

    if (count > 0) {
        qsort(names, count, sizeof(names[0]), compare_names);
        for (size_t i = 0; i < count; i++)
            weir_buf_printf(&message, "%s%.*s", i == 0 ? "[" : ", ", WEIR_ARG(names[i]));
        weir_buf_add_byte(&message, ']');
        compat_add(self, COMPAT_MISSING_ENUM_SYMBOLS, "/symbols", weir_buf_str(&message));
    }
    weir_buf_done(&missing);
    weir_buf_done(&message);
}

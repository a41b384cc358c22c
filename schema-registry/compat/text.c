/* text.c - incompatibilities in the words of Confluent's registry. */
#include "schema-registry/compat/compat.h"

const char *compat_kind_name(compat_kind kind)
{
    static const char *const names[] = {"NAME_MISMATCH",
                                        "FIXED_SIZE_MISMATCH",
                                        "MISSING_ENUM_SYMBOLS",
                                        "READER_FIELD_MISSING_DEFAULT_VALUE",
                                        "TYPE_MISMATCH",
                                        "MISSING_UNION_BRANCH",
                                        "UNDECIDED"};

    return names[kind];
}

static void add_description(const compat_error *error, const char *reader, const char *writer,
                            weir_buf *out)
{
    switch (error->kind) {
    case COMPAT_NAME_MISMATCH:
        weir_buf_printf(out, "The name of the schema has changed (path '%.*s')",
                        WEIR_ARG(error->path));
        return;
    case COMPAT_FIXED_SIZE_MISMATCH:
        weir_buf_printf(out,
                        "The size of FIXED type field at path '%.*s' in the %s schema does not "
                        "match with the %s schema",
                        WEIR_ARG(error->path), reader, writer);
        return;
    case COMPAT_MISSING_ENUM_SYMBOLS:
        weir_buf_printf(
            out, "The %s schema is missing enum symbols '%.*s' at path '%.*s' in the %s schema",
            reader, WEIR_ARG(error->message), WEIR_ARG(error->path), writer);
        return;
    case COMPAT_READER_FIELD_MISSING_DEFAULT_VALUE:
        weir_buf_printf(out,
                        "The field '%.*s' at path '%.*s' in the %s schema has no default value and "
                        "is missing in the %s schema",
                        WEIR_ARG(error->message), WEIR_ARG(error->path), reader, writer);
        return;
    case COMPAT_TYPE_MISMATCH:
        weir_buf_printf(
            out,
            "The type (path '%.*s') of a field in the %s schema does not match with the "
            "%s schema",
            WEIR_ARG(error->path), reader, writer);
        return;
    case COMPAT_MISSING_UNION_BRANCH:
        weir_buf_printf(out,
                        "The %s schema is missing a type inside a union field at path '%.*s' in "
                        "the %s schema",
                        reader, WEIR_ARG(error->path), writer);
        return;
    case COMPAT_UNDECIDED:
        return;
    }
}

void compat_error_text(const compat_error *error, weir_buf *out)
{
    const char *reader = error->is_forward ? "old" : "new";
    const char *writer = error->is_forward ? "new" : "old";

    if (error->kind == COMPAT_UNDECIDED) {
        weir_buf_printf(out, "Unexpected exception during compatibility check: %.*s",
                        WEIR_ARG(error->message));
        return;
    }
    weir_buf_printf(out, "{errorType:'%s', description:'", compat_kind_name(error->kind));
    add_description(error, reader, writer, out);
    weir_buf_printf(out, "', additionalInfo:'%.*s'}", WEIR_ARG(error->message));
}

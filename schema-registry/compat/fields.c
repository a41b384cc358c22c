/* fields.c - which fields make two Avro schemas incompatible. */
#include "schema-registry/compat/fields.h"

#include "schema-registry/compat/compat.h"

enum { DEPTH_MAX = 64 }; /* of types inside types */

/* Two types that are being compared, further up. */
typedef struct pair {
    const weir_schema *reader, *writer;
} pair;

typedef struct search {
    weir_buf *out;
    weir_buf path;
    size_t found;
    pair open[DEPTH_MAX];
    int depth;
} search;

static bool can_read(const weir_schema *reader, const weir_schema *writer)
{
    compat_result result = {0};
    bool can = compat_check(reader, &writer, 1, COMPAT_BACKWARD, &result);

    compat_result_done(&result);
    return can;
}

/* False: enough are named. */
static bool begin(search *self)
{
    if (self->found++ >= COMPAT_FIELDS_MAX) {
        if (self->found == COMPAT_FIELDS_MAX + 1)
            weir_buf_add_str(self->out, WEIR_STR(", ..."));
        return false;
    }
    weir_buf_printf(self->out, "%s%.*s", self->found > 1 ? ", " : "",
                    WEIR_ARG(weir_buf_str(&self->path)));
    return true;
}

static bool compare(search *self, const weir_schema *reader, const weir_schema *writer);

/* The reader's field against the writer's record. */
/* NOLINTNEXTLINE(misc-no-recursion): at most DEPTH_MAX deep */
static bool compare_field(search *self, const weir_schema *reader, size_t index,
                          const weir_schema *writer)
{
    weir_str name = weir_schema_field_name(reader, index);
    int theirs = weir_schema_field_index(writer, name);
    size_t before = self->path.len;
    bool is_told = false;

    weir_buf_printf(&self->path, "%s%.*s", before > 0 ? "." : "", WEIR_ARG(name));
    if (theirs >= 0) {
        is_told = compare(self, weir_schema_field(reader, index),
                          weir_schema_field(writer, (size_t)theirs));
    } else if (weir_schema_field_default(reader, index).len == 0) {
        if (begin(self))
            weir_buf_add_str(self->out, WEIR_STR(" has no default"));
        is_told = true;
    }
    self->path.len = before;
    return is_told;
}

/* What a branch of a union is compared with: the other's branch of the same type and name. */
static const weir_schema *match(const weir_schema *branch, const weir_schema *other)
{
    if (weir_schema_type(other) != WEIR_TYPE_UNION)
        return other;
    for (size_t i = 0; i < weir_schema_branch_count(other); i++) {
        const weir_schema *candidate = weir_schema_branch(other, i);

        if (weir_schema_type(candidate) == weir_schema_type(branch) &&
            weir_str_eq(weir_schema_name(candidate), weir_schema_name(branch)))
            return candidate;
    }
    return weir_schema_unwrap(other);
}

static void differ(search *self, const weir_schema *reader, const weir_schema *writer)
{
    weir_str was = weir_schema_name(weir_schema_unwrap(writer));
    weir_str is = weir_schema_name(weir_schema_unwrap(reader));

    if (self->path.len == 0 || !begin(self))
        return;
    if (!weir_str_eq(was, is))
        weir_buf_printf(self->out, " was %.*s and is %.*s", WEIR_ARG(was), WEIR_ARG(is));
    else if (weir_schema_is_nullable(writer) && !weir_schema_is_nullable(reader))
        weir_buf_add_str(self->out, WEIR_STR(" was nullable and is not"));
    else
        weir_buf_printf(self->out, " is another %.*s than before", WEIR_ARG(is));
}

/* The parts of two types. */
/* NOLINTNEXTLINE(misc-no-recursion): at most DEPTH_MAX deep */
static bool compare_parts(search *self, const weir_schema *reader, const weir_schema *writer)
{
    weir_type type = weir_schema_type(reader), theirs = weir_schema_type(writer);
    bool is_told = false;

    if (theirs == WEIR_TYPE_UNION) {
        for (size_t i = 0; i < weir_schema_branch_count(writer); i++) {
            const weir_schema *branch = weir_schema_branch(writer, i);
            const weir_schema *other = match(branch, reader);

            if (other != reader && weir_schema_type(other) == weir_schema_type(branch))
                is_told |= compare(self, other, branch);
        }
        return is_told;
    }
    if (type == WEIR_TYPE_UNION) {
        const weir_schema *other = match(writer, reader);

        return weir_schema_type(other) == theirs && compare(self, other, writer);
    }
    if (type != theirs)
        return false;
    if (type == WEIR_TYPE_ARRAY || type == WEIR_TYPE_MAP)
        return compare(self, weir_schema_items(reader), weir_schema_items(writer));
    for (size_t i = 0; type == WEIR_TYPE_RECORD && i < weir_schema_field_count(reader); i++)
        is_told |= compare_field(self, reader, i, writer);
    return is_told;
}

/* True when what is wrong was named, or will be further up. */
/* NOLINTNEXTLINE(misc-no-recursion): at most DEPTH_MAX deep */
static bool compare(search *self, const weir_schema *reader, const weir_schema *writer)
{
    bool is_told;

    if (self->depth == DEPTH_MAX || can_read(reader, writer))
        return false;
    for (int i = 0; i < self->depth; i++)
        if (self->open[i].reader == reader && self->open[i].writer == writer)
            return true;
    self->open[self->depth++] = (pair){reader, writer};
    is_told = compare_parts(self, reader, writer);
    self->depth--;
    if (!is_told)
        differ(self, reader, writer);
    return true;
}

void compat_fields(const weir_schema *reader, const weir_schema *writer, weir_buf *out)
{
    search self = {.out = out};

    (void)compare(&self, reader, writer);
    weir_buf_done(&self.path);
}

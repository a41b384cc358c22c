/* compat.c - may data written with one Avro schema be read with another? */
#include "schema-registry/compat/compat.h"

#include "schema-registry/avro/tree.h"

#include <assert.h>
#include <string.h>

/* NOLINTBEGIN(misc-no-recursion): schemas nest; the parser bounds it, and pairs are memoised */

/* A pair that was, or is being, compared; what was found stays in `kept`. */
typedef struct pair {
    const weir_schema *reader, *writer;
    size_t found; /* how many errors; the list keeps no more than COMPAT_ERRORS_MAX */
    size_t first, count;
} pair;

typedef struct checker {
    compat_result *result;
    size_t version;
    size_t found; /* errors, those included that are not listed any more */
    weir_buf pairs;
    weir_buf kept;
    weir_buf path;
} checker;

static void compare(checker *self, const weir_schema *reader, const weir_schema *writer);

bool compat_level_parse(weir_str name, compat_level *out)
{
    static const char *const names[] = {
        "NONE", "BACKWARD",       "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE",
        "FULL", "FULL_TRANSITIVE"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!weir_str_eq(weir_cstr(names[i]), name))
            continue;
        *out = (compat_level)i;
        return true;
    }
    return false;
}

const char *compat_kind_name(compat_kind kind)
{
    static const char *const names[] = {
        "NAME_MISMATCH",        "FIXED_SIZE_MISMATCH",
        "MISSING_ENUM_SYMBOLS", "READER_FIELD_MISSING_DEFAULT_VALUE",
        "TYPE_MISMATCH",        "MISSING_UNION_BRANCH"};

    return names[kind];
}

size_t compat_result_count(const compat_result *result)
{
    return result->errors.len / sizeof(compat_error);
}

const compat_error *compat_result_at(const compat_result *result, size_t index)
{
    assert(index < compat_result_count(result));
    return (const compat_error *)(const void *)result->errors.ptr + index;
}

void compat_result_done(compat_result *result)
{
    weir_buf_done(&result->errors);
    arena_done(&result->memory);
}

static void add(checker *self, compat_kind kind, const char *member, weir_str message)
{
    size_t mark = self->path.len;
    compat_error error = {.kind = kind, .version = self->version};

    self->found++;
    if (compat_result_count(self->result) >= COMPAT_ERRORS_MAX)
        return;
    weir_buf_printf(&self->path, "%s", member);
    if (self->path.len == 0)
        weir_buf_add_byte(&self->path, '/');
    error.path = arena_copy(&self->result->memory, weir_buf_str(&self->path));
    error.message = arena_copy(&self->result->memory, message);
    self->path.len = mark;
    weir_buf_add(&self->result->errors, &error, sizeof(error));
}

static const char *upper_name(weir_type type)
{
    static const char *const names[] = {
        [WEIR_TYPE_NULL] = "NULL",   [WEIR_TYPE_BOOLEAN] = "BOOLEAN", [WEIR_TYPE_INT] = "INT",
        [WEIR_TYPE_LONG] = "LONG",   [WEIR_TYPE_FLOAT] = "FLOAT",     [WEIR_TYPE_DOUBLE] = "DOUBLE",
        [WEIR_TYPE_BYTES] = "BYTES", [WEIR_TYPE_STRING] = "STRING",   [WEIR_TYPE_RECORD] = "RECORD",
        [WEIR_TYPE_ENUM] = "ENUM",   [WEIR_TYPE_ARRAY] = "ARRAY",     [WEIR_TYPE_MAP] = "MAP",
        [WEIR_TYPE_UNION] = "UNION", [WEIR_TYPE_FIXED] = "FIXED",
    };

    return names[type];
}

static bool has(const avro_names *names, weir_str name)
{
    for (size_t i = 0; i < names->count; i++)
        if (weir_str_eq(names->items[i], name))
            return true;
    return false;
}

static void check_names(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    weir_buf message = {0};

    if (weir_str_eq(avro_simple_name(reader->name), avro_simple_name(writer->name)) ||
        has(&reader->aliases, writer->name))
        return;
    weir_buf_printf(&message, "expected: %.*s", WEIR_ARG(writer->name));
    add(self, COMPAT_NAME_MISMATCH, "/name", weir_buf_str(&message));
    weir_buf_done(&message);
}

static void check_size(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    weir_buf message = {0};

    if (reader->fixed_size == writer->fixed_size)
        return;
    weir_buf_printf(&message, "expected: %zu, found: %zu", writer->fixed_size, reader->fixed_size);
    add(self, COMPAT_FIXED_SIZE_MISMATCH, "/size", weir_buf_str(&message));
    weir_buf_done(&message);
}

static void check_symbols(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    weir_buf message = {0};

    for (size_t i = 0; i < writer->symbols.count; i++)
        if (!has(&reader->symbols, writer->symbols.items[i]))
            weir_buf_printf(&message, "%s%.*s", message.len == 0 ? "[" : ", ",
                            WEIR_ARG(writer->symbols.items[i]));
    if (message.len > 0 &&
        (reader->enum_default.ptr == NULL || !has(&reader->symbols, reader->enum_default))) {
        weir_buf_add_byte(&message, ']');
        add(self, COMPAT_MISSING_ENUM_SYMBOLS, "/symbols", weir_buf_str(&message));
    }
    weir_buf_done(&message);
}

static const avro_field *find_field(const weir_schema *writer, const avro_field *field)
{
    for (size_t i = 0; i < writer->field_count; i++)
        if (weir_str_eq(writer->fields[i].name, field->name))
            return &writer->fields[i];
    for (size_t i = 0; i < writer->field_count; i++)
        if (has(&field->aliases, writer->fields[i].name))
            return &writer->fields[i];
    return NULL;
}

static void check_fields(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    size_t mark = self->path.len;

    for (size_t i = 0; i < reader->field_count; i++) {
        const avro_field *field = &reader->fields[i];
        const avro_field *found = find_field(writer, field);
        bool has_enum_default =
            field->schema->type == WEIR_TYPE_ENUM && field->schema->enum_default.ptr != NULL;

        weir_buf_printf(&self->path, "/fields/%zu", i);
        if (found == NULL && field->default_value.ptr == NULL && !has_enum_default) {
            add(self, COMPAT_READER_FIELD_MISSING_DEFAULT_VALUE, "", field->name);
        } else if (found != NULL || field->default_value.ptr == NULL) {
            weir_buf_add_str(&self->path, WEIR_STR("/type"));
            compare(self, field->schema, found == NULL ? writer : found->schema);
        }
        self->path.len = mark;
    }
}

/* What is found inside a try does not count, but stays known. */
static bool reads(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    size_t before = self->result->errors.len, found = self->found;
    bool is_good;

    compare(self, reader, writer);
    is_good = self->found == found;
    self->result->errors.len = before;
    self->found = found;
    return is_good;
}

static void lacks(checker *self, const weir_schema *writer)
{
    weir_buf message = {0};

    weir_buf_printf(&message, "reader union lacking writer type: %s", upper_name(writer->type));
    add(self, COMPAT_MISSING_UNION_BRANCH, "", weir_buf_str(&message));
    weir_buf_done(&message);
}

static bool union_reads(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    for (size_t i = 0; i < reader->branch_count; i++)
        if (reads(self, reader->branches[i], writer))
            return true;
    return false;
}

static void check_writer_union(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    size_t mark = self->path.len;

    for (size_t i = 0; i < writer->branch_count; i++) {
        weir_buf_printf(&self->path, "/%zu", i);
        if (reader->type != WEIR_TYPE_UNION)
            compare(self, reader, writer->branches[i]);
        else if (!union_reads(self, reader, writer->branches[i]))
            lacks(self, writer->branches[i]);
        self->path.len = mark;
    }
}

static bool promotes(weir_type reader, weir_type writer)
{
    switch (reader) {
    case WEIR_TYPE_LONG:
        return writer == WEIR_TYPE_INT;
    case WEIR_TYPE_FLOAT:
        return writer == WEIR_TYPE_INT || writer == WEIR_TYPE_LONG;
    case WEIR_TYPE_DOUBLE:
        return writer == WEIR_TYPE_INT || writer == WEIR_TYPE_LONG || writer == WEIR_TYPE_FLOAT;
    case WEIR_TYPE_BYTES:
        return writer == WEIR_TYPE_STRING;
    case WEIR_TYPE_STRING:
        return writer == WEIR_TYPE_BYTES;
    default:
        return false;
    }
}

static void check_types(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    weir_buf message = {0};

    if (reader->type == WEIR_TYPE_UNION) {
        if (!union_reads(self, reader, writer))
            lacks(self, writer);
        return;
    }
    if (promotes(reader->type, writer->type))
        return;
    weir_buf_printf(&message, "reader type: %s not compatible with writer type: %s",
                    upper_name(reader->type), upper_name(writer->type));
    add(self, COMPAT_TYPE_MISMATCH, "", weir_buf_str(&message));
    weir_buf_done(&message);
}

static void calculate(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    if (writer->type == WEIR_TYPE_UNION) {
        check_writer_union(self, reader, writer);
        return;
    }
    if (reader->type != writer->type) {
        check_types(self, reader, writer);
        return;
    }
    if (avro_type_is_named(reader->type))
        check_names(self, reader, writer);
    if (reader->type == WEIR_TYPE_FIXED)
        check_size(self, reader, writer);
    if (reader->type == WEIR_TYPE_ENUM)
        check_symbols(self, reader, writer);
    if (reader->type == WEIR_TYPE_RECORD)
        check_fields(self, reader, writer);
    if (reader->items != NULL) {
        weir_buf_printf(&self->path, "/%s", reader->type == WEIR_TYPE_ARRAY ? "items" : "values");
        compare(self, reader->items, writer->items);
    }
}

static bool recall(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    const pair *pairs = (const void *)self->pairs.ptr;
    const compat_error *kept = (const void *)self->kept.ptr;

    for (size_t i = 0; i < self->pairs.len / sizeof(*pairs); i++) {
        if (pairs[i].reader != reader || pairs[i].writer != writer)
            continue;
        self->found += pairs[i].found;
        for (size_t k = 0; k < pairs[i].count; k++)
            if (compat_result_count(self->result) < COMPAT_ERRORS_MAX)
                weir_buf_add(&self->result->errors, &kept[pairs[i].first + k], sizeof(*kept));
        return true;
    }
    return false;
}

/* A pair inside itself is taken for compatible, as it is unless something else is found. */
static void compare(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    size_t mark = self->path.len, before = self->result->errors.len;
    size_t at = self->pairs.len, found = self->found;
    bool is_leaf = reader->type <= WEIR_TYPE_STRING && writer->type <= WEIR_TYPE_STRING;
    pair fresh = {.reader = reader, .writer = writer};

    if (!is_leaf) {
        if (recall(self, reader, writer))
            return;
        weir_buf_add(&self->pairs, &fresh, sizeof(fresh));
    }
    calculate(self, reader, writer);
    self->path.len = mark;
    size_t size = self->result->errors.len - before;

    if (is_leaf || self->found == found)
        return;
    fresh.found = self->found - found;
    fresh.first = self->kept.len / sizeof(compat_error);
    fresh.count = size / sizeof(compat_error);
    if (size > 0)
        weir_buf_add(&self->kept, self->result->errors.ptr + before, size);
    memcpy(self->pairs.ptr + at, &fresh, sizeof(fresh));
}

/* NOLINTEND(misc-no-recursion) */

static bool check_pair(const weir_schema *reader, const weir_schema *writer, size_t version,
                       compat_result *result)
{
    checker self = {.result = result, .version = version};

    compare(&self, reader, writer);
    weir_buf_done(&self.pairs);
    weir_buf_done(&self.kept);
    weir_buf_done(&self.path);
    return self.found == 0;
}

bool compat_check(const weir_schema *candidate, const weir_schema *const *old, size_t count,
                  compat_level level, compat_result *result)
{
    bool is_full = level >= COMPAT_FULL;
    bool is_backward = is_full || level == COMPAT_BACKWARD || level == COMPAT_BACKWARD_TRANSITIVE;
    bool is_forward = is_full || level == COMPAT_FORWARD || level == COMPAT_FORWARD_TRANSITIVE;
    bool is_transitive = level == COMPAT_BACKWARD_TRANSITIVE ||
                         level == COMPAT_FORWARD_TRANSITIVE || level == COMPAT_FULL_TRANSITIVE;
    bool is_good = true;

    for (size_t i = count; i > 0 && (is_transitive || i == count); i--) {
        if (is_backward && !check_pair(candidate, old[i - 1], i - 1, result))
            is_good = false;
        if (is_forward && !check_pair(old[i - 1], candidate, i - 1, result))
            is_good = false;
    }
    return is_good;
}

/* compat.c - may data written with one Avro schema be read with another?
 *
 * Two schemas are walked side by side. A pair of types that was compared is not compared again: what was
 * found stays with it, places included, so that a schema that contains itself comes to an end, and a type
 * that is used in many places costs what it costs once. Java does so too, which is why an error that is
 * met again has the place where it was first met.
 */
#include "schema-registry/compat/compat.h"

#include "schema-registry/avro/canonical.h"
#include "schema-registry/compat/checker.h"

#include <assert.h>

/* A type, and what makes its place in the text one of its own: Java has a new object for each "int". */
typedef struct side {
    const weir_schema *schema;
    const void *place;
} side;

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

/* --- Fields ----------------------------------------------------------------------------------- */

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

static void give_up_ambiguous(compat_checker *self, const weir_schema *reader, size_t index,
                              const weir_schema *writer)
{
    const avro_field *field = &reader->fields[index];
    weir_buf message = {0};

    weir_buf_printf(&message,
                    "Reader record field %.*s type:%s pos:%zu matches multiple fields in writer "
                    "record schema ",
                    WEIR_ARG(field->name), upper_name(field->schema->type), index);
    avro_resolved(writer, &message);
    compat_give_up(self, weir_buf_str(&message));
    weir_buf_done(&message);
}

/* The writer's field that has the name or an alias of the reader's; false when several have. Mostly it is
 * at the same place, and no index of names has to be made. */
static bool find_field(compat_checker *self, const weir_schema *writer, const avro_field *field,
                       size_t place, const avro_field **out)
{
    bool is_there =
        place < writer->field_count && weir_str_eq(writer->fields[place].name, field->name);
    const avro_field *found =
        is_there ? &writer->fields[place] : compat_field_named(self, writer, field->name);

    for (size_t i = 0; i < field->aliases.count; i++) {
        const avro_field *other = compat_field_named(self, writer, field->aliases.items[i]);

        if (other != NULL && found != NULL)
            return false;
        found = found == NULL ? other : found;
    }
    *out = found;
    return true;
}

/* NOLINTBEGIN(misc-no-recursion): schemas nest; the parser bounds it, and pairs are memoised */

static void compare(compat_checker *self, side reader, side writer);

static void check_field(compat_checker *self, const weir_schema *reader, size_t index,
                        const weir_schema *writer)
{
    const avro_field *field = &reader->fields[index], *found = NULL;
    bool has_enum_default =
        field->schema->type == WEIR_TYPE_ENUM && field->schema->enum_default.ptr != NULL;

    if (!find_field(self, writer, field, index, &found)) {
        give_up_ambiguous(self, reader, index, writer);
        return;
    }
    if (found == NULL && field->default_value.ptr != NULL)
        return;
    if (found == NULL && !has_enum_default) {
        compat_add(self, COMPAT_READER_FIELD_MISSING_DEFAULT_VALUE, "", field->name);
        return;
    }
    /* Java compares an enum that has a default with the record that lacks it: never the same type. */
    side other = found == NULL ? (side){writer, writer} : (side){found->schema, &found->schema};

    weir_buf_add_str(&self->path, WEIR_STR("/type"));
    compare(self, (side){field->schema, &field->schema}, other);
}

/* "/fields/12"; without printf, as it is done for each field of each version. */
static void add_index(weir_buf *path, weir_str member, size_t index)
{
    char digits[24];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + index % 10);
    while ((index /= 10) > 0);
    weir_buf_add_str(path, member);
    weir_buf_add(path, digits + at, sizeof(digits) - at);
}

static void check_fields(compat_checker *self, const weir_schema *reader, const weir_schema *writer)
{
    size_t mark = self->path.len;

    for (size_t i = 0; i < reader->field_count; i++) {
        if (!compat_step(self, 1 + reader->fields[i].aliases.count))
            return;
        add_index(&self->path, WEIR_STR("/fields/"), i);
        check_field(self, reader, i, writer);
        self->path.len = mark;
    }
}

/* --- Unions ----------------------------------------------------------------------------------- */

/* What is found inside a try does not count, but stays known, with places that begin at the try. */
static bool reads(compat_checker *self, side reader, side writer)
{
    size_t before = self->result->errors.len;
    weir_buf around = self->path;
    bool is_good = false, had_found = self->has_found;

    self->path = (weir_buf){0};
    self->has_found = false;
    compare(self, reader, writer);
    weir_buf_done(&self->path);
    self->path = around;
    if (self->is_undecided)
        return false;
    is_good = !self->has_found;
    self->result->errors.len = before;
    self->has_found = had_found;
    return is_good;
}

static void add_lacking(compat_checker *self, const weir_schema *writer)
{
    weir_buf message = {0};

    weir_buf_printf(&message, "reader union lacking writer type: %s", upper_name(writer->type));
    compat_add(self, COMPAT_MISSING_UNION_BRANCH, "", weir_buf_str(&message));
    weir_buf_done(&message);
}

static void check_reader_union(compat_checker *self, const weir_schema *reader, side writer)
{
    for (size_t i = 0; i < reader->branch_count && !self->is_undecided; i++)
        if (reads(self, (side){reader->branches[i], &reader->branches[i]}, writer))
            return;
    add_lacking(self, writer.schema);
}

static void check_writer_union(compat_checker *self, side reader, const weir_schema *writer)
{
    size_t mark = self->path.len;

    for (size_t i = 0; i < writer->branch_count && !self->is_undecided; i++) {
        side branch = {writer->branches[i], &writer->branches[i]};

        add_index(&self->path, WEIR_STR("/"), i);
        if (reader.schema->type != WEIR_TYPE_UNION)
            compare(self, reader, branch);
        else if (!reads(self, reader, branch))
            add_lacking(self, branch.schema);
        self->path.len = mark;
    }
}

/* --- Types ------------------------------------------------------------------------------------ */

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

static void check_types(compat_checker *self, const weir_schema *reader, const weir_schema *writer)
{
    weir_buf message = {0};

    if (promotes(reader->type, writer->type))
        return;
    weir_buf_printf(&message, "reader type: %s not compatible with writer type: %s",
                    upper_name(reader->type), upper_name(writer->type));
    compat_add(self, COMPAT_TYPE_MISMATCH, "", weir_buf_str(&message));
    weir_buf_done(&message);
}

static void check_same_type(compat_checker *self, const weir_schema *reader,
                            const weir_schema *writer)
{
    if (avro_type_is_named(reader->type))
        compat_check_names(self, reader, writer);
    if (reader->type == WEIR_TYPE_FIXED)
        compat_check_size(self, reader, writer);
    if (reader->type == WEIR_TYPE_ENUM)
        compat_check_symbols(self, reader, writer);
    if (reader->type == WEIR_TYPE_RECORD)
        check_fields(self, reader, writer);
    if (reader->items != NULL) {
        weir_buf_printf(&self->path, "/%s", reader->type == WEIR_TYPE_ARRAY ? "items" : "values");
        compare(self, (side){reader->items, &reader->items}, (side){writer->items, &writer->items});
    }
}

static void calculate(compat_checker *self, side reader, side writer)
{
    if (writer.schema->type == WEIR_TYPE_UNION)
        check_writer_union(self, reader, writer.schema);
    else if (reader.schema->type == WEIR_TYPE_UNION)
        check_reader_union(self, reader.schema, writer);
    else if (reader.schema->type != writer.schema->type)
        check_types(self, reader.schema, writer.schema);
    else
        check_same_type(self, reader.schema, writer.schema);
}

static void recall(compat_checker *self, const compat_pair *pair)
{
    const compat_error *kept = (const void *)self->kept.ptr;

    size_t room = COMPAT_ERRORS_MAX - compat_result_count(self->result);
    size_t count = pair->count < room ? pair->count : room;

    if (!compat_step(self, count))
        return;
    self->has_found = self->has_found || pair->has_found;
    if (count > 0)
        weir_buf_add(&self->result->errors, &kept[pair->first], count * sizeof(*kept));
}

/* A pair inside itself is taken for compatible, as it is unless something else is found. */
static void compare(compat_checker *self, side reader, side writer)
{
    size_t mark = self->path.len, before = self->result->errors.len;
    bool is_primitive = reader.schema->type <= WEIR_TYPE_STRING;
    const void *from = is_primitive ? reader.place : reader.schema;
    const void *to = writer.schema->type <= WEIR_TYPE_STRING ? writer.place : writer.schema;
    bool is_new = false, had_found = self->has_found;

    if (!compat_step(self, 1))
        return;
    size_t at = compat_memo_find(&self->memo, from, to, &is_new);

    if (!is_new) {
        recall(self, compat_memo_at(&self->memo, at));
        return;
    }
    self->has_found = false;
    calculate(self, reader, writer);
    self->path.len = mark;
    if (self->is_undecided)
        return;
    compat_pair *pair = compat_memo_at(&self->memo, at);
    size_t size = self->result->errors.len - before;

    pair->has_found = self->has_found;
    self->has_found = had_found || pair->has_found;
    pair->first = self->kept.len / sizeof(compat_error);
    pair->count = size / sizeof(compat_error);
    if (!compat_step(self, pair->count))
        return;
    if (size > 0)
        weir_buf_add(&self->kept, self->result->errors.ptr + before, size);
}

/* NOLINTEND(misc-no-recursion) */

static bool check_pair(const weir_schema *reader, const weir_schema *writer, compat_checker *self)
{
    self->first = compat_result_count(self->result);
    compare(self, (side){reader, &reader}, (side){writer, &writer});
    compat_checker_done(self);
    return !self->has_found && !self->is_undecided;
}

bool compat_reads(const weir_schema *reader, const weir_schema *writer, compat_result *result)
{
    return check_pair(reader, writer, &(compat_checker){.result = result});
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
        compat_checker backward = {.result = result, .version = i - 1};
        compat_checker forward = {.result = result, .version = i - 1, .is_forward = true};

        if (is_backward && !check_pair(candidate, old[i - 1], &backward))
            is_good = false;
        if (is_forward && !check_pair(old[i - 1], candidate, &forward))
            is_good = false;
    }
    return is_good;
}

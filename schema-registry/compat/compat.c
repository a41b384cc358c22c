/* compat.c - may data written with one Avro schema be read with another?
 *
 * Two schemas are walked side by side. A pair of types that was compared is not compared again: what was
 * found stays with it, places included, so that a schema that contains itself comes to an end, and a type
 * that is used in many places costs what it costs once. Java does so too, which is why an error that is
 * met again has the place where it was first met.
 */
#include "schema-registry/compat/compat.h"

#include "schema-registry/avro/canonical.h"
#include "schema-registry/avro/tree.h"
#include "schema-registry/compat/memo.h"
#include "weir/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Listing an error takes memory: it counts as many steps. */
#define STEPS_OF_ERROR 64

/* Records and enums that are wider than this are searched through an index. */
#define NARROW 16

/* A type, and what makes its place in the text one of its own: Java has a new object for each "int". */
typedef struct side {
    const weir_schema *schema;
    const void *place;
} side;

typedef struct checker {
    compat_result *result;
    size_t version;
    bool is_forward;
    bool is_undecided;
    size_t first;   /* errors of the result that are not ours */
    bool has_found; /* an error; it may be one that is not listed any more */
    size_t steps;
    compat_memo memo;
    weir_buf kept; /* of compat_error: what the memo's pairs found */
    weir_buf path;
    weir_map *indexes; /* by a node's address: weir_map of its fields or symbols */
} checker;

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

/* --- What is found ---------------------------------------------------------------------------- */

/* Java gives up with an exception; all that was found before counts for nothing. */
static void give_up(checker *self, weir_str why)
{
    compat_error error = {.kind = COMPAT_UNDECIDED,
                          .version = self->version,
                          .is_forward = self->is_forward,
                          .path = WEIR_STR("")};

    if (self->is_undecided)
        return;
    self->is_undecided = true;
    self->result->errors.len = self->first * sizeof(error);
    if (compat_result_count(self->result) >= COMPAT_ERRORS_MAX)
        return;
    error.message = arena_copy(&self->result->memory, why);
    weir_buf_add(&self->result->errors, &error, sizeof(error));
}

static bool step(checker *self, size_t count)
{
    self->steps += count;
    if (self->steps > COMPAT_STEPS_MAX)
        give_up(self, WEIR_STR("the two schemas take too many steps to compare"));
    return !self->is_undecided;
}

static void add(checker *self, compat_kind kind, const char *member, weir_str message)
{
    size_t mark = self->path.len;
    compat_error error = {.kind = kind, .version = self->version, .is_forward = self->is_forward};

    if (!step(self, STEPS_OF_ERROR))
        return;
    self->has_found = true;
    if (compat_result_count(self->result) >= COMPAT_ERRORS_MAX)
        return;
    weir_buf_add_str(&self->path, weir_cstr(member));
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

/* --- Looking up names ------------------------------------------------------------------------- */

static bool has(const avro_names *names, weir_str name)
{
    for (size_t i = 0; i < names->count; i++)
        if (weir_str_eq(names->items[i], name))
            return true;
    return false;
}

/* The names in a record or enum, each with its field or the node itself; made when it is first asked. */
static weir_map *index_of(checker *self, const weir_schema *schema)
{
    weir_str key = {(const char *)&schema, sizeof(const weir_schema *)};
    weir_map *index = self->indexes == NULL ? NULL : weir_map_get(self->indexes, key);

    if (index != NULL)
        return index;
    if (self->indexes == NULL)
        self->indexes = weir_map_new();
    index = weir_map_new();
    for (size_t i = 0; i < schema->field_count; i++)
        (void)weir_map_put(index, schema->fields[i].name, &schema->fields[i]); /* no two the same */
    for (size_t i = 0; i < schema->symbols.count; i++)
        (void)weir_map_put(index, schema->symbols.items[i], index);
    (void)weir_map_put(self->indexes, key, index); /* was not there */
    (void)step(self, schema->field_count + schema->symbols.count);
    return index;
}

static void free_indexes(weir_map *indexes)
{
    size_t at = 0;
    void *index = NULL;

    while (indexes != NULL && weir_map_next(indexes, &at, NULL, &index))
        weir_map_free(index);
    weir_map_free(indexes);
}

static const avro_field *field_named(checker *self, const weir_schema *record, weir_str name)
{
    if (record->field_count > NARROW)
        return weir_map_get(index_of(self, record), name);
    for (size_t i = 0; i < record->field_count; i++)
        if (weir_str_eq(record->fields[i].name, name))
            return &record->fields[i];
    return NULL;
}

static bool has_symbol(checker *self, const weir_schema *enumeration, weir_str symbol)
{
    if (enumeration->symbols.count > NARROW)
        return weir_map_get(index_of(self, enumeration), symbol) != NULL;
    return has(&enumeration->symbols, symbol);
}

/* --- Named types ------------------------------------------------------------------------------ */

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

static int compare_names(const void *a, const void *b)
{
    weir_str first = *(const weir_str *)a, second = *(const weir_str *)b;
    int order = memcmp(first.ptr, second.ptr, first.len < second.len ? first.len : second.len);

    return order != 0 ? order : (first.len > second.len) - (first.len < second.len);
}

/* Java lists the missing symbols sorted. */
static void check_symbols(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    weir_buf missing = {0}, message = {0};

    if (reader->enum_default.ptr != NULL || !step(self, writer->symbols.count))
        return; /* a default is one of the symbols */
    for (size_t i = 0; i < writer->symbols.count; i++)
        if (!has_symbol(self, reader, writer->symbols.items[i]))
            weir_buf_add(&missing, &writer->symbols.items[i], sizeof(weir_str));
    size_t count = missing.len / sizeof(weir_str);
    weir_str *names = (void *)missing.ptr;

    if (count > 0) {
        qsort(names, count, sizeof(names[0]), compare_names);
        for (size_t i = 0; i < count; i++)
            weir_buf_printf(&message, "%s%.*s", i == 0 ? "[" : ", ", WEIR_ARG(names[i]));
        weir_buf_add_byte(&message, ']');
        add(self, COMPAT_MISSING_ENUM_SYMBOLS, "/symbols", weir_buf_str(&message));
    }
    weir_buf_done(&missing);
    weir_buf_done(&message);
}

static void give_up_ambiguous(checker *self, const weir_schema *reader, size_t index,
                              const weir_schema *writer)
{
    const avro_field *field = &reader->fields[index];
    weir_buf message = {0};

    weir_buf_printf(&message,
                    "Reader record field %.*s type:%s pos:%zu matches multiple fields in writer "
                    "record schema ",
                    WEIR_ARG(field->name), upper_name(field->schema->type), index);
    avro_resolved(writer, &message);
    give_up(self, weir_buf_str(&message));
    weir_buf_done(&message);
}

/* The writer's field that has the name or an alias of the reader's; false when several have. Mostly it is
 * at the same place, and no index of names has to be made. */
static bool find_field(checker *self, const weir_schema *writer, const avro_field *field,
                       size_t place, const avro_field **out)
{
    bool is_there =
        place < writer->field_count && weir_str_eq(writer->fields[place].name, field->name);
    const avro_field *found =
        is_there ? &writer->fields[place] : field_named(self, writer, field->name);

    for (size_t i = 0; i < field->aliases.count; i++) {
        const avro_field *other = field_named(self, writer, field->aliases.items[i]);

        if (other != NULL && found != NULL)
            return false;
        found = found == NULL ? other : found;
    }
    *out = found;
    return true;
}

/* NOLINTBEGIN(misc-no-recursion): schemas nest; the parser bounds it, and pairs are memoised */

static void compare(checker *self, side reader, side writer);

static void check_field(checker *self, const weir_schema *reader, size_t index,
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
        add(self, COMPAT_READER_FIELD_MISSING_DEFAULT_VALUE, "", field->name);
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

static void check_fields(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    size_t mark = self->path.len;

    for (size_t i = 0; i < reader->field_count; i++) {
        if (!step(self, 1 + reader->fields[i].aliases.count))
            return;
        add_index(&self->path, WEIR_STR("/fields/"), i);
        check_field(self, reader, i, writer);
        self->path.len = mark;
    }
}

/* --- Unions ----------------------------------------------------------------------------------- */

/* What is found inside a try does not count, but stays known, with places that begin at the try. */
static bool reads(checker *self, side reader, side writer)
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

static void add_lacking(checker *self, const weir_schema *writer)
{
    weir_buf message = {0};

    weir_buf_printf(&message, "reader union lacking writer type: %s", upper_name(writer->type));
    add(self, COMPAT_MISSING_UNION_BRANCH, "", weir_buf_str(&message));
    weir_buf_done(&message);
}

static void check_reader_union(checker *self, const weir_schema *reader, side writer)
{
    for (size_t i = 0; i < reader->branch_count && !self->is_undecided; i++)
        if (reads(self, (side){reader->branches[i], &reader->branches[i]}, writer))
            return;
    add_lacking(self, writer.schema);
}

static void check_writer_union(checker *self, side reader, const weir_schema *writer)
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

static void check_types(checker *self, const weir_schema *reader, const weir_schema *writer)
{
    weir_buf message = {0};

    if (promotes(reader->type, writer->type))
        return;
    weir_buf_printf(&message, "reader type: %s not compatible with writer type: %s",
                    upper_name(reader->type), upper_name(writer->type));
    add(self, COMPAT_TYPE_MISMATCH, "", weir_buf_str(&message));
    weir_buf_done(&message);
}

static void check_same_type(checker *self, const weir_schema *reader, const weir_schema *writer)
{
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
        compare(self, (side){reader->items, &reader->items}, (side){writer->items, &writer->items});
    }
}

static void calculate(checker *self, side reader, side writer)
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

static void recall(checker *self, const compat_pair *pair)
{
    const compat_error *kept = (const void *)self->kept.ptr;

    size_t room = COMPAT_ERRORS_MAX - compat_result_count(self->result);
    size_t count = pair->count < room ? pair->count : room;

    if (!step(self, count))
        return;
    self->has_found = self->has_found || pair->has_found;
    if (count > 0)
        weir_buf_add(&self->result->errors, &kept[pair->first], count * sizeof(*kept));
}

/* A pair inside itself is taken for compatible, as it is unless something else is found. */
static void compare(checker *self, side reader, side writer)
{
    size_t mark = self->path.len, before = self->result->errors.len;
    bool is_primitive = reader.schema->type <= WEIR_TYPE_STRING;
    const void *from = is_primitive ? reader.place : reader.schema;
    const void *to = writer.schema->type <= WEIR_TYPE_STRING ? writer.place : writer.schema;
    bool is_new = false, had_found = self->has_found;

    if (!step(self, 1))
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
    if (!step(self, pair->count))
        return;
    if (size > 0)
        weir_buf_add(&self->kept, self->result->errors.ptr + before, size);
}

/* NOLINTEND(misc-no-recursion) */

static bool check_pair(const weir_schema *reader, const weir_schema *writer, checker *self)
{
    self->first = compat_result_count(self->result);
    compare(self, (side){reader, &reader}, (side){writer, &writer});
    compat_memo_done(&self->memo);
    weir_buf_done(&self->kept);
    weir_buf_done(&self->path);
    free_indexes(self->indexes);
    return !self->has_found && !self->is_undecided;
}

bool compat_reads(const weir_schema *reader, const weir_schema *writer, compat_result *result)
{
    return check_pair(reader, writer, &(checker){.result = result});
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
        checker backward = {.result = result, .version = i - 1};
        checker forward = {.result = result, .version = i - 1, .is_forward = true};

        if (is_backward && !check_pair(candidate, old[i - 1], &backward))
            is_good = false;
        if (is_forward && !check_pair(old[i - 1], candidate, &forward))
            is_good = false;
    }
    return is_good;
}

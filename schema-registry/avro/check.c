/* check.c - follows a writer through a schema.
 *
 * The state is what is expected next and a stack of the records, arrays and maps that are open. A
 * record is opened only when its first field is put, so that raw bytes may stand for all of it.
 */
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/walk.h"

#include <assert.h>
#include <stdio.h>

static bool is_whole_value(const weir_schema *schema, weir_str bytes)
{
    avro_walk walk = avro_walk_of(bytes);

    return avro_walk_skip(&walk, schema) && avro_walk_end(&walk);
}

static bool push(avro_checker *checker, const weir_schema *schema, int64_t at)
{
    if (checker->depth == AVRO_DEPTH_MAX)
        return false;
    checker->frames[checker->depth++] = (avro_check_frame){.schema = schema, .at = at};
    return true;
}

/* The next field of a record that takes a put; NULL when there is none. */
static const weir_schema *next_field(avro_check_frame *frame)
{
    const weir_schema *record = frame->schema;

    for (frame->at++; (size_t)frame->at < record->field_count; frame->at++)
        if (!record->fields[frame->at].schema->is_empty)
            return record->fields[frame->at].schema;
    return NULL;
}

/* A value is complete: what comes behind it? */
static void advance(avro_checker *checker)
{
    checker->next = NULL;
    checker->is_key = checker->is_block = false;
    while (checker->depth > 0) {
        avro_check_frame *top = &checker->frames[checker->depth - 1];

        if (top->schema->type == WEIR_TYPE_RECORD) {
            checker->next = next_field(top);
            if (checker->next != NULL)
                return;
            checker->depth--;
            continue;
        }
        assert(top->at > 0);
        top->at--;
        checker->is_block = top->at == 0;
        checker->is_key = top->at > 0 && top->schema->type == WEIR_TYPE_MAP;
        if (top->at > 0 && !checker->is_key)
            checker->next = top->schema->items;
        return;
    }
}

/* A block of count items begins in the innermost array or map. */
static bool begin_block(avro_checker *checker, int64_t count)
{
    avro_check_frame *top = &checker->frames[checker->depth - 1];

    if (count < 0)
        return false;
    checker->is_block = false;
    if (count == 0) {
        checker->depth--;
        advance(checker);
        return true;
    }
    top->at = count;
    checker->is_key = top->schema->type == WEIR_TYPE_MAP;
    checker->next = checker->is_key ? NULL : top->schema->items;
    if (checker->next == NULL || !checker->next->is_empty)
        return true;
    top->at = 0; /* empty records take no puts: the block is over */
    checker->next = NULL;
    checker->is_block = true;
    return true;
}

/* The key of an entry; what it holds is expected next, unless that takes no put. */
static void take_key(avro_checker *checker)
{
    checker->is_key = false;
    checker->next = checker->frames[checker->depth - 1].schema->items;
    if (checker->next->is_empty)
        advance(checker);
}

static bool take_branch(avro_checker *checker, int64_t branch)
{
    const weir_schema *unions = checker->next;

    if (branch < 0 || (uint64_t)branch >= unions->branch_count)
        return false;
    checker->next = unions->branches[branch];
    if (checker->next->is_empty)
        advance(checker);
    return true;
}

/* Opens the records that the next put is the first field of. */
static bool open_records(avro_checker *checker)
{
    while (checker->next != NULL && checker->next->type == WEIR_TYPE_RECORD) {
        if (!push(checker, checker->next, -1))
            return false;
        checker->next = next_field(&checker->frames[checker->depth - 1]);
        assert(checker->next != NULL); /* else it would be empty, and never expected */
    }
    return true;
}

static bool take_raw(avro_checker *checker, weir_str bytes)
{
    if (checker->next == NULL)
        return false;
    if (!is_whole_value(checker->next, bytes)) { /* of the record's first field, then? */
        if (checker->next->type != WEIR_TYPE_RECORD || !open_records(checker) ||
            !is_whole_value(checker->next, bytes))
            return false;
    }
    advance(checker);
    return true;
}

/* Does a put of one primitive fit the type that is expected? */
static bool fits(const weir_schema *schema, avro_put kind, int64_t n, weir_str bytes)
{
    switch (kind) {
    case AVRO_PUT_NULL:
        return schema->type == WEIR_TYPE_NULL;
    case AVRO_PUT_BOOLEAN:
        return schema->type == WEIR_TYPE_BOOLEAN;
    case AVRO_PUT_INT:
        return schema->type == WEIR_TYPE_INT || schema->type == WEIR_TYPE_LONG;
    case AVRO_PUT_LONG:
        return schema->type == WEIR_TYPE_LONG;
    case AVRO_PUT_FLOAT:
        return schema->type == WEIR_TYPE_FLOAT;
    case AVRO_PUT_DOUBLE:
        return schema->type == WEIR_TYPE_DOUBLE;
    case AVRO_PUT_BYTES:
        return schema->type == WEIR_TYPE_BYTES || schema->type == WEIR_TYPE_STRING;
    case AVRO_PUT_FIXED:
        return schema->type == WEIR_TYPE_FIXED && schema->fixed_size == bytes.len;
    case AVRO_PUT_ENUM:
        return schema->type == WEIR_TYPE_ENUM && n >= 0 && (uint64_t)n < schema->symbols.count;
    case AVRO_PUT_BRANCH:
    case AVRO_PUT_BLOCK:
    case AVRO_PUT_RAW:
        return false;
    }
    assert(!"a put without a rule");
    return false;
}

static bool take(avro_checker *checker, avro_put kind, int64_t n, weir_str bytes)
{
    if (checker->is_broken)
        return false;
    if (kind == AVRO_PUT_RAW)
        return take_raw(checker, bytes);
    if (checker->is_key) {
        if (kind != AVRO_PUT_BYTES)
            return false;
        take_key(checker);
        return true;
    }
    if (checker->is_block)
        return kind == AVRO_PUT_BLOCK && begin_block(checker, n);
    if (!open_records(checker) || checker->next == NULL)
        return false;
    if (kind == AVRO_PUT_BRANCH)
        return checker->next->type == WEIR_TYPE_UNION && take_branch(checker, n);
    if (kind == AVRO_PUT_BLOCK)
        return checker->next->items != NULL && n >= 0 && push(checker, checker->next, 0) &&
               begin_block(checker, n);
    if (!fits(checker->next, kind, n, bytes))
        return false;
    advance(checker);
    return true;
}

void avro_check_begin(avro_checker *checker, const weir_schema *schema)
{
    checker->depth = 0;
    checker->is_key = checker->is_block = checker->is_broken = false;
    checker->next = schema->is_empty ? NULL : schema;
    checker->expected[0] = '\0';
}

bool avro_check_put(avro_checker *checker, avro_put kind, int64_t n, weir_str bytes)
{
    if (take(checker, kind, n, bytes))
        return true;
    checker->is_broken = true;
    return false;
}

bool avro_check_complete(const avro_checker *checker)
{
    return !checker->is_broken && checker->depth == 0 && checker->next == NULL;
}

const char *avro_check_expected(avro_checker *checker)
{
    const avro_check_frame *top = checker->depth == 0 ? NULL : &checker->frames[checker->depth - 1];
    const char *what = checker->is_key ? "the key of an entry" : "a block of items";
    int used;

    if (checker->next == NULL && top == NULL)
        return "nothing more";
    if (checker->next != NULL)
        used = snprintf(checker->expected, sizeof(checker->expected), "%.*s",
                        (int)(checker->next->name.len < 100 ? checker->next->name.len : 100),
                        checker->next->name.ptr);
    else
        used = snprintf(checker->expected, sizeof(checker->expected), "%s", what);
    if (top == NULL || used < 0)
        return checker->expected;
    if (top->schema->type == WEIR_TYPE_RECORD) {
        const avro_field *field = &top->schema->fields[top->at];

        snprintf(checker->expected + used, sizeof(checker->expected) - (size_t)used,
                 " for field \"%.*s\" of %.*s", WEIR_ARG(field->original),
                 WEIR_ARG(top->schema->name));
    } else {
        snprintf(checker->expected + used, sizeof(checker->expected) - (size_t)used, " in an %s",
                 top->schema->type == WEIR_TYPE_MAP ? "entry of a map" : "array");
    }
    return checker->expected;
}

const char *avro_put_name(avro_put kind)
{
    switch (kind) {
    case AVRO_PUT_NULL:
        return "null";
    case AVRO_PUT_BOOLEAN:
        return "boolean";
    case AVRO_PUT_INT:
        return "int";
    case AVRO_PUT_LONG:
        return "long";
    case AVRO_PUT_FLOAT:
        return "float";
    case AVRO_PUT_DOUBLE:
        return "double";
    case AVRO_PUT_BYTES:
        return "bytes";
    case AVRO_PUT_FIXED:
        return "fixed";
    case AVRO_PUT_ENUM:
        return "enum";
    case AVRO_PUT_BRANCH:
        return "branch";
    case AVRO_PUT_BLOCK:
        return "block";
    case AVRO_PUT_RAW:
        return "raw";
    }
    assert(!"a put without a name");
    return "?";
}

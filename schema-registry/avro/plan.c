/* plan.c - a schema compiled into columns, and values decoded into slots.
 *
 * The columns of a schema are its fields, depth first, which is the order in which a value's bytes
 * come. So a program of one step for each column, and one behind the columns of each record that
 * notes where it ended, decodes a value in one pass:
 *
 *     {id: long, after: [null, {id: long, name: string}], op: string}
 *
 *     column      0     1          2     3           4
 *     step        id    after      id    name  end1  op
 *                       null? -> columns 2, 3 are null, go on behind end1
 */
#include "runtime/base/mem.h"
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/walk.h"
#include "weir/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A record whose columns would make the plan wider than this stays one nested column. */
#define COLUMN_MAX 70000

typedef enum step_kind {
    STEP_NULL,
    STEP_BOOLEAN,
    STEP_INT,
    STEP_LONG,
    STEP_FLOAT,
    STEP_DOUBLE,
    STEP_BYTES,
    STEP_FIXED,
    STEP_ENUM,
    STEP_SKIP,   /* arrays, maps, records that are not looked into */
    STEP_UNION,  /* of more than null and one type */
    STEP_RECORD, /* its fields are the next steps */
    STEP_END,    /* of the record */
} step_kind;

typedef struct step {
    uint8_t kind;
    bool is_nullable;
    uint8_t null_branch; /* the branch that is null: 0 or 1 */
    uint32_t column;
    uint32_t size; /* of fixed; how many symbols of an enum, branches of a union */
    uint32_t jump; /* of a record: the step behind its end */
    const weir_schema *schema;
} step;

typedef struct weir_plan {
    const weir_schema *schema;
    weir_column *columns;
    step *steps;
    size_t column_count, step_count;
    weir_map *paths; /* to the column, as pointer */
    char *names;     /* the paths' text */
} weir_plan;

/* --- Compiling -------------------------------------------------------------------------------- */

typedef struct frame {
    const weir_schema *record;
    int column;  /* -1: the root */
    size_t step; /* of the column */
    size_t field;
} frame;

typedef struct compiler {
    weir_plan *plan;
    weir_buf paths;
    size_t *path_at; /* of each column, where its path begins; paths move while they grow */
    size_t path_total;
    size_t column_room, step_room;
    int depth;
    frame frames[AVRO_DEPTH_MAX];
} compiler;

static void *grow(void *items, size_t *room, size_t size)
{
    *room = *room == 0 ? 64 : *room * 2;
    return mem_realloc(items, *room * size);
}

static step_kind kind_of(const weir_schema *schema)
{
    switch (schema->type) {
    case WEIR_TYPE_NULL:
        return STEP_NULL;
    case WEIR_TYPE_BOOLEAN:
        return STEP_BOOLEAN;
    case WEIR_TYPE_INT:
        return STEP_INT;
    case WEIR_TYPE_LONG:
        return STEP_LONG;
    case WEIR_TYPE_FLOAT:
        return STEP_FLOAT;
    case WEIR_TYPE_DOUBLE:
        return STEP_DOUBLE;
    case WEIR_TYPE_BYTES:
    case WEIR_TYPE_STRING:
        return STEP_BYTES;
    case WEIR_TYPE_FIXED:
        return STEP_FIXED;
    case WEIR_TYPE_ENUM:
        return STEP_ENUM;
    case WEIR_TYPE_UNION:
        return STEP_UNION;
    case WEIR_TYPE_RECORD:
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
        return STEP_SKIP;
    }
    assert(!"a type without a step");
    return STEP_SKIP;
}

static uint32_t size_of(const weir_schema *schema)
{
    if (schema->type == WEIR_TYPE_ENUM)
        return (uint32_t)schema->symbols.count;
    if (schema->type == WEIR_TYPE_UNION)
        return (uint32_t)schema->branch_count;
    return (uint32_t)schema->fixed_size;
}

static step *add_step(compiler *c, step_kind kind, uint32_t column)
{
    weir_plan *plan = c->plan;

    if (plan->step_count == c->step_room)
        plan->steps = grow(plan->steps, &c->step_room, sizeof(step));
    plan->steps[plan->step_count] = (step){.kind = (uint8_t)kind, .column = column};
    return &plan->steps[plan->step_count++];
}

/* A record is looked into unless it is inside itself, or the plan would get too wide or too deep. */
static bool is_expanded(const compiler *c, const weir_schema *schema)
{
    if (schema->type != WEIR_TYPE_RECORD || c->depth == AVRO_DEPTH_MAX ||
        schema->field_count + c->plan->column_count > COLUMN_MAX)
        return false;
    for (int i = 0; i < c->depth; i++)
        if (c->frames[i].record == schema)
            return false;
    return true;
}

static void add_path(compiler *c, int parent, weir_str name)
{
    weir_plan *plan = c->plan;

    /* Behind the parent's path, which is no longer than what is there: it does not move in add. */
    assert(c->path_at != NULL);
    c->path_at[plan->column_count] = c->paths.len;
    if (parent >= 0 && plan->columns[parent].path.len > 0) {
        size_t len = plan->columns[parent].path.len;

        weir_buf_reserve(&c->paths, len + 1);
        weir_buf_add(&c->paths, c->paths.ptr + c->path_at[parent], len);
        weir_buf_add_byte(&c->paths, '.');
    }
    weir_buf_add_str(&c->paths, name);
}

/* Adds the column of a schema, its step and, for a record, its frame: the fields come next. */
static void add_column(compiler *c, int parent, int field_index, weir_str name,
                       const weir_schema *schema)
{
    weir_plan *plan = c->plan;
    const weir_schema *inner = weir_schema_unwrap(schema);
    int column = (int)plan->column_count;
    step *added = NULL;

    if (plan->column_count == c->column_room) {
        size_t room = c->column_room;

        plan->columns = grow(plan->columns, &c->column_room, sizeof(weir_column));
        c->path_at = grow(c->path_at, &room, sizeof(size_t));
    }
    add_path(c, parent, name);
    plan->columns[column] = (weir_column){
        .name = name,
        .path = {NULL, c->paths.len - c->path_at[column]}, /* the text when it stands still */
        .schema = inner,
        .nullable = weir_schema_is_nullable(schema),
        .parent = parent,
        .next = column + 1,
        .field_index = field_index,
    };
    plan->column_count++;
    added = add_step(c, kind_of(inner), (uint32_t)column);
    added->schema = inner;
    added->size = size_of(inner);
    added->is_nullable = inner != schema;
    added->null_branch = inner != schema && schema->null_branch == 1;
    if (!is_expanded(c, inner))
        return;
    added->kind = STEP_RECORD;
    c->frames[c->depth++] =
        (frame){.record = inner, .column = column, .step = plan->step_count - 1};
}

/* The record's columns are all there: its column and its step learn where they end. */
static void end_record(compiler *c, const frame *ended)
{
    weir_plan *plan = c->plan;

    c->depth--;
    if (ended->column < 0)
        return;
    plan->columns[ended->column].next = (int)plan->column_count;
    add_step(c, STEP_END, (uint32_t)ended->column);
    plan->steps[ended->step].jump = (uint32_t)plan->step_count;
}

static void compile(compiler *c, const weir_schema *schema)
{
    if (schema->type == WEIR_TYPE_RECORD)
        c->frames[c->depth++] = (frame){.record = schema, .column = -1};
    else
        add_column(c, -1, 0, (weir_str){"", 0}, schema);
    while (c->depth > 0) {
        frame *top = &c->frames[c->depth - 1];

        if (top->field == top->record->field_count) {
            end_record(c, top);
            continue;
        }
        const avro_field *field = &top->record->fields[top->field];

        top->field++;
        add_column(c, top->column, (int)top->field - 1, field->original, field->schema);
    }
}

static weir_plan *make_plan(const weir_schema *schema)
{
    weir_plan *plan = mem_zalloc(1, sizeof(*plan));
    compiler c = {.plan = plan};

    plan->schema = schema;
    compile(&c, schema);
    plan->names = mem_zalloc(c.paths.len + 1, 1);
    if (c.paths.len > 0)
        memcpy(plan->names, c.paths.ptr, c.paths.len);
    plan->paths = weir_map_new();
    for (size_t i = plan->column_count; i-- > 0;) { /* of two with one path, the first is found */
        assert(c.path_at != NULL);
        plan->columns[i].path.ptr = plan->names + c.path_at[i];
        weir_map_put(plan->paths, plan->columns[i].path, &plan->columns[i]);
    }
    free(c.path_at);
    weir_buf_done(&c.paths);
    return plan;
}

void avro_plan_free(struct weir_plan *plan)
{
    if (plan == NULL)
        return;
    weir_map_free(plan->paths);
    free(plan->names);
    free(plan->columns);
    free(plan->steps);
    free(plan);
}

const weir_plan *weir_schema_plan(const weir_schema *schema)
{
    weir_schema *node = avro_cache_of(schema);
    weir_plan *plan = atomic_load_explicit(&node->plan, memory_order_acquire);

    if (plan == NULL) {
        weir_plan *made = make_plan(schema);

        if (atomic_compare_exchange_strong(&node->plan, &plan, made))
            plan = made;
        else
            avro_plan_free(made); /* another thread was first: plan is its */
    }
    return plan;
}

size_t weir_plan_column_count(const weir_plan *plan)
{
    return plan->column_count;
}

const weir_column *weir_plan_column(const weir_plan *plan, size_t index)
{
    assert(index < plan->column_count);
    return &plan->columns[index];
}

int weir_plan_find(const weir_plan *plan, weir_str path)
{
    const weir_column *column = weir_map_get(plan->paths, path);

    return column == NULL ? -1 : (int)(column - plan->columns);
}

/* --- Decoding --------------------------------------------------------------------------------- */

/* What all kinds but records and ends have in common: one slot from the bytes at hand. */
static inline bool decode_step(avro_walk *walk, const step *s, weir_slot *slot)
{
    const uint8_t *begin = walk->in.at;
    int64_t branch;

    switch ((step_kind)s->kind) {
    case STEP_NULL:
        *slot = (weir_slot){.kind = WEIR_SLOT_NULL};
        return true;
    case STEP_BOOLEAN:
        slot->kind = WEIR_SLOT_BOOLEAN;
        if (!avro_walk_boolean(walk, &slot->integer))
            return false;
        break;
    case STEP_INT:
        slot->kind = WEIR_SLOT_INTEGER;
        if (!avro_walk_int(walk, &slot->integer))
            return false;
        break;
    case STEP_LONG:
        slot->kind = WEIR_SLOT_INTEGER;
        if (!avro_walk_long(walk, &slot->integer))
            return false;
        break;
    case STEP_ENUM:
        slot->kind = WEIR_SLOT_INTEGER;
        if (!avro_walk_index(walk, s->size, &slot->integer))
            return false;
        break;
    case STEP_FLOAT:
        slot->kind = WEIR_SLOT_NUMBER;
        if (!avro_walk_float(walk, &slot->number))
            return false;
        break;
    case STEP_DOUBLE:
        slot->kind = WEIR_SLOT_NUMBER;
        if (!avro_walk_double(walk, &slot->number))
            return false;
        break;
    case STEP_BYTES:
        slot->kind = WEIR_SLOT_BYTES;
        return avro_walk_bytes(walk, &slot->bytes);
    case STEP_FIXED:
        slot->kind = WEIR_SLOT_BYTES;
        return avro_walk_fixed(walk, s->size, &slot->bytes);
    case STEP_UNION:
        slot->kind = WEIR_SLOT_NESTED;
        if (!avro_walk_index(walk, s->size, &branch) ||
            !avro_walk_skip(walk, s->schema->branches[branch]))
            return false;
        slot->branch = (uint32_t)branch;
        if (branch == s->schema->null_branch)
            slot->kind = WEIR_SLOT_NULL;
        break;
    case STEP_SKIP:
        slot->kind = WEIR_SLOT_NESTED;
        if (!avro_walk_skip(walk, s->schema))
            return false;
        break;
    case STEP_RECORD:
    case STEP_END:
        assert(!"no column of its own");
        return false;
    }
    slot->bytes = (weir_str){(const char *)begin, (size_t)(walk->in.at - begin)};
    return true;
}

static void set_null(weir_slot *slots, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        slots[i] = (weir_slot){.kind = WEIR_SLOT_NULL};
}

/* True when the value at hand is null, which takes the branch's number off the bytes in any case. */
static inline bool take_null(avro_walk *walk, const step *s, bool *is_null)
{
    int64_t branch;

    if (!avro_walk_index(walk, 2, &branch))
        return false;
    *is_null = branch == s->null_branch;
    return true;
}

static inline void end_slot(const avro_walk *walk, weir_slot *slot)
{
    slot->bytes.len = (size_t)((const char *)walk->in.at - slot->bytes.ptr);
}

/* Runs the program; NULL when it came to its end, else the step that it failed at. */
static const step *decode(const weir_plan *plan, avro_walk *walk, weir_slot *slots)
{
    const step *s = plan->steps, *end = plan->steps + plan->step_count;

    while (s < end) {
        weir_slot *slot = &slots[s->column];
        bool is_null = false;

        if (s->kind == STEP_END) {
            end_slot(walk, slot);
            avro_walk_up(walk);
            s++;
            continue;
        }
        if (s->is_nullable && !take_null(walk, s, &is_null))
            return s;
        if (is_null) {
            set_null(slots, s->column, (size_t)plan->columns[s->column].next);
            s = s->kind == STEP_RECORD ? plan->steps + s->jump : s + 1;
            continue;
        }
        slot->branch = 0;
        if (s->kind == STEP_RECORD) {
            if (!avro_walk_down(walk))
                return s;
            slot->kind = WEIR_SLOT_NESTED;
            slot->bytes.ptr = (const char *)walk->in.at;
        } else if (!decode_step(walk, s, slot)) {
            return s;
        }
        s++;
    }
    return NULL;
}

weir_code weir_plan_decode(const weir_plan *plan, weir_str value, weir_slot *slots, weir_error *err)
{
    avro_walk walk = avro_walk_of(value);
    const step *failed = NULL;

    walk.depth = plan->schema->type == WEIR_TYPE_RECORD; /* the root, which has no step */
    failed = decode(plan, &walk, slots);

    if (failed == NULL && avro_walk_end(&walk))
        return WEIR_OK;
    weir_str path = failed == NULL ? (weir_str){"", 0} : plan->columns[failed->column].path;

    return weir_fail(err, WEIR_REJECT, "not a value of %.*s, at byte %zu of %zu%s%.*s%s: %s",
                     WEIR_ARG(plan->schema->name), avro_walk_position(&walk), value.len,
                     path.len > 0 ? ", field \"" : "", WEIR_ARG(path), path.len > 0 ? "\"" : "",
                     walk.wrong);
}

/* test_oracle.c - random schemas and values against avro-c, both ways.
 *
 * What we encode, step by step under the checker's eyes, avro-c decodes to the same datum; what avro-c
 * encodes, our plan and our walk decode to the same. "Same" is one function: it walks our bytes and
 * avro-c's value side by side.
 */
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/walk.h"
#include "weir/batch.h" /* weir_put_varint */
#include "weir/buf.h"

#include <avro.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* NOLINTBEGIN(misc-no-recursion): make_type and the depth of values bound it */

#define SCHEMAS 10000
#define VALUES  5 /* of each schema and way: 50,000 pairs each way */
#define SEED    20261

typedef struct dice {
    uint64_t state;
} dice;

static uint64_t roll(dice *d, uint64_t sides)
{
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return (d->state >> 11) % sides;
}

/* Small and large numbers, so that all lengths of varints occur. */
static int64_t roll_long(dice *d)
{
    uint64_t bits = roll(d, (uint64_t)1 << 32) << 32 | roll(d, (uint64_t)1 << 32);

    return (int64_t)(bits >> roll(d, 64)) * (roll(d, 2) == 0 ? 1 : -1);
}

/* --- Random schemas ----------------------------------------------------------------------------- */

typedef struct maker {
    dice *d;
    weir_buf out;
    int names;
    char known[16][8]; /* records, enums, fixeds that are whole: may be named again */
    int known_count;
} maker;

static void make_type(maker *m, int depth);

static void know(maker *m, int number)
{
    if (m->known_count < 16)
        snprintf(m->known[m->known_count++], sizeof(m->known[0]), "T%d", number);
}

static void make_record(maker *m, int depth)
{
    int number = m->names++;
    uint64_t count = 1 + roll(m->d, 6);

    weir_buf_printf(&m->out, "{\"type\":\"record\",\"name\":\"T%d\",\"fields\":[", number);
    for (uint64_t i = 0; i < count; i++) {
        weir_buf_printf(&m->out, "%s{\"name\":\"f%d\",\"type\":", i > 0 ? "," : "", (int)i);
        if (roll(m->d, 12) == 0)
            weir_buf_printf(&m->out, "[\"null\",\"T%d\"]", number); /* itself */
        else
            make_type(m, depth - 1);
        weir_buf_add_byte(&m->out, '}');
    }
    weir_buf_add_str(&m->out, WEIR_STR("]}"));
    know(m, number);
}

static void make_named(maker *m)
{
    int number = m->names++;
    uint64_t count = 1 + roll(m->d, 70);

    if (roll(m->d, 2) == 0) {
        weir_buf_printf(&m->out, "{\"type\":\"fixed\",\"name\":\"T%d\",\"size\":%d}", number,
                        (int)count);
    } else {
        weir_buf_printf(&m->out, "{\"type\":\"enum\",\"name\":\"T%d\",\"symbols\":[\"S\"", number);
        for (uint64_t i = 0; i < count; i++)
            weir_buf_printf(&m->out, ",\"S%d\"", (int)i);
        weir_buf_add_str(&m->out, WEIR_STR("]}"));
    }
    know(m, number);
}

/* null and one more, or a wide one; branches of different types by construction. */
static void make_union(maker *m, int depth)
{
    static const char *const wide[] = {"\"boolean\"", "\"int\"",   "\"long\"",  "\"float\"",
                                       "\"double\"",  "\"bytes\"", "\"string\""};
    uint64_t first = roll(m->d, 5), count = 1 + roll(m->d, 3);

    if (roll(m->d, 3) > 0) {
        bool null_first = roll(m->d, 2) == 0;

        weir_buf_add_str(&m->out, null_first ? WEIR_STR("[\"null\",") : WEIR_STR("["));
        if (depth > 0 && roll(m->d, 3) == 0)
            make_record(m, depth);
        else
            weir_buf_add_str(&m->out, weir_cstr(wide[roll(m->d, 7)]));
        weir_buf_add_str(&m->out, null_first ? WEIR_STR("]") : WEIR_STR(",\"null\"]"));
        return;
    }
    weir_buf_add_byte(&m->out, '[');
    for (uint64_t i = 0; i < count; i++)
        weir_buf_printf(&m->out, "%s%s", i > 0 ? "," : "", wide[first + i]);
    if (roll(m->d, 2) == 0)
        weir_buf_add_str(&m->out, WEIR_STR(",\"null\""));
    if (depth > 0 && roll(m->d, 2) == 0) {
        weir_buf_add_byte(&m->out, ',');
        make_record(m, depth - 1);
    }
    weir_buf_add_byte(&m->out, ']');
}

static void make_type(maker *m, int depth)
{
    static const char *const primitives[] = {"null",  "boolean", "int",   "long",
                                             "float", "double",  "bytes", "string"};

    switch (depth > 0 ? roll(m->d, 13) : roll(m->d, 8)) {
    case 8:
        make_record(m, depth);
        return;
    case 9:
        weir_buf_add_str(&m->out, WEIR_STR("{\"type\":\"array\",\"items\":"));
        make_type(m, depth - 1);
        weir_buf_add_byte(&m->out, '}');
        return;
    case 10:
        weir_buf_add_str(&m->out, WEIR_STR("{\"type\":\"map\",\"values\":"));
        make_type(m, depth - 1);
        weir_buf_add_byte(&m->out, '}');
        return;
    case 11:
        make_union(m, depth - 1);
        return;
    case 12:
        make_named(m);
        return;
    case 7:
        if (m->known_count > 0) {
            weir_buf_printf(&m->out, "\"%s\"", m->known[roll(m->d, (uint64_t)m->known_count)]);
            return;
        }
    /* fallthrough */
    default:
        weir_buf_printf(&m->out, "\"%s\"", primitives[roll(m->d, 8)]);
    }
}

/* --- Random values, by our encoder -------------------------------------------------------------- */

typedef struct encoder {
    dice *d;
    weir_buf out;
    avro_checker checker;
} encoder;

static void put(encoder *e, avro_put kind, int64_t n, const void *bytes, size_t size)
{
    weir_str content = {bytes, size};

    if (!avro_check_put(&e->checker, kind, n, content))
        fail_msg("put of %s refused, expected %s", avro_put_name(kind),
                 avro_check_expected(&e->checker));
}

static void add_varint(encoder *e, int64_t value)
{
    uint8_t bytes[10];

    weir_buf_add(&e->out, bytes, (size_t)(weir_put_varint(bytes, value) - bytes));
}

static void encode_bytes(encoder *e)
{
    size_t size = roll(e->d, 10) == 0 ? roll(e->d, 300) : roll(e->d, 12);

    put(e, AVRO_PUT_BYTES, 0, NULL, 0);
    add_varint(e, (int64_t)size);
    for (size_t i = 0; i < size; i++)
        weir_buf_add_byte(&e->out, (char)('a' + roll(e->d, 26)));
}

static void encode(encoder *e, const weir_schema *schema, int depth);

/* The items of a block, or its entries, whose keys count up. */
static void encode_block(encoder *e, const weir_schema *schema, int64_t count, int first_key,
                         int depth)
{
    put(e, AVRO_PUT_BLOCK, count, NULL, 0);
    for (int key = first_key; key < first_key + count; key++) {
        if (schema->type == WEIR_TYPE_MAP) {
            put(e, AVRO_PUT_BYTES, 0, NULL, 0);
            weir_buf_printf(&e->out, "\x04%c%c", 'a' + key / 20, 'a' + key % 20);
        }
        encode(e, schema->items, depth + 1);
    }
}

/* Blocks of one to three items; now and then with their size in front, as other writers do. */
static void encode_items(encoder *e, const weir_schema *schema, int depth)
{
    uint64_t blocks = depth > 6 ? 0 : roll(e->d, 3);

    for (uint64_t i = 0; i < blocks; i++) {
        int64_t count = 1 + (int64_t)roll(e->d, 3);
        bool is_sized = roll(e->d, 4) == 0;
        weir_buf outer = e->out;

        e->out = (weir_buf){0};
        encode_block(e, schema, count, (int)i * 3, depth);
        weir_buf inner = e->out;

        e->out = outer;
        add_varint(e, is_sized ? -count : count);
        if (is_sized)
            add_varint(e, (int64_t)inner.len);
        weir_buf_add_str(&e->out, weir_buf_str(&inner));
        weir_buf_done(&inner);
    }
    put(e, AVRO_PUT_BLOCK, 0, NULL, 0);
    add_varint(e, 0);
}

static void encode_number(encoder *e, const weir_schema *schema)
{
    int64_t value = roll_long(e->d);
    float small = (float)value / 7;
    double large = (double)value / 7;

    switch (schema->type) {
    case WEIR_TYPE_BOOLEAN:
        put(e, AVRO_PUT_BOOLEAN, 0, NULL, 0);
        weir_buf_add_byte(&e->out, (char)(value & 1));
        return;
    case WEIR_TYPE_INT:
        put(e, AVRO_PUT_INT, (int32_t)value, NULL, 0);
        add_varint(e, (int32_t)value);
        return;
    case WEIR_TYPE_LONG:
        put(e, AVRO_PUT_LONG, value, NULL, 0);
        add_varint(e, value);
        return;
    case WEIR_TYPE_FLOAT:
        put(e, AVRO_PUT_FLOAT, 0, NULL, 0);
        weir_buf_add(&e->out, &small, sizeof(small));
        return;
    default:
        put(e, AVRO_PUT_DOUBLE, 0, NULL, 0);
        weir_buf_add(&e->out, &large, sizeof(large));
    }
}

/* A branch; the null one when values would nest without end. */
static void encode_union(encoder *e, const weir_schema *schema, int depth)
{
    int64_t branch = (int64_t)roll(e->d, schema->branch_count);

    if (depth > 6)
        branch = schema->null_branch >= 0 ? schema->null_branch : 0;
    put(e, AVRO_PUT_BRANCH, branch, NULL, 0);
    add_varint(e, branch);
    encode(e, schema->branches[branch], depth + 1);
}

static void encode(encoder *e, const weir_schema *schema, int depth)
{
    int64_t index;

    switch (schema->type) {
    case WEIR_TYPE_NULL:
        put(e, AVRO_PUT_NULL, 0, NULL, 0);
        return;
    case WEIR_TYPE_BYTES:
    case WEIR_TYPE_STRING:
        encode_bytes(e);
        return;
    case WEIR_TYPE_RECORD:
        for (size_t i = 0; i < schema->field_count; i++)
            encode(e, schema->fields[i].schema, depth + 1);
        return;
    case WEIR_TYPE_ENUM:
        index = (int64_t)roll(e->d, schema->symbols.count);
        put(e, AVRO_PUT_ENUM, index, NULL, 0);
        add_varint(e, index);
        return;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
        encode_items(e, schema, depth);
        return;
    case WEIR_TYPE_UNION:
        encode_union(e, schema, depth);
        return;
    case WEIR_TYPE_FIXED:
        weir_buf_reserve(&e->out, schema->fixed_size);
        memset(e->out.ptr + e->out.len, 'a' + (int)roll(e->d, 26), schema->fixed_size);
        put(e, AVRO_PUT_FIXED, 0, e->out.ptr + e->out.len, schema->fixed_size);
        e->out.len += schema->fixed_size;
        return;
    case WEIR_TYPE_BOOLEAN:
    case WEIR_TYPE_INT:
    case WEIR_TYPE_LONG:
    case WEIR_TYPE_FLOAT:
    case WEIR_TYPE_DOUBLE:
        encode_number(e, schema);
    }
}

/* --- Random values, by avro-c ------------------------------------------------------------------- */

static void fill(dice *d, const weir_schema *schema, avro_value_t *value, int depth);

static void fill_items(dice *d, const weir_schema *schema, avro_value_t *value, int depth)
{
    uint64_t count = depth > 6 ? 0 : roll(d, 4);

    for (uint64_t i = 0; i < count; i++) {
        char key[] = {(char)('a' + i), '\0'};
        avro_value_t item;

        if (schema->type == WEIR_TYPE_MAP)
            assert_int_equal(avro_value_add(value, key, &item, NULL, NULL), 0);
        else
            assert_int_equal(avro_value_append(value, &item, NULL), 0);
        fill(d, schema->items, &item, depth + 1);
    }
}

static void fill_union(dice *d, const weir_schema *schema, avro_value_t *value, int depth)
{
    int branch = (int)roll(d, schema->branch_count);
    avro_value_t inner;

    if (depth > 6)
        branch = schema->null_branch >= 0 ? schema->null_branch : 0;
    assert_int_equal(avro_value_set_branch(value, branch, &inner), 0);
    fill(d, schema->branches[branch], &inner, depth + 1);
}

static void fill(dice *d, const weir_schema *schema, avro_value_t *value, int depth)
{
    char text[400];
    int64_t number = roll_long(d);
    size_t size = roll(d, 10) == 0 ? roll(d, 300) : roll(d, 12);

    memset(text, 'a' + (int)roll(d, 26), sizeof(text));
    switch (schema->type) {
    case WEIR_TYPE_NULL:
        avro_value_set_null(value);
        return;
    case WEIR_TYPE_BOOLEAN:
        avro_value_set_boolean(value, (int)(number & 1));
        return;
    case WEIR_TYPE_INT:
        avro_value_set_int(value, (int32_t)number);
        return;
    case WEIR_TYPE_LONG:
        avro_value_set_long(value, number);
        return;
    case WEIR_TYPE_FLOAT:
        avro_value_set_float(value, (float)number / 3);
        return;
    case WEIR_TYPE_DOUBLE:
        avro_value_set_double(value, (double)number / 3);
        return;
    case WEIR_TYPE_BYTES:
        avro_value_set_bytes(value, text, size);
        return;
    case WEIR_TYPE_STRING:
        text[size] = '\0';
        avro_value_set_string_len(value, text, size + 1);
        return;
    case WEIR_TYPE_FIXED:
        avro_value_set_fixed(value, text, schema->fixed_size);
        return;
    case WEIR_TYPE_ENUM:
        avro_value_set_enum(value, (int)roll(d, schema->symbols.count));
        return;
    case WEIR_TYPE_RECORD:
        for (size_t i = 0; i < schema->field_count; i++) {
            avro_value_t field;

            assert_int_equal(avro_value_get_by_index(value, i, &field, NULL), 0);
            fill(d, schema->fields[i].schema, &field, depth + 1);
        }
        return;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
        fill_items(d, schema, value, depth);
        return;
    case WEIR_TYPE_UNION:
        fill_union(d, schema, value, depth);
    }
}

/* --- The same? ---------------------------------------------------------------------------------- */

static void assert_same(avro_walk *walk, const weir_schema *schema, avro_value_t *value);

/* avro-c's item at a place; of a map, the entry whose key comes next in our bytes. */
static void find_item(avro_walk *walk, const weir_schema *schema, avro_value_t *value, size_t index,
                      avro_value_t *item)
{
    char name[8] = "";
    weir_str key = {0};

    if (schema->type == WEIR_TYPE_ARRAY) {
        assert_int_equal(avro_value_get_by_index(value, index, item, NULL), 0);
        return;
    }
    assert_true(avro_walk_bytes(walk, &key));
    for (size_t i = 0; i < key.len && i < sizeof(name) - 1; i++)
        name[i] = key.ptr[i];
    assert_int_equal(avro_value_get_by_name(value, name, item, NULL), 0);
}

static void assert_same_items(avro_walk *walk, const weir_schema *schema, avro_value_t *value)
{
    avro_block block;
    size_t count = 0, size = 0;

    do {
        assert_true(avro_walk_block(walk, schema, &block));
        for (int64_t i = 0; i < block.count; i++) {
            avro_value_t item;

            find_item(walk, schema, value, count++, &item);
            assert_same(walk, schema->items, &item);
        }
        assert_true(avro_walk_block_end(walk, &block));
    } while (block.count > 0);
    assert_int_equal(avro_value_get_size(value, &size), 0);
    assert_int_equal(count, size);
}

static void assert_same_bytes(avro_walk *walk, const weir_schema *schema, avro_value_t *value)
{
    const void *theirs = NULL;
    const char *text = NULL;
    size_t size = 0;
    weir_str ours = {0};

    if (schema->type == WEIR_TYPE_FIXED) {
        assert_true(avro_walk_fixed(walk, schema->fixed_size, &ours));
        assert_int_equal(avro_value_get_fixed(value, &theirs, &size), 0);
    } else if (schema->type == WEIR_TYPE_STRING) {
        assert_true(avro_walk_bytes(walk, &ours));
        assert_int_equal(avro_value_get_string(value, &text, &size), 0);
        theirs = text;
        size--; /* its NUL */
    } else {
        assert_true(avro_walk_bytes(walk, &ours));
        assert_int_equal(avro_value_get_bytes(value, &theirs, &size), 0);
    }
    assert_true(weir_str_eq(ours, (weir_str){theirs, size}));
}

static void assert_same_number(avro_walk *walk, const weir_schema *schema, avro_value_t *value)
{
    int64_t integer = 0, theirs = 0;
    double number = 0, large = 0;
    float small = 0;
    int narrow = 0;
    int32_t half = 0;

    switch (schema->type) {
    case WEIR_TYPE_BOOLEAN:
        assert_true(avro_walk_boolean(walk, &integer));
        assert_int_equal(avro_value_get_boolean(value, &narrow), 0);
        assert_int_equal(integer, narrow);
        return;
    case WEIR_TYPE_INT:
        assert_true(avro_walk_int(walk, &integer));
        assert_int_equal(avro_value_get_int(value, &half), 0);
        assert_int_equal(integer, half);
        return;
    case WEIR_TYPE_LONG:
        assert_true(avro_walk_long(walk, &integer));
        assert_int_equal(avro_value_get_long(value, &theirs), 0);
        assert_true(integer == theirs);
        return;
    case WEIR_TYPE_ENUM:
        assert_true(avro_walk_index(walk, schema->symbols.count, &integer));
        assert_int_equal(avro_value_get_enum(value, &narrow), 0);
        assert_int_equal(integer, narrow);
        return;
    case WEIR_TYPE_FLOAT:
        assert_true(avro_walk_float(walk, &number));
        assert_int_equal(avro_value_get_float(value, &small), 0);
        assert_true(number == (double)small);
        return;
    default:
        assert_true(avro_walk_double(walk, &number));
        assert_int_equal(avro_value_get_double(value, &large), 0);
        assert_true(number == large);
    }
}

static void assert_same(avro_walk *walk, const weir_schema *schema, avro_value_t *value)
{
    avro_value_t inner;
    int64_t branch;
    int theirs = 0;

    switch (schema->type) {
    case WEIR_TYPE_NULL:
        assert_int_equal(avro_value_get_null(value), 0);
        return;
    case WEIR_TYPE_BYTES:
    case WEIR_TYPE_STRING:
    case WEIR_TYPE_FIXED:
        assert_same_bytes(walk, schema, value);
        return;
    case WEIR_TYPE_RECORD:
        for (size_t i = 0; i < schema->field_count; i++) {
            assert_int_equal(avro_value_get_by_index(value, i, &inner, NULL), 0);
            assert_same(walk, schema->fields[i].schema, &inner);
        }
        return;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
        assert_same_items(walk, schema, value);
        return;
    case WEIR_TYPE_UNION:
        assert_true(avro_walk_index(walk, schema->branch_count, &branch));
        assert_int_equal(avro_value_get_discriminant(value, &theirs), 0);
        assert_int_equal(branch, theirs);
        assert_int_equal(avro_value_get_current_branch(value, &inner), 0);
        assert_same(walk, schema->branches[branch], &inner);
        return;
    case WEIR_TYPE_BOOLEAN:
    case WEIR_TYPE_INT:
    case WEIR_TYPE_LONG:
    case WEIR_TYPE_FLOAT:
    case WEIR_TYPE_DOUBLE:
    case WEIR_TYPE_ENUM:
        assert_same_number(walk, schema, value);
    }
}

/* A slot's value again as Avro bytes: what the decoder took apart. */
static void put_slot(weir_buf *out, const weir_column *column, const weir_slot *slot)
{
    uint8_t bytes[10];

    switch (slot->kind) {
    case WEIR_SLOT_BYTES:
        if (column->schema->type != WEIR_TYPE_FIXED)
            weir_buf_add(out, bytes,
                         (size_t)(weir_put_varint(bytes, (int64_t)slot->bytes.len) - bytes));
        weir_buf_add_str(out, slot->bytes);
        return;
    case WEIR_SLOT_BOOLEAN:
        weir_buf_add_byte(out, (char)slot->integer);
        return;
    case WEIR_SLOT_INTEGER:
        weir_buf_add(out, bytes, (size_t)(weir_put_varint(bytes, slot->integer) - bytes));
        return;
    case WEIR_SLOT_NUMBER: {
        float small = (float)slot->number;

        if (column->schema->type == WEIR_TYPE_FLOAT)
            weir_buf_add(out, &small, sizeof(small));
        else
            weir_buf_add(out, &slot->number, sizeof(slot->number));
        return;
    }
    case WEIR_SLOT_NESTED:
        weir_buf_add_str(out, slot->bytes);
        return;
    case WEIR_SLOT_NULL:
    case WEIR_SLOT_UNSENT:
        return;
    }
}

/* The branch in front of a nullable column, from the field's own schema. */
static void put_branch(weir_buf *out, const weir_schema *schema, bool is_null)
{
    if (schema->type == WEIR_TYPE_UNION && schema->unwrapped != schema)
        weir_buf_add_byte(out, (char)(2 * (is_null ? schema->null_branch : !schema->null_branch)));
    else if (schema->type == WEIR_TYPE_UNION && is_null)
        weir_buf_add_byte(out, (char)(2 * schema->null_branch));
}

/* The dice must not have thrown only small things. */
static size_t pair_count, pair_bytes, pair_columns;

/* The slots put together again are the value: nothing was lost, nothing taken for something else. */
static void assert_slots(const weir_schema *schema, weir_str value)
{
    const weir_plan *plan = weir_schema_plan(schema);
    size_t count = weir_plan_column_count(plan);
    weir_slot *slots = calloc(count + 1, sizeof(*slots));
    weir_buf again = {0};
    weir_error err = {0};

    for (size_t i = 0; i < count; i++)
        slots[i].kind = WEIR_SLOT_UNSENT; /* no decoder leaves that */
    if (weir_plan_decode(plan, value, slots, &err) != WEIR_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < count; i++) {
        const weir_column *column = weir_plan_column(plan, i);
        const weir_schema *record =
            column->parent < 0 ? schema : weir_plan_column(plan, (size_t)column->parent)->schema;
        const weir_schema *field = record->type == WEIR_TYPE_RECORD && count > 0
                                       ? record->fields[column->field_index].schema
                                       : schema;

        put_branch(&again, field, slots[i].kind == WEIR_SLOT_NULL);
        if (column->next > (int)i + 1 && slots[i].kind == WEIR_SLOT_NULL)
            while ((int)i + 1 < column->next) /* a null record has no columns in the value */
                assert_int_equal(slots[++i].kind, WEIR_SLOT_NULL);
        else if (column->next == (int)i + 1)
            put_slot(&again, column, &slots[i]);
    }
    assert_true(weir_str_eq(weir_buf_str(&again), value));
    pair_count++;
    pair_bytes += value.len;
    pair_columns += count;
    weir_buf_done(&again);
    free(slots);
}

/* --- Both ways ---------------------------------------------------------------------------------- */

static void check_ours(dice *d, const weir_schema *schema, avro_value_t *value)
{
    encoder e = {.d = d};
    weir_error err = {0};

    avro_check_begin(&e.checker, schema);
    encode(&e, schema, 0);
    assert_true(avro_check_complete(&e.checker));
    weir_str bytes = {e.out.ptr == NULL ? "" : e.out.ptr, e.out.len};
    avro_reader_t source = avro_reader_memory(bytes.ptr, (int64_t)bytes.len);
    avro_walk walk = avro_walk_of(bytes);

    assert_int_equal(avro_validate(schema, bytes, &err), WEIR_OK);
    assert_int_equal(avro_value_reset(value), 0);
    if (avro_value_read(source, value) != 0)
        fail_msg("avro-c: %s, of %.*s", avro_strerror(), WEIR_ARG(weir_schema_text(schema)));
    assert_same(&walk, schema, value);
    assert_true(avro_walk_end(&walk));
    assert_slots(schema, bytes);
    avro_reader_free(source);
    weir_buf_done(&e.out);
}

static void check_theirs(dice *d, const weir_schema *schema, avro_value_t *value)
{
    static char bytes[1 << 20];
    avro_writer_t writer = avro_writer_memory(bytes, sizeof(bytes));

    assert_int_equal(avro_value_reset(value), 0);
    fill(d, schema, value, 0);
    assert_int_equal(avro_value_write(writer, value), 0);
    weir_str encoded = {bytes, (size_t)avro_writer_tell(writer)};
    avro_walk walk = avro_walk_of(encoded);

    assert_same(&walk, schema, value);
    assert_true(avro_walk_end(&walk));
    assert_slots(schema, encoded);
    avro_writer_free(writer);
}

static void avro_c_and_we_agree_on_random_values_of_random_schemas(void **state)
{
    dice d = {SEED};

    (void)state;
    print_message("seed %d\n", SEED);
    for (int i = 0; i < SCHEMAS; i++) {
        maker m = {.d = &d};
        avro_schema_t theirs = NULL;
        avro_value_t value;
        weir_error err = {0};

        if (roll(&d, 4) == 0)
            make_type(&m, 4);
        else
            make_record(&m, 4);
        weir_schema *ours = avro_parse(weir_buf_str(&m.out), &err);

        if (ours == NULL)
            fail_msg("%s: %s", weir_buf_cstr(&m.out), err.message);
        weir_str text = weir_schema_text(ours); /* so that avro-c reads our text */

        if (avro_schema_from_json_length(text.ptr, text.len, &theirs) != 0)
            fail_msg("avro-c: %s: %s", text.ptr, avro_strerror());
        avro_value_iface_t *class = avro_generic_class_from_schema(theirs);

        assert_int_equal(avro_generic_value_new(class, &value), 0);
        for (int j = 0; j < VALUES; j++) {
            check_ours(&d, ours, &value);
            check_theirs(&d, ours, &value);
        }
        avro_value_decref(&value);
        avro_value_iface_decref(class);
        avro_schema_decref(theirs);
        avro_schema_free(ours);
        weir_buf_done(&m.out);
    }
    print_message("%zu pairs, on average %zu bytes in %zu columns\n", pair_count,
                  pair_bytes / pair_count, pair_columns / pair_count);
    assert_true(pair_count == (size_t)SCHEMAS * VALUES * 2);
    assert_true(pair_bytes / pair_count > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(avro_c_and_we_agree_on_random_values_of_random_schemas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* NOLINTEND(misc-no-recursion) */

/* bench_avro.c - Avro values encoded and decoded against avro-c, the same data, in one run.
 *
 *     bench_avro [--json]
 *
 * A record of 20 fields: numbers, texts, some of them nullable, an enum, a boolean, bytes. Encoding begins
 * with C values and ends with bytes: ours puts into a batch, as a source does; avro-c sets a generic
 * value, made once, and writes it to memory. Decoding begins with those bytes and ends with all fields
 * summed up: ours decodes into slots, as a sink does; avro-c reads into a generic value, made once. Both
 * encode the same bytes and come to the same sum.
 *
 * Rounds take turns (A B A B ...) and count the thread's CPU time: the machine is shared. A ratio is taken
 * of each round, and the median of the rounds is what counts.
 */
#include "runtime/base/mem.h"
#include "schema-registry/avro/avro.h"
#include "sdk/src/batch.h"

#include <assert.h>
#include <avro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 15, RECORDS = 20000, FIELDS = 20, TEXT_BYTES = 32, BATCH_BYTES = 64 << 20 };

typedef enum field_kind { LONG, INT, DOUBLE, BOOLEAN, ENUM, STRING, BYTES } field_kind;

static const struct field {
    const char *name;
    field_kind kind;
    bool is_nullable;
} fields[FIELDS] = {
    {"id", LONG, false},       {"customer", LONG, false}, {"item", LONG, false},
    {"created", LONG, false},  {"changed", LONG, true},   {"count", INT, false},
    {"stock", INT, false},     {"rank", INT, true},       {"price", DOUBLE, false},
    {"tax", DOUBLE, false},    {"weight", DOUBLE, true},  {"paid", BOOLEAN, false},
    {"state", ENUM, false},    {"name", STRING, false},   {"street", STRING, false},
    {"city", STRING, false},   {"country", STRING, true}, {"mail", STRING, true},
    {"comment", STRING, true}, {"token", BYTES, false},
};

typedef struct datum {
    bool is_null;
    int64_t integer;
    double number;
    size_t size;
    char text[TEXT_BYTES + 1]; /* a NUL behind it, which avro-c wants */
} datum;

typedef struct record {
    datum fields[FIELDS];
} record;

typedef struct bench {
    record *records;
    weir_schema *schema;
    weir_batch *batch;
    weir_slot slots[FIELDS];
    weir_str *encoded; /* ours, in the batch */
    avro_schema_t their_schema;
    avro_value_iface_t *their_class;
    avro_value_t their_value;
    char *their_bytes;
    size_t *their_ends;
    double sum; /* of what was decoded last */
} bench;

static void must(bool is_true, const char *what)
{
    if (is_true)
        return;
    fprintf(stderr, "bench_avro: %s\n", what);
    exit(1);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- The data --------------------------------------------------------------------------------- */

#define STATES "[\"NEW\",\"PAID\",\"SENT\",\"DONE\"]"

static const char *type_of(field_kind kind)
{
    switch (kind) {
    case LONG:
        return "\"long\"";
    case INT:
        return "\"int\"";
    case DOUBLE:
        return "\"double\"";
    case BOOLEAN:
        return "\"boolean\"";
    case ENUM:
        return "{\"type\":\"enum\",\"name\":\"State\",\"symbols\":" STATES "}";
    case STRING:
        return "\"string\"";
    case BYTES:
        return "\"bytes\"";
    }
    return "";
}

static void write_schema(weir_buf *out)
{
    weir_buf_add_str(out, WEIR_STR("{\"type\":\"record\",\"name\":\"Order\",\"fields\":["));
    for (size_t i = 0; i < FIELDS; i++)
        weir_buf_printf(out,
                        fields[i].is_nullable ? "%s{\"name\":\"%s\",\"type\":[\"null\",%s]}"
                                              : "%s{\"name\":\"%s\",\"type\":%s}",
                        i > 0 ? "," : "", fields[i].name, type_of(fields[i].kind));
    weir_buf_add_str(out, WEIR_STR("]}"));
}

static uint64_t roll(uint64_t sides)
{
    static uint64_t state = 20261121;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % sides;
}

/* Numbers of all lengths up to what such fields have; a third of the nullable ones is null. */
static void fill(record *records)
{
    for (size_t r = 0; r < RECORDS; r++) {
        for (size_t i = 0; i < FIELDS; i++) {
            datum *d = &records[r].fields[i];

            d->is_null = fields[i].is_nullable && roll(3) == 0;
            d->integer = (int64_t)roll(UINT64_C(1) << (8 + roll(20)));
            if (i == 3 || i == 4)
                d->integer = INT64_C(1763720000000000) + (int64_t)roll(1000000000);
            if (fields[i].kind == BOOLEAN || fields[i].kind == ENUM)
                d->integer &= fields[i].kind == ENUM ? 3 : 1;
            d->number = (double)roll(1000000) / 100;
            d->size = 6 + roll(TEXT_BYTES - 6);
            for (size_t k = 0; k < d->size; k++)
                d->text[k] = (char)('a' + roll(26));
        }
    }
}

/* --- Ours ------------------------------------------------------------------------------------- */

static void put(weir_batch *batch, field_kind kind, const datum *d)
{
    switch (kind) {
    case LONG:
        weir_put_long(batch, d->integer);
        return;
    case INT:
        weir_put_int(batch, (int32_t)d->integer);
        return;
    case DOUBLE:
        weir_put_double(batch, d->number);
        return;
    case BOOLEAN:
        weir_put_boolean(batch, d->integer != 0);
        return;
    case ENUM:
        weir_put_enum(batch, (int32_t)d->integer);
        return;
    case STRING:
        weir_put_text(batch, (weir_str){d->text, d->size});
        return;
    case BYTES:
        weir_put_bytes(batch, (weir_str){d->text, d->size});
        return;
    }
}

static void encode_ours(bench *b)
{
    weir_error err = {0};

    batch_clear(b->batch);
    for (size_t r = 0; r < RECORDS; r++) {
        must(weir_record_begin(b->batch, WEIR_STR("orders")), "the batch is full");
        weir_record_value(b->batch, b->schema);
        for (size_t i = 0; i < FIELDS; i++) {
            const datum *d = &b->records[r].fields[i];

            if (fields[i].is_nullable)
                weir_put_branch(b->batch, d->is_null ? 0 : 1);
            if (d->is_null)
                weir_put_null(b->batch);
            else
                put(b->batch, fields[i].kind, d);
        }
        must(weir_record_end(b->batch, &err) == WEIR_OK, "a record was refused");
    }
}

static double sum_text(const void *bytes, size_t size)
{
    assert(bytes != NULL && size > 0);
    return (double)size + (double)*(const char *)bytes;
}

static void decode_ours(bench *b)
{
    const weir_plan *plan = weir_schema_plan(b->schema);
    weir_error err = {0};
    double sum = 0;

    for (size_t r = 0; r < RECORDS; r++) {
        must(weir_plan_decode(plan, b->encoded[r], b->slots, &err) == WEIR_OK, "not decoded");
        for (size_t i = 0; i < FIELDS; i++) {
            const weir_slot *slot = &b->slots[i];

            if (slot->kind == WEIR_SLOT_BYTES)
                sum += sum_text(slot->bytes.ptr, slot->bytes.len);
            else if (slot->kind == WEIR_SLOT_NUMBER)
                sum += slot->number;
            else if (slot->kind != WEIR_SLOT_NULL)
                sum += (double)slot->integer;
        }
    }
    b->sum = sum;
}

/* --- avro-c's --------------------------------------------------------------------------------- */

/* NOLINTBEGIN(readability-function-size,clang-analyzer-core.NullDereference): avro-c's calls are macros */

static int set(avro_value_t *value, field_kind kind, const datum *d)
{
    switch (kind) {
    case LONG:
        return avro_value_set_long(value, d->integer);
    case INT:
        return avro_value_set_int(value, (int32_t)d->integer);
    case DOUBLE:
        return avro_value_set_double(value, d->number);
    case BOOLEAN:
        return avro_value_set_boolean(value, d->integer != 0);
    case ENUM:
        return avro_value_set_enum(value, (int)d->integer);
    case STRING:
        return avro_value_set_string_len(value, (char *)d->text, d->size + 1);
    case BYTES:
        return avro_value_set_bytes(value, (void *)d->text, d->size);
    }
    return -1;
}

static void encode_theirs(bench *b)
{
    avro_writer_t writer = avro_writer_memory(b->their_bytes, BATCH_BYTES);

    for (size_t r = 0; r < RECORDS; r++) {
        for (size_t i = 0; i < FIELDS; i++) {
            const datum *d = &b->records[r].fields[i];
            avro_value_t field, branch;

            avro_value_get_by_index(&b->their_value, i, &field, NULL);
            if (fields[i].is_nullable) {
                avro_value_set_branch(&field, d->is_null ? 0 : 1, &branch);
                field = branch;
            }
            if (d->is_null)
                avro_value_set_null(&field);
            else
                must(set(&field, fields[i].kind, d) == 0, "avro-c does not set a field");
        }
        must(avro_value_write(writer, &b->their_value) == 0, "avro-c does not write");
        b->their_ends[r] = (size_t)avro_writer_tell(writer);
    }
    avro_writer_free(writer);
}

static double get(const avro_value_t *value, field_kind kind)
{
    int64_t large = 0;
    int32_t small = 0;
    int flag = 0;
    double number = 0;
    const char *text = NULL;
    const void *bytes = NULL;
    size_t size = 0;

    switch (kind) {
    case LONG:
        avro_value_get_long(value, &large);
        return (double)large;
    case INT:
        avro_value_get_int(value, &small);
        return (double)small;
    case DOUBLE:
        avro_value_get_double(value, &number);
        return number;
    case BOOLEAN:
        avro_value_get_boolean(value, &flag);
        return (double)flag;
    case ENUM:
        avro_value_get_enum(value, &flag);
        return (double)flag;
    case STRING:
        avro_value_get_string(value, &text, &size);
        return sum_text(text, size - 1);
    case BYTES:
        avro_value_get_bytes(value, &bytes, &size);
        return sum_text(bytes, size);
    }
    return 0;
}

static void decode_theirs(bench *b)
{
    size_t size = b->their_ends[RECORDS - 1];
    avro_reader_t reader = avro_reader_memory(b->their_bytes, (int64_t)size);
    double sum = 0;

    for (size_t r = 0; r < RECORDS; r++) {
        must(avro_value_read(reader, &b->their_value) == 0, "avro-c does not read");
        for (size_t i = 0; i < FIELDS; i++) {
            avro_value_t field, branch;
            int at = 1;

            avro_value_get_by_index(&b->their_value, i, &field, NULL);
            if (fields[i].is_nullable) {
                avro_value_get_discriminant(&field, &at);
                avro_value_get_current_branch(&field, &branch);
                field = branch;
            }
            if (at == 1)
                sum += get(&field, fields[i].kind);
        }
    }
    b->sum = sum;
    avro_reader_free(reader);
}

/* NOLINTEND(readability-function-size,clang-analyzer-core.NullDereference) */

/* --- The rounds ------------------------------------------------------------------------------- */

static void open_bench(bench *b)
{
    weir_buf text = {0};
    weir_error err = {0};

    b->records = mem_zalloc(RECORDS, sizeof(record));
    b->encoded = mem_zalloc(RECORDS, sizeof(weir_str));
    b->their_ends = mem_zalloc(RECORDS, sizeof(size_t));
    b->their_bytes = mem_zalloc(1, BATCH_BYTES);
    b->batch = batch_new(BATCH_BYTES);
    fill(b->records);
    write_schema(&text);
    b->schema = avro_parse(weir_buf_str(&text), &err);
    must(b->schema != NULL, "the schema is none");
    must(avro_schema_from_json_length(text.ptr, text.len, &b->their_schema) == 0, avro_strerror());
    b->their_class = avro_generic_class_from_schema(b->their_schema);
    must(avro_generic_value_new(b->their_class, &b->their_value) == 0, avro_strerror());
    weir_buf_done(&text);
}

static void close_bench(bench *b)
{
    avro_value_decref(&b->their_value);
    avro_value_iface_decref(b->their_class);
    avro_schema_decref(b->their_schema);
    batch_free(b->batch);
    avro_schema_free(b->schema);
    free(b->records);
    free(b->encoded);
    free(b->their_ends);
    free(b->their_bytes);
}

/* Both wrote the same bytes; and where ours are. */
static void check_bytes(bench *b)
{
    for (size_t r = 0; r < RECORDS; r++) {
        size_t begin = r == 0 ? 0 : b->their_ends[r - 1];
        weir_str theirs = {b->their_bytes + begin, b->their_ends[r] - begin};

        b->encoded[r] = batch_bytes_of(b->batch, batch_at(b->batch, (uint32_t)r)->value);
        must(weir_str_eq(b->encoded[r], theirs), "the bytes differ");
    }
}

static int compare(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;

    return (first > second) - (first < second);
}

typedef struct figure {
    double ours[ROUNDS], theirs[ROUNDS], ratios[ROUNDS]; /* records a second */
} figure;

static void measure(bench *b, void (*ours)(bench *), void (*theirs)(bench *), figure *out)
{
    ours(b); /* memory that is touched for the first time is not what is measured */
    theirs(b);
    for (int i = 0; i < ROUNDS; i++) {
        double start = seconds();

        ours(b);
        double middle = seconds(), sum = b->sum;

        theirs(b);
        must(b->sum == sum, "the sums differ");
        out->ours[i] = RECORDS / (middle - start);
        out->theirs[i] = RECORDS / (seconds() - middle);
        out->ratios[i] = out->ours[i] / out->theirs[i];
    }
    qsort(out->ours, ROUNDS, sizeof(double), compare);
    qsort(out->theirs, ROUNDS, sizeof(double), compare);
    qsort(out->ratios, ROUNDS, sizeof(double), compare);
}

static void report(const char *name, const figure *f, bool is_json, bool is_last)
{
    printf(is_json ? "{\"name\":\"%s\",\"weir\":%.0f,\"against\":%.0f,\"ratio\":%.2f,\"low\":%.2f,"
                     "\"high\":%.2f}%s"
                   : "avro %s: %.0f records/s, avro-c %.0f, ratio %.2f (%.2f to %.2f), asked 5%s",
           name, f->ours[ROUNDS / 2], f->theirs[ROUNDS / 2], f->ratios[ROUNDS / 2], f->ratios[0],
           f->ratios[ROUNDS - 1], is_json ? (is_last ? "]\n" : ",") : "\n");
}

int main(int argc, char **argv)
{
    bool is_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    bench b = {0};
    figure encode = {0}, decode = {0};

    open_bench(&b);
    measure(&b, encode_ours, encode_theirs, &encode);
    check_bytes(&b);
    measure(&b, decode_ours, decode_theirs, &decode);
    close_bench(&b);
    printf("%s", is_json ? "[" : "");
    report("encode", &encode, is_json, false);
    report("decode", &decode, is_json, true);
    return 0;
}

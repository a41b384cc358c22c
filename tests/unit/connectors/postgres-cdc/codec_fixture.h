/* codec_fixture.h - what tests of codecs share: room for what is written, and texts with their lengths. */
#ifndef TESTS_UNIT_CONNECTORS_POSTGRES_CDC_CODEC_FIXTURE_H
#define TESTS_UNIT_CONNECTORS_POSTGRES_CDC_CODEC_FIXTURE_H

#include "connectors/postgres-cdc/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static weir_buf scratch[CODEC_SCRATCH_COUNT];
static uint8_t memory[4096]; /* what a codec writes */
static weir_error err;

/* The teardown of every test. */
static inline int release(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODEC_SCRATCH_COUNT; i++)
        weir_buf_done(&scratch[i]);
    return 0;
}

static inline weir_batch empty_batch(void)
{
    return (weir_batch){.at = memory, .end = memory + sizeof(memory)};
}

static inline weir_str written(const weir_batch *batch)
{
    return (weir_str){(const char *)memory, (size_t)(batch->at - memory)};
}

static inline void assert_written(const weir_batch *batch, weir_str expected)
{
    assert_int_equal(written(batch).len, expected.len);
    assert_memory_equal(memory, expected.ptr, expected.len);
}

/* A weir_str as an initialiser; the literal may hold zeros. */
#define BYTES(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

#endif

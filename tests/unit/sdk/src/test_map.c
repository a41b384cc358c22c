/* test_map.c - the map against the plainest model: an array indexed by the key's number. */
#include "weir/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define KEYS  300
#define STEPS 20000

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void a_random_run_equals_the_model(void **state)
{
    WEIR_CLEANUP(weir_map_freep) weir_map *map = weir_map_new();
    static int values[STEPS];
    int *model[KEYS] = {0};
    uint32_t seed = 7;
    size_t count = 0;

    (void)state;
    for (int i = 0; i < STEPS; i++) {
        uint32_t number = next_random(&seed) % KEYS;
        char text[16];
        int len = snprintf(text, sizeof(text), "key %u", number);
        weir_str key = {text, (size_t)len};

        assert_ptr_equal(weir_map_get(map, key), model[number]);
        if (next_random(&seed) % 2 == 0) {
            count += model[number] == NULL;
            assert_ptr_equal(weir_map_put(map, key, &values[i]), model[number]);
            model[number] = &values[i];
        } else {
            count -= model[number] != NULL;
            assert_ptr_equal(weir_map_remove(map, key), model[number]);
            model[number] = NULL;
        }
        assert_int_equal(weir_map_count(map), count);
    }
}

static void stepping_visits_every_entry_once(void **state)
{
    WEIR_CLEANUP(weir_map_freep) weir_map *map = weir_map_new();
    static int marks[100];
    weir_str key;
    void *value = NULL;
    size_t at = 0;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        weir_map_put(map, (weir_str){(const char *)&i, sizeof(i)}, &marks[i]);
    while (weir_map_next(map, &at, &key, &value)) {
        assert_int_equal(key.len, sizeof(unsigned));
        ++*(int *)value;
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(marks[i], 1);
}

static void the_empty_key_is_a_key(void **state)
{
    WEIR_CLEANUP(weir_map_freep) weir_map *map = weir_map_new();
    int value = 0;

    (void)state;
    assert_null(weir_map_get(map, (weir_str){0}));
    assert_null(weir_map_put(map, (weir_str){0}, &value));
    assert_ptr_equal(weir_map_get(map, WEIR_STR("")), &value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_run_equals_the_model),
        cmocka_unit_test(stepping_visits_every_entry_once),
        cmocka_unit_test(the_empty_key_is_a_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

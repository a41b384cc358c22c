/* test_registry_threads.c - many at once, over the embedded log: one id for one schema, and all of it there
 * after a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/log/embedded.h"
#include "schema-registry/registry/registry.h"
#include "tests/fixtures/registry_fixture.h"

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITERS = 20, READERS = 4, OWN = 5 };

static char dir[64];
static log *backend;
static registry *it;
static atomic_bool is_over;
static pthread_barrier_t start;

static void open_it(void)
{
    store_options options = {.path = dir};
    registry_options rules = REGISTRY_DEFAULTS;
    weir_error err;

    rules.parsed_max = 8; /* the cache turns over meanwhile */
    assert_int_equal(embedded_open(&options, &backend, &err), WEIR_OK);
    assert_int_equal(registry_open(backend, &rules, &it, &err), WEIR_OK);
}

static void close_it(void)
{
    registry_close(it);
    embedded_close(backend);
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/weir-registry-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    open_it();
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    close_it();
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

typedef struct writer {
    int number;
    int64_t shared_id;
    int64_t own_ids[OWN];
} writer;

static const char *own_schema(int number, int i)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf fields = {0};

    weir_buf_printf(&fields, "x:int f_%d_%d:int=1", number, i);
    return record_of(weir_buf_cstr(&fields));
}

static void *write_schemas(void *context)
{
    writer *self = context;
    char subject[32];

    snprintf(subject, sizeof(subject), "own-%d", self->number);
    pthread_barrier_wait(&start);
    self->shared_id = register_id(it, "shared", record_of("x:int"));
    for (int i = 0; i < OWN; i++)
        self->own_ids[i] = register_id(it, subject, own_schema(self->number, i));
    answers_done();
    return NULL;
}

static void *read_schemas(void *context)
{
    (void)context;
    pthread_barrier_wait(&start);
    while (!atomic_load(&is_over)) {
        const char *found = schema_text(it, 1);

        /* It is there, whole, or not yet. */
        if (found[0] != '4' && strcmp(found, record_of("x:int")) != 0)
            (void)subjects_of(it, NULL, REGISTRY_LIVE);
        (void)look_up(it, "shared", record_of("x:int"), true);
        (void)check(it, "shared", -1, record_of("x:int y:int"), true);
        (void)subjects_of(it, NULL, REGISTRY_WITH_DELETED);
    }
    answers_done();
    return NULL;
}

static void one_schema_has_one_id_and_no_two_have_the_same(void **state)
{
    pthread_t threads[WRITERS + READERS];
    writer writers[WRITERS];
    bool is_taken[WRITERS * OWN + 2] = {false};

    (void)state;
    atomic_store(&is_over, false);
    pthread_barrier_init(&start, NULL, WRITERS + READERS);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (writer){.number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_schemas, &writers[i]), 0);
    }
    for (int i = WRITERS; i < WRITERS + READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_schemas, NULL), 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&is_over, true);
    for (int i = WRITERS; i < WRITERS + READERS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
    close_it();
    open_it();
    assert_string_equal(versions_of(it, "shared", REGISTRY_LIVE), "[1]");
    is_taken[writers[0].shared_id] = true;
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(writers[i].shared_id, writers[0].shared_id);
        for (int k = 0; k < OWN; k++) {
            int64_t id = writers[i].own_ids[k];

            assert_in_range(id, 1, WRITERS * OWN + 1);
            assert_false(is_taken[id]);
            is_taken[id] = true;
            assert_string_equal(schema_text(it, id), own_schema(i, k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_schema_has_one_id_and_no_two_have_the_same, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_registry_model.c - random operations against the plainest model, with restarts in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/registry/registry.h"
#include "tests/fixtures/fake_log.h"
#include "tests/fixtures/registry_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUBJECTS = 4, SCHEMAS = 6, VERSIONS_MAX = 4000, STEPS = 4000, RESTART_EACH = 97 };

static const char *const subjects[SUBJECTS] = {"a", "b", ":.c:a", ":.c:d"};
static const char *const schemas[SCHEMAS] = {"\"int\"",   "\"long\"",  "\"string\"",
                                             "\"bytes\"", "\"float\"", "\"double\""};

/* What a subject has, by version; schema -1: no such version (any more). */
typedef struct model_version {
    int schema;
    bool is_deleted;
} model_version;

typedef struct model {
    model_version versions[SUBJECTS][VERSIONS_MAX];
    int last[SUBJECTS];  /* the highest version that is there */
    int ids[2][SCHEMAS]; /* by context; 0: none */
    int last_id[2];
} model;

static model it;
static uint64_t seed;

static unsigned below(unsigned limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % limit;
}

static int context_of(int subject)
{
    return subject >= 2;
}

static void forget_unused_ids(void)
{
    for (int context = 0; context < 2; context++) {
        for (int schema = 0; schema < SCHEMAS; schema++) {
            bool is_used = false;

            for (int s = context * 2; s < context * 2 + 2; s++)
                for (int v = 1; v <= it.last[s]; v++)
                    is_used = is_used || it.versions[s][v].schema == schema;
            if (!is_used)
                it.ids[context][schema] = 0;
        }
    }
}

static void find_last(int subject)
{
    while (it.last[subject] > 0 && it.versions[subject][it.last[subject]].schema < 0)
        it.last[subject]--;
    forget_unused_ids();
}

static int model_register(int subject, int schema)
{
    int *id = &it.ids[context_of(subject)][schema];

    for (int v = 1; v <= it.last[subject]; v++)
        if (it.versions[subject][v].schema == schema && !it.versions[subject][v].is_deleted)
            return *id;
    if (*id == 0)
        *id = ++it.last_id[context_of(subject)];
    for (int v = 1; v <= it.last[subject]; v++) /* deleted ones of this id give way */
        if (it.versions[subject][v].schema == schema)
            it.versions[subject][v].schema = -1;
    it.versions[subject][++it.last[subject]] = (model_version){.schema = schema};
    return *id;
}

/* The code of the answer, or 0. */
static int model_delete_version(int subject, int version, bool permanent)
{
    model_version *found = &it.versions[subject][version];

    if (it.last[subject] == 0)
        return 40401;
    if (version > it.last[subject] || found->schema < 0)
        return 40402;
    if (!permanent && found->is_deleted)
        return 40406;
    if (permanent && !found->is_deleted)
        return 40407;
    if (permanent)
        found->schema = -1;
    else
        found->is_deleted = true;
    find_last(subject);
    return 0;
}

static int model_delete_subject(int subject, bool permanent)
{
    bool has_live = false;

    if (it.last[subject] == 0)
        return 40401;
    for (int v = 1; v <= it.last[subject]; v++)
        has_live = has_live ||
                   (it.versions[subject][v].schema >= 0 && !it.versions[subject][v].is_deleted);
    if (!permanent && !has_live)
        return 40404;
    if (permanent && has_live)
        return 40405;
    for (int v = 1; v <= it.last[subject]; v++) {
        it.versions[subject][v].is_deleted = true;
        if (permanent)
            it.versions[subject][v].schema = -1;
    }
    find_last(subject);
    return 0;
}

static const char *model_versions(int subject, bool deleted)
{
    static char text[VERSIONS_MAX * 6];
    size_t at = 1;
    bool is_known = false;

    text[0] = '[';
    for (int v = 1; v <= it.last[subject]; v++) {
        const model_version *version = &it.versions[subject][v];

        if (version->schema < 0 || (version->is_deleted && !deleted))
            continue;
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%d", at > 1 ? "," : "", v);
        is_known = true;
    }
    snprintf(text + at, sizeof(text) - at, "]");
    if (!is_known)
        snprintf(text, sizeof(text), "40401 Subject '%s' not found.", subjects[subject]);
    return text;
}

/* "40401 Subject ...": 40401; everything else is no failure. */
static int code_of(const char *answer)
{
    bool is_failure = strlen(answer) > 6 && answer[0] == '4' && answer[5] == ' ';

    return is_failure ? (int)strtol(answer, NULL, 10) : 0;
}

static void step(registry *self)
{
    int subject = (int)below(SUBJECTS), schema = (int)below(SCHEMAS);
    int version = 1 + (int)below((unsigned)it.last[subject] + 1);
    bool permanent = below(2) == 0;

    switch (below(6)) {
    case 0:
    case 1:
    case 2:
        assert_int_equal(register_id(self, subjects[subject], schemas[schema]),
                         model_register(subject, schema));
        break;
    case 3:
    case 4:
        assert_int_equal(code_of(delete_version(self, subjects[subject], version, permanent)),
                         model_delete_version(subject, version, permanent));
        break;
    default:
        assert_int_equal(code_of(delete_subject(self, subjects[subject], permanent)),
                         model_delete_subject(subject, permanent));
        break;
    }
}

static void compare(registry *self)
{
    for (int s = 0; s < SUBJECTS; s++) {
        assert_string_equal(versions_of(self, subjects[s], REGISTRY_LIVE),
                            model_versions(s, false));
        assert_string_equal(versions_of(self, subjects[s], REGISTRY_WITH_DELETED),
                            model_versions(s, true));
    }
    for (int schema = 0; schema < SCHEMAS; schema++) {
        const char *text;

        if (it.ids[0][schema] == 0)
            continue;
        text = schema_text(self, it.ids[0][schema]);
        assert_string_equal(text, schemas[schema]);
    }
}

static void the_registry_does_what_the_model_does(void **state)
{
    registry_options options = REGISTRY_DEFAULTS;
    registry *self = NULL;
    log *backend = fake_log_new(1);
    weir_error err;

    (void)state;
    options.level = COMPAT_NONE;
    seed = 1;
    print_message("seed %d\n", 1);
    for (int i = 0; i < STEPS; i++) {
        if (i % RESTART_EACH == 0) {
            registry_close(self);
            assert_int_equal(registry_open(backend, &options, &self, &err), WEIR_OK);
        }
        step(self);
        compare(self);
    }
    registry_close(self);
    fake_log_free(backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_registry_does_what_the_model_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

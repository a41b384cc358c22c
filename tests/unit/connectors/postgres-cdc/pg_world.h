/* pg_world.h - what modules of postgres-cdc are compiled with, without a server: settings from texts, a task that
 * keeps its diagnostics, a catalog that knows the built-in types. */
#ifndef TESTS_POSTGRES_CDC_PG_WORLD_H
#define TESTS_POSTGRES_CDC_PG_WORLD_H

#include "connectors/postgres-cdc/relation.h"
#include "runtime/base/mem.h"
#include "sdk/src/config.h"
#include "sdk/src/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

typedef struct pg_world {
    weir_task task;
    settings settings;
    catalog catalog;
    relation_context context;
    filter *filter;
    weir_buf diags;
    weir_error err;
} pg_world;

static inline void pg_world_diag(void *host, weir_level level, weir_str text)
{
    (void)level;
    weir_buf_printf(&((pg_world *)host)->diags, "%.*s\n", WEIR_ARG(text));
}

/* Binds the settings: pairs of name and value, behind what has no default. */
static inline weir_code pg_world_bind(pg_world *self, const char *const *pairs, size_t pair_count)
{
    static const char *const needed[] = {"database.hostname", "localhost", "database.user", "weir",
                                         "database.dbname",   "shop",      "topic.prefix",  "shop"};
    config_setting list[16];
    config_table table = {settings_fields, SETTINGS_FIELD_COUNT, sizeof(weir_field)};
    config_issues issues = {0};
    size_t count = 0;

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i += 2)
        list[count++] = (config_setting){weir_cstr(needed[i]), weir_cstr(needed[i + 1])};
    for (size_t i = 0; i < pair_count; i++) {
        config_setting one = {weir_cstr(pairs[2 * i]), weir_cstr(pairs[2 * i + 1])};
        size_t at = 0;

        while (at < count && !weir_str_eq(list[at].name, one.name))
            at++;
        assert_true(at < sizeof(list) / sizeof(list[0]));
        list[at] = one;
        count += at == count;
    }
    self->settings = (settings){0};
    config_bind(&table, list, count, CONFIG_ERROR, NULL, &self->task, &self->settings, &issues);
    weir_code code = config_result(&issues, &self->err);
    config_issues_done(&issues);
    return code == WEIR_OK ? settings_validate(&self->settings, &self->err) : code;
}

static inline void pg_world_start(pg_world *self)
{
    static const task_host host = {.diag = pg_world_diag};

    *self = (pg_world){.err = {0}};
    task_init(&self->task, WEIR_STR("shop.source"), 0, &host, self);
}

static inline weir_code pg_world_compile(pg_world *self)
{
    self->filter = filter_new(&self->task, &self->settings, &self->err);
    if (self->filter == NULL)
        return self->err.code;
    self->catalog = (catalog){.task = &self->task, .filter = self->filter, .types = weir_map_new()};
    self->context = (relation_context){.task = &self->task,
                                       .settings = &self->settings,
                                       .filter = self->filter,
                                       .catalog = &self->catalog,
                                       .options = settings_types(&self->settings)};
    return WEIR_OK;
}

#define PG_WORLD_INIT(self, ...)                                                                   \
    do {                                                                                           \
        static const char *const world_pairs[] = {__VA_ARGS__, NULL};                              \
        pg_world_start(self);                                                                      \
        assert_int_equal(                                                                          \
            pg_world_bind(self, world_pairs, sizeof(world_pairs) / sizeof(char *) / 2), WEIR_OK);  \
        assert_int_equal(pg_world_compile(self), WEIR_OK);                                         \
    } while (0)
#define PG_WORLD_PLAIN "slot.name", "debezium"

static inline void pg_world_done(pg_world *self)
{
    filter_done(self->filter);
    weir_map_free(self->catalog.types);
    relation_context_done(&self->context);
    task_done(&self->task);
    weir_buf_done(&self->diags);
}

static inline void assert_str(weir_str actual, const char *wanted)
{
    assert_int_equal(actual.len, strlen(wanted));
    assert_memory_equal(actual.ptr != NULL ? actual.ptr : "", wanted, actual.len);
}

static inline void assert_text(weir_buf *text, const char *wanted)
{
    assert_string_equal(weir_buf_cstr(text), wanted);
    weir_buf_clear(text);
}

#endif

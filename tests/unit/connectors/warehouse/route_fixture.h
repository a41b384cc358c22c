/* route_fixture.h - records and a destination for the tests of routes and of what they are made from. */
#ifndef TESTS_WAREHOUSE_ROUTE_FIXTURE_H
#define TESTS_WAREHOUSE_ROUTE_FIXTURE_H

#include "connectors/warehouse/route.h"

#include "tests/unit/connectors/warehouse/fake_dialect.h"

#include <stdio.h>

#define KEY "{\"type\":\"record\",\"name\":\"K\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}]}"
#define VALUE                                                                                      \
    "{\"type\":\"record\",\"name\":\"V\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"         \
    "{\"name\":\"name\",\"type\":[\"null\",\"string\"]},"                                          \
    "{\"name\":\"inner\",\"type\":{\"type\":\"record\",\"name\":\"I\",\"fields\":["                \
    "{\"name\":\"x\",\"type\":\"int\"}]}}]}"
#define EVENT                                                                                      \
    "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":\"before\",\"type\":[\"null\","     \
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"         \
    "{\"name\":\"name\",\"type\":\"string\"}]}]},{\"name\":\"after\",\"type\":[\"null\",\"R\"]},"  \
    "{\"name\":\"source\",\"type\":{\"type\":\"record\",\"name\":\"S\",\"fields\":["               \
    "{\"name\":\"lsn\",\"type\":\"long\"}]}},{\"name\":\"op\",\"type\":\"string\"}]}"

static const table_column columns[] = {
    {.name = {"id", 2}, .type = {.id = TYPE_INT8}, .declared = {"bigint", 6}},
    {.name = {"name", 4}, .type = {.id = TYPE_TEXT}, .declared = {"text", 4}, .nullable = true},
    {.name = {"inner", 5}, .type = {.id = TYPE_JSONB}, .declared = {"jsonb", 5}, .nullable = true},
};

typedef struct fixture {
    fake_dialect fake;
    routes routes;
} fixture;

static inline int set_up(void **state)
{
    static fixture one;

    fake_init(&one.fake);
    one.fake.columns = columns;
    one.fake.column_count = 3;
    routes_init(&one.routes, &one.fake.base);
    *state = &one;
    return 0;
}

static inline int tear_down(void **state)
{
    fixture *one = *state;

    routes_done(&one->routes);
    fake_done(&one->fake);
    return 0;
}

static inline weir_record record_of(fixture *one, const char *topic, const char *key,
                                    const char *value)
{
    weir_record record = {.topic = weir_cstr(topic), .log_topic = weir_cstr(topic)};
    weir_error err;

    if (key != NULL) {
        record.key_schema = weir_task_schema(&one->fake.task, weir_cstr(key), &err);
        record.key = WEIR_STR("k");
    }
    if (value != NULL) {
        record.value_schema = weir_task_schema(&one->fake.task, weir_cstr(value), &err);
        record.value = WEIR_STR("v");
    }
    return record;
}

/* The names of a route's columns, those of the key in brackets. */
static inline const char *names_of(const route *along)
{
    static char text[256];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < along->layout.count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 along->fields[i].is_key ? "[%.*s]" : " %.*s",
                                 WEIR_ARG(along->layout.columns[i].name));
    return text;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif

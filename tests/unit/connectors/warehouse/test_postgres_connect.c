/* test_postgres_connect.c - connection.url and the settings beside it, as libpq's keywords. */
#include "connectors/warehouse/postgres_connect.h"

#include "sdk/src/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static char said[256];

static void keep_diag(void *host, weir_level level, weir_str text)
{
    (void)host, (void)level;
    memcpy(said, text.ptr, text.len < sizeof(said) ? text.len : sizeof(said) - 1);
}

static const task_host host = {.diag = keep_diag};

/* The last value of a keyword: it wins. */
static const char *value_of(const postgres_keywords *list, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->names[i], name) == 0)
            value = list->values[i];
    return value;
}

static void collect(weir_task *task, const settings *config, const char *text, url *where,
                    postgres_keywords *list)
{
    weir_error err;

    *list = (postgres_keywords){.count = 0};
    memset(said, 0, sizeof(said));
    task_init(task, WEIR_STR("shop.dwh"), 0, &host, NULL);
    assert_int_equal(url_parse(weir_cstr(text), where, &err), WEIR_OK);
    postgres_keywords_collect(task, config, where, list);
}

static void a_setting_wins_over_the_url(void **state)
{
    const settings config = {.user = WEIR_STR("loader"), .password = WEIR_STR("secret")};
    postgres_keywords list;
    weir_task task;
    url where;
    (void)state;

    collect(&task, &config, "postgresql://other:else@host/dwh", &where, &list);
    assert_string_equal(list.names[3], "dbname"); /* the URL itself: what follows overrides it */
    assert_string_equal(list.names[0], "keepalives_idle"); /* and it overrides what is before it */
    assert_string_equal(value_of(&list, "user"), "loader");
    assert_string_equal(value_of(&list, "password"), "secret");
    assert_string_equal(value_of(&list, "client_encoding"), "UTF8");
    assert_null(value_of(&list, "connect_timeout"));
    url_done(&where);
    task_done(&task);
}

static void parameters_of_the_java_driver_get_their_counterpart_or_a_warning(void **state)
{
    const settings config = {.connection_backoff_ms = 2500};
    postgres_keywords list;
    weir_task task;
    url where;
    (void)state;

    collect(&task, &config,
            "jdbc:postgresql://host/dwh?ssl=true&currentSchema=mart&reWriteBatchedInserts=true",
            &where, &list);
    assert_string_equal(value_of(&list, "sslmode"), "verify-full");
    assert_string_equal(value_of(&list, "options"), "-csearch_path=mart");
    assert_string_equal(value_of(&list, "connect_timeout"), "2");
    assert_null(value_of(&list, "user"));
    assert_non_null(strstr(said, "\"reWriteBatchedInserts\" is a setting of the Java driver"));
    url_done(&where);
    task_done(&task);
}

static void a_jdbc_url_means_what_the_java_driver_takes_it_for(void **state)
{
    static const struct {
        const char *text, *keyword, *value;
    } cases[] = {
        {"jdbc:postgresql://h/d?ssl", "sslmode", "verify-full"},
        {"jdbc:postgresql://h/d?ssl=false", "sslmode", NULL},
        {"jdbc:postgresql://h/d?sslmode=require&ssl=true", "sslmode", "require"},
        {"jdbc:postgresql://h/d?currentSchema=a,%22My%20Mart%22", "options",
         "-csearch_path=a,\"My\\ Mart\""},
        {"jdbc:postgresql://h/d?currentSchema=a&options=-cwork_mem=1MB", "options",
         "-cwork_mem=1MB -csearch_path=a"},
        {"jdbc:postgresql://h/d?options=-cwork_mem=1MB", "options", "-cwork_mem=1MB"},
        {"jdbc:postgresql://a,b/d?targetServerType=primary", "target_session_attrs", "read-write"},
        {"jdbc:postgresql:mart", "dbname", "postgresql://localhost/mart"},
        {"jdbc:postgresql:/", "dbname", "postgresql://localhost/"},
    };
    const settings config = {.connection_backoff_ms = 0};
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        postgres_keywords list;
        weir_task task;
        url where;

        collect(&task, &config, cases[i].text, &where, &list);
        if (cases[i].value != NULL)
            assert_string_equal(value_of(&list, cases[i].keyword), cases[i].value);
        else
            assert_null(value_of(&list, cases[i].keyword));
        url_done(&where);
        task_done(&task);
    }
}

static void a_server_that_is_not_there_is_tried_as_often_as_told_and_then_passes(void **state)
{
    const settings config = {.connection_attempts = 2, .connection_backoff_ms = 1000};
    postgres_keywords list;
    weir_task task;
    weir_error err;
    url where;
    (void)state;

    collect(&task, &config, "postgresql:///dwh?host=/nowhere/at/all", &where, &list);
    assert_null(postgres_connect(&task, &config, &where, &err));
    assert_int_equal(err.code, WEIR_RETRY);
    assert_non_null(strstr(err.message, "could not connect to the warehouse"));
    atomic_store(&task.stopping, true);
    assert_null(postgres_connect(&task, &config, &where, &err));
    assert_string_equal(err.message, "the task is stopping");
    url_done(&where);
    task_done(&task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_setting_wins_over_the_url),
        cmocka_unit_test(parameters_of_the_java_driver_get_their_counterpart_or_a_warning),
        cmocka_unit_test(a_jdbc_url_means_what_the_java_driver_takes_it_for),
        cmocka_unit_test(a_server_that_is_not_there_is_tried_as_often_as_told_and_then_passes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_config.c - settings become members, and a person is told everything that is wrong at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/src/config.h"

typedef struct sample {
    bool flag;
    int64_t number;
    double ratio;
    weir_str text, secret, inner;
    weir_list list;
    weir_choice choice;
} sample;

static const char *const colours[] = {"red", "green", NULL};

static weir_code check_text(weir_str value, weir_error *err)
{
    if (weir_str_eq(value, WEIR_STR("bad")))
        return weir_fail(err, WEIR_CONFIG, "bad is not good");
    return WEIR_OK;
}

/* A newer plugin's fields are longer than ours. */
typedef struct longer_field {
    weir_field field;
    char unknown_to_us[24];
} longer_field;

#define DOC .doc = "What it is for."

static const longer_field fields[] = {
    {.field = WEIR_FIELD(sample, flag, .name = "flag", .fallback = "true", DOC)},
    {.field =
         WEIR_FIELD(sample, number, .name = "number", .fallback = "7", .min = 1, .max = 9, DOC)},
    {.field = WEIR_FIELD(sample, ratio, .name = "ratio", .fallback = "0.5", DOC)},
    {.field = WEIR_FIELD(sample, text, .name = "text.name", .check = check_text, DOC)},
    {.field = WEIR_FIELD(sample, secret, .name = "password", .fallback = "", .secret = true,
                         .max = 8, DOC)},
    {.field = WEIR_FIELD(sample, inner, .name = "inner", .depends_on = "password", DOC)},
    {.field = WEIR_FIELD(sample, list, .name = "list", .fallback = "", DOC)},
    {.field = WEIR_FIELD(sample, choice, .name = "choice", .fallback = "green", .choices = colours,
                         .doc = "This | that.")},
    {.field = WEIR_FIELD_UNBOUND(.name = "old", .ignored = "it is always so", DOC)},
    {.field = WEIR_FIELD_UNBOUND(.name = "never", .unsupported = "nobody needs it", DOC)},
    {.field = WEIR_FIELD_UNBOUND(.name = "mask.*", .unsupported = "nothing is masked", DOC)},
};

static const config_table table = {&fields[0].field, sizeof(fields) / sizeof(fields[0]),
                                   sizeof(longer_field)};

typedef struct fixture {
    weir_task task;
    sample bound;
    config_issues issues;
} fixture;

static int set_up(void **state)
{
    static fixture one;
    static const task_host nobody = {0};

    one = (fixture){0};
    task_init(&one.task, WEIR_STR("test"), 0, &nobody, NULL);
    *state = &one;
    return 0;
}

static int tear_down(void **state)
{
    fixture *one = *state;

    config_issues_done(&one->issues);
    task_done(&one->task);
    return 0;
}

#define BIND(one, ...)                                                                             \
    do {                                                                                           \
        const config_setting given[] = {__VA_ARGS__};                                              \
        config_bind(&table, given, sizeof(given) / sizeof(given[0]), CONFIG_ERROR, NULL,           \
                    &(one)->task, &(one)->bound, &(one)->issues);                                  \
    } while (0)

#define SET(name, value)                                                                           \
    {                                                                                              \
        WEIR_STR(name), WEIR_STR(value)                                                            \
    }

/* The only issue there is, of this setting. */
static void assert_issue(const fixture *one, const char *name, config_severity severity,
                         const char *message)
{
    const config_issue *issue = config_issue_at(&one->issues, 0);

    assert_int_equal(config_issue_count(&one->issues), 1);
    assert_true(weir_str_eq(issue->name, weir_cstr(name)));
    assert_string_equal(issue->message, message);
    assert_int_equal(issue->severity, severity);
}

static void what_is_not_set_has_its_default(void **state)
{
    fixture *one = *state;

    BIND(one, SET("text.name", "x"));
    assert_int_equal(config_issue_count(&one->issues), 0);
    assert_true(one->bound.flag);
    assert_int_equal(one->bound.number, 7);
    assert_true(one->bound.ratio == 0.5);
    assert_int_equal(one->bound.list.count, 0);
    assert_int_equal(one->bound.choice.index, 1);
}

static void every_kind_is_bound(void **state)
{
    fixture *one = *state;

    BIND(one, SET("flag", "FALSE"), SET("number", " 9 "), SET("ratio", "-2.5e1"),
         SET("text.name", " x "), SET("list", "a, b{1,2} ,,c\\,d"), SET("choice", "Red"));
    assert_int_equal(config_issue_count(&one->issues), 0);
    assert_false(one->bound.flag);
    assert_int_equal(one->bound.number, 9);
    assert_true(one->bound.ratio == -25.0);
    assert_true(weir_str_eq(one->bound.text, WEIR_STR(" x ")));
    assert_int_equal(one->bound.choice.index, 0);
    assert_int_equal(one->bound.list.count, 3);
    assert_true(weir_str_eq(one->bound.list.items[1], WEIR_STR("b{1,2}")));
    assert_true(weir_str_eq(one->bound.list.items[2], WEIR_STR("c\\,d")));
}

static void all_problems_are_found_in_one_go(void **state)
{
    fixture *one = *state;

    BIND(one, SET("flag", "yes"), SET("number", "10"), SET("ratio", "x"), SET("text.name", "bad"),
         SET("choice", "blue"));
    assert_int_equal(config_issue_count(&one->issues), 5);
    assert_string_equal(config_issue_at(&one->issues, 0)->message,
                        "\"yes\" is neither true nor false");
    assert_string_equal(config_issue_at(&one->issues, 1)->message, "10 is not between 1 and 9");
    assert_string_equal(config_issue_at(&one->issues, 2)->message, "\"x\" is not a number");
    assert_string_equal(config_issue_at(&one->issues, 3)->message, "bad is not good");
    assert_string_equal(config_issue_at(&one->issues, 4)->message,
                        "\"blue\" is none of red, green");
}

static void numbers_are_whole_and_fit(void **state)
{
    static const char *const wrong[] = {"", " ", "1x", "1.0", "9223372036854775808", "0x1", "--1"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        fixture *one = *state;
        config_setting given[] = {SET("text.name", "x"), {WEIR_STR("number"), weir_cstr(wrong[i])}};

        config_bind(&table, given, 2, CONFIG_ERROR, NULL, &one->task, &one->bound, &one->issues);
        assert_int_equal(config_issue_count(&one->issues), i + 1);
        assert_non_null(strstr(config_issue_at(&one->issues, i)->message, "is not a whole number"));
    }
}

static void what_has_no_default_is_asked_for(void **state)
{
    fixture *one = *state;
    weir_error err;

    BIND(one, SET("number", "1"));
    assert_issue(one, "text.name", CONFIG_ERROR, "is missing; it has no default");
    assert_int_equal(config_result(&one->issues, &err), WEIR_CONFIG);
    assert_string_equal(err.message, "setting \"text.name\": is missing; it has no default");
}

static void a_dependent_setting_is_asked_for_with_the_other(void **state)
{
    fixture *one = *state;

    BIND(one, SET("text.name", "x"), SET("password", "p"));
    assert_issue(one, "inner", CONFIG_ERROR, "is missing; it has no default");
}

static void an_unknown_name_is_reported_with_the_nearest_one(void **state)
{
    fixture *one = *state;

    BIND(one, SET("text.name", "x"), SET("numbr", "1"));
    assert_issue(one, "numbr", CONFIG_ERROR, "is not known; did you mean \"number\"?");
}

static void a_name_far_from_all_gets_no_hint(void **state)
{
    fixture *one = *state;

    BIND(one, SET("text.name", "x"), SET("zzzz.qqqq.wwww", "1"));
    assert_issue(one, "zzzz.qqqq.wwww", CONFIG_ERROR, "is not known");
}

static bool is_common(weir_str name)
{
    return weir_str_eq(name, WEIR_STR("tasks.max"));
}

static void names_of_the_host_are_no_concern_of_the_table(void **state)
{
    fixture *one = *state;
    const config_setting given[] = {SET("text.name", "x"), SET("tasks.max", "1")};

    config_bind(&table, given, 2, CONFIG_ERROR, is_common, &one->task, &one->bound, &one->issues);
    assert_int_equal(config_issue_count(&one->issues), 0);
}

static void the_caller_says_how_bad_an_unknown_name_is(void **state)
{
    fixture *one = *state;
    const config_setting given[] = {SET("text.name", "x"), SET("numbr", "1")};
    weir_error err;

    config_bind(&table, given, 2, CONFIG_WARNING, NULL, &one->task, &one->bound, &one->issues);
    assert_false(config_has_error(&one->issues));
    assert_int_equal(config_issue_count(&one->issues), 1);
    assert_int_equal(config_result(&one->issues, &err), WEIR_OK);
}

static void a_secret_stays_out_of_messages(void **state)
{
    fixture *one = *state;

    BIND(one, SET("text.name", "x"), SET("password", "far too long"), SET("inner", "i"));
    assert_issue(one, "password", CONFIG_ERROR, "has a value that cannot be used");
}

static void what_has_no_effect_is_a_warning(void **state)
{
    fixture *one = *state;

    BIND(one, SET("text.name", "x"), SET("old", "1"));
    assert_issue(one, "old", CONFIG_WARNING, "has no effect: it is always so");
}

static void what_we_do_not_support_is_refused(void **state)
{
    fixture *one = *state;

    BIND(one, SET("text.name", "x"), SET("never", "1"));
    assert_issue(one, "never", CONFIG_ERROR, "is not supported: nobody needs it");
}

static void a_star_stands_for_all_names_that_begin_so(void **state)
{
    fixture *one = *state;

    BIND(one, SET("text.name", "x"), SET("mask.with.5", "a"));
    assert_issue(one, "mask.with.5", CONFIG_ERROR, "is not supported: nothing is masked");
}

static void an_older_field_lacks_what_it_did_not_know(void **state)
{
    const config_table older = {&fields[0].field, 1, offsetof(weir_field, bound)};
    (void)state;

    assert_string_equal(config_field(&older, 0).name, "flag");
    assert_false(config_field(&older, 0).bound);
}

static void the_reference_has_every_setting_once(void **state)
{
    weir_buf page = {0};
    const char *text;
    (void)state;

    config_reference(&table, &page);
    text = weir_buf_cstr(&page);
    assert_non_null(strstr(text, "| `number` | whole number, at least 1, at most 9 | `7` |"));
    assert_non_null(strstr(text, "| `text.name` | text | required | What it is for. |"));
    assert_non_null(strstr(text, "one of `red`, `green` | `green` | This \\| that. |"));
    assert_non_null(strstr(text, "| `old` | it is always so |"));
    assert_non_null(strstr(text, "| `never` | nobody needs it |"));
    weir_buf_done(&page);
}

static void issues_have_names_of_their_own(void **state)
{
    config_issues all = {0}, some = {0};
    char name[] = "regex";
    (void)state;

    config_issue_add(&all, WEIR_STR("topics"), CONFIG_WARNING, "one");
    config_issue_add(&some, weir_cstr(name), CONFIG_ERROR, "two");
    name[0] = 'X';
    config_issues_take(&all, &some);
    assert_int_equal(config_issue_count(&some), 0);
    config_issues_prefix(&all, 1, WEIR_STR("transforms.route."));
    assert_true(weir_str_eq(config_issue_at(&all, 0)->name, WEIR_STR("topics")));
    assert_true(weir_str_eq(config_issue_at(&all, 1)->name, WEIR_STR("transforms.route.regex")));
    assert_string_equal(config_issue_at(&all, 1)->message, "two");
    config_issues_done(&all);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_set_has_its_default),
        TEST(every_kind_is_bound),
        TEST(all_problems_are_found_in_one_go),
        TEST(numbers_are_whole_and_fit),
        TEST(what_has_no_default_is_asked_for),
        TEST(a_dependent_setting_is_asked_for_with_the_other),
        TEST(an_unknown_name_is_reported_with_the_nearest_one),
        TEST(a_name_far_from_all_gets_no_hint),
        TEST(names_of_the_host_are_no_concern_of_the_table),
        TEST(the_caller_says_how_bad_an_unknown_name_is),
        TEST(a_secret_stays_out_of_messages),
        TEST(what_has_no_effect_is_a_warning),
        TEST(what_we_do_not_support_is_refused),
        TEST(a_star_stands_for_all_names_that_begin_so),
        TEST(an_older_field_lacks_what_it_did_not_know),
        TEST(the_reference_has_every_setting_once),
        TEST(issues_have_names_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

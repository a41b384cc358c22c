/* test_transform.c - chains of transforms, the records they are for, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/connect/transform.h"

#include <string.h>

#define REGEX_ROUTER "org.apache.kafka.connect.transforms.RegexRouter"

static weir_batch *batch;
static transform_chain *chain;

static int setup(void **state)
{
    (void)state;
    batch = batch_new(4096);
    chain = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    batch_free(batch);
    transform_chain_close(chain);
    return 0;
}

static weir_code open_chain(const char *const (*settings)[2], weir_error *err)
{
    config_setting all[24];
    size_t count = 0;

    for (; settings[count][0] != NULL; count++)
        all[count] = (config_setting){weir_cstr(settings[count][0]), weir_cstr(settings[count][1])};
    return transform_chain_open(all, count, CONFIG_ERROR, NULL, &chain, err);
}

#define SETTINGS(...) ((const char *const[][2]){__VA_ARGS__, {NULL, NULL}})

static void add_record(const char *topic, const char *header, const char *value)
{
    weir_error err;

    batch_clear(batch);
    assert_true(weir_record_begin(batch, weir_cstr(topic)));
    if (header != NULL)
        weir_record_header(batch, weir_cstr(header), WEIR_STR("x"));
    if (value != NULL) {
        weir_record_value(batch, NULL);
        weir_put_raw(batch, weir_cstr(value));
    }
    assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
}

/* Where a record of this topic goes. */
static const char *routed(const char *topic, const char *header, const char *value)
{
    static char name[256];
    batch_entry *entry;
    weir_error err;
    weir_str to;

    add_record(topic, header, value);
    entry = batch_at(batch, 0);
    assert_int_equal(transform_apply(chain, batch, entry, &err), WEIR_OK);
    to = batch_topic_name(batch, entry->topic);
    memcpy(name, to.ptr, to.len);
    name[to.len] = '\0';
    assert_true(weir_str_eq(batch_topic_name(batch, entry->log_topic), weir_cstr(topic)));
    return name;
}

static void transforms_run_in_the_order_of_the_list(void **state)
{
    weir_error err;

    (void)state;
    assert_int_equal(
        open_chain(SETTINGS({"transforms", "b,a"}, {"transforms.a.type", "route"},
                            {"transforms.a.regex", "(.*)"}, {"transforms.a.replacement", "$1-a"},
                            {"transforms.b.type", REGEX_ROUTER}, {"transforms.b.regex", "(.*)"},
                            {"transforms.b.replacement", "$1-b"}),
                   &err),
        WEIR_OK);
    assert_string_equal(routed("t", NULL, "v"), "t-b-a");
}

static void a_route_matches_the_whole_name(void **state)
{
    weir_error err;

    (void)state;
    assert_int_equal(open_chain(SETTINGS({"transforms", "r"}, {"transforms.r.type", "route"},
                                         {"transforms.r.regex", "shop\\.(\\w+)\\.(\\w+)"},
                                         {"transforms.r.replacement", "$2_$1"}),
                                &err),
                     WEIR_OK);
    assert_string_equal(routed("shop.public.orders", NULL, "v"), "orders_public");
    assert_string_equal(routed("shop.public.orders.old", NULL, "v"), "shop.public.orders.old");
    assert_string_equal(routed("my.shop.public.orders", NULL, "v"), "my.shop.public.orders");
}

static void open_with_predicate(const char *type, const char *setting, const char *value,
                                const char *negate)
{
    weir_error err;

    transform_chain_close(chain);
    assert_int_equal(
        open_chain(SETTINGS({"transforms", "r"}, {"transforms.r.type", "route"},
                            {"transforms.r.regex", ".*"}, {"transforms.r.replacement", "moved"},
                            {"transforms.r.predicate", "p"}, {"transforms.r.negate", negate},
                            {"predicates", "p"}, {"predicates.p.type", type}, {setting, value}),
                   &err),
        WEIR_OK);
}

static void a_predicate_picks_records(void **state)
{
    (void)state;
    open_with_predicate("topic-name-matches", "predicates.p.pattern", "a.*", "false");
    assert_string_equal(routed("ab", NULL, "v"), "moved");
    assert_string_equal(routed("ba", NULL, "v"), "ba");
    open_with_predicate("topic-name-matches", "predicates.p.pattern", "a.*", "true");
    assert_string_equal(routed("ab", NULL, "v"), "ab");
    assert_string_equal(routed("ba", NULL, "v"), "moved");
    open_with_predicate("org.apache.kafka.connect.transforms.predicates.HasHeaderKey",
                        "predicates.p.name", "h", "false");
    assert_string_equal(routed("t", "h", "v"), "moved");
    assert_string_equal(routed("t", "other", "v"), "t");
    open_with_predicate("org.apache.kafka.connect.transforms.predicates.RecordIsTombstone", NULL,
                        NULL, "false");
    assert_string_equal(routed("t", NULL, NULL), "moved");
    assert_string_equal(routed("t", NULL, "v"), "t");
}

static void assert_refused(const char *const (*settings)[2], const char *expected)
{
    weir_error err;

    assert_int_equal(open_chain(settings, &err), WEIR_CONFIG);
    assert_null(chain);
    if (strstr(err.message, expected) == NULL)
        fail_msg("%s", err.message);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    assert_refused(SETTINGS({"transforms", "x"}), "setting \"transforms.x.type\": is missing");
    assert_refused(SETTINGS({"transforms", "x"}, {"transforms.x.type", "nonsense"}),
                   "setting \"transforms.x.type\": \"nonsense\" is no transform");
    assert_refused(SETTINGS({"transforms", "x"}, {"transforms.x.type", "route"},
                            {"transforms.x.regex", "("}, {"transforms.x.replacement", "y"}),
                   "setting \"transforms.x.regex\": \"(\" is no regular expression");
    assert_refused(SETTINGS({"transforms", "x"}, {"transforms.x.type", "route"},
                            {"transforms.x.regex", "(a)"}, {"transforms.x.replacement", "$2"}),
                   "the replacement \"$2\" names a group");
    assert_refused(
        SETTINGS({"transforms", "x"}, {"transforms.x.type", "route"}, {"transforms.x.regex", "a"}),
        "replacement");
    assert_refused(SETTINGS({"transforms", "x"}, {"transforms.x.type", "unwrap"},
                            {"transforms.x.add.feilds", "op"}),
                   "add.fields");
    assert_refused(SETTINGS({"transforms", "x"}, {"transforms.x.type", "unwrap"},
                            {"transforms.x.predicate", "p"}),
                   "setting \"transforms.x.predicate\": is \"p\", which predicates does not name");
    assert_refused(SETTINGS({"transforms", "x"}, {"transforms.x.type", "unwrap"},
                            {"transforms.x.negate", "perhaps"}),
                   "neither true nor false");
    assert_refused(SETTINGS({"transforms", "x"}, {"transforms.x.type", "unwrap"},
                            {"transforms.x.predicate", "p"}, {"predicates", "p"},
                            {"predicates.p.type", "nonsense"}),
                   "setting \"predicates.p.type\": \"nonsense\" is none of");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(transforms_run_in_the_order_of_the_list, setup, teardown),
        cmocka_unit_test_setup_teardown(a_route_matches_the_whole_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_predicate_picks_records, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

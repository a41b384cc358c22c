/* test_held.c - records that the registry refuses wait, the rest of their topic behind them, and nothing else; when it
 * takes them they come in order and once, whatever the log does to commits.
 *
 * The source counts. Even numbers go to topic "even", odd ones to "odd". From CHANGE on, even ones have a schema that is not
 * compatible with the first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/base/reader.h"
#include "runtime/connect/held.h"
#include "schema-registry/avro/avro.h"
#include "tests/fixtures/connect_world.h"
#include "tests/fixtures/fake_log.h"

#include <string.h>

#define PARTITION WEIR_STR("{\"p\":0}")
#define EVEN      WEIR_STR("even")
#define ODD       WEIR_STR("odd")
#define WAITING   WEIR_STR("__weir_held.even")

enum { CHANGE = 20, END = 200, BATCH = 10 };

typedef struct counting {
    int64_t next;
} counting;

static log *the_log;
static weir_schema *first_schema, *second_schema, *third_schema;
static int64_t end; /* where the source ends */
static int64_t
    second_change; /* from here on even ones have the third, which is not compatible with the second */
static bool keys_change;    /* what changes is the key's schema; every third one is a tombstone */
static int32_t partition;   /* that the source says */
static const char *name;    /* of the connector */
static bool has_siblings;   /* the task is one of several */
static const char *convert; /* value.converter */
static char message[1024];  /* that the last start ended with */
static char reason[1024];   /* of what waits, as the last start's status has it at its end */

static weir_code counting_open(weir_task *task, void *state, weir_error *err)
{
    counting *self = state;
    weir_str offset = weir_task_offset(task, PARTITION);
    (void)err;

    self->next = 0;
    if (offset.len > 0)
        assert_true(weir_offset_int(offset, "next", &self->next));
    return WEIR_OK;
}

static const weir_schema *schema_of_number(int64_t number, bool changes)
{
    if (!changes || number % 2 != 0 || number < CHANGE)
        return first_schema;
    return number < second_change ? second_schema : third_schema;
}

static void put_fields(weir_batch *batch, int64_t number, const weir_schema *schema)
{
    weir_put_int(batch, (int32_t)number);
    if (schema == second_schema)
        weir_put_bytes(batch, WEIR_STR("text"));
    if (schema == third_schema)
        weir_put_int(batch, 7);
}

static weir_code counting_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                               weir_error *err)
{
    counting *self = state;
    (void)task, (void)timeout_ms;

    if (self->next == end)
        return WEIR_END;
    for (int i = 0; i < BATCH; i++, self->next++) {
        const weir_schema *key = schema_of_number(self->next, keys_change);
        const weir_schema *value = schema_of_number(self->next, !keys_change);

        assert_true(weir_record_begin(batch, self->next % 2 == 0 ? EVEN : ODD));
        weir_record_timestamp(batch, self->next);
        weir_record_header(batch, WEIR_STR("h"), WEIR_STR("v"));
        if (partition >= 0)
            weir_record_partition(batch, partition);
        if (keys_change) {
            weir_record_key(batch, key);
            put_fields(batch, self->next, key);
        }
        if (!keys_change || self->next % 3 != 0) {
            weir_record_value(batch, value);
            put_fields(batch, self->next, value);
        }
        if (weir_record_end(batch, err) != WEIR_OK)
            return err->code;
    }
    weir_offset(batch, PARTITION, "{\"next\":%d}", (int)self->next);
    weir_checkpoint(batch);
    return WEIR_OK;
}

static const plugin counting_plugin = {
    .kind = PLUGIN_SOURCE,
    .name = "counting",
    .state_size = sizeof(counting),
    .source = {.name = "counting", .open = counting_open, .poll = counting_poll},
};

/* The log may abort that, too. */
static void set_level(registry *registry_of_world, const char *level)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf body = {0};
    bool is_set = false;

    weir_buf_printf(&body, "{\"compatibility\":\"%s\"}", level);
    for (int tries = 0; tries < 1000 && !is_set; tries++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf reply = {0};
        registry_error error = {0};

        is_set = registry_set_config(registry_of_world,
                                     keys_change ? WEIR_STR("even-key") : WEIR_STR("even-value"),
                                     weir_buf_str(&body), &reply, &error);
        registry_error_done(&error);
    }
    assert_true(is_set);
}

/* Runs tasks, one after the other, until one ends with something else than RETRY; returns that. level: what the
 * registry is told before; NULL: nothing. */
static weir_code run(const char *policy, const char *level)
{
    const config_setting settings[] = {
        {WEIR_STR("connector.class"), WEIR_STR("counting")},
        {WEIR_STR("schema.incompatible.policy"), weir_cstr(policy)},
        {WEIR_STR("errors.deadletterqueue.topic.name"), WEIR_STR("dead")},
        {WEIR_STR("value.converter"), weir_cstr(convert)},
    };
    connect_world world;
    weir_code code = WEIR_RETRY;

    connect_world_open(&world, the_log);
    if (level != NULL)
        set_level(world.world.registry, level);
    for (int starts = 0; code == WEIR_RETRY && starts < 5000; starts++) {
        connect_task *task = task_new(&world.world,
                                      &(task_role){.plugin = &counting_plugin,
                                                   .connector = weir_cstr(name),
                                                   .has_siblings = has_siblings},
                                      settings, 4);

        task_run(task);
        code = task->outcome;
        snprintf(message, sizeof(message), "%s", task->error.message);
        reason[0] = '\0';
        if (task->view.held_count > 0)
            snprintf(reason, sizeof(reason), "%s", task->view.held[0].reason);
        task_free(task);
    }
    connect_world_close(&world);
    return code;
}

static int64_t number_of(weir_str value)
{
    reader in = reader_of(value);

    assert_int_equal(reader_u8(&in), 0);
    (void)reader_be32(&in);
    int64_t number = reader_varint(&in);
    assert_false(in.failed);
    return number;
}

static int32_t id_of(weir_str value)
{
    reader in = reader_of(value);

    (void)reader_u8(&in);
    return (int32_t)reader_be32(&in);
}

/* The topic has every second number from `from` to below `to`, in order, once. They are in the keys if there are any. */
static void assert_numbers(weir_str topic, int64_t from, int64_t to)
{
    int64_t count = fake_log_count(the_log, topic, 0);

    assert_int_equal(count, (to - from + 1) / 2);
    for (int64_t i = 0; i < count; i++) {
        fake_record record;

        assert_true(fake_log_at(the_log, topic, 0, i, &record));
        assert_int_equal(number_of(keys_change ? record.key : record.value), from + 2 * i);
        if (keys_change)
            assert_int_equal(record.value.ptr == NULL, (from + 2 * i) % 3 == 0);
        assert_int_equal(record.timestamp_ms, from + 2 * i);
    }
}

static void what_is_refused_waits_with_all_behind_it_and_other_topics_go_on(void **state)
{
    (void)state;

    assert_int_equal(run("hold", NULL), WEIR_END);
    assert_numbers(EVEN, 0, CHANGE);
    assert_numbers(ODD, 1, END);
    assert_numbers(WAITING, CHANGE, END);
}

static void the_status_names_the_subject_and_the_field(void **state)
{
    (void)state;

    assert_int_equal(run("hold", NULL), WEIR_END);
    assert_non_null(strstr(reason, "even-value"));
    assert_non_null(strstr(reason, "extra"));
}

static void after_a_restart_they_still_wait_and_what_comes_goes_behind_them(void **state)
{
    (void)state;

    end = END / 2;
    assert_int_equal(run("hold", NULL), WEIR_END);
    end = END;
    assert_int_equal(run("hold", NULL), WEIR_END);
    assert_numbers(EVEN, 0, CHANGE);
    assert_numbers(WAITING, CHANGE, END);
    assert_non_null(strstr(reason, "extra"));
}

static void when_the_registry_takes_them_they_come_in_order_before_what_is_newer(void **state)
{
    fake_record record;
    (void)state;

    end = END / 2;
    assert_int_equal(run("hold", NULL), WEIR_END);
    end = END;
    assert_int_equal(run("hold", "NONE"), WEIR_END);
    assert_numbers(EVEN, 0, END);
    assert_int_equal(fake_log_count(the_log, WAITING, 0), (END / 2 - CHANGE) / 2);
    assert_string_equal(reason, "");
    assert_true(fake_log_at(the_log, EVEN, 0, CHANGE / 2, &record));
    assert_int_equal(record.header_count, 1); /* the connector's own */
}

static void released_records_have_an_id_of_their_subject(void **state)
{
    fake_record released, newer;
    (void)state;

    end = END / 2;
    assert_int_equal(run("hold", NULL), WEIR_END);
    end = END;
    assert_int_equal(run("hold", "NONE"), WEIR_END);
    assert_true(fake_log_at(the_log, EVEN, 0, CHANGE / 2, &released));
    assert_true(fake_log_at(the_log, EVEN, 0, END / 2 - 1, &newer));
    assert_int_equal(id_of(released.value), id_of(newer.value));
}

static void it_may_happen_again(void **state)
{
    (void)state;

    end = END / 2;
    assert_int_equal(run("hold", NULL), WEIR_END);
    assert_int_equal(run("hold", "NONE"), WEIR_END);
    assert_numbers(EVEN, 0, END / 2);
    end = END;
    assert_int_equal(run("hold", "BACKWARD"), WEIR_END); /* the second schema is a version now */
    assert_numbers(EVEN, 0, END);
}

/* What comes while some are released is refused again; so is the rest of what waits. */
static void what_can_be_released_is_and_the_rest_waits_on_before_what_is_newer(void **state)
{
    (void)state;

    second_change = CHANGE + 40;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        fake_log_free(the_log);
        the_log = fake_log_new(seed);
        fake_log_chaos(the_log, 15, 15, 20);
        end = END / 2;
        assert_int_equal(run("hold", NULL), WEIR_END);
        assert_numbers(EVEN, 0, CHANGE);
        end = END;
        assert_int_equal(run("hold", "FORWARD"),
                         WEIR_END); /* takes the second, then not the third */
        assert_numbers(EVEN, 0, second_change);
        assert_numbers(WAITING, CHANGE, END);
        assert_non_null(strstr(reason, "extra"));
        assert_int_equal(run("hold", "NONE"), WEIR_END);
        assert_numbers(EVEN, 0, END);
        assert_numbers(ODD, 1, END);
    }
}

/* Twenty logs that abort and forget; in the second half the registry takes what waits. */
static void run_through_chaos(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        fake_log_free(the_log);
        the_log = fake_log_new(seed);
        fake_log_chaos(the_log, 15, 15, 20);
        end = END / 2;
        assert_int_equal(run("hold", NULL), WEIR_END);
        assert_numbers(EVEN, 0, CHANGE);
        assert_numbers(WAITING, CHANGE, END / 2);
        end = END;
        assert_int_equal(run("hold", "NONE"), WEIR_END);
        assert_numbers(EVEN, 0, END);
        assert_numbers(ODD, 1, END);
    }
}

static void whatever_becomes_of_commits_each_record_comes_once_and_in_order(void **state)
{
    (void)state;
    run_through_chaos();
}

static void a_key_that_is_incompatible_makes_its_topic_wait_with_its_tombstones(void **state)
{
    (void)state;
    keys_change = true;
    run_through_chaos();
}

static void what_waits_of_another_connector_is_no_business_of_one_with_several_tasks(void **state)
{
    (void)state;

    assert_int_equal(run("hold", NULL), WEIR_END);
    name = "other";
    has_siblings = true;
    end = CHANGE; /* all is compatible */
    assert_int_equal(run("hold", NULL), WEIR_END);
    assert_string_equal(reason, "");
    assert_int_equal(connect_world_committed(the_log, "other", "__weir_held.even", 0),
                     fake_log_count(the_log, WAITING, 0));
}

static void what_waits_of_ours_is_not_left_behind_by_one_with_several_tasks(void **state)
{
    (void)state;

    assert_int_equal(run("hold", NULL), WEIR_END);
    has_siblings = true;
    assert_int_equal(run("hold", NULL), WEIR_FATAL);
    assert_non_null(strstr(message, "set tasks.max to 1"));
}

/* The second schema is no version of its subject any more, and not compatible again. */
static void forget_second_schema(void)
{
    connect_world world;

    connect_world_open(&world, the_log);
    for (int permanent = 0; permanent < 2; permanent++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf reply = {0};
        registry_error error = {0};

        assert_true(registry_delete_version(world.world.registry, WEIR_STR("even-value"), 2,
                                            permanent != 0, &reply, &error));
        registry_error_done(&error);
    }
    connect_world_close(&world);
}

static void an_emptied_topic_may_be_deleted_and_records_wait_in_a_new_one(void **state)
{
    weir_error err;
    (void)state;

    end = END / 2;
    assert_int_equal(run("hold", NULL), WEIR_END);
    assert_int_equal(run("hold", "NONE"), WEIR_END);
    assert_int_equal(log_topic_delete(the_log, WAITING, &err), WEIR_OK);
    forget_second_schema();
    end = END * 3 / 4;
    assert_int_equal(run("hold", "BACKWARD"), WEIR_END);
    end = END;
    assert_int_equal(run("hold", NULL), WEIR_END);
    assert_numbers(EVEN, 0, END / 2);
    assert_numbers(WAITING, END / 2, END);
    assert_int_equal(run("hold", "NONE"), WEIR_END);
    assert_numbers(EVEN, 0, END);
}

static void an_offset_behind_the_end_is_refused(void **state)
{
    connect_world world;
    log_topic found;
    weir_error err;
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    (void)state;

    assert_int_equal(run("hold", NULL), WEIR_END);
    connect_world_open(&world, the_log);
    assert_true(log_topic_find(the_log, WAITING, &found));
    durable_sink_key(weir_cstr(name), WAITING, 0, &key);
    durable_offset_value(found.id, 1000, &value);
    assert_int_equal(
        durable_put_offset(world.world.durable, weir_buf_str(&key), weir_buf_str(&value), &err),
        WEIR_OK);
    connect_world_close(&world);
    assert_int_equal(run("hold", NULL), WEIR_FATAL);
    assert_non_null(strstr(message, "offset 1000 in topic __weir_held.even is behind"));
}

static void a_converter_that_was_changed_releases_nothing(void **state)
{
    (void)state;

    assert_int_equal(run("hold", NULL), WEIR_END);
    convert = "json";
    assert_int_equal(run("hold", "NONE"), WEIR_FATAL);
    assert_non_null(strstr(message, "set it back until nothing waits"));
    assert_numbers(EVEN, 0, CHANGE);
    convert = "avro";
    assert_int_equal(run("hold", NULL), WEIR_END);
    assert_numbers(EVEN, 0, END);
}

static void the_policy_fail_ends_the_task_and_nothing_behind_it_is_written(void **state)
{
    (void)state;

    assert_int_equal(run("fail", NULL), WEIR_FATAL);
    assert_numbers(EVEN, 0, CHANGE);
    assert_int_equal(fake_log_count(the_log, WAITING, 0), 0);
}

static void the_policy_dead_letter_writes_each_with_the_reason_and_goes_on(void **state)
{
    fake_record record;
    (void)state;

    assert_int_equal(run("dead-letter", NULL), WEIR_END);
    assert_numbers(EVEN, 0, CHANGE);
    assert_numbers(ODD, 1, END);
    assert_numbers(WEIR_STR("dead"), CHANGE, END);
    assert_true(fake_log_at(the_log, WEIR_STR("dead"), 0, 0, &record));
    assert_non_null(memmem(record.headers.ptr, record.headers.len, "even-value", 10));
}

/* Their ids are not those of the context of what waits, where the second schema would be the first. */
static void readers_of_dead_letters_find_their_schema_by_the_id_alone(void **state)
{
    const weir_schema *schema;
    fake_record record;
    connect_world world;
    weir_error err;
    (void)state;

    assert_int_equal(run("dead-letter", NULL), WEIR_END);
    assert_true(fake_log_at(the_log, WEIR_STR("dead"), 0, 0, &record));
    connect_world_open(&world, the_log);
    assert_int_equal(registry_avro_of(world.world.registry, id_of(record.value), &schema, &err),
                     WEIR_OK);
    assert_true(weir_str_eq(weir_schema_text(schema), weir_schema_text(second_schema)));
    connect_world_close(&world);
}

static void a_dead_letter_queue_may_have_fewer_partitions_than_the_topic(void **state)
{
    log_topic_config two = LOG_TOPIC_DEFAULTS, one = LOG_TOPIC_DEFAULTS;
    weir_error err;
    (void)state;

    two.partitions = 2;
    assert_int_equal(log_topic_create(the_log, EVEN, &two, &err), WEIR_OK);
    assert_int_equal(log_topic_create(the_log, ODD, &two, &err), WEIR_OK);
    assert_int_equal(log_topic_create(the_log, WEIR_STR("dead"), &one, &err), WEIR_OK);
    partition = 1;
    assert_int_equal(run("dead-letter", NULL), WEIR_END);
    assert_numbers(WEIR_STR("dead"), CHANGE, END);
}

static int setup(void **state)
{
    weir_error err;

    (void)state;
    the_log = fake_log_new(7);
    end = END;
    second_change = INT64_MAX;
    keys_change = has_siblings = false;
    partition = -1;
    name = "c";
    convert = "avro";
    first_schema = avro_parse(WEIR_STR("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                                       "{\"name\":\"n\",\"type\":\"int\"}]}"),
                              &err);
    second_schema = avro_parse(WEIR_STR("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                                        "{\"name\":\"n\",\"type\":\"int\"},"
                                        "{\"name\":\"extra\",\"type\":\"string\"}]}"),
                               &err);
    third_schema = avro_parse(WEIR_STR("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                                       "{\"name\":\"n\",\"type\":\"int\"},"
                                       "{\"name\":\"extra\",\"type\":\"int\"}]}"),
                              &err);
    return first_schema == NULL || second_schema == NULL || third_schema == NULL;
}

static int teardown(void **state)
{
    (void)state;
    fake_log_free(the_log);
    avro_schema_free(first_schema);
    avro_schema_free(second_schema);
    avro_schema_free(third_schema);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_refused_waits_with_all_behind_it_and_other_topics_go_on),
        TEST(the_status_names_the_subject_and_the_field),
        TEST(after_a_restart_they_still_wait_and_what_comes_goes_behind_them),
        TEST(when_the_registry_takes_them_they_come_in_order_before_what_is_newer),
        TEST(released_records_have_an_id_of_their_subject),
        TEST(it_may_happen_again),
        TEST(whatever_becomes_of_commits_each_record_comes_once_and_in_order),
        TEST(what_can_be_released_is_and_the_rest_waits_on_before_what_is_newer),
        TEST(a_key_that_is_incompatible_makes_its_topic_wait_with_its_tombstones),
        TEST(what_waits_of_another_connector_is_no_business_of_one_with_several_tasks),
        TEST(what_waits_of_ours_is_not_left_behind_by_one_with_several_tasks),
        TEST(an_emptied_topic_may_be_deleted_and_records_wait_in_a_new_one),
        TEST(an_offset_behind_the_end_is_refused),
        TEST(a_converter_that_was_changed_releases_nothing),
        TEST(readers_of_dead_letters_find_their_schema_by_the_id_alone),
        TEST(a_dead_letter_queue_may_have_fewer_partitions_than_the_topic),
        TEST(the_policy_fail_ends_the_task_and_nothing_behind_it_is_written),
        TEST(the_policy_dead_letter_writes_each_with_the_reason_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

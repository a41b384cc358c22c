/* test_kit.c - the kit is a worker that does only what it is told, and its check finds who breaks the contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/kit/kit.h"

typedef struct counter {
    int64_t end;
    bool broken; /* its offset is no JSON */
    int64_t next;
    const weir_schema *schema;
} counter;

static const weir_field fields[] = {
    WEIR_FIELD(counter, end, .name = "end", .fallback = "3", .doc = "Where it ends."),
    WEIR_FIELD(counter, broken, .name = "broken", .fallback = "false", .doc = "Breaks offsets."),
};

static weir_code counter_open(weir_task *task, void *state, weir_error *err)
{
    counter *self = state;

    if (!weir_offset_int(weir_task_offset(task, WEIR_STR("{}")), "next", &self->next))
        self->next = 0;
    self->schema = weir_task_schema(task, WEIR_STR("\"long\""), err);
    return self->schema != NULL ? WEIR_OK : err->code;
}

/* One record a poll. */
static weir_code counter_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                              weir_error *err)
{
    counter *self = state;
    (void)task, (void)timeout_ms;

    if (self->next >= self->end)
        return WEIR_END;
    assert_true(weir_record_begin(batch, WEIR_STR("topic")));
    weir_record_value(batch, self->schema);
    weir_put_long(batch, self->next++);
    if (weir_record_end(batch, err) != WEIR_OK)
        return err->code;
    weir_offset(batch, WEIR_STR("{}"), self->broken ? "%d" : "{\"next\":%d}", (int)self->next);
    weir_checkpoint(batch);
    return WEIR_OK;
}

static const plugin source = {
    .path = "counter.so",
    .kind = PLUGIN_SOURCE,
    .name = "counter",
    .version = "1.0.0",
    .summary = "Counts to a number.",
    .table = {fields, 2, sizeof(weir_field)},
    .state_size = sizeof(counter),
    .source = {.open = counter_open, .poll = counter_poll},
};

static weir_code hold_put(weir_task *task, void *state, const weir_batch *batch, weir_error *err)
{
    weir_record record = {0};
    (void)state;

    while (weir_record_next(batch, &record))
        if (record.value.ptr == NULL &&
            weir_task_reject(task, &record, err, "a tombstone") != WEIR_OK)
            return err->code;
    return WEIR_OK;
}

/* Holds the last record back. */
static weir_code hold_flush(weir_task *task, void *state, weir_offsets *offsets, weir_error *err)
{
    (void)task, (void)state, (void)err;
    weir_offsets_set(offsets, WEIR_STR("topic"), 0,
                     weir_offsets_get(offsets, WEIR_STR("topic"), 0) - 1);
    return WEIR_OK;
}

static const plugin sink = {
    .path = "hold.so",
    .kind = PLUGIN_SINK,
    .name = "hold",
    .version = "1.0.0",
    .summary = "Holds the last record back.",
    .sink = {.put = hold_put, .flush = hold_flush},
};

static int64_t poll_number(kit *self)
{
    weir_record record = {0};
    weir_batch *batch;
    weir_error err;

    assert_int_equal(kit_poll(self, 0, &batch, &err), WEIR_OK);
    assert_true(weir_record_next(batch, &record));
    return (unsigned char)record.value.ptr[0] / 2; /* a small varint, zig-zag */
}

static void a_source_resumes_behind_what_was_acknowledged(void **state)
{
    WEIR_CLEANUP(kit_freep) kit *self = NULL;
    weir_error err;
    (void)state;

    assert_int_equal(kit_new(&source, NULL, 0, &self, &err), WEIR_OK);
    assert_int_equal(kit_open(self, &err), WEIR_OK);
    assert_int_equal(poll_number(self), 0);
    assert_int_equal(kit_ack(self, &err), WEIR_OK);
    assert_int_equal(poll_number(self), 1);
    kit_close(self);
    assert_int_equal(kit_open(self, &err), WEIR_OK);
    assert_int_equal(poll_number(self), 1);
}

static void a_source_that_ends_says_so(void **state)
{
    const config_setting end = {WEIR_STR("end"), WEIR_STR("0")};
    WEIR_CLEANUP(kit_freep) kit *self = NULL;
    weir_batch *batch;
    weir_error err;
    (void)state;

    assert_int_equal(kit_new(&source, &end, 1, &self, &err), WEIR_OK);
    assert_int_equal(kit_open(self, &err), WEIR_OK);
    assert_int_equal(kit_poll(self, 0, &batch, &err), WEIR_END);
    assert_int_equal(batch_count(batch), 0);
}

static void a_wrong_setting_is_refused_before_anything_runs(void **state)
{
    const config_setting wrong = {WEIR_STR("end"), WEIR_STR("soon")};
    kit *self = NULL;
    weir_error err;
    (void)state;

    assert_int_equal(kit_new(&source, &wrong, 1, &self, &err), WEIR_CONFIG);
    assert_string_equal(err.message, "setting \"end\": \"soon\" is not a whole number");
    assert_null(self);
}

static void a_sink_is_asked_what_is_durable(void **state)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(4096);
    WEIR_CLEANUP(kit_freep) kit *self = NULL;
    int64_t next = -1;
    weir_error err;
    (void)state;

    for (int i = 0; i < 3; i++) {
        assert_true(weir_record_begin(batch, WEIR_STR("topic")));
        assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
    }
    assert_int_equal(kit_new(&sink, NULL, 0, &self, &err), WEIR_OK);
    assert_int_equal(kit_open(self, &err), WEIR_OK);
    assert_int_equal(kit_put(self, batch, &err), WEIR_OK);
    assert_int_equal(kit_flush(self, &next, &err), WEIR_OK);
    assert_int_equal(next, 2);
    assert_int_equal(kit_rejected(self), 3);
}

typedef struct found {
    size_t count;
    char last[200];
} found;

static void keep_finding(void *context, const char *message)
{
    found *self = context;

    self->count++;
    snprintf(self->last, sizeof(self->last), "%s", message);
}

static void a_sound_source_passes_the_check(void **state)
{
    found all = {0};
    (void)state;

    kit_check(&source, NULL, 0, keep_finding, &all);
    assert_string_equal(all.last, "");
}

static void an_offset_that_is_no_object_is_found(void **state)
{
    const config_setting broken = {WEIR_STR("broken"), WEIR_STR("true")};
    found all = {0};
    (void)state;

    kit_check(&source, &broken, 1, keep_finding, &all);
    assert_true(all.count > 0);
    assert_non_null(strstr(all.last, "an offset is no JSON object: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_resumes_behind_what_was_acknowledged),
        cmocka_unit_test(a_source_that_ends_says_so),
        cmocka_unit_test(a_wrong_setting_is_refused_before_anything_runs),
        cmocka_unit_test(a_sink_is_asked_what_is_durable),
        cmocka_unit_test(a_sound_source_passes_the_check),
        cmocka_unit_test(an_offset_that_is_no_object_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* elasticsearch_fuzz.c - answers of _bulk and _mget are bytes from outside: whatever they hold, they are read or
 * refused, and what is found in them lies inside them. */
#include "connectors/elasticsearch/bulk.h"
#include "connectors/elasticsearch/present.h"
#include "connectors/elasticsearch/scan.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ITEMS = 5 };

static void read_bulk(weir_str answer)
{
    bulk_request bulk = {0};
    weir_error err;

    for (int i = 0; i < ITEMS; i++) {
        bulk_item_begin(&bulk, &(bulk_action){.kind = i == 0 ? BULK_CHECK : BULK_INDEX,
                                              .index = WEIR_STR("i"),
                                              .id = WEIR_STR("x")});
        bulk_item_end(&bulk);
    }
    if (bulk_read_answer(&bulk, answer, &err) == WEIR_OK)
        for (size_t i = 0; i < ITEMS; i++)
            assert(bulk_at(&bulk, i)->verdict == BULK_DONE ||
                   bulk_at(&bulk, i)->reason_at + bulk_at(&bulk, i)->reason_len <=
                       bulk.reasons.len);
    assert(bulk_keep_again(&bulk) <= ITEMS);
    bulk_done(&bulk);
}

static void read_documents(weir_str answer)
{
    present_table table;
    weir_error err;

    present_init(&table);
    present_want(&table, WEIR_STR("i"), WEIR_STR("a"));
    present_want(&table, WEIR_STR("i"), WEIR_STR("b"));
    if (present_take_answer(&table, answer, &err) == WEIR_OK)
        for (size_t i = 0; i < present_count(&table); i++)
            assert(present_at(&table, i)->source.len <= answer.len);
    present_done(&table);
}

static void step_through(weir_str text)
{
    scanner self = scan_begin(text);
    weir_str name, value;

    while (scan_next(&self, &name, &value)) {
        assert(value.len > 0 && value.ptr >= text.ptr &&
               value.ptr + value.len <= text.ptr + text.len);
        (void)scan_name_is(name, WEIR_STR("_source"));
        (void)scan_find(value, name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_str text = {(const char *)data, size};

    read_bulk(text);
    read_documents(text);
    step_through(text);
    return 0;
}

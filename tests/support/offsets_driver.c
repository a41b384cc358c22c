/* offsets_driver.c - writes many offset commits into a data directory, as a worker that runs for long does.
 *
 *     offsets_driver DIRECTORY COMMITS
 *
 * Each is a unit of its own: one record for one of a hundred source partitions.
 */
#include "runtime/connect/durable.h"
#include "runtime/log/embedded.h"

#include "runtime/base/text.h"

#include <err.h>
#include <inttypes.h>

enum { PARTITIONS = 100, IN_FLIGHT = 5000, WAIT_MS = 1000 };

static void commit(log_writer *writer, int64_t number)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf partition = {0}, key = {0}, value = {0};
    log_record record = {.topic = WEIR_STR("__weir_offsets"), .timestamp_ms = -1};
    log_outcome outcome = LOG_COMMITTED;
    weir_error error;
    log_ticket ticket;

    weir_buf_printf(&partition, "{\"part\":%" PRId64 "}", number % PARTITIONS);
    durable_offset_key(WEIR_STR("busy"), weir_buf_str(&partition), &key);
    weir_buf_printf(&value, "{\"next\":%" PRId64 "}", number);
    record.key = weir_buf_str(&key);
    record.value = weir_buf_str(&value);
    if (log_add(writer, &record, &error) != WEIR_OK)
        errx(1, "%s", error.message);
    ticket = log_commit(writer);
    if (ticket >= IN_FLIGHT)
        do
            outcome = log_wait(writer, ticket - IN_FLIGHT, WAIT_MS, &error);
        while (outcome == LOG_PENDING);
    if (outcome != LOG_COMMITTED)
        errx(1, "%s", error.message);
}

int main(int argc, char **argv)
{
    store_options options = {.path = argc > 1 ? argv[1] : NULL};
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    log_writer *writer;
    weir_error error;
    int64_t count;
    log *self;

    if (argc != 3 || !text_to_int(weir_cstr(argv[2]), &count))
        errx(2, "usage: offsets_driver DIRECTORY COMMITS");
    config.compact = true;
    config.retention_ms = -1;
    if (embedded_open(&options, &self, &error) != WEIR_OK ||
        log_topic_create(self, WEIR_STR("__weir_offsets"), &config, &error) != WEIR_OK ||
        log_writer_open(self, WEIR_STR("busy"), &writer, &error) != WEIR_OK)
        errx(1, "%s", error.message);
    for (int64_t i = 0; i < count; i++)
        commit(writer, i);
    if (log_wait(writer, count - 1, 60000, &error) != LOG_COMMITTED)
        errx(1, "%s", error.message);
    log_writer_close(writer);
    embedded_close(self);
    return 0;
}

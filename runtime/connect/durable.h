/* durable.h - what the worker must still know after a crash: configurations, target states, offsets.
 *
 * It is kept in the compacted topics __weir_configs and __weir_offsets, in Kafka Connect's key format, and
 * nowhere else; in memory is a replay of them. Offsets of sources and sinks are written by the tasks, in the
 * same unit as what they belong to; durable_committed then tells what was committed.
 *
 * Threads: any; one lock, held for look-ups and never while the log is waited for.
 */
#ifndef RUNTIME_CONNECT_DURABLE_H
#define RUNTIME_CONNECT_DURABLE_H

#include "runtime/log/log.h"
#include "weir/buf.h"

#define DURABLE_CONFIGS WEIR_STR("__weir_configs")
#define DURABLE_OFFSETS WEIR_STR("__weir_offsets")

typedef struct durable durable;

/* Makes the topics when they are not there, and replays them. */
WEIR_MUST_CHECK weir_code durable_open(log *log, durable **out, weir_error *err);
void durable_close(durable *durable);

/* Writes one record of __weir_configs and waits until it is durable, sending it again while the log aborts it
 * or does not know. value ptr NULL: a tombstone. WEIR_RETRY: the log has no room, nothing was written. */
WEIR_MUST_CHECK weir_code durable_put_config(durable *durable, weir_str key, weir_str value,
                                             weir_error *err);
/* Copies what is configured under a key into out; false when there is nothing. */
bool durable_config(durable *durable, weir_str key, weir_buf *out);
/* Steps through the configurations: `size_t at = 0; while (durable_next_config(...))`. Only while nobody
 * writes: at the start. */
bool durable_next_config(durable *durable, size_t *at, weir_str *key, weir_str *value);

/* The key of an offset: ["CONNECTOR",PARTITION], PARTITION being a JSON object. */
void durable_offset_key(weir_str connector, weir_str partition, weir_buf *out);
/* A sink's partition, as Kafka Connect writes it. */
void durable_sink_partition(weir_str topic, int32_t partition, weir_buf *out);
/* The key of a sink's offset. */
void durable_sink_key(weir_str connector, weir_str topic, int32_t partition, weir_buf *out);
/* The key of what somebody set a sink's offset to, {"kafka_offset":N}, N -1 for nothing; it is there until the
 * sink's destination, which keeps offsets too, was told. No connector is called so: a name has no slash. */
void durable_altered_key(weir_str connector, weir_str partition, weir_buf *out);
/* A sink's offset, in Kafka Connect's form; the topic's identity tells it from one of a topic that was made again. */
void durable_offset_value(const char *topic_id, int64_t offset, weir_buf *out);

/* What a unit that was committed said of an offset; value len 0: removed. */
void durable_committed(durable *durable, weir_str key, weir_str value);
/* What a writer of this id has sent may or may not be in the log: nothing in memory tells. */
void durable_distrust(durable *durable, weir_str writer_id);
/* A writer of this id was opened, so what older ones sent is settled. All offsets are read again from the log if
 * it was distrusted, or if its epoch shows that somebody else has opened one since ours. */
WEIR_MUST_CHECK weir_code durable_settle(durable *durable, weir_str writer_id, int64_t epoch,
                                         weir_error *err);
/* Writes an offset by itself and waits until it is durable. */
WEIR_MUST_CHECK weir_code durable_put_offset(durable *durable, weir_str key, weir_str value,
                                             weir_error *err);

/* Calls each with the partition and the offset of everything a connector has. */
void durable_each_offset(durable *durable, weir_str connector,
                         void (*each)(void *context, weir_str partition, weir_str offset),
                         void *context);
/* Copies an offset into out; false when there is none. */
bool durable_offset(durable *durable, weir_str key, weir_buf *out);

#endif

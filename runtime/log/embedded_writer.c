/* embedded_writer.c - units of records into appends, appends into outcomes; writers of one id, and their epochs.
 *
 * A unit is gathered (embedded_unit.h) and committed as one append of the store; the writer's lane keeps commits
 * in order, also when one must wait. Once a commit has failed, all later ones of the writer do: there are no
 * holes.
 */
#include "runtime/base/mem.h"
#include "runtime/log/embedded_state.h"
#include "runtime/log/embedded_unit.h"
#include "runtime/log/store_work.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    SPARE_UNITS = 2, /* kept for the next ones */
    EPOCH_KEY_BYTES = 255,
};

typedef struct embedded_writer embedded_writer;

typedef struct unit {
    store_append append;
    embedded_writer *writer;
    struct unit *next;
    log_ticket ticket;
    int64_t begun_ms;
    embedded_unit records;
    bool is_done;
} unit;

/* What the writer knows of a topic; looked up again when topics were made or deleted. */
typedef struct known_topic {
    store_topic *topic;
    const log_topic *info;
} known_topic;

struct embedded_writer {
    log_writer base;
    embedded *owner;
    store_lane *lane;
    char *id;
    int64_t epoch;

    /* its thread's */
    unit *building;
    known_topic last_topic;
    uint64_t topics_generation;
    uint32_t round_robin;
    bool has_refused; /* a commit was not sent: none behind it is */
    bool gives_up;    /* when the disk is full for long */
    weir_buf scratch;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t moved;
    unit *first, *last; /* committed units whose outcome was not counted yet */
    unit *spare;
    int spare_count;
    log_ticket next_ticket;
    log_ticket committed;   /* all below are */
    log_ticket failed_from; /* all from here on are not; INT64_MAX: none */
    log_outcome failure;
    weir_error failure_reason;
    bool is_fenced;
    bool is_woken;
};

static embedded_writer *writer_of(log_writer *base)
{
    return (embedded_writer *)base;
}

/* --- Units ---------------------------------------------------------------------------------- */

static void unit_free(unit *freed)
{
    if (freed != NULL)
        embedded_unit_done(&freed->records);
    free(freed);
}

static unit *take_unit(embedded_writer *writer)
{
    unit *taken;

    pthread_mutex_lock(&writer->lock);
    taken = writer->spare;
    if (taken != NULL) {
        writer->spare = taken->next;
        writer->spare_count--;
    }
    pthread_mutex_unlock(&writer->lock);
    if (taken == NULL)
        taken = mem_zalloc(1, sizeof(*taken));
    taken->writer = writer;
    taken->next = NULL;
    return taken;
}

/* Locked. */
static void give_unit(embedded_writer *writer, unit *given)
{
    if (writer->spare_count >= SPARE_UNITS) {
        unit_free(given);
        return;
    }
    embedded_unit_clear(&given->records);
    given->is_done = false;
    given->next = writer->spare;
    writer->spare = given;
    writer->spare_count++;
}

/* --- Adding --------------------------------------------------------------------------------- */

static weir_code find_topic(embedded_writer *writer, weir_str name, weir_error *err)
{
    known_topic *known = &writer->last_topic;

    if (known->topic != NULL && weir_str_eq(known->info->name, name))
        return WEIR_OK;
    known->topic = store_topic_find(writer->owner->store, name);
    if (known->topic == NULL)
        return weir_fail(err, WEIR_FATAL, "there is no topic '%.*s'", WEIR_ARG(name));
    known->info = store_topic_info(known->topic);
    return WEIR_OK;
}

static size_t size_of(const log_record *record)
{
    size_t size = record->key_prefix.len + record->key.len + record->value_prefix.len +
                  record->value.len + record->coded_headers.len;

    for (uint32_t i = 0; i < record->header_count; i++)
        size += record->headers[i].name.len + record->headers[i].value.len;
    return size;
}

/* The partition of a record without one: of its whole key, else they take turns. */
static int32_t pick_partition(embedded_writer *writer, const log_record *record, int32_t count)
{
    weir_str key = record->key;

    if (count == 1)
        return 0;
    if (record->key.ptr == NULL && record->key_prefix.ptr == NULL)
        return (int32_t)(writer->round_robin++ % (uint32_t)count);
    if (record->key_prefix.len > 0) {
        weir_buf_clear(&writer->scratch);
        weir_buf_add_str(&writer->scratch, record->key_prefix);
        weir_buf_add_str(&writer->scratch, record->key);
        key = weir_buf_str(&writer->scratch);
    }
    return partition_of_key(key, count);
}

/* Where a record goes, if its topic takes it. */
static weir_code find_place(embedded_writer *writer, const log_record *record,
                            store_partition **out, weir_error *err)
{
    const log_topic *info;
    store_partition *partition;
    int32_t number = record->partition;

    if (find_topic(writer, record->topic, err) != WEIR_OK)
        return err->code;
    info = writer->last_topic.info;
    if (size_of(record) > (size_t)info->config.max_message_bytes)
        return weir_fail(
            err, WEIR_REJECT,
            "a record of %zu bytes is larger than max.message.bytes=%lld of topic %.*s",
            size_of(record), (long long)info->config.max_message_bytes, WEIR_ARG(info->name));
    if (number < 0)
        number = pick_partition(writer, record, info->config.partitions);
    partition = store_partition_at(writer->last_topic.topic, number);
    if (partition == NULL)
        return weir_fail(err, WEIR_REJECT, "topic %.*s has no partition %d", WEIR_ARG(info->name),
                         number);
    *out = partition;
    return log_check_record(&writer->owner->base, info, number, record, err);
}

weir_code embedded_writer_add(log_writer *base, const log_record *record, weir_error *err)
{
    embedded_writer *writer = writer_of(base);
    record_fields fields = {.timestamp_ms = record->timestamp_ms,
                            .key_prefix = record->key_prefix,
                            .key = record->key,
                            .value_prefix = record->value_prefix,
                            .value = record->value,
                            .coded_headers = record->coded_headers,
                            .coded_count = record->coded_count,
                            .headers = record->headers,
                            .header_count = record->header_count};
    store_partition *partition = NULL;

    if (writer->building == NULL) {
        uint64_t generation = store_topics_generation(writer->owner->store);

        writer->building = take_unit(writer);
        writer->building->begun_ms = clock_wall_ms(store_clock(writer->owner->store));
        if (generation != writer->topics_generation)
            writer->last_topic = (known_topic){0};
        writer->topics_generation = generation;
    }
    if (find_place(writer, record, &partition, err) != WEIR_OK)
        return err->code;
    if (fields.timestamp_ms < 0)
        fields.timestamp_ms = writer->building->begun_ms;
    return embedded_unit_add(&writer->building->records, partition, &fields, &writer->scratch, err);
}

size_t embedded_writer_bytes(const log_writer *base)
{
    const embedded_writer *writer = (const embedded_writer *)base;

    return writer->building != NULL ? writer->building->records.bytes : 0;
}

void embedded_writer_discard(log_writer *base)
{
    embedded_writer *writer = writer_of(base);
    unit *discarded = writer->building;

    if (discarded == NULL)
        return;
    writer->building = NULL;
    pthread_mutex_lock(&writer->lock);
    give_unit(writer, discarded);
    pthread_mutex_unlock(&writer->lock);
}

/* --- Committing ----------------------------------------------------------------------------- */

static void note_failure(embedded_writer *writer, const unit *failed)
{
    if (writer->failed_from != INT64_MAX)
        return;
    writer->failed_from = failed->ticket;
    writer->failure = writer->is_fenced ? LOG_FENCED : LOG_STOPPED;
    if (writer->is_fenced)
        (void)weir_fail(&writer->failure_reason, WEIR_FATAL,
                        "a newer writer with the id '%s' was opened", writer->id);
    else
        writer->failure_reason = failed->append.err;
}

/* Locked. Counts units at the front whose end is known. */
static void count_done(embedded_writer *writer)
{
    while (writer->first != NULL && writer->first->is_done) {
        unit *done = writer->first;

        writer->first = done->next;
        if (writer->first == NULL)
            writer->last = NULL;
        if (done->append.code != WEIR_OK)
            note_failure(writer, done);
        else if (writer->failed_from == INT64_MAX)
            writer->committed = done->ticket + 1;
        give_unit(writer, done);
    }
}

static void unit_done(store_append *append)
{
    unit *done = append->context;
    embedded_writer *writer = done->writer;

    pthread_mutex_lock(&writer->lock);
    done->is_done = true;
    count_done(writer);
    pthread_cond_broadcast(&writer->moved);
    pthread_mutex_unlock(&writer->lock);
}

log_ticket embedded_writer_commit(log_writer *base)
{
    embedded_writer *writer = writer_of(base);
    unit *sent = writer->building != NULL ? writer->building : take_unit(writer);
    store_append *append = &sent->append;
    weir_code code = embedded_unit_finish(&sent->records, &writer->scratch, &append->err);
    const weir_buf *pieces = &sent->records.pieces;
    log_ticket ticket;
    bool is_refused;

    writer->building = NULL;
    *append = (store_append){.pieces = (store_piece *)(void *)pieces->ptr,
                             .piece_count = pieces->len / sizeof(store_piece),
                             .lane = writer->lane,
                             .gives_up = writer->gives_up,
                             .done = unit_done,
                             .context = sent,
                             .code = code,
                             .err = append->err};
    pthread_mutex_lock(&writer->lock);
    ticket = sent->ticket = writer->next_ticket++;
    if (writer->last != NULL)
        writer->last->next = sent;
    else
        writer->first = sent;
    writer->last = sent;
    is_refused = writer->has_refused || writer->is_fenced || writer->failed_from != INT64_MAX ||
                 code != WEIR_OK;
    writer->has_refused = is_refused;
    pthread_mutex_unlock(&writer->lock);
    if (is_refused && append->code == WEIR_OK)
        append->code = weir_fail(&append->err, WEIR_FATAL, "an earlier commit failed");
    if (is_refused || append->piece_count == 0)
        unit_done(append);
    else
        store_submit(writer->owner->store, append);
    return ticket;
}

/* Locked. */
static log_outcome outcome_of(const embedded_writer *writer, log_ticket ticket, weir_error *err)
{
    assert(ticket >= 0 && ticket < writer->next_ticket);
    if (ticket < writer->committed)
        return LOG_COMMITTED;
    if (ticket < writer->failed_from)
        return LOG_PENDING;
    if (err != NULL)
        *err = writer->failure_reason;
    return writer->failure;
}

log_outcome embedded_writer_wait(log_writer *base, log_ticket ticket, int timeout_ms,
                                 weir_error *err)
{
    embedded_writer *writer = writer_of(base);
    struct timespec deadline;
    log_outcome outcome;

    if (writer->owner->is_manual && timeout_ms > 0) {
        while (store_step(writer->owner->store, STORE_WRITE) ||
               store_step(writer->owner->store, STORE_APPLY))
            ;
        timeout_ms = 0;
    }
    if (timeout_ms > 0)
        clock_deadline(&deadline, timeout_ms);
    pthread_mutex_lock(&writer->lock);
    while ((outcome = outcome_of(writer, ticket, err)) == LOG_PENDING && timeout_ms > 0 &&
           !writer->is_woken) {
        if (pthread_cond_timedwait(&writer->moved, &writer->lock, &deadline) != 0)
            timeout_ms = 0;
    }
    if (outcome == LOG_PENDING)
        writer->is_woken = false;
    pthread_mutex_unlock(&writer->lock);
    return outcome;
}

bool embedded_writer_is_full(log_writer *base, weir_buf *reason)
{
    return store_lane_is_full(writer_of(base)->owner->store, writer_of(base)->lane, reason);
}

void embedded_writer_give_up(log_writer *base)
{
    writer_of(base)->gives_up = true;
}

void embedded_writer_wake(log_writer *base)
{
    embedded_writer *writer = writer_of(base);

    pthread_mutex_lock(&writer->lock);
    writer->is_woken = true;
    pthread_cond_broadcast(&writer->moved);
    pthread_mutex_unlock(&writer->lock);
}

/* --- Opening and closing -------------------------------------------------------------------- */

/* Ends what the older writer of an id has under way. The log's lock is held. */
static void fence(embedded *owner, weir_str id)
{
    embedded_writer *older = weir_map_get(owner->writers, id);

    if (older == NULL)
        return;
    pthread_mutex_lock(&older->lock);
    older->is_fenced = true;
    pthread_mutex_unlock(&older->lock);
    store_lane_end(owner->store, older->lane);
    (void)weir_map_remove(owner->writers, id);
}

static weir_code raise_epoch(embedded *owner, weir_str id, int64_t *epoch, weir_error *err)
{
    char text[EPOCH_KEY_BYTES + 1];
    weir_str key = {text, 0};

    if (id.len > EPOCH_KEY_BYTES - 8)
        return weir_fail(err, WEIR_CONFIG, "the writer id '%.*s' is too long", WEIR_ARG(id));
    memcpy(text, "writer/", 7);
    memcpy(text + 7, id.ptr, id.len);
    key.len = 7 + id.len;
    *epoch = store_fact_get(owner->store, key, 0) + 1;
    return store_fact_put(owner->store, key, *epoch, err);
}

weir_code embedded_writer_open(log *base, weir_str id, log_writer **out, weir_error *err)
{
    embedded *owner = embedded_of(base);
    embedded_writer *opened;
    int64_t epoch = 0;
    weir_code code = WEIR_OK;

    pthread_mutex_lock(&owner->lock);
    if (id.len > 0) {
        fence(owner, id);
        code = raise_epoch(owner, id, &epoch, err);
    }
    if (code == WEIR_OK) {
        opened = mem_zalloc(1, sizeof(*opened));
        opened->base.ops = &EMBEDDED_OPS;
        opened->owner = owner;
        opened->epoch = epoch;
        opened->id = mem_zalloc(1, id.len + 1);
        if (id.len > 0)
            memcpy(opened->id, id.ptr, id.len);
        opened->failed_from = INT64_MAX;
        opened->lane = store_lane_open(owner->store);
        pthread_mutex_init(&opened->lock, NULL);
        store_cond_init(&opened->moved);
        if (id.len > 0)
            (void)weir_map_put(owner->writers, id, opened);
        *out = &opened->base;
    }
    pthread_mutex_unlock(&owner->lock);
    return code;
}

static void free_units(unit *first)
{
    while (first != NULL) {
        unit *next = first->next;

        unit_free(first);
        first = next;
    }
}

void embedded_writer_close(log_writer *base)
{
    embedded_writer *writer = (embedded_writer *)base;
    weir_str id;

    if (writer == NULL)
        return;
    id = weir_cstr(writer->id);
    pthread_mutex_lock(&writer->owner->lock);
    if (weir_map_get(writer->owner->writers, id) == writer)
        (void)weir_map_remove(writer->owner->writers, id);
    pthread_mutex_unlock(&writer->owner->lock);
    store_lane_close(writer->owner->store, writer->lane); /* nothing calls unit_done after this */
    unit_free(writer->building);
    free_units(writer->first);
    free_units(writer->spare);
    weir_buf_done(&writer->scratch);
    pthread_cond_destroy(&writer->moved);
    pthread_mutex_destroy(&writer->lock);
    free(writer->id);
    free(writer);
}

int64_t embedded_writer_epoch(const log_writer *base)
{
    return ((const embedded_writer *)base)->epoch;
}

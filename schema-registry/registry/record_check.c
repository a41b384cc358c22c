/* record_check.c - do the records of a topic have schemas of their subjects? Asked before they are in the log.
 *
 * Confluent's rules for confluent.{key,value}.schema.validation: a key or value that is there begins with 0x00 and
 * an id of the default context, and the subject that the topic's strategy names has a version, not deleted, with
 * that id. No answer is kept: a schema counts from the moment when it is registered, and no longer than it is there.
 *
 * Once for each record, so the subject's name is compared in pieces and never put together, but for messages.
 */
#include "schema-registry/registry/registry_state.h"

#include "runtime/base/reader.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { FRAME_BYTES = 5 };

/* One side of a record. */
typedef struct side {
    const log_topic *topic;
    int32_t partition;
    bool is_key;
    log_schema_check wanted;
    weir_str prefix, content;
} side;

static const char *side_name(const side *of)
{
    return of->is_key ? "key" : "value";
}

/* The id behind 0x00; both may be spread over prefix and content. False when there is none. */
static bool take_id(const side *of, int32_t *id)
{
    uint8_t frame[FRAME_BYTES];
    size_t size = 0;

    if (of->prefix.ptr != NULL) {
        size = of->prefix.len < FRAME_BYTES ? of->prefix.len : FRAME_BYTES;
        memcpy(frame, of->prefix.ptr, size);
    }
    if (size < FRAME_BYTES) {
        if (of->content.ptr == NULL || of->content.len < FRAME_BYTES - size)
            return false;
        memcpy(frame + size, of->content.ptr, FRAME_BYTES - size);
    }
    reader in = reader_of((weir_str){(const char *)frame, sizeof(frame)});
    bool is_framed = reader_u8(&in) == 0;

    *id = (int32_t)reader_be32(&in);
    return is_framed;
}

/* The name that the strategy gives: pieces[0..2], one behind the other. record is that of the schema. */
static void subject_pieces(const side *of, weir_str record, weir_str pieces[3])
{
    memset(pieces, 0, 3 * sizeof(*pieces));
    switch (of->wanted) {
    case LOG_CHECK_RECORD_NAME:
        pieces[0] = record;
        break;
    case LOG_CHECK_TOPIC_RECORD_NAME:
        pieces[0] = of->topic->name;
        pieces[1] = WEIR_STR("-");
        pieces[2] = record;
        break;
    default:
        pieces[0] = of->topic->name;
        pieces[1] = of->is_key ? WEIR_STR("-key") : WEIR_STR("-value");
    }
}

static bool is_joined(weir_str text, const weir_str pieces[3])
{
    for (int i = 0; i < 3; i++) {
        if (text.len < pieces[i].len ||
            (pieces[i].len > 0 && memcmp(text.ptr, pieces[i].ptr, pieces[i].len) != 0))
            return false;
        text = (weir_str){text.ptr + pieces[i].len, text.len - pieces[i].len};
    }
    return text.len == 0;
}

/* What the registry has of an id. */
typedef struct finding {
    bool is_known, is_of_subject;
    weir_buf others; /* subjects that have it, for a message; only when pieces is no such subject */
} finding;

/* The lock is held. */
static void look_at_uses(const stored_schema *schema, const weir_str pieces[3], finding *found)
{
    for (size_t i = 0; i < schema->use_count && !found->is_of_subject; i++) {
        const schema_use *use = &schema->uses[i];

        if (subject_version(use->subject, use->version)->is_deleted)
            continue;
        found->is_known = true;
        found->is_of_subject = is_joined(subject_name_text(use->subject), pieces);
    }
}

static void name_others(const stored_schema *schema, weir_buf *out)
{
    enum { NAMED = 3 };

    for (size_t i = 0, named = 0; i < schema->use_count && named < NAMED; i++) {
        const schema_use *use = &schema->uses[i];

        if (subject_version(use->subject, use->version)->is_deleted)
            continue;
        weir_buf_printf(out, "%s\"%.*s\"", named++ > 0 ? ", " : "",
                        WEIR_ARG(subject_name_text(use->subject)));
    }
}

static void look_up(registry *self, int32_t id, const weir_str pieces[3], finding *found)
{
    const registry_context *context;
    const stored_schema *first;

    registry_read_lock(self);
    context = tables_context(&self->tables, WEIR_STR("."));
    first = context != NULL ? context_schema(context, id) : NULL;
    for (const stored_schema *one = first; one != NULL && !found->is_of_subject; one = one->twin)
        look_at_uses(one, pieces, found);
    if (found->is_known && !found->is_of_subject)
        name_others(first, &found->others);
    registry_read_unlock(self);
}

static weir_code refuse(const side *of, int32_t id, const weir_str pieces[3], const finding *found,
                        weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf subject = {0}, others = {0};

    for (int i = 0; i < 3; i++)
        weir_buf_add_str(&subject, pieces[i]);
    weir_buf_add_str(&others, weir_buf_str(&found->others));
    if (!found->is_known)
        return weir_fail(err, WEIR_REJECT,
                         "topic %.*s, partition %" PRId32 ": the %s's schema id %" PRId32
                         " is not known to the schema registry, and confluent.%s.schema.validation "
                         "is on: register the schema under subject \"%s\" there",
                         WEIR_ARG(of->topic->name), of->partition, side_name(of), id, side_name(of),
                         weir_buf_cstr(&subject));
    return weir_fail(err, WEIR_REJECT,
                     "topic %.*s, partition %" PRId32 ": the %s's schema id %" PRId32
                     " is not of subject \"%s\" but of %s, and confluent.%s.schema.validation is "
                     "on: register the schema under that subject, or set "
                     "confluent.%s.subject.name.strategy",
                     WEIR_ARG(of->topic->name), of->partition, side_name(of), id,
                     weir_buf_cstr(&subject), weir_buf_cstr(&others), side_name(of), side_name(of));
}

/* The name of the record that a schema is, where the strategy asks for it. */
static weir_code record_name(registry *self, const side *of, int32_t id, weir_str *out,
                             weir_error *err)
{
    const weir_schema *schema;

    if (registry_avro_of(self, id, &schema, err) != WEIR_OK)
        return weir_wrap(err, "topic %.*s, partition %" PRId32 ": the %s's record has no name",
                         WEIR_ARG(of->topic->name), of->partition, side_name(of));
    if (weir_schema_type(schema) != WEIR_TYPE_RECORD)
        return weir_fail(err, WEIR_REJECT,
                         "topic %.*s, partition %" PRId32 ": schema id %" PRId32 " of the %s is no "
                         "record, and confluent.%s.subject.name.strategy makes subjects of the "
                         "names of records",
                         WEIR_ARG(of->topic->name), of->partition, id, side_name(of),
                         side_name(of));
    *out = weir_schema_name(schema);
    return WEIR_OK;
}

static weir_code check_side(registry *self, const side *of, weir_error *err)
{
    weir_str name = WEIR_STR("(name of its record)"), pieces[3];
    finding found = {0};
    weir_code code;
    int32_t id;

    if (of->wanted == LOG_UNCHECKED || (of->prefix.ptr == NULL && of->content.ptr == NULL))
        return WEIR_OK;
    if (!take_id(of, &id))
        return weir_fail(err, WEIR_REJECT,
                         "topic %.*s, partition %" PRId32 ": the %s of %zu bytes has no schema id "
                         "(0x00 and four bytes), and confluent.%s.schema.validation is on: use the "
                         "avro converter or a serializer of the schema registry",
                         WEIR_ARG(of->topic->name), of->partition, side_name(of),
                         of->prefix.len + of->content.len, side_name(of));
    subject_pieces(of, name, pieces);
    look_up(self, id, pieces, &found);
    if (found.is_known && of->wanted != LOG_CHECK_TOPIC_NAME) {
        if (record_name(self, of, id, &name, err) != WEIR_OK) {
            weir_buf_done(&found.others);
            return err->code;
        }
        weir_buf_done(&found.others);
        found = (finding){0};
        subject_pieces(of, name, pieces);
        look_up(self, id, pieces, &found);
    }
    code = found.is_of_subject ? WEIR_OK : refuse(of, id, pieces, &found, err);
    weir_buf_done(&found.others);
    return code;
}

weir_code registry_check_record(void *context, const log_topic *topic, int32_t partition,
                                const log_record *record, weir_error *err)
{
    const side key = {.topic = topic,
                      .partition = partition,
                      .is_key = true,
                      .wanted = topic->config.key_check,
                      .prefix = record->key_prefix,
                      .content = record->key};
    const side value = {.topic = topic,
                        .partition = partition,
                        .wanted = topic->config.value_check,
                        .prefix = record->value_prefix,
                        .content = record->value};

    if (check_side(context, &key, err) != WEIR_OK)
        return err->code;
    return check_side(context, &value, err);
}

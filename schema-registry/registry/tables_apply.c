/* tables_apply.c - what a record of the topic changes in the tables. */
#include "runtime/base/mem.h"
#include "schema-registry/registry/json_span.h"
#include "schema-registry/registry/schema_hash.h"
#include "schema-registry/registry/subject_name.h"
#include "schema-registry/registry/tables_change.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static char *copy_text(weir_str text)
{
    char *copy = mem_zalloc(text.len + 1, 1);

    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    return copy;
}

/* A copy of the key, when it is not spelled as ours. */
static char *copy_odd(weir_str key, const weir_buf *ours)
{
    return weir_str_eq(key, weir_buf_str(ours)) ? NULL : copy_text(key);
}

void registry_setting_free(registry_setting *setting)
{
    if (setting == NULL)
        return;
    free(setting->json);
    free(setting->odd_key);
    free(setting);
}

/* --- Contexts and subjects -------------------------------------------------------------------- */

static registry_context *make_context(tables *self, weir_str name)
{
    registry_context *context = tables_context(self, name);

    if (context != NULL)
        return context;
    context = mem_zalloc(1, sizeof(*context));
    context->name = (weir_str){copy_text(name), name.len};
    context->by_id = weir_map_new();
    context->by_md5 = weir_map_new();
    weir_map_put(self->contexts, name, context);
    return context;
}

static registry_subject *make_subject(tables *self, weir_str name)
{
    registry_subject *subject = tables_subject(self, name);
    size_t place = self->sorted_count;

    if (subject != NULL)
        return subject;
    subject = mem_zalloc(1, sizeof(*subject) + name.len + 1);
    if (name.len > 0)
        memcpy(subject->name, name.ptr, name.len);
    subject->name_size = name.len;
    subject->context = make_context(self, subject_name_of(name).context);
    if (!self->is_unsorted)
        place = tables_lower_bound(self, name);
    if (self->sorted_count == self->sorted_capacity) {
        self->sorted_capacity = self->sorted_capacity * 2 + 16;
        self->sorted = mem_realloc(self->sorted, self->sorted_capacity * sizeof(self->sorted[0]));
    }
    memmove(self->sorted + place + 1, self->sorted + place,
            (self->sorted_count - place) * sizeof(self->sorted[0]));
    self->sorted[place] = subject;
    self->sorted_count++;
    weir_map_put(self->subjects, name, subject);
    return subject;
}

static void drop_subject(tables *self, registry_subject *subject)
{
    size_t place;

    assert(subject->count == 0);
    if (self->is_unsorted)
        return; /* tables_sort drops it, if it stays empty */
    place = tables_lower_bound(self, subject_name_text(subject));
    assert(self->sorted[place] == subject);
    self->sorted_count--;
    memmove(self->sorted + place, self->sorted + place + 1,
            (self->sorted_count - place) * sizeof(self->sorted[0]));
    weir_map_remove(self->subjects, subject_name_text(subject));
    free(subject->versions);
    free(subject);
}

/* --- Schemas in their context ----------------------------------------------------------------- */

static weir_str id_key(const stored_schema *schema)
{
    return (weir_str){(const char *)&schema->id, sizeof(schema->id)};
}

static weir_str md5_key(const stored_schema *schema)
{
    return (weir_str){(const char *)schema->md5, RECORD_MD5_SIZE};
}

/* Calls each for the version that every reference of a schema names. */
static void each_reference(tables *self, stored_schema *schema, weir_str subject,
                           void (*each)(tables *, stored_schema *, weir_str key))
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0}, full = {0}, key = {0};
    json_span items = json_span_of(schema->references);
    weir_str item, member, value;

    while (schema->references.ptr != NULL && json_span_next_item(&items, &item)) {
        json_span members = json_span_of(item);
        int32_t version = 0;

        weir_buf_clear(&name);
        weir_buf_clear(&full);
        weir_buf_clear(&key);
        while (json_span_next(&members, &member, &value)) {
            if (json_span_says(member, WEIR_STR("subject")) && json_span_is_string(value))
                json_span_add_text(value, &name);
            if (json_span_says(member, WEIR_STR("version")) && !json_span_to_int(value, &version))
                version = 0;
        }
        subject_name_add_beside(subject, weir_buf_str(&name), &full);
        referrers_key(weir_buf_str(&full), version, &key);
        each(self, schema, weir_buf_str(&key));
    }
}

static void add_referrer(tables *self, stored_schema *schema, weir_str key)
{
    weir_buf *list = weir_map_get(self->referrers, key);

    if (list == NULL) {
        list = mem_zalloc(1, sizeof(*list));
        weir_map_put(self->referrers, key, list);
    }
    weir_buf_add(list, &schema, sizeof(schema));
}

static void remove_referrer(tables *self, stored_schema *schema, weir_str key)
{
    weir_buf *list = weir_map_get(self->referrers, key);
    stored_schema **items = list != NULL ? (stored_schema **)(void *)list->ptr : NULL;
    size_t count = list != NULL ? list->len / sizeof(*items) : 0;

    for (size_t i = 0; i < count; i++) {
        if (items[i] != schema)
            continue;
        items[i] = items[count - 1];
        list->len -= sizeof(*items);
        break;
    }
    if (count == 1 && list->len == 0) {
        weir_map_remove(self->referrers, key);
        weir_buf_done(list);
        free(list);
    }
}

static void enter_schema(tables *self, stored_schema *schema, weir_str subject)
{
    registry_context *context = schema->context;

    schema->twin = weir_map_put(context->by_id, id_key(schema), schema);
    weir_map_put(context->by_md5, md5_key(schema), schema);
    if (schema->id > context->last_id)
        context->last_id = schema->id;
    self->schema_count++;
    each_reference(self, schema, subject, add_referrer);
}

static void leave_schema(tables *self, stored_schema *schema, weir_str subject)
{
    registry_context *context = schema->context;
    stored_schema *first = context_schema(context, schema->id);

    each_reference(self, schema, subject, remove_referrer);
    if (context_schema_by_md5(context, schema->md5) == schema)
        weir_map_remove(context->by_md5, md5_key(schema));
    if (first == schema && schema->twin == NULL) {
        weir_map_remove(context->by_id, id_key(schema));
    } else if (first == schema) {
        weir_map_put(context->by_id, id_key(schema), schema->twin);
    } else {
        while (first->twin != schema)
            first = first->twin;
        first->twin = schema->twin;
    }
    schema->twin = NULL;
    self->schema_count--;
}

static void add_use(stored_schema *schema, registry_subject *subject, int32_t version)
{
    schema->uses = mem_realloc(schema->uses, (schema->use_count + 1) * sizeof(schema->uses[0]));
    schema->uses[schema->use_count++] = (schema_use){subject, version};
}

/* The version does not have the schema any more. */
static void end_use(tables *self, stored_schema *schema, registry_subject *subject, int32_t version)
{
    size_t i = 0;

    while (schema->uses[i].subject != subject || schema->uses[i].version != version)
        i++;
    schema->use_count--;
    memmove(schema->uses + i, schema->uses + i + 1,
            (schema->use_count - i) * sizeof(schema->uses[0]));
    if (schema->use_count == 0)
        leave_schema(self, schema, subject_name_text(subject));
    stored_schema_release(schema);
}

/* --- Versions --------------------------------------------------------------------------------- */

static void set_deleted(tables *self, registry_subject *subject, registry_version *version,
                        bool is_deleted)
{
    if (version->is_deleted == is_deleted)
        return;
    version->is_deleted = is_deleted;
    subject->live_count += is_deleted ? (size_t)-1 : 1;
    self->deleted_count += is_deleted ? 1 : (size_t)-1;
}

/* True when it was the subject's last one: the subject is gone, too. */
static bool remove_version(tables *self, registry_subject *subject, registry_version *version)
{
    stored_schema *schema = version->schema;
    int32_t number = version->version;
    size_t place = (size_t)(version - subject->versions);

    set_deleted(self, subject, version, true);
    self->deleted_count--;
    self->version_count--;
    free(version->extra);
    free(version->odd_key);
    end_use(self, schema, subject, number);
    subject->count--;
    memmove(version, version + 1, (subject->count - place) * sizeof(*version));
    if (subject->count > 0)
        return false;
    drop_subject(self, subject);
    return true;
}

static registry_version *add_version(tables *self, registry_subject *subject, int32_t number)
{
    size_t place = subject_version_place(subject, number);

    subject->versions =
        mem_realloc(subject->versions, (subject->count + 1) * sizeof(subject->versions[0]));
    memmove(subject->versions + place + 1, subject->versions + place,
            (subject->count - place) * sizeof(subject->versions[0]));
    subject->versions[place] = (registry_version){.version = number};
    subject->count++;
    subject->live_count++;
    self->version_count++;
    return &subject->versions[place];
}

/* The schema of a record: one that is there, or a new one, without its use. NULL: the id is another's. */
static stored_schema *schema_of(tables *self, const record_schema *record,
                                registry_context *context, weir_str subject)
{
    stored_schema *fresh = stored_schema_new(record, context);
    stored_schema *known = context_schema(context, record->id);

    if (known != NULL && !weir_str_eq(known->text, fresh->text)) {
        stored_schema_release(fresh);
        return NULL;
    }
    for (; known != NULL; known = known->twin) {
        if (memcmp(known->md5, fresh->md5, RECORD_MD5_SIZE) == 0) {
            stored_schema_release(fresh);
            stored_schema_hold(known);
            return known;
        }
    }
    enter_schema(self, fresh, subject);
    return fresh;
}

static bool put_version(tables *self, const record_key *key, char *odd_key,
                        const record_schema *record, int64_t timestamp_ms)
{
    weir_str name = weir_buf_str(&key->subject);
    registry_context *context = make_context(self, subject_name_of(name).context);
    stored_schema *schema = schema_of(self, record, context, name), *old;
    registry_subject *subject;
    registry_version *version;

    if (schema == NULL)
        return false;
    subject = make_subject(self, name);
    version = subject_version(subject, key->version);
    if (version == NULL)
        version = add_version(self, subject, key->version);
    old = version->schema;
    version->schema = schema;
    version->timestamp_ms = timestamp_ms;
    free(version->extra);
    version->extra = record->extra.len > 0 ? copy_text(weir_buf_str(&record->extra)) : NULL;
    free(version->odd_key);
    version->odd_key = odd_key;
    set_deleted(self, subject, version, record->is_deleted);
    if (old == NULL || old != schema)
        add_use(schema, subject, key->version);
    if (old == schema)
        stored_schema_release(schema); /* it is held once already */
    else if (old != NULL)
        end_use(self, old, subject, key->version);
    return true;
}

static bool apply_schema(tables *self, const record_key *key, weir_str bytes, weir_str value,
                         int64_t timestamp_ms, const char **reason)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf ours = {0};
    weir_str name = weir_buf_str(&key->subject);
    registry_subject *subject = tables_subject(self, name);
    registry_version *version = subject_version(subject, key->version);
    record_schema record;
    char *odd_key;
    bool is_good;

    if (value.ptr == NULL) {
        if (version != NULL)
            (void)remove_version(self, subject, version); /* no more is asked of the subject */
        return true;
    }
    *reason = "it is no value of a schema";
    is_good = record_schema_read(value, &record);
    if (is_good) {
        record_schema_key_add(name, key->version, &ours);
        odd_key = copy_odd(bytes, &ours);
        *reason = "another schema has this id";
        is_good = put_version(self, key, odd_key, &record, timestamp_ms);
        if (!is_good)
            free(odd_key);
    }
    record_schema_done(&record);
    return is_good;
}

/* --- The other records ------------------------------------------------------------------------ */

static bool apply_setting(tables *self, const record_key *key, weir_str bytes, weir_str value,
                          const char **reason)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0}, ours = {0};
    registry_setting *setting;

    setting_key(key->kind, weir_buf_str(&key->subject), &name);
    if (value.ptr == NULL) {
        registry_setting_free(weir_map_remove(self->settings, weir_buf_str(&name)));
        return true;
    }
    *reason = "its value is no JSON object";
    if (value.len == 0 || value.ptr[0] != '{' || !json_span_is_value(value))
        return false;
    record_subject_key_add(key->kind, weir_buf_str(&key->subject), &ours);
    setting = mem_zalloc(1, sizeof(*setting));
    setting->json = copy_text(value);
    setting->odd_key = copy_odd(bytes, &ours);
    registry_setting_free(weir_map_put(self->settings, weir_buf_str(&name), setting));
    return true;
}

static bool apply_delete(tables *self, const record_key *key, weir_str value, const char **reason)
{
    registry_subject *subject = tables_subject(self, weir_buf_str(&key->subject));
    int32_t up_to;

    *reason = "it does not say up to which version";
    if (!record_delete_read(value, &up_to))
        return false;
    for (size_t i = 0; subject != NULL && i < subject->count; i++)
        if (subject->versions[i].version <= up_to)
            set_deleted(self, subject, &subject->versions[i], true);
    return true;
}

/* Deleted versions of all subjects that the name stands for are gone for good. */
static void apply_clear(tables *self, weir_str name)
{
    for (size_t i = self->sorted_count; i > 0; i--) {
        registry_subject *subject = self->sorted[i - 1];

        if (!subject_name_matches(name, subject_name_text(subject)))
            continue;
        for (size_t k = subject->count; k > 0; k--)
            if (subject->versions[k - 1].is_deleted &&
                remove_version(self, subject, &subject->versions[k - 1]))
                break;
    }
}

static void apply_ids(tables *self, weir_str value)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf context = {0};
    weir_str ids, name, number;
    json_span span;
    int32_t id;

    if (!record_ids_read(value, &ids))
        return; /* Confluent's NOOP has none */
    span = json_span_of(ids);
    while (json_span_next(&span, &name, &number)) {
        registry_context *found;

        weir_buf_clear(&context);
        json_span_add_text(name, &context);
        if (!json_span_to_int(number, &id))
            continue;
        found = make_context(self, weir_buf_str(&context));
        if (id > found->last_id)
            found->last_id = id;
    }
}

static bool apply_key(tables *self, const record_key *key, weir_str bytes, weir_str value,
                      int64_t timestamp_ms, const char **reason)
{
    weir_str subject = weir_buf_str(&key->subject);

    switch (key->kind) {
    case RECORD_SCHEMA:
        return apply_schema(self, key, bytes, value, timestamp_ms, reason);
    case RECORD_CONFIG:
    case RECORD_MODE:
        return apply_setting(self, key, bytes, value, reason);
    case RECORD_CONTEXT:
        make_context(self, subject)->has_record = value.ptr != NULL;
        return true;
    case RECORD_DELETE_SUBJECT:
        return value.ptr == NULL || apply_delete(self, key, value, reason);
    case RECORD_CLEAR_SUBJECT:
        if (value.ptr != NULL)
            apply_clear(self, key->has_subject ? subject : (weir_str){0});
        return true;
    case RECORD_NOOP:
        if (value.ptr != NULL)
            apply_ids(self, value);
        return true;
    case RECORD_OTHER:
        break;
    }
    return true;
}

bool tables_apply(tables *self, weir_str key, weir_str value, int64_t timestamp_ms,
                  const char **reason)
{
    record_key parts;
    bool is_good;

    *reason = "its key is none of a registry";
    is_good =
        record_key_read(key, &parts) && apply_key(self, &parts, key, value, timestamp_ms, reason);
    record_key_done(&parts);
    return is_good;
}

/* schema_tags.c - tags on the records and fields of an Avro schema. */
#include "schema-registry/registry/schema_tags.h"

#include "schema-registry/avro/tree.h"
#include "weir/map.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define TAGS "confluent:tags"

/* --- Finding an entity in a text --------------------------------------------------------------- */

/* A type in the text, and the namespace around it. */
typedef struct place {
    json_t *type;
    weir_str space;
} place;

static void push(weir_buf *queue, json_t *type, weir_str space)
{
    place next = {type, space};

    weir_buf_add(queue, &next, sizeof(next));
}

static weir_str text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return weir_cstr(text != NULL ? text : "");
}

/* True when the path is the record's full name, or its last part alone. */
static bool is_named(const json_t *record, weir_str space, weir_str path)
{
    weir_str name = text_of(record, "name");

    if (weir_str_eq(path, name) || weir_str_eq(path, avro_simple_name(name)))
        return true;
    return avro_name_space(name).len == 0 && weir_str_eq(avro_name_space(path), space) &&
           weir_str_eq(avro_simple_name(path), name);
}

/* The namespace of what is in a named type. */
static weir_str space_in(const json_t *record, weir_str space)
{
    weir_str of_name = avro_name_space(text_of(record, "name"));

    if (of_name.len > 0)
        return of_name;
    return json_object_get(record, "namespace") != NULL ? text_of(record, "namespace") : space;
}

/* Puts the types that are in a type behind the others. */
static void push_inner(weir_buf *queue, place at)
{
    json_t *item, *inner = json_object_get(at.type, "type");
    size_t i;

    json_array_foreach(at.type, i, item) push(queue, item, at.space);
    json_array_foreach(json_object_get(at.type, "fields"), i, item)
    {
        push(queue, json_object_get(item, "type"), at.space);
    }
    if (json_is_object(inner) || json_is_array(inner))
        push(queue, inner, at.space);
    if (json_object_get(at.type, "items") != NULL)
        push(queue, json_object_get(at.type, "items"), at.space);
    if (json_object_get(at.type, "values") != NULL)
        push(queue, json_object_get(at.type, "values"), at.space);
}

/* The record of a name, outermost first; NULL when there is none. */
static json_t *find_record(json_t *schema, weir_str path)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf queue = {0};

    push(&queue, schema, (weir_str){"", 0});
    for (size_t i = 0; i < queue.len / sizeof(place); i++) {
        place at = ((place *)(void *)queue.ptr)[i];

        if (weir_str_eq(text_of(at.type, "type"), WEIR_STR("record"))) {
            at.space = space_in(at.type, at.space);
            if (is_named(at.type, at.space, path))
                return at.type;
        }
        push_inner(&queue, at);
    }
    return NULL;
}

static json_t *find_entity(json_t *schema, const json_t *entity)
{
    weir_str path = text_of(entity, "entityPath"), type = text_of(entity, "entityType");
    json_t *field, *record;
    size_t i;

    if (path.len > 0 && path.ptr[0] == '.')
        path = (weir_str){path.ptr + 1, path.len - 1};
    if (weir_str_eq(type, WEIR_STR("sr_record")))
        return find_record(schema, path);
    if (!weir_str_eq(type, WEIR_STR("sr_field")))
        return NULL;
    record = find_record(schema, avro_name_space(path));
    json_array_foreach(json_object_get(record, "fields"), i, field)
    {
        if (weir_str_eq(text_of(field, "name"), avro_simple_name(path)))
            return field;
    }
    return NULL;
}

/* --- Changing ---------------------------------------------------------------------------------- */

static bool has_tag(const json_t *tags, const json_t *tag, size_t *place_of)
{
    for (*place_of = 0; *place_of < json_array_size(tags); (*place_of)++)
        if (json_equal(json_array_get(tags, *place_of), (json_t *)tag))
            return true;
    return false;
}

static void change_entity(json_t *entity, const json_t *tags, bool is_added)
{
    json_t *own = json_object_get(entity, TAGS), *tag;
    size_t i, at;

    if (!json_is_array(own)) {
        own = json_array();
        json_object_set_new(entity, TAGS, own);
    }
    json_array_foreach(tags, i, tag)
    {
        bool is_there = has_tag(own, tag, &at);

        if (is_added && !is_there)
            json_array_append(own, tag);
        if (!is_added && is_there)
            (void)json_array_remove(own, at); /* it is there */
    }
    if (json_array_size(own) == 0)
        (void)json_object_del(entity, TAGS); /* it is there */
}

static bool are_texts(const json_t *tags)
{
    for (size_t i = 0; i < json_array_size(tags); i++)
        if (!json_is_string(json_array_get(tags, i)))
            return false;
    return json_is_array(tags);
}

static bool change_all(json_t *schema, weir_str list, bool is_added, weir_buf *reason)
{
    json_t *changes = list.ptr != NULL ? json_loadb(list.ptr, list.len, 0, NULL) : NULL, *change;
    bool is_good = list.ptr == NULL || json_is_array(changes);
    size_t i;

    json_array_foreach(changes, i, change)
    {
        const json_t *entity = json_object_get(change, "schemaEntity");
        const json_t *tags = json_object_get(change, "tags");
        json_t *found = find_entity(schema, entity);

        if (found == NULL || !are_texts(tags)) {
            weir_buf_printf(reason, "No matching path '%.*s' found in the schema",
                            WEIR_ARG(text_of(entity, "entityPath")));
            is_good = false;
            break;
        }
        change_entity(found, tags, is_added);
    }
    if (!is_good && reason->len == 0)
        weir_buf_add_str(reason, WEIR_STR("schema tags are not a list"));
    json_decref(changes);
    return is_good;
}

bool schema_tags_change(weir_str text, weir_str add, weir_str remove, weir_buf *out,
                        weir_buf *reason)
{
    json_t *schema = json_loadb(text.ptr != NULL ? text.ptr : "", text.len,
                                JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    bool is_good;
    char *changed;

    if (schema == NULL) {
        weir_buf_add_str(reason, WEIR_STR("the schema has nothing that can have tags"));
        return false;
    }
    is_good = change_all(schema, add, true, reason) && change_all(schema, remove, false, reason);
    if (is_good) {
        changed = json_dumps(schema, JSON_COMPACT);
        weir_buf_add_str(out, weir_cstr(changed));
        free(changed);
    }
    json_decref(schema);
    return is_good;
}

/* --- Finding what is tagged -------------------------------------------------------------------- */

typedef struct search {
    const weir_str *wanted;
    size_t count;
    json_t *found;
} search;

static bool is_wanted(const search *self, const json_t *tags)
{
    for (size_t i = 0; i < json_array_size(tags); i++)
        for (size_t k = 0; k < self->count; k++)
            if (weir_str_eq(self->wanted[k], WEIR_STR("*")) ||
                weir_str_eq(self->wanted[k], weir_cstr(json_string_value(json_array_get(tags, i)))))
                return true;
    return false;
}

static void look_at(search *self, const avro_properties *properties, weir_str path,
                    const char *type)
{
    weir_str value = avro_property_find(properties, WEIR_STR(TAGS));
    json_t *tags = value.ptr != NULL ? json_loadb(value.ptr, value.len, 0, NULL) : NULL;

    if (are_texts(tags) && is_wanted(self, tags)) {
        json_t *entity = json_object();

        json_object_set_new(entity, "entityPath", json_stringn(path.ptr, path.len));
        json_object_set_new(entity, "entityType", json_string(type));
        json_array_append_new(self->found,
                              json_pack("{s:o, s:O}", "schemaEntity", entity, "tags", tags));
    }
    json_decref(tags);
}

/* NOLINTBEGIN(misc-no-recursion): schemas nest; AVRO_SCHEMA_DEPTH_MAX bounds it */

/* Each record where it is met first, as its text has them. */
static void look_in(search *self, weir_map *seen, const weir_schema *schema)
{
    for (size_t i = 0; i < schema->branch_count; i++)
        look_in(self, seen, schema->branches[i]);
    if (schema->items != NULL)
        look_in(self, seen, schema->items);
    if (schema->type != WEIR_TYPE_RECORD || weir_map_put(seen, schema->name, seen) != NULL)
        return;
    look_at(self, &schema->properties, schema->name, "sr_record");
    for (size_t i = 0; i < schema->field_count; i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf path = {0};

        weir_buf_printf(&path, "%.*s.%.*s", WEIR_ARG(schema->name),
                        WEIR_ARG(schema->fields[i].name));
        look_at(self, &schema->fields[i].properties, weir_buf_str(&path), "sr_field");
        look_in(self, seen, schema->fields[i].schema);
    }
}

/* NOLINTEND(misc-no-recursion) */

void schema_tags_find(const weir_schema *schema, const weir_str *wanted, size_t count,
                      weir_buf *out)
{
    WEIR_CLEANUP(weir_map_freep) weir_map *seen = weir_map_new();
    search state = {.wanted = wanted, .count = count, .found = json_array()};
    char *text;

    look_in(&state, seen, schema);
    if (json_array_size(state.found) > 0) {
        text = json_dumps(state.found, JSON_COMPACT);
        weir_buf_add_str(out, weir_cstr(text));
        free(text);
    }
    json_decref(state.found);
}

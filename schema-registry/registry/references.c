/* references.c - what a schema's references lead to, and parsing with them. */
#include "runtime/base/mem.h"
#include "schema-registry/registry/json_span.h"
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/subject_name.h"
#include "weir/map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* NOLINTBEGIN(misc-no-recursion): references lead to references; as many as REGISTRY_REFS_MAX in all */

typedef struct reference {
    const char *name, *subject;
    int32_t version;
} reference;

typedef struct search {
    const registry *self;
    reference_closure *out;
    weir_map *visited; /* names */
    bool deleted;
    weir_buf *reason;
} search;

static bool WEIR_PRINTF(2, 3) refuse(search *self, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    weir_buf_vprintf(self->reason, fmt, args);
    va_end(args);
    return false;
}

static bool read_reference(search *self, const json_t *item, reference *out)
{
    const json_t *version = json_object_get(item, "version");
    json_int_t number = json_integer_value(version);

    *out = (reference){.name = json_string_value(json_object_get(item, "name")),
                       .subject = json_string_value(json_object_get(item, "subject")),
                       .version = (int32_t)number};
    if (out->name == NULL || out->subject == NULL || !json_is_integer(version))
        return refuse(self, "Invalid reference: {name='%s', subject='%s', version=%s}",
                      out->name != NULL ? out->name : "null",
                      out->subject != NULL ? out->subject : "null",
                      json_is_integer(version) ? "..." : "null");
    if (number < -1 || number > INT32_MAX)
        out->version = 0; /* which no version has */
    return true;
}

/* The version that a reference names; NULL with the reason. In the reference -1 becomes its number. */
static const registry_version *find_reference(search *self, weir_str subject, json_t *item,
                                              reference *ref, const registry_subject **owner)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    const registry_version *version;

    if (!read_reference(self, item, ref))
        return NULL;
    subject_name_add_beside(subject, weir_cstr(ref->subject), &name);
    version = find_version(self->self, weir_buf_str(&name), ref->version, self->deleted, owner);
    if (version == NULL)
        (void)refuse(self, "No schema reference found for subject \"%s\" and version %" PRId32,
                     weir_buf_cstr(&name), ref->version);
    else if (ref->version == -1)
        json_object_set_new(item, "version", json_integer(version->version));
    return version;
}

static json_t *references_of(const stored_schema *schema)
{
    weir_str text = schema->references;

    return text.ptr != NULL ? json_loadb(text.ptr, text.len, 0, NULL) : NULL;
}

/* Adds the schemas that references name, each behind those that it refers to itself. */
static bool add_references(search *self, weir_str subject, json_t *references)
{
    for (size_t i = 0; i < json_array_size(references); i++) {
        json_t *item = json_array_get(references, i), *inner;
        const registry_subject *owner;
        const registry_version *version;
        stored_schema *schema;
        reference ref;
        bool is_good;

        version = find_reference(self, subject, item, &ref, &owner);
        if (version == NULL)
            return false;
        if (weir_map_get(self->visited, weir_cstr(ref.name)) != NULL)
            continue;
        if (weir_map_count(self->visited) == REGISTRY_REFS_MAX)
            return refuse(self, "more than %d references", REGISTRY_REFS_MAX);
        schema = version->schema;
        weir_map_put(self->visited, weir_cstr(ref.name), schema);
        inner = references_of(schema);
        is_good = add_references(self, subject_name_text(owner), inner);
        json_decref(inner);
        if (!is_good)
            return false;
        stored_schema_hold(schema);
        weir_buf_add(&self->out->schemas, &schema, sizeof(schema));
    }
    return true;
}

/* NOLINTEND(misc-no-recursion) */

/* As SchemaReference.compareTo: by subject, then version. */
static int compare_references(const void *a, const void *b)
{
    const json_t *left = *(json_t *const *)a, *right = *(json_t *const *)b;
    int order = strcmp(json_string_value(json_object_get(left, "subject")),
                       json_string_value(json_object_get(right, "subject")));
    json_int_t from = json_integer_value(json_object_get(left, "version"));
    json_int_t to = json_integer_value(json_object_get(right, "version"));

    return order != 0 ? order : (from > to) - (from < to);
}

/* Sorted, each once. */
static json_t *sorted_references(json_t *references)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf items = {0};
    size_t count = json_array_size(references);
    json_t *sorted = json_array(), **all;

    for (size_t i = 0; i < count; i++) {
        json_t *item = json_array_get(references, i);

        weir_buf_add(&items, &item, sizeof(item));
    }
    all = (json_t **)(void *)items.ptr;
    if (count > 0)
        qsort(all, count, sizeof(all[0]), compare_references);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !json_equal(all[i - 1], all[i]))
            json_array_append(sorted, all[i]);
    return sorted;
}

static void print_references(json_t *references, bool normalize, weir_buf *out)
{
    json_t *shown = normalize ? sorted_references(references) : json_incref(references);
    char *text = json_dumps(shown, JSON_COMPACT);

    if (json_array_size(shown) > 0)
        weir_buf_add_str(out, weir_cstr(text));
    free(text);
    json_decref(shown);
}

bool closure_find(registry *self, const parse_request *request, reference_closure *out,
                  weir_buf *reason)
{
    search state = {.self = self, .out = out, .deleted = !request->is_new, .reason = reason};
    weir_str references = request->references;
    json_t *list;
    bool is_good;

    if (references.ptr == NULL)
        return true;
    list = json_loadb(references.ptr, references.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_array(list)) {
        json_decref(list);
        return refuse(&state, "references are not a list");
    }
    state.visited = weir_map_new();
    registry_read_lock(self);
    is_good = add_references(&state, request->subject, list);
    registry_read_unlock(self);
    if (is_good)
        print_references(list, request->normalize, &out->json);
    weir_map_free(state.visited);
    json_decref(list);
    return is_good;
}

void closure_done(reference_closure *closure)
{
    stored_schema **schemas = (stored_schema **)(void *)closure->schemas.ptr;

    for (size_t i = 0; i < closure->schemas.len / sizeof(*schemas); i++)
        stored_schema_release(schemas[i]);
    weir_buf_done(&closure->schemas);
    weir_buf_done(&closure->json);
}

parsed_schema *closure_parse(const reference_closure *closure, const parse_request *request,
                             weir_error *err)
{
    stored_schema *const *schemas = (stored_schema *const *)(const void *)closure->schemas.ptr;
    size_t count = closure->schemas.len / sizeof(*schemas);
    weir_buf *plain = mem_zalloc(count + 1, sizeof(*plain));
    weir_str *texts = mem_zalloc(count + 1, sizeof(*texts));
    parsed_schema *parsed;

    for (size_t i = 0; i < count; i++) {
        json_span_add_text(schemas[i]->text, &plain[i]);
        texts[i] = weir_buf_str(&plain[i]);
    }
    texts[count] = request->text;
    parsed = parsed_schema_new(texts, count + 1, request->is_checked, err);
    for (size_t i = 0; i < count; i++)
        weir_buf_done(&plain[i]);
    free(plain);
    free(texts);
    return parsed;
}

parsed_schema *registry_parse(registry *self, weir_str subject, stored_schema *schema,
                              weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0}, reason = {0};
    parse_request request = {.subject = subject, .references = schema->references};
    reference_closure closure = {0};
    parsed_schema *parsed = parsed_cache_get(&self->cache, schema);

    if (parsed != NULL)
        return parsed;
    if (schema->type != RECORD_AVRO) {
        (void)weir_fail(err, WEIR_REJECT, "schema id %" PRId32 " is no Avro schema", schema->id);
        return NULL;
    }
    if (closure_find(self, &request, &closure, &reason)) {
        json_span_add_text(schema->text, &text);
        request.text = weir_buf_str(&text);
        parsed = closure_parse(&closure, &request, err);
    } else {
        (void)weir_fail(err, WEIR_REJECT, "%s", weir_buf_cstr(&reason));
    }
    closure_done(&closure);
    if (parsed != NULL)
        parsed_cache_put(&self->cache, schema, parsed);
    return parsed;
}

/* find.c - versions and schemas, across contexts where a request means it so. */
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/subject_name.h"

static bool is_in_default_context(weir_str subject)
{
    return weir_str_eq(subject_name_of(subject).context, WEIR_STR("."));
}

static const registry_version *find_exact(const registry_subject *subject, int32_t version,
                                          bool deleted)
{
    const registry_version *found =
        version == -1 ? subject_latest(subject) : subject_version(subject, version);

    return found != NULL && (deleted || !found->is_deleted) ? found : NULL;
}

/* Calls each with the name that the subject would have in every other context, by name, until it returns
 * true. */
static bool each_context(const registry *self, weir_str subject,
                         bool (*each)(void *, const registry_context *, weir_str), void *context)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf contexts = {0}, name = {0};
    weir_str unqualified = subject_name_of(subject).subject;

    sorted_contexts(self, &contexts);
    for (size_t i = 0; i < contexts.len / sizeof(void *); i++) {
        const registry_context *other = ((registry_context **)(void *)contexts.ptr)[i];

        if (weir_str_eq(other->name, WEIR_STR(".")))
            continue;
        weir_buf_clear(&name);
        subject_name_add((subject_name){other->name, unqualified}, &name);
        if (each(context, other, weir_buf_str(&name)))
            return true;
    }
    return false;
}

typedef struct version_search {
    const registry *self;
    int32_t version;
    bool deleted;
    const registry_version *found;
    const registry_subject *owner;
} version_search;

static bool try_version(void *context, const registry_context *where, weir_str name)
{
    version_search *search = context;

    (void)where;
    search->owner = tables_subject(&search->self->tables, name);
    search->found = find_exact(search->owner, search->version, search->deleted);
    return search->found != NULL;
}

const registry_version *find_version(const registry *self, weir_str subject, int32_t version,
                                     bool deleted, const registry_subject **owner)
{
    version_search search = {.self = self, .version = version, .deleted = deleted};

    if (!try_version(&search, NULL, subject) && is_in_default_context(subject))
        (void)each_context(self, subject, try_version, &search); /* found says whether */
    *owner = search.owner;
    return search.found;
}

/* --- By id ------------------------------------------------------------------------------------ */

/* The newest use of a schema, or of one of its twins, by a subject. */
static const schema_use *use_by(stored_schema *schema, const registry_subject *subject,
                                stored_schema **found)
{
    for (; schema != NULL && subject != NULL; schema = schema->twin) {
        for (size_t i = schema->use_count; i > 0; i--) {
            if (schema->uses[i - 1].subject != subject)
                continue;
            *found = schema;
            return &schema->uses[i - 1];
        }
    }
    return NULL;
}

typedef struct schema_search {
    const registry *self;
    int64_t id;
    stored_schema *found;
    const schema_use *use;
} schema_search;

static bool try_schema(void *context, const registry_context *where, weir_str name)
{
    schema_search *search = context;

    if (where == NULL)
        where = tables_context(&search->self->tables, subject_name_of(name).context);
    search->use = use_by(context_schema(where, search->id),
                         tables_subject(&search->self->tables, name), &search->found);
    return search->use != NULL;
}

stored_schema *find_schema(const registry *self, int64_t id, weir_str subject,
                           const schema_use **use)
{
    subject_name name = subject_name_of(subject);
    schema_search search = {.self = self, .id = id};
    bool is_by_subject = subject.ptr != NULL && name.subject.len > 0;

    if (is_by_subject && try_schema(&search, NULL, subject)) {
        *use = search.use;
        return search.found;
    }
    if (is_by_subject && !is_in_default_context(subject))
        return NULL;
    if (is_by_subject && each_context(self, subject, try_schema, &search)) {
        *use = search.use;
        return search.found;
    }
    search.found = context_schema(tables_context(&self->tables, name.context), id);
    *use = search.found != NULL ? &search.found->uses[0] : NULL;
    return search.found;
}

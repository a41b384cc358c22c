/* transform.c - chains of transforms. */
#include "runtime/connect/transform.h"

#include "runtime/base/mem.h"
#include "runtime/connect/predicate.h"
#include "runtime/connect/settings.h"

#include <stdlib.h>
#include <string.h>

static const transform_type *const types[] = {&transform_unwrap, &transform_route, NULL};

typedef struct chain_link {
    const transform_type *type;
    void *state;
    predicate *only_if; /* NULL: for every record */
    bool negate;
} chain_link;

struct transform_chain {
    weir_task memory; /* what the bound settings live in */
    weir_list predicates;
    size_t count;
    chain_link links[];
};

const transform_type *transform_find(weir_str name)
{
    for (size_t i = 0; types[i] != NULL; i++)
        if (weir_str_eq(weir_cstr(types[i]->name), name) ||
            weir_str_eq(weir_cstr(types[i]->java_class), name))
            return types[i];
    return NULL;
}

const transform_type *const *transform_all(void)
{
    return types;
}

/* What a chain is made of. */
typedef struct chain_source {
    const config_setting *settings;
    size_t count;
    config_severity unknown;
    config_issues *issues;
} chain_source;

static bool list_has(const weir_list *list, weir_str name)
{
    for (size_t i = 0; i < list->count; i++)
        if (weir_str_eq(list->items[i], name))
            return true;
    return false;
}

/* The predicate that a transform names. */
static predicate *open_predicate(transform_chain *chain, weir_str transform, weir_str name,
                                 const chain_source *from)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf setting = {0};

    if (list_has(&chain->predicates, name))
        return predicate_open(from->settings, from->count, name, from->unknown, &chain->memory,
                              from->issues);
    weir_buf_printf(&setting, "transforms.%.*s.predicate", WEIR_ARG(transform));
    config_issue_add(from->issues, weir_buf_str(&setting), CONFIG_ERROR,
                     "is \"%.*s\", which predicates does not name", WEIR_ARG(name));
    return NULL;
}

/* What every transform can be told. Returns how many settings are its own. */
static size_t bind_common(chain_link *part, config_setting *own, size_t own_count,
                          weir_str *only_if, config_issues *issues)
{
    weir_str negate = settings_get(own, own_count, WEIR_STR("negate"));

    *only_if = settings_get(own, own_count, WEIR_STR("predicate"));
    part->negate = weir_str_eq(negate, WEIR_STR("true"));
    if (negate.ptr != NULL && !part->negate && !weir_str_eq(negate, WEIR_STR("false")))
        config_issue_add(issues, WEIR_STR("negate"), CONFIG_ERROR,
                         "\"%.*s\" is neither true nor false", WEIR_ARG(negate));
    own_count = settings_without(own, own_count, WEIR_STR("type"));
    own_count = settings_without(own, own_count, WEIR_STR("predicate"));
    return settings_without(own, own_count, WEIR_STR("negate"));
}

/* Adds a transform to the chain; returns the name of its predicate. */
static weir_str bind_link(transform_chain *chain, const transform_type *type, config_setting *own,
                          size_t own_count, const chain_source *from)
{
    config_table table = {type->fields, type->field_count, sizeof(weir_field)};
    chain_link *part = &chain->links[chain->count++];
    weir_str only_if;
    weir_error err;

    part->type = type;
    part->state = weir_task_alloc(&chain->memory, type->state_size);
    own_count = bind_common(part, own, own_count, &only_if, from->issues);
    config_bind(&table, own, own_count, from->unknown, NULL, &chain->memory, part->state,
                from->issues);
    if (!config_has_error(from->issues) && type->open != NULL &&
        type->open(part->state, &err) != WEIR_OK)
        config_issue_add(from->issues, WEIR_STR("type"), CONFIG_ERROR, "%s", err.message);
    return only_if;
}

static void open_link(transform_chain *chain, weir_str name, const chain_source *from)
{
    config_setting *own = mem_zalloc(from->count + 1, sizeof(*own));
    size_t own_count = settings_of(from->settings, from->count, "transforms", name, own);
    size_t first = config_issue_count(from->issues);
    weir_str wanted = settings_get(own, own_count, WEIR_STR("type")), only_if = {0};
    const transform_type *type = transform_find(wanted);
    WEIR_CLEANUP(weir_buf_done) weir_buf prefix = {0};

    if (wanted.ptr == NULL)
        config_issue_add(from->issues, WEIR_STR("type"), CONFIG_ERROR,
                         "is missing; it says which transform this is");
    else if (type == NULL)
        config_issue_add(from->issues, WEIR_STR("type"), CONFIG_ERROR,
                         "\"%.*s\" is no transform; there are unwrap "
                         "(io.debezium.transforms.ExtractNewRecordState) and route "
                         "(org.apache.kafka.connect.transforms.RegexRouter)",
                         WEIR_ARG(wanted));
    else
        only_if = bind_link(chain, type, own, own_count, from);
    weir_buf_printf(&prefix, "transforms.%.*s.", WEIR_ARG(name));
    config_issues_prefix(from->issues, first, weir_buf_str(&prefix));
    if (only_if.len > 0)
        chain->links[chain->count - 1].only_if = open_predicate(chain, name, only_if, from);
    free(own);
}

weir_code transform_chain_open(const config_setting *settings, size_t count,
                               config_severity unknown, config_issues *issues,
                               transform_chain **out, weir_error *err)
{
    connector_settings common = {0};
    config_table table = settings_table();
    config_issues found = {0}, ignored = {0};
    chain_source from = {settings, count, unknown, &found};
    transform_chain *self;
    weir_task memory;
    weir_code code;

    task_init(&memory, WEIR_STR(""), 0, NULL, NULL);
    config_bind(&table, settings, count, CONFIG_WARNING, NULL, &memory, &common, &ignored);
    config_issues_done(&ignored);
    self = mem_zalloc(1, sizeof(*self) + common.transforms.count * sizeof(chain_link));
    task_init(&self->memory, WEIR_STR(""), 0, NULL, NULL);
    self->predicates = common.predicates;
    for (size_t i = 0; i < common.transforms.count; i++)
        open_link(self, common.transforms.items[i], &from);
    self->predicates = (weir_list){0};
    task_done(&memory);
    code = config_result(&found, err);
    if (issues != NULL)
        config_issues_take(issues, &found);
    config_issues_done(&found);
    *out = self;
    if (code != WEIR_OK) {
        transform_chain_close(self);
        *out = NULL;
    }
    return code;
}

void transform_chain_close(transform_chain *chain)
{
    if (chain == NULL)
        return;
    for (size_t i = 0; i < chain->count; i++) {
        predicate_close(chain->links[i].only_if);
        if (chain->links[i].type->close != NULL)
            chain->links[i].type->close(chain->links[i].state);
    }
    task_done(&chain->memory);
    free(chain);
}

weir_code transform_apply(transform_chain *chain, weir_batch *batch, batch_entry *entry,
                          weir_error *err)
{
    for (size_t i = 0; i < chain->count && !entry->dropped; i++) {
        const chain_link *part = &chain->links[i];

        bool holds = !part->negate;

        if (part->only_if != NULL &&
            predicate_holds(part->only_if, batch, entry, &holds, err) != WEIR_OK)
            return weir_wrap(err, "predicate of transform %s", part->type->name);
        if (holds == part->negate)
            continue;
        if (part->type->apply(part->state, batch, entry, err) != WEIR_OK)
            return weir_wrap(err, "transform %s", part->type->name);
    }
    return WEIR_OK;
}

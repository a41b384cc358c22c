/* transform.c - chains of transforms. */
#include "runtime/connect/transform.h"

#include "runtime/base/mem.h"
#include "runtime/connect/settings.h"

#include <stdlib.h>
#include <string.h>

static const transform_type *const types[] = {&transform_unwrap, &transform_route, NULL};

typedef struct chain_link {
    const transform_type *type;
    void *state;
} chain_link;

struct transform_chain {
    weir_task memory; /* what the bound settings live in */
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

/* The settings transforms.NAME.*, without that prefix and without "type"; returns how many. */
static size_t settings_of(const config_setting *settings, size_t count, weir_str name,
                          config_setting *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf prefix = {0};
    size_t found = 0;

    weir_buf_printf(&prefix, "transforms.%.*s.", WEIR_ARG(name));
    for (size_t i = 0; i < count; i++) {
        weir_str full = settings[i].name;

        if (full.len <= prefix.len || memcmp(full.ptr, prefix.ptr, prefix.len) != 0)
            continue;
        out[found] = settings[i];
        out[found].name = (weir_str){full.ptr + prefix.len, full.len - prefix.len};
        found += !weir_str_eq(out[found].name, WEIR_STR("type"));
    }
    return found;
}

static weir_str type_of(const config_setting *settings, size_t count, weir_str name)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf full = {0};

    weir_buf_printf(&full, "transforms.%.*s.type", WEIR_ARG(name));
    return settings_get(settings, count, weir_buf_str(&full));
}

static void open_link(transform_chain *chain, const config_setting *settings, size_t count,
                      weir_str name, config_severity unknown, config_issues *issues)
{
    weir_str wanted = type_of(settings, count, name);
    const transform_type *type = transform_find(wanted);
    config_setting *own = mem_zalloc(count + 1, sizeof(*own));
    chain_link *part = &chain->links[chain->count];
    config_table table;
    weir_error err;

    if (wanted.ptr == NULL) {
        config_issue_add(issues, name, CONFIG_ERROR, "the transform has no type");
    } else if (type == NULL) {
        config_issue_add(issues, name, CONFIG_ERROR,
                         "\"%.*s\" is no transform; there are unwrap "
                         "(io.debezium.transforms.ExtractNewRecordState) and route "
                         "(org.apache.kafka.connect.transforms.RegexRouter)",
                         WEIR_ARG(wanted));
    } else {
        table = (config_table){type->fields, type->field_count, sizeof(weir_field)};
        part->type = type;
        part->state = weir_task_alloc(&chain->memory, type->state_size);
        chain->count++;
        config_bind(&table, own, settings_of(settings, count, name, own), unknown, NULL,
                    &chain->memory, part->state, issues);
        if (!config_has_error(issues) && type->open != NULL &&
            type->open(part->state, &err) != WEIR_OK)
            config_issue_add(issues, name, CONFIG_ERROR, "%s", err.message);
    }
    free(own);
}

weir_code transform_chain_open(const config_setting *settings, size_t count,
                               config_severity unknown, config_issues *issues,
                               transform_chain **out, weir_error *err)
{
    connector_settings common = {0};
    config_table table = settings_table();
    config_issues found = {0}, ignored = {0};
    transform_chain *self;
    weir_task memory;
    weir_code code;

    task_init(&memory, WEIR_STR(""), 0, NULL, NULL);
    config_bind(&table, settings, count, CONFIG_WARNING, NULL, &memory, &common, &ignored);
    config_issues_done(&ignored);
    self = mem_zalloc(1, sizeof(*self) + common.transforms.count * sizeof(chain_link));
    task_init(&self->memory, WEIR_STR(""), 0, NULL, NULL);
    for (size_t i = 0; i < common.transforms.count; i++)
        open_link(self, settings, count, common.transforms.items[i], unknown, &found);
    task_done(&memory);
    code = config_result(&found, err);
    if (issues != NULL)
        weir_buf_add(&issues->items, found.items.ptr, found.items.len);
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
    for (size_t i = 0; i < chain->count; i++)
        if (chain->links[i].type->close != NULL)
            chain->links[i].type->close(chain->links[i].state);
    task_done(&chain->memory);
    free(chain);
}

weir_code transform_apply(transform_chain *chain, weir_batch *batch, batch_entry *entry,
                          weir_error *err)
{
    for (size_t i = 0; i < chain->count && !entry->dropped; i++) {
        const chain_link *part = &chain->links[i];

        if (part->type->apply(part->state, batch, entry, err) != WEIR_OK)
            return weir_wrap(err, "transform %s", part->type->name);
    }
    return WEIR_OK;
}

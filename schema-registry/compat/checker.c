/* checker.c - what a comparison of two schemas has found, and names that it looks up. */
#include "schema-registry/compat/checker.h"

/* Listing an error takes memory: it counts as many steps. */
#define STEPS_OF_ERROR 64

/* Records and enums that are wider than this are searched through an index. */
#define NARROW 16

/* --- What is found ---------------------------------------------------------------------------- */

void compat_give_up(compat_checker *self, weir_str why)
{
    compat_error error = {.kind = COMPAT_UNDECIDED,
                          .version = self->version,
                          .is_forward = self->is_forward,
                          .path = WEIR_STR("")};

    if (self->is_undecided)
        return;
    self->is_undecided = true;
    self->result->errors.len = self->first * sizeof(error);
    if (compat_result_count(self->result) >= COMPAT_ERRORS_MAX)
        return;
    error.message = arena_copy(&self->result->memory, why);
    weir_buf_add(&self->result->errors, &error, sizeof(error));
}

bool compat_step(compat_checker *self, size_t count)
{
    self->steps += count;
    if (self->steps > COMPAT_STEPS_MAX)
        compat_give_up(self, WEIR_STR("the two schemas take too many steps to compare"));
    return !self->is_undecided;
}

void compat_add(compat_checker *self, compat_kind kind, const char *member, weir_str message)
{
    size_t mark = self->path.len;
    compat_error error = {.kind = kind, .version = self->version, .is_forward = self->is_forward};

    if (!compat_step(self, STEPS_OF_ERROR))
        return;
    self->has_found = true;
    if (compat_result_count(self->result) >= COMPAT_ERRORS_MAX)
        return;
    weir_buf_add_str(&self->path, weir_cstr(member));
    if (self->path.len == 0)
        weir_buf_add_byte(&self->path, '/');
    error.path = arena_copy(&self->result->memory, weir_buf_str(&self->path));
    error.message = arena_copy(&self->result->memory, message);
    self->path.len = mark;
    weir_buf_add(&self->result->errors, &error, sizeof(error));
}

/* --- Looking up names ------------------------------------------------------------------------- */

bool compat_has_name(const avro_names *names, weir_str name)
{
    for (size_t i = 0; i < names->count; i++)
        if (weir_str_eq(names->items[i], name))
            return true;
    return false;
}

/* The names in a record or enum, each with its field or the node itself; made when it is first asked. */
static weir_map *index_of(compat_checker *self, const weir_schema *schema)
{
    weir_str key = {(const char *)&schema, sizeof(const weir_schema *)};
    weir_map *index = self->indexes == NULL ? NULL : weir_map_get(self->indexes, key);

    if (index != NULL)
        return index;
    if (self->indexes == NULL)
        self->indexes = weir_map_new();
    index = weir_map_new();
    for (size_t i = 0; i < schema->field_count; i++)
        (void)weir_map_put(index, schema->fields[i].name, &schema->fields[i]); /* no two the same */
    for (size_t i = 0; i < schema->symbols.count; i++)
        (void)weir_map_put(index, schema->symbols.items[i], index);
    (void)weir_map_put(self->indexes, key, index); /* was not there */
    (void)compat_step(self, schema->field_count + schema->symbols.count);
    return index;
}

const avro_field *compat_field_named(compat_checker *self, const weir_schema *record, weir_str name)
{
    if (record->field_count > NARROW)
        return weir_map_get(index_of(self, record), name);
    for (size_t i = 0; i < record->field_count; i++)
        if (weir_str_eq(record->fields[i].name, name))
            return &record->fields[i];
    return NULL;
}

bool compat_has_symbol(compat_checker *self, const weir_schema *enumeration, weir_str symbol)
{
    if (enumeration->symbols.count > NARROW)
        return weir_map_get(index_of(self, enumeration), symbol) != NULL;
    return compat_has_name(&enumeration->symbols, symbol);
}

/* --- The end ---------------------------------------------------------------------------------- */

static void free_indexes(weir_map *indexes)
{
    size_t at = 0;
    void *index = NULL;

    while (indexes != NULL && weir_map_next(indexes, &at, NULL, &index))
        weir_map_free(index);
    weir_map_free(indexes);
}

void compat_checker_done(compat_checker *self)
{
    compat_memo_done(&self->memo);
    weir_buf_done(&self->kept);
    weir_buf_done(&self->path);
    free_indexes(self->indexes);
}

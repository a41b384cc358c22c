/* convert.c - what converters need: the id of a schema, and the schema of an id. */
#include "schema-registry/registry/registry_state.h"

#include <inttypes.h>

weir_code registry_register_avro(registry *self, weir_str subject, const weir_schema *schema,
                                 int32_t *id, weir_error *err)
{
    registry_schema request = {.text = weir_schema_text(schema)};
    registry_error error = {0};
    found_version found = {0};
    weir_code code = WEIR_OK;

    if (register_schema(self, subject, &request, REGISTRY_PLAIN, &found, &error))
        *id = found.schema->id;
    else
        code = weir_fail(err, registry_error_status(&error) == 500 ? WEIR_RETRY : WEIR_FATAL,
                         "subject %.*s: %s", WEIR_ARG(subject), weir_buf_cstr(&error.message));
    found_version_done(&found);
    registry_error_done(&error);
    return code;
}

/* The schema is kept from now on: converters hold on to what is in it. */
static parsed_schema *give(registry *self, int32_t id, parsed_schema *parsed)
{
    weir_str key = {(const char *)&id, sizeof(id)};
    parsed_schema *given;

    pthread_mutex_lock(&self->given_lock);
    given = weir_map_get(self->given, key);
    if (given == NULL && parsed != NULL) {
        parsed_schema_hold(parsed);
        weir_map_put(self->given, key, parsed);
        given = parsed;
    }
    pthread_mutex_unlock(&self->given_lock);
    return given;
}

static parsed_schema *parse_id(registry *self, int32_t id, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf owner = {0};
    WEIR_CLEANUP(stored_schema_releasep) stored_schema *schema = NULL;
    const schema_use *use;

    registry_read_lock(self);
    schema = find_schema(self, id, (weir_str){0}, &use);
    if (schema != NULL) {
        stored_schema_hold(schema);
        weir_buf_add_str(&owner, subject_name_text(use->subject));
    }
    registry_read_unlock(self);
    if (schema != NULL)
        return registry_parse(self, weir_buf_str(&owner), schema, err);
    (void)weir_fail(err, WEIR_REJECT, "schema id %" PRId32 " is not in _schemas", id);
    return NULL;
}

weir_code registry_avro_of(registry *self, int32_t id, const weir_schema **out, weir_error *err)
{
    parsed_schema *given = give(self, id, NULL), *parsed;

    if (given == NULL) {
        parsed = parse_id(self, id, err);
        if (parsed == NULL)
            return weir_wrap(err, "schema id %" PRId32, id);
        given = give(self, id, parsed);
        parsed_schema_release(parsed);
    }
    *out = given->schema;
    return WEIR_OK;
}

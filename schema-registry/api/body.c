/* body.c - the body of a request that brings a schema.
 *
 * {"schema":"…","schemaType":"AVRO","references":[…],"metadata":{…},"ruleSet":{…},"id":1,"version":1}
 * Members that are not known are passed over, null is as good as not there, and a repeated name counts with
 * its last value, as in Confluent's.
 */
#include "schema-registry/api/api.h"

#include <string.h>

static bool wrong(http_reply *reply, const char *name, const char *expected)
{
    http_reply_error(reply, 400, "\"%s\" has to be %s", name, expected);
    return false;
}

static bool take_text(const json_t *json, const char *name, weir_str *out, http_reply *reply)
{
    const json_t *value = json_object_get(json, name);

    if (value == NULL || json_is_null(value))
        return true;
    if (!json_is_string(value))
        return wrong(reply, name, "a string");
    *out = (weir_str){json_string_value(value), json_string_length(value)};
    return true;
}

static bool take_number(const json_t *json, const char *name, int64_t *out, http_reply *reply)
{
    const json_t *value = json_object_get(json, name);

    if (value == NULL || json_is_null(value))
        return true;
    if (!json_is_integer(value) || json_integer_value(value) > INT32_MAX ||
        json_integer_value(value) < INT32_MIN)
        return wrong(reply, name, "an integer of 32 bits");
    *out = json_integer_value(value);
    return true;
}

static int add_to_buf(const char *bytes, size_t size, void *buf)
{
    weir_buf_add(buf, bytes, size);
    return 0;
}

/* An array or an object, written again into text. */
static bool take_json(const json_t *json, const char *name, json_type type, weir_buf *text,
                      weir_str *out)
{
    const json_t *value = json_object_get(json, name);

    if (value == NULL || json_is_null(value))
        return true;
    if (json_typeof(value) != type)
        return false;
    (void)json_dump_callback(value, add_to_buf, text, JSON_COMPACT); /* add_to_buf cannot fail */
    *out = weir_buf_str(text);
    return true;
}

static bool are_objects(const json_t *array)
{
    size_t i;
    json_t *item;

    json_array_foreach(array, i, item)
    {
        if (!json_is_object(item))
            return false;
    }
    return true;
}

bool api_body_read(const http_request *request, api_body *body, http_reply *reply)
{
    registry_schema *schema = &body->schema;

    *body = (api_body){0};
    if (request->body.len == 0) {
        http_reply_error(reply, 422, "the request has no body");
        return false;
    }
    body->json = http_body_json(request, reply);
    if (body->json == NULL)
        return false;
    if (!json_is_object(body->json)) {
        http_reply_error(reply, 400, "the body is not a JSON object");
        return false;
    }
    if (!take_text(body->json, "schema", &schema->text, reply) ||
        !take_text(body->json, "schemaType", &schema->type, reply) ||
        !take_number(body->json, "id", &schema->id, reply) ||
        !take_number(body->json, "version", &schema->version, reply))
        return false;
    if (!take_json(body->json, "references", JSON_ARRAY, &body->references, &schema->references) ||
        !are_objects(json_object_get(body->json, "references")))
        return wrong(reply, "references", "an array of objects");
    if (!take_json(body->json, "schemaTagsToAdd", JSON_ARRAY, &body->add, &schema->tags_to_add) ||
        !take_json(body->json, "schemaTagsToRemove", JSON_ARRAY, &body->remove,
                   &schema->tags_to_remove))
        return wrong(reply, "schemaTagsToAdd or schemaTagsToRemove", "an array");
    schema->propagate_tags = json_is_true(json_object_get(body->json, "propagateSchemaTags"));
    if (!take_json(body->json, "metadata", JSON_OBJECT, &body->metadata, &schema->metadata))
        return wrong(reply, "metadata", "an object");
    if (!take_json(body->json, "ruleSet", JSON_OBJECT, &body->rule_set, &schema->rule_set))
        return wrong(reply, "ruleSet", "an object");
    return true;
}

void api_body_done(api_body *body)
{
    json_decref(body->json);
    weir_buf_done(&body->references);
    weir_buf_done(&body->metadata);
    weir_buf_done(&body->rule_set);
    weir_buf_done(&body->add);
    weir_buf_done(&body->remove);
}

bool api_has_object(const http_request *request, http_reply *reply)
{
    json_t *json;

    if (request->body.len == 0) {
        http_reply_error(reply, 422, "the request has no body");
        return false;
    }
    json = http_body_json(request, reply);
    if (json != NULL && !json_is_object(json)) {
        http_reply_error(reply, 400, "the body is not a JSON object");
        json_decref(json);
        return false;
    }
    json_decref(json);
    return json != NULL;
}

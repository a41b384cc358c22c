/* registry_client.c - one conversation, two ways to have it: calls, or HTTP. What differs is how a question is
 * asked; the answers are the same JSON. */
#include "schema-registry/client/registry_client.h"

#include "runtime/base/mem.h"
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/canonical.h"
#include "schema-registry/compat/fields.h"
#include "weir/map.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define MEDIA_TYPE "application/vnd.schemaregistry.v1+json"

struct registry_client {
    registry *local;       /* NULL: the others are asked */
    http_client **remotes; /* of one registry */
    size_t remote_count;
    size_t answering;  /* the remote that answered last */
    weir_map *schemas; /* "ID SUBJECT" -> weir_schema, so that each is parsed once */
    weir_buf parsed;   /* of weir_schema *, all of them */
    weir_buf text;     /* of a schema on its way */
};

/* --- Life ------------------------------------------------------------------------------------- */

registry_client *registry_client_local(registry *local)
{
    registry_client *self = mem_zalloc(1, sizeof(*self));

    self->local = local;
    self->schemas = weir_map_new();
    return self;
}

weir_code registry_client_remote(const weir_list *urls, const http_client_options *how,
                                 registry_client **out, weir_error *err)
{
    registry_client *self = registry_client_local(NULL);

    self->remotes = mem_zalloc(urls->count + 1, sizeof(*self->remotes));
    for (size_t i = 0; i < urls->count; i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf url = {0};
        http_client_options options = *how;

        weir_buf_add_str(&url, urls->items[i]);
        options.url = weir_buf_cstr(&url);
        options.what = "schema registry";
        options.accept = MEDIA_TYPE;
        if (http_client_new(&options, &self->remotes[i], err) != WEIR_OK) {
            registry_client_free(self);
            return err->code;
        }
        self->remote_count++;
    }
    *out = self;
    return WEIR_OK;
}

void registry_client_free(registry_client *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->remote_count; i++)
        http_client_free(self->remotes[i]);
    free(self->remotes);
    for (size_t i = 0; i < self->parsed.len / sizeof(weir_schema *); i++)
        avro_schema_free(((weir_schema **)(void *)self->parsed.ptr)[i]);
    weir_buf_done(&self->parsed);
    weir_buf_done(&self->text);
    weir_map_free(self->schemas);
    free(self);
}

/* --- Asking ----------------------------------------------------------------------------------- */

/* number: an error code of a registry, or a status. 404 is one of a path that is not there, 404xx of what the path
 * names. */
static weir_code code_of(int number)
{
    int status = number > 999 ? number / 100 : number;

    if (status == 409 || (status == 404 && number != status)) /* not compatible; not there */
        return WEIR_REJECT;
    return status >= 500 || status == 408 || status == 429 ? WEIR_RETRY : WEIR_FATAL;
}

/* An answer that is no registry's own: of a proxy, of another server, of a wrong path. */
static weir_code refuse_stranger(int status, const char *url, weir_error *err)
{
    const char *remedy = status == 401 || status == 403 ? "check the credentials"
                         : status == 404                ? "check schema.registry.url"
                                                        : "without a message";

    return weir_fail(err, status == 409 ? WEIR_FATAL : code_of(status),
                     "the schema registry at %s answered %d: %s", url, status, remedy);
}

/* A redirect is not followed: credentials would go where nobody has said that they may. */
static weir_code refuse_redirect(int status, const http_client *from, weir_error *err)
{
    const char *to = http_client_redirect(from);

    return weir_fail(err, WEIR_FATAL,
                     "the schema registry at %s answered %d and refers to %s: set "
                     "schema.registry.url to where it is",
                     http_client_shown(from), status, to != NULL ? to : "nowhere");
}

static weir_code take_reply(const weir_buf *answer, json_t **out, weir_error *err)
{
    json_error_t where;

    *out = json_loadb(answer->ptr != NULL ? answer->ptr : "", answer->len, JSON_ALLOW_NUL, &where);
    if (*out == NULL)
        return weir_fail(err, WEIR_RETRY, "the schema registry's answer is no JSON: %s",
                         where.text);
    return WEIR_OK;
}

/* What a remote answered: JSON, or its error. */
static weir_code take_answer(int status, const http_client *from, const weir_buf *answer,
                             json_t **out, weir_error *err)
{
    if (status == 200)
        return take_reply(answer, out, err);
    if (status / 100 == 3)
        return refuse_redirect(status, from, err);
    json_t *error = json_loadb(answer->ptr != NULL ? answer->ptr : "", answer->len, 0, NULL);
    const char *message = json_string_value(json_object_get(error, "message"));
    json_int_t code = json_integer_value(json_object_get(error, "error_code"));

    if (message != NULL && code > 0 && code < 100000 && code != 404)
        (void)weir_fail(err, code_of((int)code), "the schema registry at %s answered %d: %s%s",
                        http_client_shown(from), (int)code, message,
                        status == 401 || status == 403 ? "; check the credentials" : "");
    else
        (void)refuse_stranger(status, http_client_shown(from), err);
    json_decref(error);
    return err->code;
}

/* What a call into our own registry gave. */
static weir_code take_local(bool success, weir_buf *reply, registry_error *error, json_t **out,
                            weir_error *err)
{
    weir_code code;

    if (success)
        code = take_reply(reply, out, err);
    else
        code = weir_fail(err, code_of((int)error->code), "%s", weir_buf_cstr(&error->message));
    registry_error_done(error);
    return code;
}

/* Asks the remote that answered last; the next one, when that is not there or cannot do it now. */
static weir_code send(registry_client *self, const http_client_request *request, json_t **out,
                      weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf answer = {0};
    weir_code code = WEIR_RETRY;

    for (size_t i = 0; i < self->remote_count && code == WEIR_RETRY; i++) {
        size_t which = (self->answering + i) % self->remote_count;
        int status = 0;

        code = http_client_send(self->remotes[which], request, &status, &answer, err);
        if (code == WEIR_OK)
            code = take_answer(status, self->remotes[which], &answer, out, err);
        if (code != WEIR_RETRY)
            self->answering = which;
    }
    return code;
}

/* Sends the text of a schema to "/subjects/SUBJECT" and what is behind it. */
static weir_code post_schema(registry_client *self, weir_str subject, const char *behind,
                             json_t **out, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf target = {0};
    json_t *body = json_pack("{s:s%}", "schema", self->text.ptr, self->text.len);
    char *text = json_dumps(body, JSON_COMPACT);

    json_decref(body);
    weir_buf_add_str(&target, WEIR_STR("/subjects/"));
    http_client_add_segment(&target, subject);
    weir_buf_add_str(&target, weir_cstr(behind));
    weir_code code = send(
        self,
        &(http_client_request){"POST", weir_buf_cstr(&target), weir_cstr(text != NULL ? text : "")},
        out, err);
    free(text);
    return code;
}

static weir_code get(registry_client *self, const weir_buf *target, json_t **out, weir_error *err)
{
    return send(self, &(http_client_request){"GET", target->ptr, {0}}, out, err);
}

/* --- Answers ---------------------------------------------------------------------------------- */

static weir_code id_in(const json_t *answer, int32_t *id, weir_error *err)
{
    const json_t *number = json_object_get(answer, "id");

    if (!json_is_integer(number) || json_integer_value(number) < 0 ||
        json_integer_value(number) > INT32_MAX)
        return weir_fail(err, WEIR_RETRY, "the schema registry's answer has no id");
    *id = (int32_t)json_integer_value(number);
    return WEIR_OK;
}

static bool has_context(weir_str subject)
{
    return subject.len > 1 && subject.ptr[0] == ':' && subject.ptr[1] == '.';
}

/* Whoever asks for a name without a context may be answered with a subject of that name in another one. Its id means
 * something else where records are read. */
static weir_code check_context(const json_t *answer, weir_str subject, weir_error *err)
{
    const json_t *found = json_object_get(answer, "subject");

    if (!json_is_string(found) || has_context(subject) ||
        !has_context((weir_str){json_string_value(found), json_string_length(found)}))
        return WEIR_OK;
    return weir_fail(err, WEIR_REJECT, "only the subject %s has it, whose ids are its context's",
                     json_string_value(found));
}

static weir_code get_version(registry_client *self, weir_str subject, int32_t version, json_t **out,
                             weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf buf = {0};

    if (self->local != NULL) {
        registry_error error = {0};
        bool success =
            registry_get_version(self->local, subject, version,
                                 &(registry_query){.filter = REGISTRY_WITH_DELETED}, &buf, &error);

        return take_local(success, &buf, &error, out, err);
    }
    weir_buf_add_str(&buf, WEIR_STR("/subjects/"));
    http_client_add_segment(&buf, subject);
    if (version < 0)
        weir_buf_printf(&buf, "/versions/latest");
    else
        weir_buf_printf(&buf, "/versions/%" PRId32 "?deleted=true", version);
    (void)weir_buf_cstr(&buf);
    return get(self, &buf, out, err);
}

static weir_code parse(registry_client *self, const json_t *answer, int depth, weir_buf *known,
                       const weir_schema **out, weir_error *err);

/* Adds the schema that a reference names to known, behind those that it is built on. */
/* NOLINTNEXTLINE(misc-no-recursion): at most REGISTRY_REFS_MAX deep */
static weir_code add_reference(registry_client *self, const json_t *reference, int depth,
                               weir_buf *known, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};
    const char *subject = json_string_value(json_object_get(reference, "subject"));
    json_int_t version = json_integer_value(json_object_get(reference, "version"));
    const weir_schema *schema;
    json_t *answer = NULL;

    if (subject == NULL || version < 1 || version > INT32_MAX || depth >= REGISTRY_REFS_MAX)
        return weir_fail(err, WEIR_REJECT, "a reference of the schema cannot be followed");
    if (get_version(self, weir_cstr(subject), (int32_t)version, &answer, err) != WEIR_OK)
        return weir_wrap(err, "the schema refers to version %lld of %s", (long long)version,
                         subject);
    weir_code code = parse(self, answer, depth + 1, known, &schema, err);
    json_decref(answer);
    if (code == WEIR_OK)
        weir_buf_add(known, &schema, sizeof(schema));
    return code;
}

/* The schema in an answer. known gets what it is built on. */
/* NOLINTNEXTLINE(misc-no-recursion): see add_reference */
static weir_code parse(registry_client *self, const json_t *answer, int depth, weir_buf *known,
                       const weir_schema **out, weir_error *err)
{
    const json_t *text = json_object_get(answer, "schema");
    const char *type = json_string_value(json_object_get(answer, "schemaType"));
    const json_t *references = json_object_get(answer, "references");
    weir_schema *schema;
    const json_t *reference;
    size_t i;

    if (type != NULL && strcmp(type, "AVRO") != 0)
        return weir_fail(err, WEIR_REJECT, "the schema is of type %s, not AVRO", type);
    if (json_array_size(references) > REGISTRY_REFS_MAX)
        return weir_fail(err, WEIR_REJECT, "the schema has more than %d references",
                         REGISTRY_REFS_MAX);
    json_array_foreach(references, i, reference)
    {
        if (add_reference(self, reference, depth, known, err) != WEIR_OK)
            return err->code;
    }
    if (!json_is_string(text))
        return weir_fail(err, WEIR_RETRY, "the schema registry's answer has no schema");
    schema = avro_parse_with((weir_str){json_string_value(text), json_string_length(text)},
                             (const weir_schema *const *)(const void *)known->ptr,
                             known->len / sizeof(schema), err);
    if (schema == NULL)
        return err->code;
    weir_buf_add(&self->parsed, &schema, sizeof(schema));
    *out = schema;
    return WEIR_OK;
}

/* --- What converters ask ---------------------------------------------------------------------- */

/* Puts the fields that are to blame in front of the registry's reason. */
static void name_fields(registry_client *self, weir_str subject, const weir_schema *schema,
                        weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf fields = {0};
    const weir_schema *latest;
    weir_error ignored; /* then the reason stands alone */
    int32_t id;

    if (registry_client_latest(self, subject, &id, &latest, &ignored) != WEIR_OK)
        return;
    compat_fields(schema, latest, &fields);
    if (fields.len == 0) /* the other direction is asked for, too */
        compat_fields(latest, schema, &fields);
    if (fields.len > 0)
        (void)weir_wrap(err, "%s", weir_buf_cstr(&fields));
}

/* Sends a schema to its subject: to be registered, or only to be found. */
/* NOLINTNEXTLINE(readability-function-size): what both of its callers are given, and which of them it is */
static weir_code ask_id(registry_client *self, weir_str subject, const weir_schema *schema,
                        bool normalize, bool is_new, int32_t *id, weir_error *err)
{
    static const char *const targets[2][2] = {{"", "?normalize=true"},
                                              {"/versions", "/versions?normalize=true"}};
    json_t *answer = NULL;
    weir_code code;

    weir_buf_clear(&self->text);
    avro_canonical(schema, &self->text);
    if (self->local != NULL) {
        WEIR_CLEANUP(weir_buf_done) weir_buf reply = {0};
        registry_schema sent = {.text = weir_buf_str(&self->text)};
        registry_query query = {.normalize = normalize};
        registry_error error = {0};
        bool success = is_new
                           ? registry_register(self->local, subject, &sent, &query, &reply, &error)
                           : registry_lookup(self->local, subject, &sent, &query, &reply, &error);

        code = take_local(success, &reply, &error, &answer, err);
    } else {
        code = post_schema(self, subject, targets[is_new][normalize], &answer, err);
    }
    if (code == WEIR_OK && !is_new)
        code = check_context(answer, subject, err);
    if (code == WEIR_OK)
        code = id_in(answer, id, err);
    json_decref(answer);
    return code;
}

weir_code registry_client_register(registry_client *self, weir_str subject,
                                   const weir_schema *schema, bool normalize, int32_t *id,
                                   weir_error *err)
{
    weir_code code = ask_id(self, subject, schema, normalize, true, id, err);

    if (code == WEIR_REJECT)
        name_fields(self, subject, schema, err);
    return code == WEIR_OK
               ? code
               : weir_wrap(err, "registering a schema under subject \"%.*s\"", WEIR_ARG(subject));
}

weir_code registry_client_find(registry_client *self, weir_str subject, const weir_schema *schema,
                               bool normalize, int32_t *id, weir_error *err)
{
    return ask_id(self, subject, schema, normalize, false, id, err) == WEIR_OK
               ? WEIR_OK
               : weir_wrap(err, "looking a schema up under subject \"%.*s\"", WEIR_ARG(subject));
}

weir_code registry_client_latest(registry_client *self, weir_str subject, int32_t *id,
                                 const weir_schema **out, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf known = {0}, key = {0};
    json_t *answer = NULL;
    weir_code code = get_version(self, subject, -1, &answer, err);

    if (code == WEIR_OK)
        code = check_context(answer, subject, err);
    if (code == WEIR_OK)
        code = id_in(answer, id, err);
    if (code == WEIR_OK) { /* who asks again and again gets the schema that was parsed then */
        weir_buf_printf(&key, "%" PRId32 " %.*s", *id, WEIR_ARG(subject));
        *out = weir_map_get(self->schemas, weir_buf_str(&key));
        if (*out == NULL && (code = parse(self, answer, 0, &known, out, err)) == WEIR_OK)
            weir_map_put(self->schemas, weir_buf_str(&key), (void *)*out);
    }
    json_decref(answer);
    return code == WEIR_OK
               ? code
               : weir_wrap(err, "the latest version of subject \"%.*s\"", WEIR_ARG(subject));
}

static weir_code get_schema(registry_client *self, int32_t id, weir_str subject, json_t **out,
                            weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf buf = {0};

    if (self->local != NULL) {
        registry_error error = {0};
        bool success = registry_get_schema(self->local, id, subject, REGISTRY_PLAIN, &buf, &error);

        return take_local(success, &buf, &error, out, err);
    }
    weir_buf_printf(&buf, "/schemas/ids/%" PRId32, id);
    if (subject.len > 0) {
        weir_buf_add_str(&buf, WEIR_STR("?subject="));
        http_client_add_segment(&buf, subject);
    }
    (void)weir_buf_cstr(&buf);
    return get(self, &buf, out, err);
}

weir_code registry_client_schema(registry_client *self, int32_t id, weir_str subject,
                                 const weir_schema **out, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, known = {0};
    json_t *answer = NULL;
    weir_code code;

    weir_buf_printf(&key, "%" PRId32 " %.*s", id, WEIR_ARG(subject));
    *out = weir_map_get(self->schemas, weir_buf_str(&key));
    if (*out != NULL)
        return WEIR_OK;
    if (self->local != NULL && subject.len == 0)
        return registry_avro_of(self->local, id, out, err);
    code = get_schema(self, id, subject, &answer, err);
    if (code == WEIR_OK)
        code = parse(self, answer, 0, &known, out, err);
    json_decref(answer);
    if (code != WEIR_OK)
        return weir_wrap(err, "the schema with id %" PRId32, id);
    weir_map_put(self->schemas, weir_buf_str(&key), (void *)*out);
    return WEIR_OK;
}

weir_code registry_client_ask(registry_client *self, const http_client_request *request,
                              json_t **out, weir_error *err)
{
    assert(self->local == NULL);
    return send(self, request, out, err);
}

weir_code registry_client_set_level(registry_client *self, weir_str subject, const char *level,
                                    weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf body = {0}, buf = {0};
    json_t *answer = NULL;
    weir_code code;

    weir_buf_printf(&body, "{\"compatibility\":\"%s\"}", level);
    if (self->local != NULL) {
        registry_error error = {0};
        bool success = registry_set_config(self->local, subject, weir_buf_str(&body), &buf, &error);

        code = take_local(success, &buf, &error, &answer, err);
    } else {
        weir_buf_add_str(&buf, WEIR_STR("/config/"));
        http_client_add_segment(&buf, subject);
        code = send(self, &(http_client_request){"PUT", weir_buf_cstr(&buf), weir_buf_str(&body)},
                    &answer, err);
    }
    json_decref(answer);
    return code == WEIR_OK ? code
                           : weir_wrap(err, "setting the compatibility of \"%.*s\" to %s",
                                       WEIR_ARG(subject), level);
}

/* outlook.c - what a remote registry would say to a schema, without registering it. */
#include "schema-registry/client/outlook.h"

#include "schema-registry/avro/canonical.h"
#include "schema-registry/compat/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *outlook_name(outlook_verdict verdict)
{
    switch (verdict) {
    case OUTLOOK_IS_VERSION:
        return "registered";
    case OUTLOOK_IS_NEW:
        return "new";
    case OUTLOOK_COMPATIBLE:
        return "compatible";
    case OUTLOOK_INCOMPATIBLE:
        return "incompatible";
    case OUTLOOK_READ_ONLY:
        return "read-only";
    case OUTLOOK_MISSING:
        return "missing";
    case OUTLOOK_UNLIKE:
        return "unlike-latest";
    }
    return "";
}

bool outlook_is_good(outlook_verdict verdict)
{
    return verdict == OUTLOOK_IS_VERSION || verdict == OUTLOOK_IS_NEW ||
           verdict == OUTLOOK_COMPATIBLE;
}

/* --- Asking ----------------------------------------------------------------------------------- */

/* "/PREFIX/SUBJECT" and what is behind it; before and behind are literals. */
/* NOLINTNEXTLINE(readability-function-size): one place for what a request is made of */
static weir_code ask(registry_client *client, const char *method, const char *before,
                     weir_str subject, const char *behind, weir_str body, json_t **out,
                     weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf target = {0};

    weir_buf_add_str(&target, weir_cstr(before));
    http_client_add_segment(&target, subject);
    weir_buf_add_str(&target, weir_cstr(behind));
    *out = NULL;
    return registry_client_ask(client, &(http_client_request){method, weir_buf_cstr(&target), body},
                               out, err);
}

static weir_code get(registry_client *client, const char *before, weir_str subject,
                     const char *behind, json_t **out, weir_error *err)
{
    return ask(client, "GET", before, subject, behind, (weir_str){0}, out, err);
}

static weir_code post(registry_client *client, const outlook_question *question, const char *before,
                      const char *behind, json_t **out, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf body = {0};

    weir_buf_add_str(&body, WEIR_STR("{\"schema\":"));
    weir_buf_add_json(&body, question->text);
    weir_buf_add_byte(&body, '}');
    return ask(client, "POST", before, question->subject, behind, weir_buf_str(&body), out, err);
}

/* --- The steps -------------------------------------------------------------------------------- */

/* *found: the subject has it; no level and no mode matters then. A registry also looks into other contexts for a
 * subject of the default one: what it finds there does not count. */
static weir_code look_up(registry_client *client, const outlook_question *question, outlook *answer,
                         bool *found, weir_error *err)
{
    json_t *value;
    weir_code code = post(client, question, "/subjects/",
                          question->normalize ? "?normalize=true" : "", &value, err);

    const char *where = json_string_value(json_object_get(value, "subject"));

    *found = code == WEIR_OK && where != NULL && weir_str_eq(weir_cstr(where), question->subject);
    if (*found) {
        answer->verdict = OUTLOOK_IS_VERSION;
        answer->version = (int32_t)json_integer_value(json_object_get(value, "version"));
    }
    json_decref(value);
    return code == WEIR_REJECT ? WEIR_OK : code; /* no such subject, or none of its versions */
}

static weir_code read_level(registry_client *client, weir_str subject, outlook *answer,
                            weir_error *err)
{
    json_t *value;
    weir_code code = get(client, "/config/", subject, "?defaultToGlobal=true", &value, err);
    const char *level = json_string_value(json_object_get(value, "compatibilityLevel"));

    if (code == WEIR_OK)
        (void)snprintf(answer->level, sizeof(answer->level), "%s", level != NULL ? level : "");
    json_decref(value);
    return code;
}

static weir_code read_mode(registry_client *client, weir_str subject, bool *read_only,
                           weir_error *err)
{
    json_t *value;
    weir_code code = get(client, "/mode/", subject, "?defaultToGlobal=true", &value, err);
    const char *mode = json_string_value(json_object_get(value, "mode"));

    *read_only = mode != NULL && strncmp(mode, "READONLY", 8) == 0;
    json_decref(value);
    return code == WEIR_REJECT ? WEIR_OK : code; /* a registry without modes */
}

static weir_code ask_compatibility(registry_client *client, const outlook_question *question,
                                   outlook *answer, weir_error *err)
{
    json_t *value;
    weir_code code = post(client, question, "/compatibility/subjects/",
                          question->normalize ? "/versions?verbose=true&normalize=true"
                                              : "/versions?verbose=true",
                          &value, err);

    if (code == WEIR_OK) {
        answer->verdict = json_is_true(json_object_get(value, "is_compatible"))
                              ? OUTLOOK_COMPATIBLE
                              : OUTLOOK_INCOMPATIBLE;
        answer->messages = json_incref(json_object_get(value, "messages"));
    }
    json_decref(value);
    return code;
}

/* --- Who is to blame -------------------------------------------------------------------------- */

/* The version that a reason names: "{oldSchemaVersion: 3}"; 0: none. */
static int32_t version_in(const json_t *messages)
{
    static const char before[] = "oldSchemaVersion: ";
    const json_t *message;
    size_t i;

    json_array_foreach(messages, i, message)
    {
        const char *text = json_string_value(message);
        const char *at = text != NULL ? strstr(text, before) : NULL;
        int32_t version = 0;

        for (at = at != NULL ? at + sizeof(before) - 1 : ""; *at >= '0' && *at <= '9'; at++)
            version = version < 100000000 ? version * 10 + (*at - '0') : version;
        if (version > 0)
            return version;
    }
    return 0;
}

static weir_code old_schema(registry_client *client, weir_str subject, int32_t version,
                            const weir_schema **out, weir_error *err)
{
    char behind[48];
    json_t *value;
    int32_t id;

    if (version == 0)
        return registry_client_latest(client, subject, &id, out, err);
    (void)snprintf(behind, sizeof(behind), "/versions/%" PRId32, version);
    weir_code code = get(client, "/subjects/", subject, behind, &value, err);
    id = (int32_t)json_integer_value(json_object_get(value, "id"));
    json_decref(value);
    return code == WEIR_OK ? registry_client_schema(client, id, subject, out, err) : code;
}

/* Without them, the registry's own reasons stand alone. */
static void name_fields(registry_client *client, const outlook_question *question, outlook *answer)
{
    bool is_forward = strncmp(answer->level, "FORWARD", 7) == 0;
    const weir_schema *old;
    weir_error ignored;

    answer->version = version_in(answer->messages);
    if (old_schema(client, question->subject, answer->version, &old, &ignored) != WEIR_OK)
        return;
    if (!is_forward)
        compat_fields(question->schema, old, &answer->fields);
    if (answer->fields.len == 0 && strncmp(answer->level, "BACKWARD", 8) != 0)
        compat_fields(old, question->schema, &answer->fields);
}

/* --- The whole -------------------------------------------------------------------------------- */

static weir_code check_latest(registry_client *client, const outlook_question *question,
                              outlook *answer, weir_error *err)
{
    const weir_schema *latest;
    int32_t id;
    weir_code code = registry_client_latest(client, question->subject, &id, &latest, err);

    answer->verdict = OUTLOOK_IS_VERSION;
    if (code == WEIR_REJECT)
        answer->verdict = OUTLOOK_MISSING;
    else if (code == WEIR_OK && question->use == OUTLOOK_USE_LATEST &&
             avro_fingerprint64(latest) != avro_fingerprint64(question->schema))
        answer->verdict = OUTLOOK_UNLIKE;
    if (answer->verdict == OUTLOOK_UNLIKE)
        compat_fields(question->schema, latest, &answer->fields);
    return code == WEIR_REJECT ? WEIR_OK : code;
}

static weir_code check_registration(registry_client *client, const outlook_question *question,
                                    outlook *answer, weir_error *err)
{
    bool read_only;
    json_t *versions;
    weir_code code = get(client, "/subjects/", question->subject, "/versions", &versions, err);

    json_decref(versions);
    if (code != WEIR_OK && code != WEIR_REJECT)
        return code;
    answer->verdict = OUTLOOK_IS_NEW;
    if (code == WEIR_OK && (read_level(client, question->subject, answer, err) != WEIR_OK ||
                            ask_compatibility(client, question, answer, err) != WEIR_OK))
        return err->code;
    if (read_mode(client, question->subject, &read_only, err) != WEIR_OK)
        return err->code;
    if (read_only)
        answer->verdict = OUTLOOK_READ_ONLY;
    else if (answer->verdict == OUTLOOK_INCOMPATIBLE)
        name_fields(client, question, answer);
    return WEIR_OK;
}

static weir_code check(registry_client *client, const outlook_question *question, outlook *answer,
                       weir_error *err)
{
    bool found;

    switch (question->use) {
    case OUTLOOK_USE_REGISTER:
    case OUTLOOK_USE_FIND:
        break;
    case OUTLOOK_USE_LATEST:
    case OUTLOOK_USE_LATEST_ANYHOW:
        return check_latest(client, question, answer, err);
    }
    if (look_up(client, question, answer, &found, err) != WEIR_OK)
        return err->code;
    if (found)
        return WEIR_OK;
    answer->verdict = OUTLOOK_MISSING;
    return question->use == OUTLOOK_USE_FIND ? WEIR_OK
                                             : check_registration(client, question, answer, err);
}

weir_code outlook_ask(registry_client *client, const outlook_question *question, outlook *answer,
                      weir_error *err)
{
    if (check(client, question, answer, err) == WEIR_OK)
        return WEIR_OK;
    return weir_wrap(err, "subject \"%.*s\"", WEIR_ARG(question->subject));
}

void outlook_done(outlook *answer)
{
    weir_buf_done(&answer->fields);
    json_decref(answer->messages);
    *answer = (outlook){0};
}

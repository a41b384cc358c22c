/* migration.c - `weir schema check-migration`: tries a script out, asks the registry of what comes of it, and tells. */
#include "runtime/cli/migration.h"

#include "runtime/cli/cli.h"
#include "runtime/cli/client.h"
#include "runtime/cli/options.h"
#include "runtime/connect/converter.h"
#include "schema-registry/client/outlook.h"

#include <stdio.h>
#include <string.h>

#define COMMAND "schema"

/* A run of the command. */
typedef struct check {
    const migration_arguments *args;
    const rehearsal *rehearsal;
    registry_client *keys, *values; /* NULL until they are needed */
    json_t *subjects;               /* the report */
    size_t unchanged_count, broken_count;
} check;

/* --- The registries --------------------------------------------------------------------------- */

/* What the command line names counts for both sides, else each side's converter says. */
static weir_code open_client(const check *self, bool is_key, registry_client **out, weir_error *err)
{
    const converter_settings *settings = rehearsal_converter(self->rehearsal, is_key);
    http_client_options how = self->args->registry;
    weir_str usual = WEIR_STR("http://" CLI_REGISTRY_ADDRESS);
    weir_str named = how.url != NULL ? weir_cstr(how.url) : usual;
    weir_list urls = {&named, 1};

    if (how.url == NULL && settings->urls.count > 0) {
        if (converter_remote(settings, &how, err) != WEIR_OK)
            return weir_wrap(err, "the connector's registry cannot be asked; name it by --url");
        how.user = self->args->registry.user != NULL ? self->args->registry.user : how.user;
        how.ca_file =
            self->args->registry.ca_file != NULL ? self->args->registry.ca_file : how.ca_file;
        urls = settings->urls;
    }
    return registry_client_remote(&urls, &how, out, err);
}

static weir_code client_of(check *self, bool is_key, registry_client **out, weir_error *err)
{
    registry_client **side = is_key ? &self->keys : &self->values;

    if (*side == NULL && open_client(self, is_key, side, err) != WEIR_OK)
        return err->code;
    *out = *side;
    return WEIR_OK;
}

static outlook_use use_of(const converter_settings *settings)
{
    if (settings->auto_register)
        return OUTLOOK_USE_REGISTER;
    if (!settings->use_latest)
        return OUTLOOK_USE_FIND;
    return settings->latest_strict ? OUTLOOK_USE_LATEST : OUTLOOK_USE_LATEST_ANYHOW;
}

/* --- The report ------------------------------------------------------------------------------- */

static json_t *begin_subject(const rehearsed_schema *schema, const char *verdict)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "subject", schema->subject.ptr, "topic",
                     schema->topic.ptr, "of", schema->is_key ? "key" : "value", "verdict", verdict);
}

/* The text between two marks; NULL when it is not there. */
static json_t *between(const char *text, const char *before, const char *after)
{
    const char *start = strstr(text, before);
    const char *end;

    if (start == NULL)
        return NULL;
    start += strlen(before);
    end = strstr(start, after);
    return end != NULL ? json_stringn(start, (size_t)(end - start)) : NULL;
}

/* Type and path out of the registry's reasons, which are texts: {errorType:'TYPE_MISMATCH',
 * description:'The type (path '/fields/0/type') of ...', additionalInfo:'...'}. */
static json_t *incompatibilities(const json_t *messages)
{
    json_t *list = json_array();
    const json_t *message;
    size_t i;

    json_array_foreach(messages, i, message)
    {
        const char *text = json_string_value(message);
        json_t *type = text != NULL ? between(text, "{errorType:'", "'") : NULL;
        json_t *path = type != NULL ? between(text, "path '", "'") : NULL;

        if (type != NULL)
            (void)json_array_append_new(list, json_pack("{s:O, s:o*}", "type", type, "path", path));
        json_decref(type);
    }
    return list;
}

static void add_answer(json_t *subject, const outlook *answer, weir_buf *fields)
{
    if (answer->level[0] != '\0')
        (void)json_object_set_new(subject, "level", json_string(answer->level));
    if (answer->version > 0)
        (void)json_object_set_new(subject, "version", json_integer(answer->version));
    if (fields->len > 0)
        (void)json_object_set_new(subject, "fields", json_string(weir_buf_cstr(fields)));
    if (answer->verdict != OUTLOOK_INCOMPATIBLE)
        return;
    (void)json_object_set_new(subject, "incompatibilities", incompatibilities(answer->messages));
    if (answer->messages != NULL)
        (void)json_object_set(subject, "messages", answer->messages);
}

static weir_code check_schema(check *self, const rehearsed_schema *schema, weir_error *err)
{
    const converter_settings *settings = rehearsal_converter(self->rehearsal, schema->is_key);
    const outlook_question question = {.subject = schema->subject,
                                       .schema = schema->schema,
                                       .text = schema->text,
                                       .normalize = settings->normalize,
                                       .use = use_of(settings)};
    registry_client *asked = NULL;
    outlook answer = {0};
    json_t *subject;

    if (client_of(self, schema->is_key, &asked, err) != WEIR_OK ||
        outlook_ask(asked, &question, &answer, err) != WEIR_OK) {
        outlook_done(&answer);
        return err->code;
    }
    subject = begin_subject(schema, outlook_name(answer.verdict));
    add_answer(subject, &answer, &answer.fields);
    (void)json_array_append_new(self->subjects, subject);
    self->broken_count += !outlook_is_good(answer.verdict);
    outlook_done(&answer);
    return WEIR_OK;
}

/* Whether the subject gets records behind the change. */
static bool goes_on(const check *self, const rehearsed_schema *schema)
{
    const rehearsed_schema *one;

    for (size_t i = 0; (one = rehearsal_at(self->rehearsal, i)) != NULL; i++) {
        if (one->is_after && weir_str_eq(one->subject, schema->subject))
            return true;
    }
    return false;
}

static weir_code check_schemas(check *self, weir_error *err)
{
    const rehearsed_schema *schema;

    for (size_t i = 0; (schema = rehearsal_at(self->rehearsal, i)) != NULL; i++) {
        if (schema->is_after && schema->is_before)
            self->unchanged_count++;
        else if (schema->is_after) {
            if (check_schema(self, schema, err) != WEIR_OK)
                return err->code;
        } else if (!goes_on(self, schema)) {
            (void)json_array_append_new(self->subjects, begin_subject(schema, "gone"));
        }
    }
    return WEIR_OK;
}

/* --- Telling ---------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* What each verdict means, for people. */
static const struct {
    const char *verdict, *text;
} verdicts[] = {
    {"registered", "the schema is a version of it already"},
    {"new", "a new subject"},
    {"compatible", "compatible"},
    {"incompatible", "not compatible"},
    {"read-only", "the subject is read-only: the new schema cannot be registered"},
    {"missing", "the new schema is not registered, and auto.register.schemas is false"},
    {"unlike-latest",
     "the latest version is written in another way, and use.latest.version is set"},
    {"gone", "nothing more is written"},
};

static void print_subject(const json_t *subject)
{
    const char *verdict = text_of(subject, "verdict"), *level = text_of(subject, "level");
    const char *fields = text_of(subject, "fields"), *text = verdict;
    const json_t *message;
    size_t i;

    for (i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        if (strcmp(verdict, verdicts[i].verdict) == 0)
            text = verdicts[i].text;
    }
    printf("%s: %s%s%s%s\n", text_of(subject, "subject"), text, level[0] != '\0' ? " (" : "", level,
           level[0] != '\0' ? ")" : "");
    if (fields[0] != '\0')
        printf("  %s\n", fields);
    json_array_foreach(json_object_get(subject, "messages"), i, message)
    {
        if (strstr(json_string_value(message), "{errorType:") !=
            NULL) /* not the whole old schema */
            printf("  %s\n", json_string_value(message));
    }
}

static void print_text(const check *self)
{
    static const char *const policies[] = {
        "their records would wait until it is (schema.incompatible.policy is hold)",
        "the connector would fail (schema.incompatible.policy is fail)",
        "their records would go into the dead letter queue (schema.incompatible.policy is "
        "dead-letter)"};
    int policy = rehearsal_settings(self->rehearsal)->schema_incompatible.index;
    const json_t *subject;
    const char *note;
    bool waits = false;
    size_t i;

    for (i = 0; (note = rehearsal_note(self->rehearsal, i)) != NULL; i++)
        printf("note: %s\n", note);
    json_array_foreach(self->subjects, i, subject)
    {
        print_subject(subject);
        waits |= strcmp(text_of(subject, "verdict"), "incompatible") == 0;
    }
    printf("%zu of %zu subjects would break%s%s; nothing was changed\n", self->broken_count,
           json_array_size(self->subjects) + self->unchanged_count, waits ? ": " : "",
           waits ? policies[policy] : "");
}

static void print_json(const check *self)
{
    json_t *notes = json_array();
    const char *note;

    for (size_t i = 0; (note = rehearsal_note(self->rehearsal, i)) != NULL; i++)
        (void)json_array_append_new(notes, json_string(note));
    client_print(json_pack("{s:b, s:i, s:O, s:o}", "is_compatible", self->broken_count == 0,
                           "unchanged", (int)self->unchanged_count, "subjects", self->subjects,
                           "notes", notes));
}

/* --- The whole -------------------------------------------------------------------------------- */

static weir_code run(check *self, weir_error *err)
{
    if (check_schemas(self, err) != WEIR_OK)
        return err->code;
    if (self->args->json)
        print_json(self);
    else
        print_text(self);
    return WEIR_OK;
}

static int check_rehearsal(const migration_arguments *args, const rehearsal *tried)
{
    check self = {.args = args, .rehearsal = tried, .subjects = json_array()};
    weir_error err;
    weir_code code = run(&self, &err);

    registry_client_free(self.keys);
    registry_client_free(self.values);
    json_decref(self.subjects);
    if (code != WEIR_OK)
        return cli_fail(COMMAND, "%s", err.message);
    return self.broken_count == 0 ? CLI_OK : CLI_FAILED;
}

static int check_connector(const migration_arguments *args, plugins *all,
                           const migration_connector *connector)
{
    const rehearsal_options wanted = {.plugins = all,
                                      .connector = weir_cstr(args->source),
                                      .settings = connector->settings,
                                      .setting_count = connector->count,
                                      .target = weir_cstr(args->scratch),
                                      .script = args->script,
                                      .script_name = weir_cstr(args->script_name)};
    rehearsal *tried;
    weir_error err;

    if (rehearsal_run(&wanted, &tried, &err) != WEIR_OK)
        return cli_fail(COMMAND, "%s", err.message);
    int result = check_rehearsal(args, tried);
    rehearsal_free(tried);
    return result;
}

int migration_check(const migration_arguments *args)
{
    migration_connector connector = {0};
    options defaults;
    plugins *all;
    int result = CLI_FAILED;

    options_init(&defaults);
    all = plugins_new(args->plugins != NULL ? args->plugins : defaults.plugins);
    if (migration_connector_read(args, all, &connector))
        result = check_connector(args, all, &connector);
    migration_connector_done(&connector);
    plugins_free(all);
    return result;
}

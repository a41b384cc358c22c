/* access.c - who may do what over the registry's API. */
#include "schema-registry/api/access.h"

#include "runtime/base/mem.h"
#include "runtime/base/text.h"
#include "runtime/base/yaml_tree.h"
#include "schema-registry/api/api.h"
#include "schema-registry/api/password.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const role_names[ACCESS_ROLES] = {"read", "write", "admin"};

typedef struct user {
    weir_str name, password;
    const yaml_tree_node *prefixes[ACCESS_ROLES]; /* a list of texts, or NULL */
    password_memory memory;
} user;

struct access_rules {
    yaml_tree *tree; /* holds the texts */
    user *users;
    size_t count;
};

/* --- The file --------------------------------------------------------------------------------- */

static weir_code check_prefixes(const char *path, const yaml_tree_pair *pair, weir_error *err)
{
    const yaml_tree_node *list = pair->value;

    if (list->kind != YAML_TREE_LIST || list->count > ACCESS_PREFIXES)
        return weir_fail(err, WEIR_CONFIG,
                         "%s:%d: %s has to be a list of at most %d prefixes of subjects", path,
                         pair->line, pair->key.ptr, ACCESS_PREFIXES);
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i]->kind != YAML_TREE_SCALAR || list->items[i]->is_null)
            return weir_fail(err, WEIR_CONFIG, "%s:%d: a prefix of subjects is a text", path,
                             list->items[i]->line);
    return WEIR_OK;
}

static weir_code read_setting(const char *path, const yaml_tree_pair *pair, user *out,
                              weir_error *err)
{
    if (weir_str_eq(pair->key, WEIR_STR("password"))) {
        if (pair->value->kind != YAML_TREE_SCALAR)
            return weir_fail(err, WEIR_CONFIG, "%s:%d: a password is a text", path, pair->line);
        out->password = pair->value->text;
        if (password_validate(out->password, err) != WEIR_OK)
            return weir_wrap(err, "%s:%d", path, pair->line);
        return WEIR_OK;
    }
    for (int role = 0; role < ACCESS_ROLES; role++) {
        if (!weir_str_eq(pair->key, weir_cstr(role_names[role])))
            continue;
        out->prefixes[role] = pair->value;
        return check_prefixes(path, pair, err);
    }
    return weir_fail(err, WEIR_CONFIG, "%s:%d: \"%s\" is none of password, read, write, admin",
                     path, pair->line, pair->key.ptr);
}

static weir_code read_user(const char *path, const yaml_tree_pair *pair, user *out, weir_error *err)
{
    if (pair->value->kind != YAML_TREE_MAP)
        return weir_fail(err, WEIR_CONFIG, "%s:%d: user \"%s\" has to be a map", path, pair->line,
                         pair->key.ptr);
    out->name = pair->key;
    for (size_t i = 0; i < pair->value->count; i++)
        if (read_setting(path, &pair->value->pairs[i], out, err) != WEIR_OK)
            return err->code;
    if (out->password.len == 0)
        return weir_fail(err, WEIR_CONFIG, "%s:%d: user \"%s\" has no password", path, pair->line,
                         pair->key.ptr);
    return WEIR_OK;
}

static const yaml_tree_node *users_in(const yaml_tree *tree)
{
    const yaml_tree_node *root = yaml_tree_document(tree, 0);
    bool good = root != NULL && yaml_tree_count(tree) == 1 && root->kind == YAML_TREE_MAP &&
                root->count == 1 && weir_str_eq(root->pairs[0].key, WEIR_STR("users")) &&
                root->pairs[0].value->kind == YAML_TREE_MAP;

    return good ? root->pairs[0].value : NULL;
}

weir_code access_read(const char *path, access_rules **out, weir_error *err)
{
    access_rules *rules = mem_zalloc(1, sizeof(*rules));
    const yaml_tree_node *users;

    if (yaml_tree_read(path, &rules->tree, err) != WEIR_OK) {
        access_free(rules);
        return err->code;
    }
    users = users_in(rules->tree);
    if (users == NULL || users->count == 0 || users->count > ACCESS_USERS) {
        access_free(rules);
        return weir_fail(err, WEIR_CONFIG, "%s: a map \"users\" of 1 to %d users is expected", path,
                         ACCESS_USERS);
    }
    rules->users = mem_zalloc(users->count, sizeof(*rules->users));
    for (; rules->count < users->count; rules->count++) {
        password_memory_init(&rules->users[rules->count].memory);
        if (read_user(path, &users->pairs[rules->count], &rules->users[rules->count], err) !=
            WEIR_OK) {
            rules->count++;
            access_free(rules);
            return err->code;
        }
    }
    *out = rules;
    return WEIR_OK;
}

void access_free(access_rules *rules)
{
    if (rules == NULL)
        return;
    for (size_t i = 0; i < rules->count; i++)
        password_memory_done(&rules->users[i].memory);
    free(rules->users);
    yaml_tree_free(rules->tree);
    free(rules);
}

/* --- What a request needs --------------------------------------------------------------------- */

typedef enum target_kind {
    TARGET_NOTHING, /* every user */
    TARGET_SUBJECT, /* a role for a subject or a prefix of subjects */
    TARGET_ID,      /* read for one of the subjects of a schema */
} target_kind;

typedef struct need {
    target_kind kind;
    access_role role;
    weir_str subject;
} need;

static bool is_below(const http_request *request, const char *folder)
{
    size_t length = strlen(folder);

    return request->path.len >= length && memcmp(request->path.ptr, folder, length) == 0 &&
           (request->path.len == length || request->path.ptr[length] == '/');
}

static bool is_set(const http_request *request, const char *name)
{
    const char *value = http_query(request, name);

    return value != NULL && strcasecmp(value, "true") == 0;
}

/* POST /subjects/S looks up, POST /subjects/S/versions registers. */
static bool registers(const http_request *request)
{
    const size_t before = sizeof("/subjects/") - 1;
    const char *behind = request->path.len > before
                             ? memchr(request->path.ptr + before, '/', request->path.len - before)
                             : NULL;

    return strcmp(request->method, "POST") == 0 && behind != NULL &&
           behind + 1 < request->path.ptr + request->path.len;
}

static need need_of_subject(const http_request *request, weir_str subject)
{
    need found = {TARGET_SUBJECT, ACCESS_READ, subject};

    if (strcmp(request->method, "DELETE") == 0)
        found.role = is_set(request, "permanent") ? ACCESS_ADMIN : ACCESS_WRITE;
    else if (registers(request))
        found.role = is_set(request, "force") ? ACCESS_ADMIN : ACCESS_WRITE;
    return found;
}

/* scoped holds the subject, if it is not the one in the path. */
static need need_of(const http_request *request, weir_buf *scoped)
{
    bool reads = strcmp(request->method, "GET") == 0;
    const char *first = request->parameters[0];
    weir_str name = first != NULL ? weir_cstr(first) : (weir_str){"", 0};
    weir_str prefix;

    if (is_below(request, "/subjects") && first != NULL)
        return need_of_subject(request, name);
    if (is_below(request, "/compatibility"))
        return (need){TARGET_SUBJECT, ACCESS_READ, name};
    if (is_below(request, "/schemas/types"))
        return (need){TARGET_NOTHING, ACCESS_READ, name};
    if (is_below(request, "/schemas/ids"))
        return (need){TARGET_ID, ACCESS_READ, name}; /* its subjects too: who has one may know */
    if (is_below(request, "/schemas/guids"))
        return (need){TARGET_SUBJECT, ACCESS_READ, WEIR_STR("")};
    if (is_below(request, "/subjects") || is_below(request, "/schemas")) {
        prefix = api_scoped(request, "subjectPrefix", scoped);
        return (need){TARGET_SUBJECT, ACCESS_READ, prefix.ptr != NULL ? prefix : WEIR_STR("")};
    }
    if (is_below(request, "/config") || is_below(request, "/mode")) {
        if (reads)
            return (need){first != NULL ? TARGET_SUBJECT : TARGET_NOTHING, ACCESS_READ, name};
        return (need){TARGET_SUBJECT, ACCESS_ADMIN, name};
    }
    if (reads || strcmp(request->method, "POST") == 0)
        return (need){TARGET_NOTHING, ACCESS_READ, name}; /* "/", the version, the contexts */
    return (need){TARGET_SUBJECT, ACCESS_ADMIN, WEIR_STR("")};
}

/* --- What a user has -------------------------------------------------------------------------- */

static bool may(const user *who, access_role role, weir_str subject)
{
    for (int have = (int)role; have < ACCESS_ROLES; have++) {
        const yaml_tree_node *list = who->prefixes[have];

        for (size_t i = 0; list != NULL && i < list->count; i++) {
            weir_str prefix = list->items[i]->text;

            if (prefix.len <= subject.len &&
                (prefix.len == 0 || memcmp(prefix.ptr, subject.ptr, prefix.len) == 0))
                return true;
        }
    }
    return false;
}

/* May the user read one of the subjects that this schema has? Of an id that is not there everybody may hear that. */
static bool may_read_id(const user *who, registry *schemas, const http_request *request)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf list = {0}, scoped = {0}, resolved = {0};
    registry_error error = {0};
    registry_query all = {.filter = REGISTRY_WITH_DELETED};
    weir_str context = api_scoped(request, "subject", &scoped);
    json_t *subjects = NULL, *subject;
    bool found = true;
    int64_t number = 0;
    size_t i;

    if (context.len > 0) {
        registry_resolve_alias(schemas, context, &resolved);
        context = weir_buf_str(&resolved);
    }
    if (text_to_int(weir_cstr(request->parameters[0]), &number) &&
        registry_get_schema_subjects(schemas, number, context, &all, &list, &error)) {
        subjects = json_loadb(list.ptr, list.len, 0, NULL);
        found = false;
    }
    json_array_foreach(subjects, i, subject)
    {
        found = found || may(who, ACCESS_READ,
                             (weir_str){json_string_value(subject), json_string_length(subject)});
    }
    json_decref(subjects);
    registry_error_done(&error);
    return found;
}

static user *user_of(const access_rules *rules, const http_request *request)
{
    weir_buf name = {0}, password = {0};
    user *found = NULL;

    if (http_basic_auth(request, &name, &password))
        for (size_t i = 0; i < rules->count; i++)
            if (weir_str_eq(rules->users[i].name, weir_buf_str(&name)))
                found = &rules->users[i];
    if (found != NULL &&
        !password_is_right(found->password, weir_buf_str(&password), &found->memory))
        found = NULL;
    weir_buf_done(&name);
    weir_buf_done(&password);
    return found;
}

/* A subject's alias must not lead where the user may not go. */
static bool may_all_of(const user *who, const need *needed, registry *schemas)
{
    weir_buf resolved = {0};
    bool allowed = may(who, needed->role, needed->subject);

    if (allowed && needed->subject.len > 0) {
        registry_resolve_alias(schemas, needed->subject, &resolved);
        allowed = may(who, needed->role, weir_buf_str(&resolved));
    }
    weir_buf_done(&resolved);
    return allowed;
}

bool access_admit(const access_rules *rules, registry *schemas, const http_request *request,
                  http_reply *reply)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf scoped = {0};
    user *who = user_of(rules, request);
    need needed;
    bool allowed;

    if (who == NULL) {
        http_reply_error(reply, 401, "Unauthorized");
        reply->challenge = "Basic realm=\"schema registry\"";
        return false;
    }
    needed = need_of(request, &scoped);
    if (needed.kind == TARGET_ID && !may(who, ACCESS_READ, WEIR_STR("")))
        allowed = may_read_id(who, schemas, request);
    else
        allowed = needed.kind != TARGET_SUBJECT || may_all_of(who, &needed, schemas);
    if (!allowed)
        http_reply_error(reply, 403, "User '%s' has no role %s for subject '%s'", who->name.ptr,
                         role_names[needed.role],
                         needed.kind == TARGET_SUBJECT ? needed.subject.ptr : "");
    return allowed;
}

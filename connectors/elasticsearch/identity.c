/* identity.c - what an index says of who writes it. */
#include "identity.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *identity_rule(bool by_position)
{
    return by_position ? "source position" : "log offset";
}

/* One who the index was written by, against one who is about to. */
typedef struct difference {
    weir_str index;
    const char *what, *theirs;
    weir_str ours;
    bool adoptable;
} difference;

static weir_code refuse(const difference *found, weir_error *err)
{
    weir_code code =
        weir_fail(err, WEIR_FATAL,
                  "index \"%.*s\" was written with another %s (\"%s\", this is \"%.*s\"), so new "
                  "documents would look older than those in it and be dropped; either delete the "
                  "index, or write to another one (route transform), or go back to the data "
                  "directory%s that it was written from",
                  WEIR_ARG(found->index), found->what, found->theirs, WEIR_ARG(found->ours),
                  found->adoptable ? " and the database" : "");
    size_t len = strlen(err->message);

    if (found->adoptable)
        (void)snprintf(err->message + len, sizeof(err->message) - len,
                       ", or set index.adopt.from to \"%s\" if the positions of the database only "
                       "went on growing since",
                       found->theirs);
    return code;
}

/* The mapping's _meta, borrowed; NULL when there is none. */
static json_t *meta_of(const json_t *root)
{
    json_t *only =
        json_object_iter_value(json_object_iter((json_t *)root)); /* an alias has another name */

    return json_object_get(json_object_get(only, "mappings"), "_meta");
}

static bool adopts(const identity *who, const char *text)
{
    for (size_t i = 0; i < who->adopt_from.count; i++)
        if (who->by_position && weir_str_eq(who->adopt_from.items[i], weir_cstr(text)))
            return true;
    return false;
}

/* Whether the index has versions of this source; or of one that it goes on from. */
static weir_code check_source(const json_t *ours, weir_str index, const identity *who,
                              enum identity_state *state, weir_error *err)
{
    const json_t *sources = json_object_get(ours, "sources"), *one;
    const char *theirs = "";
    bool adopted = false;
    size_t i;

    json_array_foreach(sources, i, one)
    {
        theirs = json_string_value(one) != NULL ? json_string_value(one) : "";
        if (weir_str_eq(weir_cstr(theirs), who->source))
            return WEIR_OK;
        adopted |= adopts(who, theirs);
    }
    *state = IDENTITY_EXTENDED;
    return adopted ? WEIR_OK
                   : refuse(&(difference){index, "source", theirs, who->source, true}, err);
}

/* Whether the index has documents of this topic, and no versions of an earlier one of its name. */
static weir_code check_topic(const json_t *ours, weir_str index, const identity *who,
                             enum identity_state *state, weir_error *err)
{
    const char *topic = json_string_value(
        json_object_getn(json_object_get(ours, "topics"), who->topic.ptr, who->topic.len));

    if (topic == NULL)
        *state = IDENTITY_EXTENDED;
    else if (!who->by_position && !weir_str_eq(weir_cstr(topic), who->topic_id))
        return refuse(&(difference){index, "topic of the same name, deleted and made again since",
                                    topic, who->topic_id, false},
                      err);
    return WEIR_OK;
}

static weir_code check_meta(const json_t *ours, weir_str index, const identity *who,
                            enum identity_state *state, weir_error *err)
{
    const char *log = json_string_value(json_object_get(ours, "log"));
    const char *rule = json_string_value(json_object_get(ours, "version"));

    *state = IDENTITY_UNMARKED;
    if (ours == NULL)
        return WEIR_OK;
    log = log != NULL ? log : "";
    rule = rule != NULL ? rule : "";
    *state = IDENTITY_OURS;
    if (strcmp(rule, identity_rule(who->by_position)) != 0)
        return refuse(&(difference){index, "rule for versions", rule,
                                    weir_cstr(identity_rule(who->by_position)), false},
                      err);
    if (!weir_str_eq(weir_cstr(log), who->log_id)) {
        if (!adopts(who, log))
            return refuse(&(difference){index, "log", log, who->log_id, who->by_position}, err);
        *state = IDENTITY_EXTENDED;
    }
    if (who->by_position && check_source(ours, index, who, state, err) != WEIR_OK)
        return err->code;
    return check_topic(ours, index, who, state, err);
}

weir_code identity_check(weir_str mapping, weir_str index, const identity *who,
                         enum identity_state *state, weir_error *err)
{
    json_t *root = json_loadb(mapping.ptr != NULL ? mapping.ptr : "", mapping.len, 0, NULL);
    weir_code code;

    if (root == NULL)
        return weir_fail(err, WEIR_RETRY, "the mapping of index \"%.*s\" is no JSON",
                         WEIR_ARG(index));
    if (json_object_size(root) > 1)
        code = weir_fail(
            err, WEIR_FATAL,
            "\"%.*s\" is an alias of %zu indices: behind a rollover a document that "
            "changes, or is sent again, would be in two of them; write to an index, or to "
            "an alias of one (route transform)",
            WEIR_ARG(index), json_object_size(root));
    else
        code = check_meta(json_object_get(meta_of(root), "weir"), index, who, state, err);
    json_decref(root);
    return code;
}

static json_t *text_of(weir_str text)
{
    return json_stringn(text.ptr != NULL ? text.ptr : "", text.len);
}

/* The member of a JSON object, made when it is not there; borrowed. */
static json_t *member_of(json_t *object, const char *name, json_t *(*make)(void))
{
    if (json_object_get(object, name) == NULL)
        json_object_set_new(object, name, make());
    return json_object_get(object, name);
}

static void add_once(json_t *list, weir_str text)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (weir_str_eq(weir_cstr(json_string_value(one)), text))
            return;
    }
    json_array_append_new(list, text_of(text));
}

void identity_add_meta(weir_str mapping, const identity *who, weir_buf *out)
{
    json_t *root = json_loadb(mapping.ptr != NULL ? mapping.ptr : "", mapping.len, 0, NULL);
    json_t *there = meta_of(root), *meta = there != NULL ? json_deep_copy(there) : json_object();
    json_t *ours = member_of(meta, "weir", json_object);
    char *text;

    json_object_set_new(ours, "log", text_of(who->log_id));
    json_object_set_new(ours, "version", json_string(identity_rule(who->by_position)));
    if (who->by_position)
        add_once(member_of(ours, "sources", json_array), who->source);
    json_object_setn_new(member_of(ours, "topics", json_object), who->topic.ptr, who->topic.len,
                         text_of(who->topic_id));
    text = json_dumps(meta, JSON_COMPACT);
    weir_buf_add_str(out, WEIR_STR("\"_meta\":"));
    weir_buf_add_str(out, weir_cstr(text));
    free(text);
    json_decref(meta);
    json_decref(root);
}

void identity_look(weir_str mapping, weir_str topic, bool *is_written, bool *is_shared)
{
    json_t *root = json_loadb(mapping.ptr, mapping.len, 0, NULL);
    const json_t *topics = json_object_get(json_object_get(meta_of(root), "weir"), "topics");

    *is_written = json_object_getn(topics, topic.ptr, topic.len) != NULL;
    *is_shared = json_object_size(topics) > (*is_written ? 1 : 0);
    json_decref(root);
}

weir_code identity_refuse_foreign(weir_str index, weir_error *err)
{
    return refuse(&(difference){index, "program", "unknown", WEIR_STR("weir"), false}, err);
}

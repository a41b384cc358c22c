/* converter_settings.c - the tables of key.converter.* and value.converter.*. */
#include "runtime/connect/converter_settings.h"

#include <string.h>

#define FIELD(member, ...)    WEIR_FIELD(converter_settings, member, __VA_ARGS__)
#define IGNORED(setting, why) WEIR_FIELD_UNBOUND(.name = setting, .doc = "Ignored.", .ignored = why)
#define REFUSED(setting, why)                                                                      \
    WEIR_FIELD_UNBOUND(.name = setting, .doc = "Not supported.", .unsupported = why)

static const char *const basic_sources[] = {"URL", "USER_INFO", NULL};
static const char *const bearer_sources[] = {"", "STATIC_TOKEN", NULL};
static const char *const decimal_formats[] = {"BASE64", NULL};
static const char *const store_types[] = {"PEM", NULL};

/* In the order of subject_strategy, twice. */
const char *const SUBJECT_STRATEGY_NAMES[] = {
    "TopicNameStrategy",
    "RecordNameStrategy",
    "TopicRecordNameStrategy",
    "io.confluent.kafka.serializers.subject.TopicNameStrategy",
    "io.confluent.kafka.serializers.subject.RecordNameStrategy",
    "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy",
    NULL,
};

#define DATA_WHY  "Avro is what the connector gives; nothing is turned into Connect's data"
#define CACHE_WHY "ids and schemas are cached as long as the task runs"

/* All that begins with p, "key.converter." or "value.converter.". */
/* clang-format off */
#define FIELDS(p)                                                                                  \
    FIELD(schemas_enable, .name = p "schemas.enable", .fallback = "true", .importance = WEIR_LOW,  \
          .doc = "json: each one carries its schema."),                                            \
    FIELD(replace_null, .name = p "replace.null.with.default", .fallback = "true",                 \
          .importance = WEIR_LOW,                                                                  \
          .doc = "json: a null is written as its field's default, if it has one."),                \
    FIELD(decimal_format, .name = p "decimal.format", .fallback = "BASE64",                        \
          .choices = decimal_formats, .importance = WEIR_LOW, .doc = "json: only BASE64."),        \
    FIELD(urls, .name = p "schema.registry.url", .fallback = "", .importance = WEIR_MEDIUM,        \
          .doc = "avro: URLs of the schema registry to use; none: the one of this process."),      \
    FIELD(basic_source, .name = p "basic.auth.credentials.source", .fallback = "URL",              \
          .choices = basic_sources, .importance = WEIR_LOW,                                        \
          .doc = "Where the registry's user and password are: in its URL, or in "                  \
                 "basic.auth.user.info."),                                                         \
    FIELD(basic_user, .name = p "basic.auth.user.info", .fallback = "", .secret = true,            \
          .importance = WEIR_LOW, .doc = "USER:PASSWORD for the registry."),                       \
    FIELD(basic_user_old, .name = p "schema.registry.basic.auth.user.info", .fallback = "",        \
          .secret = true, .importance = WEIR_LOW,                                                  \
          .doc = "The older name of basic.auth.user.info."),                                       \
    FIELD(bearer_source, .name = p "bearer.auth.credentials.source", .fallback = "",               \
          .choices = bearer_sources, .importance = WEIR_LOW,                                       \
          .doc = "STATIC_TOKEN: bearer.auth.token goes with each request to the registry."),       \
    FIELD(bearer_token, .name = p "bearer.auth.token", .fallback = "", .secret = true,             \
          .importance = WEIR_LOW, .doc = "A bearer's token for the registry."),                    \
    FIELD(ca_type, .name = p "schema.registry.ssl.truststore.type", .fallback = "PEM",             \
          .choices = store_types, .importance = WEIR_LOW, .doc = "Only PEM."),                     \
    FIELD(ca_file, .name = p "schema.registry.ssl.truststore.location", .fallback = "",            \
          .importance = WEIR_LOW,                                                                  \
          .doc = "File with the certificates that the registry's may be signed by; none: the "     \
                 "system's."),                                                                     \
    FIELD(cert_type, .name = p "schema.registry.ssl.keystore.type", .fallback = "PEM",             \
          .choices = store_types, .importance = WEIR_LOW, .doc = "Only PEM."),                     \
    FIELD(cert_file, .name = p "schema.registry.ssl.keystore.location", .fallback = "",            \
          .importance = WEIR_LOW, .doc = "File with our certificate and its key."),                \
    FIELD(key_password, .name = p "schema.registry.ssl.key.password", .fallback = "",              \
          .secret = true, .importance = WEIR_LOW, .doc = "Password of that key."),                 \
    FIELD(auto_register, .name = p "auto.register.schemas", .fallback = "true",                    \
          .importance = WEIR_MEDIUM,                                                               \
          .doc = "avro: a schema that its subject does not have is registered as its next "        \
                 "version. false: it has to be there, or the record is refused."),                 \
    FIELD(use_latest, .name = p "use.latest.version", .fallback = "false", .importance = WEIR_LOW, \
          .doc = "avro, with auto.register.schemas=false: records get the id of the subject's "    \
                 "latest version, which must be written with the same bytes."),                    \
    FIELD(latest_strict, .name = p "latest.compatibility.strict", .fallback = "true",              \
          .importance = WEIR_LOW,                                                                  \
          .doc = "false: use.latest.version does not look whether the bytes are the same."),       \
    FIELD(normalize, .name = p "normalize.schemas", .fallback = "false", .importance = WEIR_LOW,   \
          .doc = "avro: the registry compares schemas in their normalized form."),                 \
    FIELD(key_strategy, .name = p "key.subject.name.strategy", .fallback = "TopicNameStrategy",    \
          .choices = SUBJECT_STRATEGY_NAMES, .importance = WEIR_LOW,                               \
          .doc = "avro: the subject of a key's schema: of its topic, its record, or both."),       \
    FIELD(value_strategy, .name = p "value.subject.name.strategy",                                 \
          .fallback = "TopicNameStrategy", .choices = SUBJECT_STRATEGY_NAMES,                      \
          .importance = WEIR_LOW,                                                                  \
          .doc = "avro: the subject of a value's schema: of its topic, its record, or both."),     \
    IGNORED(p "connect.meta.data", DATA_WHY), IGNORED(p "enhanced.avro.schema.support", DATA_WHY), \
    IGNORED(p "discard.type.doc.default", DATA_WHY),                                               \
    IGNORED(p "allow.optional.map.keys", DATA_WHY),                                                \
    IGNORED(p "generalized.sum.type.support", DATA_WHY),                                           \
    IGNORED(p "flatten.singleton.unions", DATA_WHY),                                               \
    IGNORED(p "ignore.default.for.nullables", DATA_WHY),                                           \
    IGNORED(p "scrub.invalid.names", DATA_WHY),                                                    \
    IGNORED(p "schemas.cache.config", CACHE_WHY), IGNORED(p "schemas.cache.size", CACHE_WHY),      \
    IGNORED(p "max.schemas.per.subject", CACHE_WHY), IGNORED(p "latest.cache.size", CACHE_WHY),    \
    IGNORED(p "latest.cache.ttl.sec", CACHE_WHY),                                                  \
    IGNORED(p "converter.type", "the prefix says it"),                                             \
    IGNORED(p "converter.encoding", "texts are UTF-8"),                                            \
    REFUSED(p "use.schema.id", "a schema's id is the registry's choice"),                          \
    REFUSED(p "context.name.strategy", "a context is named in the subject"),                       \
    REFUSED(p "proxy.host", "the registry is asked directly")
/* clang-format on */

static const weir_field key_fields[] = {FIELDS("key.converter.")};
static const weir_field value_fields[] = {FIELDS("value.converter.")};

config_table converter_settings_table(bool is_key)
{
    return (config_table){is_key ? key_fields : value_fields,
                          sizeof(key_fields) / sizeof(key_fields[0]), sizeof(key_fields[0])};
}

size_t converter_settings_own(const config_setting *settings, size_t count, bool is_key,
                              config_setting *out)
{
    weir_str prefix = is_key ? WEIR_STR("key.converter.") : WEIR_STR("value.converter.");
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        if (settings[i].name.len > prefix.len &&
            memcmp(settings[i].name.ptr, prefix.ptr, prefix.len) == 0)
            out[found++] = settings[i];
    return found;
}

subject_strategy converter_strategy(const converter_settings *settings, bool is_key)
{
    weir_choice chosen = is_key ? settings->key_strategy : settings->value_strategy;

    return (subject_strategy)(chosen.index % SUBJECT_STRATEGIES);
}

/* settings.c - the table of settings. */
#include "settings.h"

#include <string.h>
#include <strings.h>

#define SSL "elastic.https.ssl."

enum { BULK_SIZE_MIN = 1024 };

#define FIELD(member, ...)     WEIR_FIELD(es_settings, member, __VA_ARGS__)
#define IGNORED(text, why)     WEIR_FIELD_UNBOUND(.name = text, .doc = why, .ignored = why)
#define UNSUPPORTED(text, why) WEIR_FIELD_UNBOUND(.name = text, .doc = why, .unsupported = why)

static const char *const null_behaviors[] = {"ignore", "delete", "fail", NULL};
static const char *const malformed_behaviors[] = {"ignore", "warn", "fail", NULL};
static const char *const security_protocols[] = {"PLAINTEXT", "SSL", NULL};
static const char *const store_types[] = {"JKS", "PKCS12", "PEM", NULL};
static const char *const write_methods[] = {"insert", "upsert", NULL};

/* Without a protocol it is http. The value is not shown where it may hold a password. */
static weir_code check_url(weir_str value, weir_error *err)
{
    bool has_protocol = value.len > 0 && memmem(value.ptr, value.len, "://", 3) != NULL;

    if (value.len > 0 && memchr(value.ptr, '@', value.len) != NULL)
        return weir_fail(err, WEIR_CONFIG,
                         "an address has a user or a password in it: give them by "
                         "connection.username and connection.password");
    if (value.len > 0 && !has_protocol && memchr(value.ptr, ' ', value.len) == NULL)
        return WEIR_OK;
    if (value.len > 8 &&
        (memcmp(value.ptr, "http://", 7) == 0 || memcmp(value.ptr, "https://", 8) == 0))
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG, "\"%.*s\" does not begin with http:// or https://",
                     WEIR_ARG(value));
}

/* What the Confluent sink can do and this one cannot; its defaults are accepted. */
#define NO_DATA_STREAMS                                                                            \
    "data streams are not supported: they take neither versions nor deletions, so that a "         \
    "repeated "                                                                                    \
    "write would be a second document."
#define NO_RESOURCES "an index is named by its topic; use the route transform."
#define NO_GENERATED_IDS                                                                           \
    "a repeated write would make a second document; key.ignore makes ids of places in the log."
#define NO_MAP_ENTRIES "maps are always written as objects."

static weir_code only(weir_str value, const char *accepted, const char *why, weir_error *err)
{
    if (value.len == strlen(accepted) && strncasecmp(value.ptr, accepted, value.len) == 0)
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG, "\"%.*s\" is not supported, only \"%s\": %s",
                     WEIR_ARG(value), accepted, why);
}

static weir_code check_data_stream(weir_str value, weir_error *err)
{
    return only(value, "none", NO_DATA_STREAMS, err);
}

static weir_code check_resource(weir_str value, weir_error *err)
{
    return only(value, "disabled", NO_RESOURCES, err);
}

static weir_code check_ids(weir_str value, weir_error *err)
{
    return only(value, "false", NO_GENERATED_IDS, err);
}

static weir_code check_maps(weir_str value, weir_error *err)
{
    return only(value, "true", NO_MAP_ENTRIES, err);
}

static weir_code check_identification(weir_str value, weir_error *err)
{
    if (value.len == 0 || weir_str_eq(value, WEIR_STR("https")))
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG, "\"%.*s\" is neither https nor empty", WEIR_ARG(value));
}

const weir_field settings_fields[] = {
    FIELD(urls, .name = "connection.url", .check = check_url,
          .doc =
              "Addresses of the nodes, http://HOST:PORT or https://HOST:PORT; HOST:PORT is http. "
              "Requests go to one after the other."),
    FIELD(username, .name = "connection.username", .fallback = "",
          .doc = "User of basic authentication; empty for none."),
    FIELD(password, .name = "connection.password", .fallback = "", .secret = true,
          .depends_on = "connection.username", .doc = "Password of that user."),
    FIELD(api_key, .name = "connection.api.key", .fallback = "", .secret = true,
          .doc =
              "Encoded API key, sent as \"Authorization: ApiKey\"; instead of user and password."),
    FIELD(compression, .name = "connection.compression", .fallback = "true",
          .doc = "Sends request bodies compressed with gzip."),
    FIELD(connect_timeout_ms, .name = "connection.timeout.ms", .fallback = "1000", .min = 1,
          .max = 43200000, .importance = WEIR_LOW, .doc = "How long making a connection may take."),
    FIELD(read_timeout_ms, .name = "read.timeout.ms", .fallback = "30000", .min = 1,
          .max = 604800000, .importance = WEIR_LOW, .doc = "How long an answer may take."),
    FIELD(batch_size, .name = "batch.size", .fallback = "5000", .min = 1, .max = 1000000,
          .importance = WEIR_MEDIUM, .doc = "Documents in one bulk request, at most."),
    FIELD(bulk_size_bytes, .name = "bulk.size.bytes", .fallback = "5242880", .min = -1,
          .max = 104857600, .importance = WEIR_MEDIUM,
          .doc = "Bytes of one bulk request before compression, at least 1024, at most; a larger "
                 "document "
                 "goes alone. -1: 104857600."),
    FIELD(max_in_flight, .name = "max.in.flight.requests", .fallback = "5", .min = 1, .max = 100,
          .importance = WEIR_MEDIUM,
          .doc =
              "Bulk requests at the same time; each has its own share of the document ids, so that "
              "the writes of one document keep their order."),
    FIELD(max_retries, .name = "max.retries", .fallback = "0", .min = 0, .max = INT32_MAX,
          .importance = WEIR_LOW,
          .doc = "How often a request is repeated before the task is restarted; 0: without end."),
    FIELD(retry_backoff_ms, .name = "retry.backoff.ms", .fallback = "100", .min = 1,
          .max = 86400000, .importance = WEIR_LOW,
          .doc = "Pause before the first repetition; doubled each time, with jitter, up to ten "
                 "seconds; it "
                 "ends when the server, which did not answer, answers again."),
    FIELD(key_ignore, .name = "key.ignore", .fallback = "false",
          .doc = "Takes a document's id from topic, partition and offset instead of the key."),
    FIELD(key_ignore_topics, .name = "topic.key.ignore", .fallback = "", .importance = WEIR_LOW,
          .doc = "Topics for which key.ignore is true."),
    FIELD(schema_ignore, .name = "schema.ignore", .fallback = "false", .importance = WEIR_LOW,
          .doc = "Leaves the mapping of a new index to Elasticsearch."),
    FIELD(schema_ignore_topics, .name = "topic.schema.ignore", .fallback = "",
          .importance = WEIR_LOW, .doc = "Topics for which schema.ignore is true."),
    FIELD(drop_invalid, .name = "drop.invalid.message", .fallback = "false", .importance = WEIR_LOW,
          .doc =
              "Drops a record that cannot be made a document, with a warning, instead of failing."),
    FIELD(on_null, .name = "behavior.on.null.values", .fallback = "delete",
          .choices = null_behaviors, .doc = "What a record with a key and no value does."),
    FIELD(on_malformed, .name = "behavior.on.malformed.documents", .fallback = "fail",
          .choices = malformed_behaviors,
          .doc =
              "What happens to a document that Elasticsearch refuses. With fail the error policy "
              "decides."),
    FIELD(write_method, .name = "write.method", .fallback = "insert", .choices = write_methods,
          .importance = WEIR_LOW,
          .doc =
              "insert replaces documents. upsert does the same, and fields that a record lacks are "
              "kept from the document that is there."),
    FIELD(
        adopt_from, .name = "index.adopt.from", .fallback = "", .importance = WEIR_LOW,
        .doc =
            "Identities of logs and sources, as the refusal of an index names them, whose indices "
            "this sink takes over. Only where versions are positions in the source, and only right "
            "when the positions from now on are larger than those before, as after pg_upgrade."),
    FIELD(as_it_is, .name = "data.stream.type", .fallback = "none", .check = check_data_stream,
          .importance = WEIR_LOW, .doc = "Only none: " NO_DATA_STREAMS),
    FIELD(as_it_is, .name = "external.resource.usage", .fallback = "disabled",
          .check = check_resource, .importance = WEIR_LOW, .doc = "Only disabled: " NO_RESOURCES),
    FIELD(as_it_is, .name = "use.autogenerated.ids", .fallback = "false", .check = check_ids,
          .importance = WEIR_LOW, .doc = "Only false: " NO_GENERATED_IDS),
    FIELD(as_it_is, .name = "compact.map.entries", .fallback = "true", .check = check_maps,
          .importance = WEIR_LOW, .doc = "Only true: " NO_MAP_ENTRIES),
    FIELD(ca_file, .name = "connection.ssl.ca.file", .fallback = "", .importance = WEIR_LOW,
          .doc = "PEM file of the authorities that may sign the server's certificate."),
    FIELD(client_certificate, .name = "connection.ssl.certificate.file", .fallback = "",
          .importance = WEIR_LOW, .doc = "PEM file of the client's certificate."),
    FIELD(client_key, .name = "connection.ssl.key.file", .fallback = "", .importance = WEIR_LOW,
          .doc = "PEM file of the key of the client's certificate."),
    FIELD(security_protocol, .name = "elastic.security.protocol", .fallback = "PLAINTEXT",
          .choices = security_protocols, .importance = WEIR_LOW,
          .doc = "SSL insists on addresses that begin with https://, which use TLS in any case."),
    FIELD(truststore, .name = SSL "truststore.location", .fallback = "", .importance = WEIR_LOW,
          .doc = "The same as connection.ssl.ca.file; its type has to be PEM."),
    FIELD(truststore_type, .name = SSL "truststore.type", .fallback = "JKS", .choices = store_types,
          .importance = WEIR_LOW, .doc = "PEM, if there is a truststore."),
    FIELD(keystore, .name = SSL "keystore.location", .fallback = "", .importance = WEIR_LOW,
          .doc = "The client's certificate and its key in one file, PEM or PKCS12."),
    FIELD(keystore_type, .name = SSL "keystore.type", .fallback = "JKS", .choices = store_types,
          .importance = WEIR_LOW, .doc = "PEM or PKCS12, if there is a keystore."),
    FIELD(keystore_password, .name = SSL "keystore.password", .fallback = "", .secret = true,
          .importance = WEIR_LOW, .doc = "Password of a keystore of type PKCS12."),
    FIELD(key_password, .name = SSL "key.password", .fallback = "", .secret = true,
          .importance = WEIR_LOW,
          .doc = "Password of the client's key, also of connection.ssl.key.file."),
    FIELD(host_check, .name = SSL "endpoint.identification.algorithm", .fallback = "https",
          .check = check_identification, .importance = WEIR_LOW,
          .doc = "https: the server's certificate has to name its host. Empty: it need not."),
    FIELD(proxy_host, .name = "proxy.host", .fallback = "", .importance = WEIR_LOW,
          .doc = "Host of an HTTP proxy."),
    FIELD(proxy_port, .name = "proxy.port", .fallback = "8080", .min = 1, .max = 65535,
          .importance = WEIR_LOW, .doc = "Port of the HTTP proxy."),
    IGNORED("type.name", "types are gone since Elasticsearch 7"),
    IGNORED("auto.create.indices.at.start", "an index is made when its first record comes"),
    IGNORED("linger.ms",
            "what waits is sent when there is nothing more to read, and at every flush"),
    IGNORED("max.buffered.records",
            "what is buffered is bounded by bulk.size.bytes for each request"),
    IGNORED("flush.timeout.ms", "a slow server slows the sink; nothing fails for it"),
    IGNORED("flush.synchronously", "offsets are committed for answered requests only, always"),
    IGNORED("max.connection.idle.time.ms", "a connection that the server closed is opened again"),
    IGNORED("log.sensitive.data", "record contents are never written to diagnostics"),
    UNSUPPORTED("data.stream.dataset", "data streams are not supported"),
    UNSUPPORTED("data.stream.namespace", "data streams are not supported"),
    UNSUPPORTED("data.stream.timestamp.field", "data streams are not supported"),
    UNSUPPORTED("external.version.header", "the version is the change's position in its source"),
    UNSUPPORTED("topic.index.map", "use the route transform"),
    UNSUPPORTED("topic.to.external.resource.mapping", "use the route transform"),
    UNSUPPORTED(SSL "truststore.password", "a PEM file of authorities has none"),
    UNSUPPORTED(SSL "truststore.certificates", "name a file by connection.ssl.ca.file"),
    UNSUPPORTED(SSL "keystore.certificate.chain", "name a file by connection.ssl.certificate.file"),
    UNSUPPORTED(SSL "keystore.key", "name a file by connection.ssl.key.file"),
    UNSUPPORTED(SSL "cipher.suites", "OpenSSL's configuration names the ciphers"),
    UNSUPPORTED(SSL "engine.factory.class", "OpenSSL provides TLS"),
    IGNORED(SSL "protocol", "the newest version of TLS that both sides have is used"),
    IGNORED(SSL "enabled.protocols", "the newest version of TLS that both sides have is used"),
    IGNORED(SSL "provider", "OpenSSL provides TLS"),
    IGNORED(SSL "keymanager.algorithm", "it is Java's"),
    IGNORED(SSL "trustmanager.algorithm", "it is Java's"),
    IGNORED(SSL "secure.random.implementation", "it is Java's"),
    UNSUPPORTED("kerberos.user.principal", "Kerberos is not supported"),
    UNSUPPORTED("kerberos.keytab.path", "Kerberos is not supported"),
    UNSUPPORTED("proxy.username", "a proxy with authentication is not supported"),
    UNSUPPORTED("proxy.password", "a proxy with authentication is not supported"),
};
_Static_assert(sizeof(settings_fields) / sizeof(settings_fields[0]) == SETTINGS_COUNT,
               "the descriptor needs the count");

/* Java's own format is Java's alone. */
static weir_code validate_store(weir_str location, const char *name, weir_choice type,
                                bool pkcs12_too, weir_error *err)
{
    if (location.len == 0 || type.index == STORE_PEM || (pkcs12_too && type.index == STORE_PKCS12))
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG,
                     SSL
                     "%s.type is %s: only PEM%s can be read (keytool -importkeystore makes PKCS12 "
                     "of JKS, openssl pkcs12 makes PEM of that)",
                     name, store_types[type.index], pkcs12_too ? " and PKCS12" : "");
}

static weir_code validate_tls(const es_settings *settings, weir_error *err)
{
    if (settings->security_protocol.index == SECURITY_SSL)
        for (size_t i = 0; i < settings->urls.count; i++)
            if (settings->urls.items[i].len < 6 ||
                memcmp(settings->urls.items[i].ptr, "https:", 6) != 0)
                return weir_fail(err, WEIR_CONFIG,
                                 "elastic.security.protocol is SSL, but connection.url has "
                                 "\"%.*s\"; an address with TLS begins with https://",
                                 WEIR_ARG(settings->urls.items[i]));
    if (settings->ca_file.len > 0 && settings->truststore.len > 0)
        return weir_fail(err, WEIR_CONFIG,
                         "connection.ssl.ca.file and " SSL "truststore.location are both set; give "
                         "one of them");
    if (settings->client_certificate.len > 0 && settings->keystore.len > 0)
        return weir_fail(err, WEIR_CONFIG,
                         "connection.ssl.certificate.file and " SSL "keystore.location are both "
                         "set; give one of them");
    if (validate_store(settings->truststore, "truststore", settings->truststore_type, false, err) !=
        WEIR_OK)
        return err->code;
    return validate_store(settings->keystore, "keystore", settings->keystore_type, true, err);
}

weir_code settings_validate(const es_settings *settings, weir_error *err)
{
    if (settings->api_key.len > 0 && settings->username.len > 0)
        return weir_fail(
            err, WEIR_CONFIG,
            "connection.api.key and connection.username are both set; give one of them");
    if (settings->bulk_size_bytes >= 0 && settings->bulk_size_bytes < BULK_SIZE_MIN)
        return weir_fail(err, WEIR_CONFIG, "bulk.size.bytes is %lld: at least %d, or -1",
                         (long long)settings->bulk_size_bytes, BULK_SIZE_MIN);
    return validate_tls(settings, err);
}

static bool list_has(weir_list list, weir_str text)
{
    for (size_t i = 0; i < list.count; i++)
        if (weir_str_eq(list.items[i], text))
            return true;
    return false;
}

bool settings_key_is_ignored(const es_settings *settings, weir_str topic)
{
    return settings->key_ignore || list_has(settings->key_ignore_topics, topic);
}

bool settings_schema_is_ignored(const es_settings *settings, weir_str topic)
{
    return settings->schema_ignore || list_has(settings->schema_ignore_topics, topic);
}

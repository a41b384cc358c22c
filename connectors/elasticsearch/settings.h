/* settings.h - the configuration of the elasticsearch sink, with the Confluent sink's names. */
#ifndef ELASTICSEARCH_SETTINGS_H
#define ELASTICSEARCH_SETTINGS_H

#include "weir/config.h"

enum null_behavior { NULL_IGNORE, NULL_DELETE, NULL_FAIL };
enum malformed_behavior { MALFORMED_IGNORE, MALFORMED_WARN, MALFORMED_FAIL };
enum security_protocol { SECURITY_PLAINTEXT, SECURITY_SSL };
enum store_type { STORE_JKS, STORE_PKCS12, STORE_PEM };
enum write_method { WRITE_INSERT, WRITE_UPSERT };

typedef struct es_settings {
    weir_list urls;
    weir_str username;
    weir_str password;
    weir_str api_key;
    bool compression;
    int64_t connect_timeout_ms;
    int64_t read_timeout_ms;
    int64_t batch_size;
    int64_t bulk_size_bytes;
    int64_t max_in_flight;
    int64_t max_retries;
    int64_t retry_backoff_ms;
    bool key_ignore;
    weir_list key_ignore_topics;
    bool schema_ignore;
    weir_list schema_ignore_topics;
    bool drop_invalid;
    weir_choice on_null;
    weir_choice on_malformed;
    weir_choice write_method;
    weir_list adopt_from;
    weir_str ca_file;
    weir_str client_certificate;
    weir_str client_key;
    /* The same under the Confluent sink's names. */
    weir_choice security_protocol;
    weir_str truststore;
    weir_choice truststore_type;
    weir_str keystore;
    weir_choice keystore_type;
    weir_str keystore_password;
    weir_str key_password;
    weir_str host_check; /* "https", or empty: the certificate's host does not matter */
    weir_str as_it_is;   /* of settings that have one possible value */
    weir_str proxy_host;
    int64_t proxy_port;
} es_settings;

/* For weir_sink: the table binds the member `settings` at the start of the task's state. */
extern const weir_field settings_fields[];
enum { SETTINGS_BULK_SIZE_MAX = 104857600 };
enum { SETTINGS_COUNT = 68 };

/* What no field can say for itself. */
weir_code settings_validate(const es_settings *settings, weir_error *err);

/* True when the documents of a topic take their id from the log position, not from the key. */
bool settings_key_is_ignored(const es_settings *settings, weir_str topic);
bool settings_schema_is_ignored(const es_settings *settings, weir_str topic);

#endif

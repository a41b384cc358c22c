/* converter_settings.h - what a converter can be told: key.converter.X and value.converter.X.
 *
 * The names behind the prefix are those of Confluent's AvroConverter and of Kafka Connect's JsonConverter.
 */
#ifndef RUNTIME_CONNECT_CONVERTER_SETTINGS_H
#define RUNTIME_CONNECT_CONVERTER_SETTINGS_H

#include "sdk/src/config.h"

/* Which subject a schema is registered under. Indexes of the choices of *.subject.name.strategy; their short
 * names and their Java classes are behind one another. */
typedef enum subject_strategy {
    SUBJECT_TOPIC_NAME,        /* "orders-value" */
    SUBJECT_RECORD_NAME,       /* "com.shop.Order" */
    SUBJECT_TOPIC_RECORD_NAME, /* "orders-com.shop.Order" */
    SUBJECT_STRATEGIES,
} subject_strategy;

extern const char *const SUBJECT_STRATEGY_NAMES[]; /* those choices; NULL behind the last */

typedef struct converter_settings {
    bool schemas_enable, replace_null;       /* json */
    weir_choice decimal_format;              /* json: base64 is all there is */
    weir_list urls;                          /* none: the registry of this process */
    weir_choice basic_source, bearer_source; /* of credentials */
    weir_str basic_user, basic_user_old, bearer_token;
    weir_str ca_file, cert_file, key_password;
    weir_choice ca_type, cert_type;
    bool auto_register, use_latest, latest_strict, normalize;
    weir_choice key_strategy, value_strategy;
} converter_settings;

/* The table of the key's or of the value's converter. */
config_table converter_settings_table(bool is_key);

/* The settings that are this converter's, by their prefix; out has room for count. Returns how many. */
size_t converter_settings_own(const config_setting *settings, size_t count, bool is_key,
                              config_setting *out);

subject_strategy converter_strategy(const converter_settings *settings, bool is_key);

#endif

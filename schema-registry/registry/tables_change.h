/* tables_change.h - what tables.c and tables_apply.c share. */
#ifndef SCHEMA_REGISTRY_REGISTRY_TABLES_CHANGE_H
#define SCHEMA_REGISTRY_REGISTRY_TABLES_CHANGE_H

#include "schema-registry/registry/tables.h"

/* Keys of the maps. */
void setting_key(record_kind kind, weir_str subject, weir_buf *out);
void referrers_key(weir_str subject, int32_t version, weir_buf *out);

/* Where a version is, or would be. */
size_t subject_version_place(const registry_subject *subject, int32_t version);

void registry_setting_free(registry_setting *setting);

#endif

/* registry_host.c - a schema registry in this process. */
#include "runtime/cli/registry_host.h"

#include "runtime/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PEM_LIMIT = 1 << 20 };

static weir_code read_file(const char *flag, const char *path, weir_buf *out, weir_error *err)
{
    FILE *file = fopen(path, "re");
    size_t got;

    if (file == NULL)
        return weir_fail(err, WEIR_CONFIG, "%s: cannot read %s: %s", flag, path, strerror(errno));
    got = fread(weir_buf_reserve(out, PEM_LIMIT), 1, PEM_LIMIT, file);
    out->len += got;
    (void)fclose(file); /* it was only read */
    if (got == 0 || got == PEM_LIMIT)
        return weir_fail(err, WEIR_CONFIG, "%s: %s is %s", flag, path,
                         got == 0 ? "empty" : "no PEM file");
    return WEIR_OK;
}

static weir_code read_options(registry_host *self, const registry_settings *settings,
                              weir_error *err)
{
    self->options = REGISTRY_DEFAULTS;
    if (settings->compatibility[0] != '\0' &&
        !compat_level_parse(weir_cstr(settings->compatibility), &self->options.level))
        return weir_fail(err, WEIR_CONFIG, "\"%s\" is no compatibility level",
                         settings->compatibility);
    if (settings->error_codes[0] != '\0' && strcmp(settings->error_codes, "short") != 0 &&
        strcmp(settings->error_codes, "long") != 0)
        return weir_fail(err, WEIR_CONFIG, "the error codes are short or long, not \"%s\"",
                         settings->error_codes);
    self->options.long_incompatible = strcmp(settings->error_codes, "long") == 0;
    return WEIR_OK;
}

static weir_code read_security(registry_host *self, const registry_settings *settings,
                               weir_error *err)
{
    if (settings->users[0] != '\0' && access_read(settings->users, &self->rules, err) != WEIR_OK)
        return err->code;
    self->api.rules = self->rules;
    if ((settings->tls_certificate[0] != '\0') != (settings->tls_key[0] != '\0'))
        return weir_fail(err, WEIR_CONFIG, "TLS takes a certificate and a key: one is missing");
    if (settings->tls_certificate[0] == '\0')
        return WEIR_OK;
    if (read_file("the certificate", settings->tls_certificate, &self->certificate, err) != WEIR_OK)
        return err->code;
    return read_file("the key", settings->tls_key, &self->key, err);
}

weir_code registry_host_listen(registry_host *self, const registry_settings *settings,
                               weir_error *err)
{
    bool none = settings->address[0] == '\0' || strcmp(settings->address, "none") == 0;
    http_service service;
    weir_code code;

    *self = (registry_host){.api = {.version = WEIR_VERSION, .log_id = ""}};
    code = read_options(self, settings, err);
    if (code == WEIR_OK)
        code = read_security(self, settings, err);
    if (code == WEIR_OK && !none) {
        service = api_service(&self->api);
        service.optional = settings->is_optional;
        if (self->certificate.len > 0) {
            service.tls_certificate = weir_buf_cstr(&self->certificate);
            service.tls_key = weir_buf_cstr(&self->key);
        }
        code = http_server_start(settings->flag, settings->address, &service, &self->server, err);
    }
    if (code != WEIR_OK)
        registry_host_close(self);
    return code;
}

weir_code registry_host_open(registry_host *self, log *backend, weir_error *err)
{
    registry *opened;

    if (registry_open(backend, &self->options, &opened, err) != WEIR_OK)
        return err->code;
    self->api.log_id = log_id(backend);
    atomic_store(&self->api.registry, opened);
    api_metrics_add(&self->api);
    return WEIR_OK;
}

void registry_host_stop(registry_host *self)
{
    http_server_stop(self->server);
    self->server = NULL;
}

void registry_host_close(registry_host *self)
{
    registry_host_stop(self);
    api_metrics_remove(&self->api);
    registry_close(atomic_load(&self->api.registry));
    access_free(self->rules);
    weir_buf_done(&self->certificate);
    weir_buf_done(&self->key);
    *self = (registry_host){0};
}

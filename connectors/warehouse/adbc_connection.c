/* adbc_connection.c - loading a driver, holding off other writers, opening the database. */
#include "adbc_connection.h"

#include "adbc_vendor.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

weir_code adbc_connection_failed(struct AdbcError *error, const char *doing, weir_error *err)
{
    const char *message = error->message != NULL ? error->message : "the driver gives no reason";
    weir_code code = weir_fail(err, adbc_vendor_class_of_error(message), "%s: %.*s", doing,
                               (int)strcspn(message, "\n"), message);

    if (error->release != NULL)
        error->release(error);
    *error = (struct AdbcError){.message = NULL};
    return code;
}

/* The file's one name, as text that is the same for all spellings. */
static void canonical(weir_str path, weir_buf *out)
{
    char resolved[PATH_MAX];
    const char *slash = strrchr(path.ptr, '/');
    weir_str folder =
        slash != NULL ? (weir_str){path.ptr, (size_t)(slash - path.ptr) + 1} : WEIR_STR("./");

    if (realpath(path.ptr, resolved) != NULL) {
        weir_buf_printf(out, "%s", resolved);
        return;
    }
    weir_buf_add_str(out, folder); /* it is not there yet: its folder is */
    if (realpath(weir_buf_cstr(out), resolved) != NULL) {
        weir_buf_clear(out);
        weir_buf_printf(out, "%s", resolved);
    }
    weir_buf_printf(out, "/%s", slash != NULL ? slash + 1 : path.ptr);
}

/* One writer a file. The engine's own lock holds off other processes, but not a second task of this one,
 * and two engines on a file destroy it. A bound name in the abstract namespace of sockets is exclusive
 * in both cases, leaves no file behind, and is gone with the process. */
static weir_code lock_file(adbc_connection *self, weir_str path, weir_error *err)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    weir_buf text = {0};

    self->lock = -1;
    if (path.len == 0 || weir_str_eq(path, WEIR_STR(":memory:")))
        return WEIR_OK;
    canonical(path, &text);
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.ptr[i]) * UINT64_C(0x100000001b3);
    weir_buf_done(&text);
    (void)snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "weir-writes-%016" PRIx64, hash);
    self->lock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->lock < 0)
        return weir_fail(err, WEIR_RETRY, "could not lock \"%.*s\"", WEIR_ARG(path));
    if (bind(self->lock, (const struct sockaddr *)&name, sizeof(name)) == 0)
        return WEIR_OK;
    return weir_fail(err, WEIR_RETRY,
                     "\"%.*s\" is being written by another connector; the file takes one writer at "
                     "a time",
                     WEIR_ARG(path));
}

static weir_code load(adbc_connection *self, const url *where, weir_error *err)
{
    weir_str entry_point = url_parameter_value(where, "entrypoint");
    struct AdbcError error = {.message = NULL};
    AdbcDriverInitFunc init;

    self->library = dlopen(where->base.ptr, RTLD_NOW | RTLD_LOCAL);
    if (self->library == NULL) /* NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is per thread */
        return weir_fail(err, WEIR_CONFIG, "could not load the ADBC driver: %s", dlerror());
    *(void **)(&init) = dlsym(self->library, entry_point.ptr);
    if (init == NULL)
        return weir_fail(err, WEIR_CONFIG, "the ADBC driver \"%.*s\" has no entry point \"%.*s\"",
                         WEIR_ARG(where->base), WEIR_ARG(entry_point));
    AdbcStatusCode status = init(ADBC_VERSION_1_1_0, &self->driver, &error);

    if (status == ADBC_STATUS_NOT_IMPLEMENTED)
        status = init(ADBC_VERSION_1_0_0, &self->driver, &error);
    return status == ADBC_STATUS_OK
               ? WEIR_OK
               : adbc_connection_failed(&error, "could not start the driver", err);
}

static weir_code set_options(adbc_connection *self, const url *where, struct AdbcError *error)
{
    for (size_t i = 0; i < where->parameter_count; i++) {
        const url_parameter *parameter = &where->parameters[i];

        if (!weir_str_eq(parameter->name, WEIR_STR("entrypoint")) &&
            self->driver.DatabaseSetOption(&self->database, parameter->name.ptr,
                                           parameter->value.ptr, error) != ADBC_STATUS_OK)
            return WEIR_CONFIG;
    }
    return WEIR_OK;
}

static weir_code open_database(adbc_connection *self, const url *where, weir_error *err)
{
    struct AdbcDriver *driver = &self->driver;
    struct AdbcError error = {.message = NULL};

    if (load(self, where, err) != WEIR_OK)
        return err->code;
    if (driver->DatabaseNew(&self->database, &error) != ADBC_STATUS_OK)
        return adbc_connection_failed(&error, "could not start the driver", err);
    self->has_database = true;
    if (set_options(self, where, &error) != WEIR_OK) {
        (void)adbc_connection_failed(&error, "connection.url has an option that the driver refuses",
                                     err);
        return err->code = WEIR_CONFIG;
    }
    if (driver->DatabaseInit(&self->database, &error) != ADBC_STATUS_OK ||
        driver->ConnectionNew(&self->connection, &error) != ADBC_STATUS_OK)
        return adbc_connection_failed(&error, "could not open the warehouse", err);
    self->has_connection = true;
    if (driver->ConnectionInit(&self->connection, &self->database, &error) != ADBC_STATUS_OK)
        return adbc_connection_failed(&error, "could not connect to the warehouse", err);
    return WEIR_OK;
}

weir_code adbc_connection_open(adbc_connection *self, const url *where, weir_error *err)
{
    self->lock = -1;
    if (lock_file(self, url_parameter_value(where, "path"), err) != WEIR_OK)
        return err->code;
    return open_database(self, where, err);
}

void adbc_connection_close(adbc_connection *self)
{
    if (self->has_connection)
        (void)self->driver.ConnectionRelease(&self->connection, NULL);
    if (self->has_database)
        (void)self->driver.DatabaseRelease(&self->database, NULL);
    if (self->driver.release != NULL)
        (void)self->driver.release(&self->driver, NULL);
    if (self->lock >= 0)
        (void)close(self->lock); /* behind the release: from here on the file may be opened again */
    /* the library stays: drivers leave threads and thread-local data behind that outlive a close */
}

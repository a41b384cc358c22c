/* config.h - one table of fields describes a connector's whole configuration.
 *
 * From that table the worker parses and checks a pipeline file, answers the REST API's validate
 * call, draws the console's form, hides secrets in logs, and `make docs` writes the reference page.
 * A setting that is not in the table does not exist: an unknown name is refused in a pipeline file,
 * with the nearest known name as a hint, and warned of over the Connect REST API.
 */
#ifndef WEIR_CONFIG_H
#define WEIR_CONFIG_H

#include "weir/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum weir_kind {
    WEIR_KIND_BOOL = 0,
    WEIR_KIND_INT = 1,
    WEIR_KIND_STR = 2,
    WEIR_KIND_LIST = 3, /* comma-separated in Connect's JSON; a list in a pipeline file */
    WEIR_KIND_DOUBLE = 4,
    WEIR_KIND_CHOICE = 5, /* one of `choices`; the member holds its index */
} weir_kind;

typedef enum weir_importance { WEIR_HIGH, WEIR_MEDIUM, WEIR_LOW } weir_importance;

/* Both kinds of memory live as long as the task. */
typedef struct weir_list {
    weir_str *items;
    size_t count;
} weir_list;

typedef struct weir_choice {
    int index; /* into weir_field.choices */
} weir_choice;

typedef struct weir_field {
    const char *name;           /* as a person writes it: "poll.interval.ms" */
    const char *doc;            /* one or two sentences; they become the reference page */
    const char *fallback;       /* the default, as text; NULL makes the field required */
    const char *depends_on;     /* asked for only when this other field is set */
    weir_importance importance; /* orders the reference page and the form */
    bool secret;                /* shown as "***" in logs, statuses and REST answers */
    int64_t min, max;           /* of an integer, or of a text's length; both 0: unbounded */
    const char *const *choices; /* of a choice: its names, NULL behind the last; case is ignored */
    const char *unsupported;    /* the replaced connector knows it, we do not: why; refused */
    const char *ignored;        /* accepted without effect: why; a warning */
    weir_code (*check)(weir_str value, weir_error *err); /* what bounds cannot say; optional */
    weir_kind kind;                                      /* set by WEIR_FIELD */
    size_t offset;                                       /* set by WEIR_FIELD */
    bool bound;                                          /* set by WEIR_FIELD: has a member */
} weir_field;

/* Binds a name to a member of the task's state. The kind follows from the member's type, so the
 * table and the struct cannot disagree; a member of another type does not compile. An optional text
 * has the fallback "". */
#define WEIR_FIELD(type, member, ...)                                                              \
    {                                                                                              \
        .kind = WEIR_KIND_OF(((type *)0)->member), .offset = offsetof(type, member),               \
        .bound = true, __VA_ARGS__                                                                 \
    }

/* A name that is known, without a member: one that is ignored or unsupported. A star at its end stands for
 * all names that begin so: "column.mask.*". */
#define WEIR_FIELD_UNBOUND(...)                                                                    \
    {                                                                                              \
        .kind = WEIR_KIND_STR, .fallback = "", .importance = WEIR_LOW, __VA_ARGS__                 \
    }

#define WEIR_KIND_OF(member)                                                                       \
    _Generic((member), bool                                                                        \
             : WEIR_KIND_BOOL, int64_t                                                             \
             : WEIR_KIND_INT, weir_str                                                             \
             : WEIR_KIND_STR, weir_list                                                            \
             : WEIR_KIND_LIST, double                                                              \
             : WEIR_KIND_DOUBLE, weir_choice                                                       \
             : WEIR_KIND_CHOICE)

#ifdef __cplusplus
}
#endif

#endif

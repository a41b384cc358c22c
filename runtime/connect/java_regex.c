/* java_regex.c - Java's regular expressions by PCRE2.
 *
 * A pattern is translated in one pass from left to right, which knows only escapes, quotes and classes. Where
 * each byte of the translation came from is kept, so that an error names the place in what the user wrote.
 */
#include "runtime/connect/java_regex.h"

#include "runtime/base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum {
    MATCH_STEPS = 1000000, /* some tens of milliseconds */
    HEAP_KIB = 4096,
    PATTERN_MAX = 65536,
};

struct java_regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    weir_buf pattern; /* for messages */
};

/* --- Translating ------------------------------------------------------------------------------ */

typedef struct translation {
    weir_str from;
    size_t at;
    weir_buf text;
    weir_buf origins; /* of each byte of text: size_t into from */
    bool in_class, is_class_start;
    const char *problem; /* NULL: none */
} translation;

static void emit(translation *self, weir_str text)
{
    for (size_t i = 0; i < text.len; i++)
        weir_buf_add(&self->origins, &self->at, sizeof(self->at));
    weir_buf_add_str(&self->text, text);
}

static bool looking_at(const translation *self, weir_str text)
{
    return self->from.len - self->at >= text.len &&
           memcmp(self->from.ptr + self->at, text.ptr, text.len) == 0;
}

/* Copies so many bytes as they are. */
static void copy(translation *self, size_t size)
{
    size_t left = self->from.len - self->at;

    for (size = size < left ? size : left; size > 0; size--, self->at++)
        emit(self, (weir_str){self->from.ptr + self->at, 1});
}

/* \Q...\E stands for itself; without \E up to the end. */
static void copy_quote(translation *self)
{
    weir_str rest = {self->from.ptr + self->at, self->from.len - self->at};
    const char *end = memmem(rest.ptr, rest.len, "\\E", 2);

    copy(self, end != NULL ? (size_t)(end - rest.ptr) + 2 : rest.len);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* \uXXXX is \x{XXXX}; false: it is none. */
static bool take_unicode(translation *self)
{
    const char *digits = self->from.ptr + self->at + 2;

    if (!looking_at(self, WEIR_STR("\\u")) || self->from.len - self->at < 6)
        return false;
    for (int i = 0; i < 4; i++)
        if (!is_hex(digits[i]))
            return false;
    emit(self, WEIR_STR("\\x{"));
    emit(self, (weir_str){digits, 4});
    emit(self, WEIR_STR("}"));
    self->at += 6;
    return true;
}

/* \p{Alpha} is [[:alpha:]], in a class [:alpha:]; false: it is not one of these. */
static bool take_posix_class(translation *self)
{
    static const char *const names[][2] = {
        {"Lower", "lower"}, {"Upper", "upper"}, {"ASCII", "ascii"}, {"Alpha", "alpha"},
        {"Digit", "digit"}, {"Alnum", "alnum"}, {"Punct", "punct"}, {"Graph", "graph"},
        {"Print", "print"}, {"Blank", "blank"}, {"Cntrl", "cntrl"}, {"XDigit", "xdigit"},
        {"Space", "space"}};
    bool is_negated = looking_at(self, WEIR_STR("\\P{"));
    const char *name = self->from.ptr + self->at + 3;
    size_t left = self->from.len - self->at;

    if (!is_negated && !looking_at(self, WEIR_STR("\\p{")))
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t size = strlen(names[i][0]);

        if (left < size + 4 || memcmp(name, names[i][0], size) != 0 || name[size] != '}')
            continue;
        emit(self, self->in_class ? WEIR_STR("[:") : WEIR_STR("[[:"));
        emit(self, is_negated ? WEIR_STR("^") : WEIR_STR(""));
        emit(self, weir_cstr(names[i][1]));
        emit(self, self->in_class ? WEIR_STR(":]") : WEIR_STR(":]]"));
        self->at += size + 4;
        return true;
    }
    return false;
}

static void take_escape(translation *self)
{
    if (looking_at(self, WEIR_STR("\\Q")))
        copy_quote(self);
    else if (!take_unicode(self) && !take_posix_class(self))
        copy(self, 2);
}

/* One piece of a class. Java's unions and intersections mean something else to PCRE2. */
static void take_in_class(translation *self)
{
    char c = self->from.ptr[self->at];
    bool was_start = self->is_class_start;

    self->is_class_start = was_start && c == '^';
    if (c == '\\')
        take_escape(self);
    else if (c == '[')
        self->problem = "a class within a class is not supported; write \\[ for the bracket itself";
    else if (looking_at(self, WEIR_STR("&&")))
        self->problem = "an intersection of classes is not supported; write \\& for the character, "
                        "or (?!x)[...] to leave x out";
    else {
        self->in_class = c != ']' || was_start;
        copy(self, 1);
    }
}

static void translate(translation *self)
{
    while (self->at < self->from.len && self->problem == NULL) {
        char c = self->from.ptr[self->at];

        if (self->in_class) {
            take_in_class(self);
        } else if (c == '\\') {
            take_escape(self);
        } else {
            self->in_class = self->is_class_start = c == '[';
            copy(self, 1);
        }
    }
}

static void translation_done(translation *self)
{
    weir_buf_done(&self->text);
    weir_buf_done(&self->origins);
}

/* --- Compiling -------------------------------------------------------------------------------- */

/* The number of the character, from 1, that a byte belongs to. */
static size_t character_at(weir_str text, size_t byte)
{
    size_t count = 1;

    for (size_t i = 0; i < byte && i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static weir_code refuse(weir_str pattern, const char *reason, size_t byte, weir_error *err)
{
    return weir_fail(err, WEIR_CONFIG,
                     "\"%.*s\" is no regular expression: %s at character %zu (Java's syntax; \\ "
                     "before a character takes its meaning away)",
                     WEIR_ARG(pattern), reason, character_at(pattern, byte));
}

static weir_code compile(java_regex *self, translation *from, weir_error *err)
{
    pcre2_compile_context *how = pcre2_compile_context_create(NULL);
    PCRE2_SIZE at;
    int problem;
    char reason[128];
    size_t byte = from->from.len;

    (void)pcre2_set_newline(how, PCRE2_NEWLINE_ANY); /* as near to Java's line ends as there is */
    self->code = pcre2_compile((PCRE2_SPTR)weir_buf_cstr(&from->text), from->text.len, PCRE2_UTF,
                               &problem, &at, how);
    pcre2_compile_context_free(how);
    if (self->code != NULL)
        return WEIR_OK;
    if (at < from->text.len)
        memcpy(&byte, from->origins.ptr + at * sizeof(byte), sizeof(byte));
    (void)pcre2_get_error_message(problem, (PCRE2_UCHAR *)reason, sizeof(reason));
    return refuse(from->from, reason, byte, err);
}

weir_code java_regex_new(weir_str pattern, java_regex **out, weir_error *err)
{
    java_regex *self;
    translation from = {.from = pattern};
    weir_code code;

    if (pattern.len > PATTERN_MAX)
        return weir_fail(err, WEIR_CONFIG, "a regular expression of %zu bytes; %d are the most",
                         pattern.len, PATTERN_MAX);
    self = mem_zalloc(1, sizeof(*self));
    weir_buf_add_str(&self->pattern, pattern);
    translate(&from);
    code = from.problem != NULL ? refuse(pattern, from.problem, from.at, err)
                                : compile(self, &from, err);
    translation_done(&from);
    if (code != WEIR_OK) {
        java_regex_free(self);
        return code;
    }
    self->match = pcre2_match_data_create_from_pattern(self->code, NULL);
    self->limits = pcre2_match_context_create(NULL);
    (void)pcre2_set_match_limit(self->limits, MATCH_STEPS);
    (void)pcre2_set_heap_limit(self->limits, HEAP_KIB);
    *out = self;
    return WEIR_OK;
}

void java_regex_free(java_regex *self)
{
    if (self == NULL)
        return;
    pcre2_match_context_free(self->limits);
    pcre2_match_data_free(self->match);
    pcre2_code_free(self->code);
    weir_buf_done(&self->pattern);
    free(self);
}

weir_code java_regex_check(weir_str pattern, weir_error *err)
{
    java_regex *self = NULL;

    if (pattern.len > 0 && java_regex_new(pattern, &self, err) != WEIR_OK)
        return err->code;
    java_regex_free(self);
    return WEIR_OK;
}

/* --- Matching --------------------------------------------------------------------------------- */

static weir_code match(java_regex *self, weir_str text, uint32_t how, bool *out, weir_error *err)
{
    weir_str pattern = weir_buf_str(&self->pattern);
    int count = pcre2_match(self->code, (PCRE2_SPTR)(text.ptr != NULL ? text.ptr : ""), text.len, 0,
                            how, self->match, self->limits);
    char reason[128];

    *out = count >= 0;
    if (count >= 0 || count == PCRE2_ERROR_NOMATCH)
        return WEIR_OK;
    if (count == PCRE2_ERROR_MATCHLIMIT || count == PCRE2_ERROR_DEPTHLIMIT ||
        count == PCRE2_ERROR_HEAPLIMIT)
        return weir_fail(err, WEIR_CONFIG,
                         "the regular expression \"%.*s\" takes too many steps for \"%.*s\"; write "
                         "repetitions so that they cannot match the same text in many ways",
                         WEIR_ARG(pattern), WEIR_ARG(text));
    (void)pcre2_get_error_message(count, (PCRE2_UCHAR *)reason, sizeof(reason));
    return weir_fail(err, WEIR_REJECT, "the regular expression \"%.*s\" on \"%.*s\": %s",
                     WEIR_ARG(pattern), WEIR_ARG(text), reason);
}

weir_code java_regex_matches(java_regex *self, weir_str text, bool *out, weir_error *err)
{
    return match(self, text, PCRE2_ANCHORED | PCRE2_ENDANCHORED, out, err);
}

/* --- Replacing -------------------------------------------------------------------------------- */

static weir_code no_group(const java_regex *self, weir_str replacement, weir_error *err)
{
    return weir_fail(
        err, WEIR_CONFIG,
        "the replacement \"%.*s\" names a group that \"%.*s\" does not have; write \\$ "
        "for the character itself",
        WEIR_ARG(replacement), WEIR_ARG(weir_buf_str(&self->pattern)));
}

static void add_group(const java_regex *self, weir_str text, uint32_t group, weir_buf *out)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(self->match) + (size_t)group * 2;

    if (ends[0] != PCRE2_UNSET)
        weir_buf_add(out, text.ptr + ends[0], ends[1] - ends[0]);
}

/* ${name} or $12: as many digits as name a group that is there. Returns how many bytes of it there are behind
 * the $; 0: it names none. */
static size_t group_of(const java_regex *self, weir_str rest, uint32_t *group)
{
    uint32_t count = pcre2_get_ovector_count(self->match);
    char name[64];
    size_t used = 0;

    if (rest.len > 0 && rest.ptr[0] == '{') {
        const char *end = memchr(rest.ptr, '}', rest.len);
        size_t size = end != NULL ? (size_t)(end - rest.ptr) - 1 : 0;
        int number;

        if (size == 0 || size >= sizeof(name))
            return 0;
        memcpy(name, rest.ptr + 1, size);
        name[size] = '\0';
        number = pcre2_substring_number_from_name(self->code, (PCRE2_SPTR)name);
        *group = number > 0 ? (uint32_t)number : 0;
        return number > 0 ? size + 2 : 0;
    }
    *group = 0;
    while (used < rest.len && rest.ptr[used] >= '0' && rest.ptr[used] <= '9') {
        uint32_t longer = *group * 10 + (uint32_t)(rest.ptr[used] - '0');

        if (longer >= count)
            break;
        *group = longer;
        used++;
    }
    return used;
}

static void add_byte(weir_buf *out, char byte)
{
    if (out != NULL)
        weir_buf_add_byte(out, byte);
}

/* out NULL: only looks whether it could be added. */
static weir_code add_replacement(const java_regex *self, weir_str text, weir_str replacement,
                                 weir_buf *out, weir_error *err)
{
    for (size_t i = 0; i < replacement.len; i++) {
        weir_str rest = {replacement.ptr + i + 1, replacement.len - i - 1};
        uint32_t group;
        size_t used;

        if (replacement.ptr[i] == '\\' && rest.len > 0) {
            add_byte(out, replacement.ptr[++i]);
        } else if (replacement.ptr[i] != '$') {
            add_byte(out, replacement.ptr[i]);
        } else {
            used = group_of(self, rest, &group);
            if (used == 0)
                return no_group(self, replacement, err);
            if (out != NULL)
                add_group(self, text, group, out);
            i += used;
        }
    }
    return WEIR_OK;
}

weir_code java_regex_replace(java_regex *self, weir_str text, weir_str replacement, weir_buf *out,
                             weir_error *err)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(self->match);
    bool found;

    if (match(self, text, 0, &found, err) != WEIR_OK)
        return err->code;
    if (!found) {
        weir_buf_add_str(out, text);
        return WEIR_OK;
    }
    weir_buf_add(out, text.ptr, ends[0]);
    if (add_replacement(self, text, replacement, out, err) != WEIR_OK)
        return err->code;
    weir_buf_add(out, text.ptr + ends[1], text.len - ends[1]);
    return WEIR_OK;
}

weir_code java_regex_check_replacement(const java_regex *self, weir_str replacement,
                                       weir_error *err)
{
    return add_replacement(self, (weir_str){0}, replacement, NULL, err);
}

/* script.c - cuts a file of SQL into its statements. */
#include "script.h"

#include <string.h>
#include <strings.h>

enum { WORDS_MAX = 4 }; /* CREATE OR REPLACE FUNCTION */

/* A statement while it is read. */
typedef struct reading {
    script *from;
    weir_str words[WORDS_MAX]; /* its first ones */
    size_t word_count;
    int parentheses;
    int bodies; /* BEGIN ... END, and CASE ... END in there */
} reading;

script script_of(weir_str text)
{
    return (script){.text = text, .line = 1};
}

static char peek(const script *self, size_t ahead)
{
    return self->at + ahead < self->text.len ? self->text.ptr[self->at + ahead] : '\0';
}

static void step(script *self)
{
    self->line += self->text.ptr[self->at] == '\n';
    self->at++;
}

static void skip(script *self, size_t count)
{
    for (; count > 0 && self->at < self->text.len; count--)
        step(self);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}

static bool is_word_char(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '$';
}

static bool is_word(weir_str word, const char *name)
{
    return word.len == strlen(name) && strncasecmp(word.ptr, name, word.len) == 0;
}

/* --- What semicolons do not count in ---------------------------------------------------------- */

/* Behind the closing quote; two of them are one in the text. False: there is none. */
static bool skip_quoted(script *self, char quote, bool escapes)
{
    skip(self, 1);
    while (self->at < self->text.len) {
        char c = peek(self, 0);

        if (escapes && c == '\\') {
            skip(self, 2);
        } else if (c == quote) {
            skip(self, 1);
            if (peek(self, 0) != quote || self->at >= self->text.len)
                return true;
            skip(self, 1);
        } else {
            step(self);
        }
    }
    return false;
}

static bool skip_comment(script *self)
{
    int depth = 0;

    while (self->at < self->text.len) {
        bool opens = peek(self, 0) == '/' && peek(self, 1) == '*';
        bool closes = peek(self, 0) == '*' && peek(self, 1) == '/';

        skip(self, opens || closes ? 2 : 1);
        depth += opens - closes;
        if (depth == 0)
            return true;
    }
    return false;
}

static void skip_line(script *self)
{
    while (self->at < self->text.len && peek(self, 0) != '\n')
        step(self);
}

/* The size of $tag$ here; 0: it is none. */
static size_t dollar_tag(const script *self)
{
    size_t size = 1;

    if (peek(self, 1) >= '0' && peek(self, 1) <= '9')
        return 0;
    while (is_word_char(peek(self, size)) && peek(self, size) != '$')
        size++;
    return peek(self, size) == '$' ? size + 1 : 0;
}

static bool skip_dollars(script *self, size_t tag_size)
{
    weir_str tag = {self->text.ptr + self->at, tag_size};
    const char *start = tag.ptr + tag_size;
    const char *end = memmem(start, self->text.len - self->at - tag_size, tag.ptr, tag_size);

    skip(self, end != NULL ? (size_t)(end - tag.ptr) + tag_size : self->text.len - self->at);
    return end != NULL;
}

static weir_str rest_of_line(const script *self, size_t at)
{
    weir_str rest = {self->text.ptr + at, self->text.len - at};
    const char *end = memchr(rest.ptr, '\n', rest.len);

    if (end != NULL)
        rest.len = (size_t)(end - rest.ptr);
    while (rest.len > 0 && strchr(" \t\r", rest.ptr[rest.len - 1]) != NULL)
        rest.len--;
    return rest;
}

/* Behind white space and comments. False: a comment has no end; *out is that. */
static bool skip_blank(script *self, script_statement *out)
{
    bool closed = true;

    while (self->at < self->text.len && closed) {
        char c = peek(self, 0);

        if (c == '-' && peek(self, 1) == '-') {
            skip_line(self);
        } else if (c == '/' && peek(self, 1) == '*') {
            *out = (script_statement){SCRIPT_UNCLOSED, rest_of_line(self, self->at), self->line};
            closed = skip_comment(self);
        } else if (strchr(" \t\r\n\f\v;", c) != NULL) {
            step(self);
        } else {
            break;
        }
    }
    return closed;
}

/* --- Statements ------------------------------------------------------------------------------- */

/* As psql counts them: only in CREATE [OR REPLACE] FUNCTION or PROCEDURE does BEGIN open a body. */
static bool defines_routine(const reading *self)
{
    size_t at = self->word_count == WORDS_MAX && is_word(self->words[1], "or") &&
                        is_word(self->words[2], "replace")
                    ? 3
                    : 1;

    return self->word_count > at && is_word(self->words[0], "create") &&
           (is_word(self->words[at], "function") || is_word(self->words[at], "procedure"));
}

static void read_word(reading *self)
{
    script *from = self->from;
    weir_str word = {from->text.ptr + from->at, 0};

    while (is_word_char(peek(from, word.len)) && from->at + word.len < from->text.len)
        word.len++;
    skip(from, word.len);
    if (self->word_count < WORDS_MAX)
        self->words[self->word_count++] = word;
    if (!defines_routine(self) || self->parentheses > 0)
        return;
    if (is_word(word, "begin") || (self->bodies > 0 && is_word(word, "case")))
        self->bodies++;
    else if (self->bodies > 0 && is_word(word, "end"))
        self->bodies--;
}

/* One token; *closed: it has an end. */
static void read_token(reading *self, bool *closed)
{
    script *from = self->from;
    char c = peek(from, 0), next = peek(from, 1);
    size_t tag = c == '$' ? dollar_tag(from) : 0;

    if (c == '\'' || c == '"') {
        *closed = skip_quoted(from, c, false);
    } else if ((c == 'e' || c == 'E') && next == '\'') {
        skip(from, 1);
        *closed = skip_quoted(from, '\'', true);
    } else if (c == '-' && next == '-') {
        skip_line(from);
    } else if (c == '/' && next == '*') {
        *closed = skip_comment(from);
    } else if (tag > 0) {
        *closed = skip_dollars(from, tag);
    } else if (is_letter(c)) {
        read_word(self);
    } else {
        self->parentheses += (c == '(') - (c == ')' && self->parentheses > 0);
        step(from);
    }
}

/* ROLLBACK TO is about a savepoint, and PREPARE without TRANSACTION about a statement. */
static bool moves_transaction(const reading *self)
{
    static const char *const words[] = {"begin", "start", "commit", "end", "abort"};
    size_t count = self->word_count;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (count > 0 && is_word(self->words[0], words[i]))
            return true;
    }
    if (count > 1 && is_word(self->words[0], "prepare"))
        return is_word(self->words[1], "transaction");
    if (count == 0 || !is_word(self->words[0], "rollback"))
        return false;
    for (size_t i = 1; i < count; i++) {
        if (is_word(self->words[i], "to"))
            return false;
    }
    return true;
}

static script_kind read_statement(reading *self)
{
    script *from = self->from;
    bool closed = true;

    while (from->at < from->text.len && closed) {
        char c = peek(from, 0);

        if (c == ';' && self->parentheses == 0 && self->bodies == 0)
            break;
        if (c == '\\')
            return SCRIPT_META;
        read_token(self, &closed);
    }
    if (!closed)
        return SCRIPT_UNCLOSED;
    return moves_transaction(self) ? SCRIPT_TRANSACTION : SCRIPT_STATEMENT;
}

script_statement script_next(script *self)
{
    reading read = {.from = self};
    script_statement out = {.kind = SCRIPT_END};

    if (!skip_blank(self, &out))
        return out;
    if (self->at >= self->text.len)
        return (script_statement){.kind = SCRIPT_END};
    size_t start = self->at;
    out.line = self->line;
    out.kind = read_statement(&read);
    out.text = (weir_str){self->text.ptr + start, self->at - start};
    if (out.kind == SCRIPT_META) {
        out.line = self->line;
        out.text = rest_of_line(self, self->at);
    }
    return out;
}

int script_line_at(const script_statement *statement, int position)
{
    int line = statement->line;
    int characters = 1;

    for (size_t i = 0; i < statement->text.len && characters < position; i++) {
        char next = i + 1 < statement->text.len ? statement->text.ptr[i + 1] : '\0';

        line += statement->text.ptr[i] == '\n';
        characters += (next & 0xC0) != 0x80; /* UTF-8: the next byte begins a character */
    }
    return line;
}

/* progress.c - what `weir run` shows while it runs.
 *
 * For each connector the last few samples of its counters are kept, one a second, in a ring; a rate is the
 * difference to the oldest of them.
 */
#include "runtime/cli/progress.h"

#include "runtime/base/mem.h"
#include "weir/map.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 4, SAMPLE_MS = 1000, NAME_MAX_SHOWN = 40 };

typedef struct sample {
    int64_t at_ms, records, done;
} sample;

typedef struct track {
    sample samples[SAMPLES]; /* a ring */
    int sample_count;
    weir_buf shown; /* state and phase as they were written last, in a pipe */
    int64_t shown_records, shown_done, shown_lag;
    int64_t shown_ms;
} track;

struct progress {
    int columns;
    int rows;     /* of the terminal; 0: not known */
    size_t lines; /* of the block that is on the terminal */
    weir_map *tracks;
};

typedef struct rates {
    double records, done; /* per second; -1: not known yet */
} rates;

progress *progress_new(int columns)
{
    progress *self = mem_zalloc(1, sizeof(*self));

    self->columns = columns;
    self->tracks = weir_map_new();
    return self;
}

void progress_resize(progress *self, int columns, int rows)
{
    if (self->columns <= 0)
        return; /* no terminal */
    if (columns != self->columns)
        self->lines =
            0; /* the terminal has broken the lines anew: how many there are now, nobody knows */
    self->columns = columns;
    self->rows = rows;
}

void progress_interrupted(progress *self)
{
    self->lines = 0;
}

void progress_free(progress *self)
{
    size_t at = 0;
    weir_str key;
    void *value;

    if (self == NULL)
        return;
    while (weir_map_next(self->tracks, &at, &key, &value)) {
        track *one = value;

        weir_buf_done(&one->shown);
        free(one);
    }
    weir_map_free(self->tracks);
    free(self);
}

void progress_add_count(weir_buf *out, int64_t count)
{
    char digits[32];
    int length = snprintf(digits, sizeof(digits), "%" PRId64, count);
    int first = count < 0 ? 1 : 0;

    for (int i = 0; i < length; i++) {
        if (i > first && (length - i) % 3 == 0)
            weir_buf_add_byte(out, ',');
        weir_buf_add_byte(out, digits[i]);
    }
}

static track *track_of(progress *self, weir_str connector)
{
    track *one = weir_map_get(self->tracks, connector);

    if (one == NULL) {
        one = mem_zalloc(1, sizeof(*one));
        one->shown_ms = INT64_MIN / 2;
        (void)weir_map_put(self->tracks, connector, one);
    }
    return one;
}

/* Takes a sample at most once a second, and gives the rates since the oldest one that is kept. */
static rates rates_of(track *one, const progress_row *row, int64_t now_ms)
{
    const sample *newest = &one->samples[(one->sample_count + SAMPLES - 1) % SAMPLES];
    const sample *oldest =
        &one->samples[one->sample_count < SAMPLES ? 0 : one->sample_count % SAMPLES];
    rates result = {-1, -1};
    double seconds;

    if (one->sample_count > 0 && now_ms > oldest->at_ms) {
        seconds = (double)(now_ms - oldest->at_ms) / 1000;
        if (row->record_count >= oldest->records)
            result.records = (double)(row->record_count - oldest->records) / seconds;
        if (row->done_count >= oldest->done)
            result.done = (double)(row->done_count - oldest->done) / seconds;
    }
    if (one->sample_count == 0 || now_ms - newest->at_ms >= SAMPLE_MS) {
        one->samples[one->sample_count % SAMPLES] =
            (sample){now_ms, row->record_count, row->done_count};
        one->sample_count++;
    }
    return result;
}

static void add_duration(weir_buf *out, double seconds)
{
    int64_t whole = seconds < 1e9 ? (int64_t)(seconds + 0.5) : 1000000000;

    if (whole >= 3600)
        weir_buf_printf(out, "%" PRId64 ":%02d:%02d", whole / 3600, (int)(whole / 60 % 60),
                        (int)(whole % 60));
    else
        weir_buf_printf(out, "%d:%02d", (int)(whole / 60), (int)(whole % 60));
}

/* "1,200,000 of 2,000,000 rows (60 %), ETA 0:07" */
static void add_snapshot(weir_buf *out, const progress_row *row, const rates *speed)
{
    weir_buf_add_str(out, WEIR_STR("  "));
    progress_add_count(out, row->done_count);
    if (row->total_count > 0) {
        weir_buf_add_str(out, WEIR_STR(" of "));
        progress_add_count(out, row->total_count);
    }
    weir_buf_add_str(out, WEIR_STR(" rows"));
    if (row->total_count <= 0)
        return;
    weir_buf_printf(out, " (%d %%)",
                    (int)(100 * (double)row->done_count / (double)row->total_count));
    if (speed->done > 0 && row->total_count > row->done_count) {
        weir_buf_add_str(out, WEIR_STR(", ETA "));
        add_duration(out, (double)(row->total_count - row->done_count) / speed->done);
    }
}

static void add_state(weir_buf *out, const progress_row *row)
{
    weir_buf_add_str(out, row->phase.len > 0 && weir_str_eq(row->state, WEIR_STR("RUNNING"))
                              ? row->phase
                              : row->state);
}

static void add_line(weir_buf *out, const progress_row *row, const rates *speed)
{
    add_state(out, row);
    if (row->error.len > 0) {
        const char *end = memchr(row->error.ptr, '\n', row->error.len);

        weir_buf_add_str(out, WEIR_STR("  "));
        weir_buf_add(out, row->error.ptr,
                     end != NULL ? (size_t)(end - row->error.ptr) : row->error.len);
        return;
    }
    if (row->done_count > 0 || row->total_count > 0)
        add_snapshot(out, row, speed);
    weir_buf_add_str(out, WEIR_STR("  "));
    progress_add_count(out, row->record_count);
    weir_buf_add_str(out, row->is_sink ? WEIR_STR(" written") : WEIR_STR(" read"));
    if (speed->records >= 0) {
        weir_buf_add_str(out, WEIR_STR("  "));
        progress_add_count(out, (int64_t)(speed->records + 0.5));
        weir_buf_add_str(out, WEIR_STR("/s"));
    }
    if (row->is_sink && row->lag_count >= 0) {
        weir_buf_add_str(out, WEIR_STR("  lag "));
        progress_add_count(out, row->lag_count);
    }
}

/* Cuts what was added since start to the width of the terminal, at a whole character. What would move the cursor
 * becomes a blank. Letters from U+1000 on may be two columns wide, and are counted so. */
static void cut(weir_buf *out, size_t start, size_t width)
{
    size_t shown = 0;

    for (size_t i = start; i < out->len; i++) {
        unsigned char c = (unsigned char)out->ptr[i];

        if (c < ' ' || c == 0x7f)
            out->ptr[i] = ' ';
        if ((c & 0xc0) == 0x80)
            continue; /* the rest of a character */
        shown += c >= 0xe1 ? 2 : 1;
        if (shown > width) {
            out->len = i;
            return;
        }
    }
}

static void draw(progress *self, const progress_row *rows, size_t count, int64_t now_ms,
                 bool is_last, weir_buf *out)
{
    size_t widest = 0, drawn = count;

    if (!is_last && self->rows > 1 && count >= (size_t)self->rows)
        drawn = (size_t)self->rows -
                2; /* the last line says how many there are more; the cursor is below */
    for (size_t i = 0; i < count; i++)
        if (rows[i].connector.len > widest)
            widest = rows[i].connector.len;
    if (widest > NAME_MAX_SHOWN)
        widest = NAME_MAX_SHOWN;
    if (self->lines > 0)
        weir_buf_printf(out, "\x1b[%zuA", self->lines); /* up, to the block's first line */
    for (size_t i = 0; i < count; i++) {
        rates speed = rates_of(track_of(self, rows[i].connector), &rows[i], now_ms);
        size_t start;

        if (i >= drawn)
            continue;                                /* its rates go on */
        weir_buf_add_str(out, WEIR_STR("\r\x1b[K")); /* clears the line */
        start = out->len;
        weir_buf_printf(out, "%-*.*s  ", (int)widest, WEIR_ARG(rows[i].connector));
        add_line(out, &rows[i], &speed);
        cut(out, start, (size_t)self->columns - 1);
        weir_buf_add_byte(out, '\n');
    }
    if (drawn < count)
        weir_buf_printf(out, "\r\x1b[Kand %zu more\n", count - drawn);
    weir_buf_add_str(out, WEIR_STR("\x1b[J")); /* lines of a longer block before */
    self->lines = drawn < count ? drawn + 1 : count;
}

/* "name":"text" */
static void add_text(weir_buf *out, const char *name, weir_str text)
{
    weir_buf_printf(out, ",\"%s\":", name);
    weir_buf_add_json(out, text);
}

static void add_object(weir_buf *out, const progress_row *row, const rates *speed)
{
    weir_buf_add_str(out, WEIR_STR("{\"connector\":"));
    weir_buf_add_json(out, row->connector);
    add_text(out, "type", row->is_sink ? WEIR_STR("sink") : WEIR_STR("source"));
    add_text(out, "state", row->state);
    add_text(out, "phase", row->phase);
    weir_buf_printf(out, ",\"done\":%" PRId64 ",\"total\":%" PRId64 ",\"records\":%" PRId64,
                    row->done_count, row->total_count, row->record_count);
    if (speed->records >= 0)
        weir_buf_printf(out, ",\"records_per_second\":%.0f", speed->records);
    if (row->is_sink && row->lag_count >= 0)
        weir_buf_printf(out, ",\"lag\":%" PRId64, row->lag_count);
    if (row->error.len > 0)
        add_text(out, "error", row->error);
    weir_buf_add_byte(out, '}');
}

/* A line when state or phase changed, or the counters moved since the last line of some seconds ago. */
static void report(progress *self, const progress_row *row, int64_t now_ms, bool is_last,
                   weir_buf *out)
{
    track *one = track_of(self, row->connector);
    rates speed = rates_of(one, row, now_ms);
    weir_buf state = {0};
    bool changed, moved;

    add_state(&state, row);
    weir_buf_add_str(&state, row->error);
    changed = !weir_str_eq(weir_buf_str(&state), weir_buf_str(&one->shown));
    moved = row->record_count != one->shown_records || row->done_count != one->shown_done ||
            row->lag_count != one->shown_lag;
    if (!changed && !(moved && (is_last || now_ms - one->shown_ms >= PROGRESS_PIPE_MS))) {
        weir_buf_done(&state);
        return;
    }
    weir_buf_done(&one->shown);
    one->shown = state;
    one->shown_records = row->record_count;
    one->shown_done = row->done_count;
    one->shown_lag = row->lag_count;
    one->shown_ms = now_ms;
    if (self->columns == PROGRESS_JSON) {
        add_object(out, row, &speed);
    } else {
        weir_buf_add_str(out, row->connector);
        weir_buf_add_str(out, WEIR_STR("  "));
        add_line(out, row, &speed);
    }
    weir_buf_add_byte(out, '\n');
}

void progress_update(progress *self, const progress_row *rows, size_t count, int64_t now_ms,
                     bool is_last, weir_buf *out)
{
    if (self->columns > 0) {
        draw(self, rows, count, now_ms, is_last, out);
        return;
    }
    for (size_t i = 0; i < count; i++)
        report(self, &rows[i], now_ms, is_last, out);
}

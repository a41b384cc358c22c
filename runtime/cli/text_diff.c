/* text_diff.c - the difference of two texts, line by line.
 *
 * What both begin and end with is put aside; of the rest the longest common subsequence stays, found with
 * the table of the lengths for all pairs of tails.
 */
#include "runtime/cli/text_diff.h"

#include "runtime/base/mem.h"

#include <stdlib.h>
#include <string.h>

typedef struct lines {
    weir_buf memory; /* of weir_str */
    const weir_str *at;
    size_t count;
} lines;

static lines split(weir_str text)
{
    lines self = {0};

    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        weir_str line = {text.ptr, end != NULL ? (size_t)(end - text.ptr) : text.len};

        weir_buf_add(&self.memory, &line, sizeof(line));
        text = end != NULL ? (weir_str){end + 1, text.len - line.len - 1} : (weir_str){0};
        self.count++;
    }
    self.at = (const weir_str *)(const void *)self.memory.ptr;
    return self;
}

static void put(weir_buf *out, char sign, weir_str line)
{
    weir_buf_printf(out, "%c ", sign);
    weir_buf_add_str(out, line);
    weir_buf_add_byte(out, '\n');
}

/* The middle parts, which begin and end with different lines. */
static void put_middle(lines a, lines b, weir_buf *out)
{
    size_t width = b.count + 1, i = 0, k = 0;
    bool small = a.count <= TEXT_DIFF_LINES && b.count <= TEXT_DIFF_LINES;
    uint16_t *common = mem_zalloc(small ? (a.count + 1) * width : 1, sizeof(*common));

    /* common[i, k]: how many lines a from i on and b from k on have in common */
    for (size_t n = small ? a.count : 0; n-- > 0;)
        for (size_t m = b.count; m-- > 0;) {
            uint16_t down = common[(n + 1) * width + m], right = common[n * width + m + 1];
            uint16_t both = (uint16_t)(common[(n + 1) * width + m + 1] + 1);

            common[n * width + m] = weir_str_eq(a.at[n], b.at[m]) ? both
                                    : down > right                ? down
                                                                  : right;
        }
    while (small && i < a.count && k < b.count) {
        if (weir_str_eq(a.at[i], b.at[k])) {
            put(out, ' ', a.at[i++]);
            k++;
        } else if (common[(i + 1) * width + k] >= common[i * width + k + 1]) {
            put(out, '-', a.at[i++]);
        } else {
            put(out, '+', b.at[k++]);
        }
    }
    while (i < a.count)
        put(out, '-', a.at[i++]);
    while (k < b.count)
        put(out, '+', b.at[k++]);
    free(common);
}

bool text_diff(weir_str before, weir_str after, weir_buf *out)
{
    lines a = split(before), b = split(after);
    size_t head = 0, tail = 0;
    bool differs;

    while (head < a.count && head < b.count && weir_str_eq(a.at[head], b.at[head]))
        put(out, ' ', a.at[head++]);
    while (tail < a.count - head && tail < b.count - head &&
           weir_str_eq(a.at[a.count - 1 - tail], b.at[b.count - 1 - tail]))
        tail++;
    differs = head + tail < a.count || head + tail < b.count;
    if (differs)
        put_middle((lines){.at = a.at + head, .count = a.count - head - tail},
                   (lines){.at = b.at + head, .count = b.count - head - tail}, out);
    for (size_t i = a.count - tail; i < a.count; i++)
        put(out, ' ', a.at[i]);
    weir_buf_done(&a.memory);
    weir_buf_done(&b.memory);
    return differs;
}

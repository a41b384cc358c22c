/* replay.c - runs a fuzz target over files, in a build without a fuzzer: what its corpus alone reaches. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { INPUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    static uint8_t bytes[INPUT_MAX];

    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");

        if (file == NULL) {
            perror(argv[i]);
            return 1;
        }
        (void)LLVMFuzzerTestOneInput(bytes, fread(bytes, 1, sizeof(bytes), file));
        (void)fclose(file);
    }
    return argc > 1 ? 0 : 2;
}

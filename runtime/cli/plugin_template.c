/* plugin_template.c - the files of sdk/template, as the assembler put them into the program. */
#include "runtime/cli/plugin_template.h"

/* C11 has no #embed. The path is that of the tree's root, where the compiler runs. */
#define EMBED(name, path)                                                                          \
    extern const char template_##name[], template_##name##_end[];                                  \
    __asm__(".pushsection .rodata\n"                                                               \
            ".global template_" #name ", template_" #name "_end\n"                                 \
            ".hidden template_" #name ", template_" #name "_end\n"                                 \
            "template_" #name ":\n"                                                                \
            ".incbin \"" path "\"\n"                                                               \
            "template_" #name "_end:\n"                                                            \
            ".byte 0\n"                                                                            \
            ".popsection\n");                                                                      \
                                                                                                   \
    weir_str plugin_template_##name(void)                                                          \
    {                                                                                              \
        return (weir_str){template_##name, (size_t)(template_##name##_end - template_##name)};     \
    }

EMBED(source, "sdk/template/source.c")
EMBED(sink, "sdk/template/sink.c")
EMBED(makefile, "sdk/template/Makefile")
EMBED(readme, "sdk/template/README.md")

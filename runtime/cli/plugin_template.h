/* plugin_template.h - the files of sdk/template, which `weir plugin new` writes. They are in the program, so
 * that an installed weir needs nothing beside it. */
#ifndef RUNTIME_CLI_PLUGIN_TEMPLATE_H
#define RUNTIME_CLI_PLUGIN_TEMPLATE_H

#include "weir/base.h"

weir_str plugin_template_source(void);
weir_str plugin_template_sink(void);
weir_str plugin_template_makefile(void);
weir_str plugin_template_readme(void);

#endif

/* file.c - the plugin: lines of a file as a source, and as a sink. */
#include "file.h"

WEIR_EXPORT(.source = &file_source, .sink = &file_sink);

/* file.h - the two connectors of this plugin. */
#ifndef CONNECTORS_FILE_FILE_H
#define CONNECTORS_FILE_FILE_H

#include "weir/weir.h"

extern const weir_source file_source;
extern const weir_sink file_sink;

#endif

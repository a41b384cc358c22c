/* weir.h - everything a connector needs, in one include. */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include "weir/base.h"
#include "weir/batch.h"
#include "weir/buf.h"
#include "weir/config.h"
#include "weir/map.h"
#include "weir/plugin.h"
#include "weir/schema.h"
#include "weir/sink.h"
#include "weir/source.h"
#include "weir/task.h"

#endif

/* plant.c - which planted bug is active, in a test-only build. */
#include "runtime/base/plant.h"

#ifdef WEIR_PLANTS
int plant_active = PLANT_NONE;
#endif

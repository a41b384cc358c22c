CFLAGS_warehouse := $(shell pkg-config --cflags libpq)
LIBS_warehouse := -lpq -ldl

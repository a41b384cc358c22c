CFLAGS_elasticsearch = $(shell pkg-config --cflags libcurl jansson zlib)
LIBS_elasticsearch = $(shell pkg-config --libs libcurl jansson zlib)

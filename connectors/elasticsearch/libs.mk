CFLAGS_elasticsearch = $(shell pkg-config --cflags libcurl jansson libisal)
LIBS_elasticsearch = $(shell pkg-config --libs libcurl jansson libisal)

CFLAGS_elasticsearch = $(shell pkg-config --cflags libcurl jansson libisal)
LIBS_elasticsearch = $(shell pkg-config --libs libcurl jansson libisal)
FUZZ_SOURCES_elasticsearch_fuzz = $(addprefix connectors/elasticsearch/,bulk.c scan.c present.c http.c)
FUZZ_LIBS_elasticsearch_fuzz = $(LIBS_elasticsearch)

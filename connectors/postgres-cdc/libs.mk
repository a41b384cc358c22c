CFLAGS_postgres-cdc = $(shell pkg-config --cflags libpq libpcre2-8)
LIBS_postgres-cdc = -lpq -lpcre2-8
FUZZ_SOURCES_pgoutput_fuzz = connectors/postgres-cdc/pgoutput.c
FUZZ_SOURCES_script_fuzz = connectors/postgres-cdc/script.c

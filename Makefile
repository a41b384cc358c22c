# Makefile - the whole build, in one file and one dependency graph.
#
#   make                   the program and every connector, in build/release
#   make unit              runs the unit tests whose code has changed; T=ack_window narrows it down
#   make BUILD=asan unit   the same under AddressSanitizer and UBSan; also debug, tsan, coverage
#   make test              everything, from nothing: unit, simulation, corpus, component, crash
#   make check             what can be said without running anything: format, headers, linters
#   make demo              a PostgreSQL, a pipeline, live changes, and the comparison; ES=1 adds one
#   make bench             the figures of docs/benchmarks.md
#   make install           into DESTDIR and PREFIX
#
# A new source file needs no edit here: every .c below a module's folder belongs to the module, and
# every folder below connectors/ is a plugin. A plugin that needs a library says so in one line of
# its own, connectors/NAME/libs.mk: `CFLAGS_NAME = $(shell pkg-config --cflags libpq)`, `LIBS_NAME = -lpq`.

BUILD ?= release
OUT   := build/$(BUILD)

# Every put is checked against its schema in all builds but the release.
CHECKS := -DWEIR_CHECK_PUTS
FLAGS_debug    := -Og -g $(CHECKS)
FLAGS_release  := -O2 -g
FLAGS_asan     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all $(CHECKS)
FLAGS_tsan     := -O1 -g -fsanitize=thread $(CHECKS)
FLAGS_coverage := -O0 -g --coverage
FLAGS_planted  := -O2 -g -DWEIR_PLANTS # can be made to err: see runtime/base/plant.h

ifeq ($(FLAGS_$(BUILD)),)
$(error BUILD=$(BUILD) is none of release, debug, asan, tsan, coverage, planted)
endif

WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wconversion
WERROR ?= -Werror
CFLAGS := -std=c11 $(WARN) $(WERROR) $(FLAGS_$(BUILD)) -fPIC -fvisibility=hidden -D_GNU_SOURCE $(EXTRA)

SRC        := $(wildcard sdk/src/*.c runtime/*/*.c schema-registry/*/*.c)
TEST_SRC   := $(wildcard tests/unit/*/*.c tests/unit/*/*/*.c)
SIM_SRC    := $(wildcard tests/sim/*.c)
BENCH_SRC  := $(wildcard tests/bench/*.c)
FUZZ_SRC   := $(wildcard tests/fuzz/*_fuzz.c)
CONNECTORS := $(patsubst connectors/%/.,%,$(wildcard connectors/*/.))

LIB     := $(OUT)/libweir.a
PROGRAM := $(OUT)/weir
PLUGINS := $(CONNECTORS:%=$(OUT)/connectors/%.so)
TESTS   := $(TEST_SRC:%.c=$(OUT)/%)
# A test that needs no server is a program of its own; so is each simulation and each benchmark.
SIMS    := $(patsubst tests/sim/%.c,$(OUT)/tests/sim/%,$(filter tests/sim/sim_%.c,$(SIM_SRC)))
BENCHES := $(patsubst tests/bench/%.c,$(OUT)/tests/bench/%,$(filter tests/bench/bench_%.c,$(BENCH_SRC)))

LIBS := -ljansson -lyaml -lmicrohttpd -lzstd -llz4 -lisal -lpcre2-8 -lsmartcols -lcrypto -lz \
        -lsnappy -lcurl -lpthread -ldl -lm

# A plugin whose folder is gone would still be found and loaded.
GONE := $(filter-out $(PLUGINS),$(wildcard $(OUT)/connectors/*.so))

all: $(PROGRAM) $(PLUGINS) $(OUT)/weir-kit
	$(if $(GONE),rm -f $(GONE))

# --- Compiling -----------------------------------------------------------------------------------
# Connectors see the SDK and nothing else: an include of the runtime does not compile. Everybody
# else writes includes from the root of the tree, so that an include says where its file is.

INCLUDE := -Isdk/include -I.

$(OUT)/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(INCLUDE) -MMD -MP -c $< -o $@

# The assembler puts these files into the program; the compiler does not tell make of it.
$(OUT)/runtime/cli/plugin_template.o: $(wildcard sdk/template/*)

# Other flags, other objects: the file changes, and with it everything, only when the flags do.
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CFLAGS)' > $@

# The same of the list of files: what a deleted one was part of is made again.
SOURCES := $(sort $(SRC) $(wildcard connectors/*/*.c sdk/kit/*.c tests/fixtures/*.c tests/sim/*.c))

$(OUT)/sources: FORCE
	@mkdir -p $(@D)
	@echo '$(SOURCES)' | cmp -s - $@ || echo '$(SOURCES)' > $@

$(LIB): $(SRC:%.c=$(OUT)/%.o) $(OUT)/sources
	@rm -f $@
	$(AR) rcs $@ $(filter %.o,$^)

# Plugins find the SDK's functions in the program, so all of the library is linked and exported.
EXPORT := -Wl,--export-dynamic -Wl,--version-script=sdk/weir.map

$(PROGRAM): $(OUT)/runtime/main.o $(LIB) sdk/weir.map
	$(CC) $(CFLAGS) $(OUT)/runtime/main.o -Wl,--whole-archive $(LIB) -Wl,--no-whole-archive \
	    $(EXPORT) $(LIBS) -o $@

-include $(wildcard connectors/*/libs.mk)

define PLUGIN
OBJECTS_$(1) := $(patsubst %.c,$(OUT)/%.o,$(wildcard connectors/$(1)/*.c))
$(OUT)/connectors/$(1)/%.o: INCLUDE := -Isdk/include -DWEIR_PUTS_ARE_PROVEN=true $$(CFLAGS_$(1))
$(OUT)/connectors/$(1).so: $$(OBJECTS_$(1)) $(OUT)/sources
	$$(CC) $$(CFLAGS) -shared $$(OBJECTS_$(1)) $$(LIBS_$(1)) -o $$@
# a test of a connector's module is linked with those objects of the connector that it needs
$(OUT)/connectors/$(1).a: $$(OBJECTS_$(1)) $(OUT)/sources
	@rm -f $$@
	$$(AR) rcs $$@ $$(OBJECTS_$(1))
$(OUT)/tests/unit/connectors/$(1)/%.o $(OUT)/tests/unit/connectors/$(1)/%.alone: INCLUDE += $$(CFLAGS_$(1))
$(filter $(OUT)/tests/unit/connectors/$(1)/%,$(TESTS)): $(OUT)/connectors/$(1).a
$(filter $(OUT)/tests/unit/connectors/$(1)/%,$(TESTS)): TEST_LIBS := $$(LIBS_$(1))
endef
$(foreach name,$(CONNECTORS),$(eval $(call PLUGIN,$(name))))

# --- Testing -------------------------------------------------------------------------------------
# A passed test is a file, newer than the program it ran: `make -j unit` repeats only what changed.

# What tests share, linked where it is needed: the fake log, the simulated disk.
FIXTURES := $(OUT)/fixtures.a

$(FIXTURES): $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/fixtures/*.c)) $(OUT)/sources
	@rm -f $@
	$(AR) rcs $@ $(filter %.o,$^)

$(TESTS): $(OUT)/%: $(OUT)/%.o $(FIXTURES) $(LIB)
	$(CC) $(CFLAGS) $(filter-out $(LIB),$^) $(LIB) $(TEST_LIBS) $(LIBS) -lavro -lcmocka -o $@

$(OUT)/%.passed: $(OUT)/%
	@if $< > $<.out 2>&1; then touch $@; echo "ok   $*"; \
	else cat $<.out; echo "FAIL $*"; exit 1; fi

PICKED := $(foreach test,$(TESTS),$(if $(or $(if $(T),,all),$(findstring $(T),$(test))),$(test)))

tests: $(TESTS)

unit: $(PICKED:%=%.passed)
	$(if $(PICKED)$(if $(T),,all),,@echo "no unit test has $(T) in its path"; exit 1)

# Programs that component tests drive: hosts of a plugin, which find the SDK's functions in them.
DRIVERS := $(patsubst %.c,$(OUT)/%,$(wildcard tests/support/*.c))

$(DRIVERS): $(OUT)/%: $(OUT)/%.o $(FIXTURES) $(LIB) sdk/weir.map
	$(CC) $(CFLAGS) $< $(FIXTURES) -Wl,--whole-archive $(LIB) -Wl,--no-whole-archive $(EXPORT) \
	    $(LIBS) -o $@

drivers: $(DRIVERS)

# Runs a connector without a worker: for the tests of who writes one.
KIT_OBJECTS := $(patsubst %.c,$(OUT)/%.o,$(filter-out sdk/kit/main.c,$(wildcard sdk/kit/*.c)))

$(OUT)/weir-kit: $(OUT)/sdk/kit/main.o $(KIT_OBJECTS) $(LIB) sdk/weir.map
	$(CC) $(CFLAGS) $(filter %.o,$^) -Wl,--whole-archive $(LIB) -Wl,--no-whole-archive $(EXPORT) \
	    $(LIBS) -o $@

$(filter $(OUT)/tests/unit/sdk/kit/% $(OUT)/tests/unit/connectors/file/%,$(TESTS)): $(KIT_OBJECTS)

kit: $(OUT)/weir-kit

# --- Simulation, fuzzing, benchmarks, everything -------------------------------------------------

# What simulations share is in the files whose names do not begin with sim_.
SIM_SHARED := $(patsubst %.c,$(OUT)/%.o,$(filter-out tests/sim/sim_%.c,$(SIM_SRC)))
BENCH_SHARED := $(patsubst %.c,$(OUT)/%.o,$(filter-out tests/bench/bench_%.c,$(BENCH_SRC)))

$(SIMS): $(OUT)/%: $(OUT)/%.o $(SIM_SHARED) $(FIXTURES) $(LIB)
	$(CC) $(CFLAGS) $^ $(LIBS) -o $@

$(BENCHES): $(OUT)/%: $(OUT)/%.o $(BENCH_SHARED) $(LIB)
	$(CC) $(CFLAGS) $^ $(LIBS) -lavro -o $@

sims: $(SIMS)
benches: $(BENCHES)

# tests/fuzz/NAME_fuzz.c is linked with the library, built again by clang, and with the files that a line
# FUZZ_SOURCES_NAME_fuzz in some connectors/*/libs.mk names.
FUZZERS := $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)
FUZZ_FLAGS := -std=c11 -O1 -g -D_GNU_SOURCE -fsanitize=address,undefined \
              -fno-sanitize-recover=all $(INCLUDE)
FUZZ_LIB := $(SRC:%.c=build/fuzz/obj/%.o)

build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	clang-14 $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

build/fuzz/libweir.a: $(FUZZ_LIB)
	@rm -f $@
	$(AR) rcs $@ $^

.SECONDEXPANSION:
build/fuzz/%: build/fuzz/obj/tests/fuzz/%.o build/fuzz/libweir.a \
              $$(addprefix build/fuzz/obj/,$$(addsuffix .o,$$(basename $$(FUZZ_SOURCES_$$*))))
	clang-14 $(FUZZ_FLAGS) -fsanitize=fuzzer $(filter %.o,$^) build/fuzz/libweir.a \
	    $(FUZZ_LIBS_$*) $(LIBS) -o $@

fuzzers: $(FUZZERS)

# The same targets without a fuzzer, over the files they are given; BUILD=coverage counts what they reach.
REPLAYS := $(FUZZ_SRC:%.c=$(OUT)/%)

$(REPLAYS): $(OUT)/tests/fuzz/%: $(OUT)/tests/fuzz/%.o $(OUT)/tests/fuzz/replay.o $(LIB) \
            $$(addprefix $(OUT)/,$$(addsuffix .o,$$(basename $$(FUZZ_SOURCES_$$*))))
	$(CC) $(CFLAGS) $(filter %.o,$^) $(LIB) $(FUZZ_LIBS_$*) $(LIBS) -o $@

replays: $(REPLAYS)

coverage:
	tests/fuzz/coverage

test:
	.ci/install
	tests/run

demo:
	.ci/install
	$(MAKE) all
	tests/demo/run ES=$(ES)

bench:
	.ci/install
	$(MAKE) all benches drivers
	tests/bench/run

PREFIX ?= /usr/local

TO := $(DESTDIR)$(PREFIX)

install: all
	install -d "$(TO)/bin" "$(TO)/lib/weir/connectors" "$(TO)/include/weir" "$(TO)/lib/pkgconfig"
	install -m 755 $(PROGRAM) $(OUT)/weir-kit "$(TO)/bin/"
	install -m 644 $(PLUGINS) "$(TO)/lib/weir/connectors/"
	install -m 644 $(wildcard sdk/include/weir/*.h) "$(TO)/include/weir/"
	sed 's|@PREFIX@|$(PREFIX)|' sdk/weir-sdk.pc.in > "$(TO)/lib/pkgconfig/weir-sdk.pc"

# --- Checking ------------------------------------------------------------------------------------

C_FILES := $(shell find sdk runtime schema-registry connectors tests -name '*.[ch]' 2>/dev/null)
HEADERS := $(filter %.h,$(C_FILES))

check: check-format check-tree check-docs lint $(HEADERS:%=$(OUT)/%.alone)

check-tree:
	tests/support/check_tree.py

# A passed file is a stamp: clang-tidy looks again only at what changed, one file per job of `make -j`.
TIDY := $(patsubst %.c,build/lint/%.tidy,$(filter %.c,$(C_FILES)))

ANALYZER := -include tests/support/analyzer.h
build/lint/sdk/src/error.tidy: ANALYZER :=

$(TIDY): build/lint/%.tidy: %.c .clang-tidy tests/support/analyzer.h
	@mkdir -p $(@D)
	@clang-tidy-14 --quiet $< -- -std=c11 -D_GNU_SOURCE $(ANALYZER) $(INCLUDE) $(TIDY_FLAGS) > $@.out 2>/dev/null || \
	    { cat $@.out; exit 1; }
	@touch $@

$(foreach name,$(CONNECTORS),$(eval $(filter build/lint/connectors/$(name)/% \
    build/lint/tests/unit/connectors/$(name)/% build/lint/tests/fuzz/%,$(TIDY)): TIDY_FLAGS += $(CFLAGS_$(name))))

# cppcheck keeps, per file, what it found; a file that did not change is not read again.
build/lint/cppcheck.passed: $(C_FILES)
	@mkdir -p build/lint/cppcheck
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --std=c11 -j2 \
	    -D'json_object_foreach(o,k,v)=while (step(o, &k, &v))' \
	    -D'json_array_foreach(a,i,v)=while (step(a, &i, &v))' \
	    --suppress=comparePointers:runtime/cli/plugin_template.c \
	    --inline-suppr --suppress=unusedStructMember --suppress=missingIncludeSystem --cppcheck-build-dir=build/lint/cppcheck \
	    -Isdk/include -I. $(filter %.c,$(C_FILES))
	@touch $@

tidy: $(TIDY)

lint: tidy build/lint/cppcheck.passed

check-format:
	clang-format-14 --dry-run --Werror $(C_FILES)

format:
	clang-format-14 -i $(C_FILES)

# A header includes all that it needs: it compiles as a file of its own.
$(OUT)/%.alone: % $(OUT)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(INCLUDE) -MMD -MP -MF $@.d -MT $@ -fsyntax-only -include $< -x c /dev/null
	@touch $@

# docs/reference is what the tables of settings say. `make docs` writes it; `make check` refuses a difference.
DESCRIBED := $(CONNECTORS) common converter unwrap route

docs: all
	@mkdir -p docs/reference
	@for name in $(DESCRIBED); do $(PROGRAM) plugin describe $$name --markdown \
	    --plugins $(OUT)/connectors > docs/reference/$$name.md || exit 1; done

check-docs: all
	@for name in $(DESCRIBED); do $(PROGRAM) plugin describe $$name --markdown \
	    --plugins $(OUT)/connectors | cmp -s - docs/reference/$$name.md || \
	    { echo "docs/reference/$$name.md is not what the table says: make docs"; exit 1; }; done

clean:
	rm -rf build

.PHONY: all coverage replays tests drivers kit unit sims benches fuzzers test demo bench install check check-docs check-format check-tree docs lint tidy format clean \
        FORCE
.SECONDARY:
# Those of clang's objects only where they are asked for: another make may be writing them.
-include $(shell find $(OUT) $(if $(findstring fuzz,$(MAKECMDGOALS)),build/fuzz) -name '*.d' 2>/dev/null)

# One makefile, no recursion.  Adding a service is adding a folder under
# services/; adding a test is adding a file under tests/; adding a schema step is
# adding a .sql file.
#
#   make run         install what is missing, build, play the main job (STAY=0: and end)
#   make test        install what is missing, build, run every test  (T=bus: those named so)
#   make SAN=1 test-only   the same under ASan and UBSan, in build-san/
#   make sim         histories under simulated faults (SEEDS=1000); make crash: real kills (N=100)
#   make power       states that a power cut may leave of each store (STATES=20000)
#   make nth         the n-th allocation, write, sync, open, send fails, for each n (STEP=23)
#   make soak        a house at work under faults, and what it uses  (MINUTES=120)
#   make fuzz        libFuzzer on a parser or a service (TARGET=json MINUTES=5); fuzz-coverage: their lines
#   make mutants     each known bug must be caught by its test  (M=name: one)
#   make bench       one line per figure, each beside its raw limit
#   make lint        format, clang-tidy, cppcheck, layers, names, proto compatibility
#   make             build into build/

SERVICES := $(notdir $(patsubst %/,%,$(dir $(wildcard services/*/main.c))))
TESTS    := $(patsubst tests/%.c,%,$(wildcard tests/*/test_*.c))
PROTOS   := $(patsubst proto/%.proto,%,$(wildcard proto/shouwen/*/v1/*.proto))
PKGS     := libzmq libprotobuf-c sqlite3 libsodium yaml-0.1 jansson libcurl

B      := build$(if $(SAN),-san)
CFLAGS ?= -O2 -g
STD    := -std=c17 -D_GNU_SOURCE
WARN   := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion \
          -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla -Wundef \
          -Wformat=2 -Wcast-qual -Wwrite-strings -Wpointer-arith -Wswitch-enum \
          -Wimplicit-fallthrough -Wdouble-promotion -Wnull-dereference
HARD   := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
SANS   := $(if $(SAN),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all)
PKGINC  = $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PKGS) 2>/dev/null))
LDLIBS  = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread -lm
LINK    = $(CC) $(CFLAGS) $(SANS) -pie -Wl,-z,relro,-z,now $(LDFLAGS) -o $@ $^ $(LDLIBS)
# A service sees itself, lib/ and the generated messages; never another service.
COMPILE = @mkdir -p $(@D) && $(CC) $(STD) $(WARN) $(HARD) $(SANS) $(CFLAGS) -MD -MP \
          -Ilib -I. -isystem $(B)/gen $(PKGINC) $(1) -c $< -o $@

# Schema lists: services/x/schema/*.sql is x_schema, lib/*/schema/y/*.sql is y_schema.
SCHEMA_DIRS := $(sort $(patsubst %/,%,$(dir $(wildcard services/*/schema/*.sql lib/*/schema/*/*.sql))))
schema_name  = $(if $(filter services/%,$(1)),$(word 2,$(subst /, ,$(1))),$(notdir $(1)))

GEN_H   := $(PROTOS:%=$(B)/gen/%.pb-c.h)
GEN_OBJ := $(PROTOS:%=$(B)/gen/%.pb-c.o) \
           $(foreach d,$(SCHEMA_DIRS),$(B)/gen/schema/$(call schema_name,$(d)).o) \
           $(B)/gen/services.o
LIB_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard lib/*/*.c)) $(GEN_OBJ)
SVC_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out %/main.c,$(wildcard services/*/*.c)))
CLI_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out %/main.c,$(wildcard cli/*.c)))

all: $(SERVICES:%=$(B)/bin/shouwen-%) $(if $(wildcard cli/main.c),$(B)/bin/shouwen bin/shouwen) $(TESTS:%=$(B)/tests/%)

# ---- generated: build/gen, never committed, compiled without our warnings ----
$(B)/gen/%.pb-c.c $(B)/gen/%.pb-c.h: proto/%.proto
	@mkdir -p $(@D)
	@protoc-c --proto_path=proto --proto_path=/usr/include --c_out=$(B)/gen $<
define SCHEMA_RULE
$(B)/gen/schema/$(call schema_name,$(1)).c: tools/embed.sh $(wildcard $(1)/*.sql)
	@mkdir -p $$(@D)
	@tools/embed.sh $(call schema_name,$(1)) $$(sort $$(filter %.sql,$$^)) > $$@
endef
$(foreach d,$(SCHEMA_DIRS),$(eval $(call SCHEMA_RULE,$(d))))
$(B)/gen/services.c: tools/services.sh $(PROTOS:%=proto/%.proto)
	@mkdir -p $(@D)
	@tools/services.sh $(filter %.proto,$^) > $@
$(B)/gen/%.o: $(B)/gen/%.c | $(GEN_H)
	@$(CC) $(STD) -w $(HARD) $(SANS) $(CFLAGS) -Ilib -I$(B)/gen $(PKGINC) -c $< -o $@

# ---- ours ----
$(B)/lib/%.o: lib/%.c | $(GEN_H)
	$(call COMPILE)
$(B)/services/%.o: services/%.c | $(GEN_H)
	$(call COMPILE)
$(B)/cli/%.o: cli/%.c | $(GEN_H)
	$(call COMPILE)
$(B)/tests/%.o: tests/%.c | $(GEN_H)
	$(call COMPILE,-Itests -Wno-unused-function)
# Test helpers shared by several test programs: tests/<kind>/*.c that are not test_*.c.
AID_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out tests/%/test_%.c tests/fuzz/%.c $(foreach d,bench sim power nth,tests/$(d)/%.c),$(wildcard tests/*/*.c)))
$(B)/liball.a: $(LIB_OBJ) $(SVC_OBJ) $(CLI_OBJ)
	@rm -f $@ && ar rcs $@ $^
$(B)/libaid.a: $(AID_OBJ)
	@rm -f $@ && ar rcs $@ $^
$(B)/bin/shouwen-%: $(B)/services/%/main.o $(B)/liball.a
	@mkdir -p $(@D)
	@$(LINK)
$(B)/bin/shouwen: $(B)/cli/main.o $(B)/liball.a
	@mkdir -p $(@D)
	@$(LINK)
bin/shouwen: $(B)/bin/shouwen
	@mkdir -p bin && ln -sf ../$(B)/bin/shouwen $@
$(TESTS:%=$(B)/tests/%): %: %.o $(B)/libaid.a $(B)/liball.a
	@$(LINK)

# All cores, unless the caller has said how many.
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

setup:
	@tools/setup.sh

test: setup
	@$(MAKE) $(PARALLEL) --no-print-directory test-only
test-only: all
	@BIN=$(CURDIR)/$(B)/bin tools/run-tests.sh $(B) $(foreach t,$(TESTS),$(if $(T),$(if $(findstring $(T),$(t)),$(t)),$(t)))

clean:
	rm -rf build build-san bin

-include $(wildcard deploy/*.mk tests/*/*.mk tools/*.mk)

.PHONY: all setup test test-only clean
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)

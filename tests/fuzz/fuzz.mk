# make fuzz - foreign bytes for every parser and for whole services (tests/fuzz).
#
#   make fuzz TARGET=json MINUTES=5    libFuzzer under ASan and UBSan, in build-fuzz/
#   make fuzz-coverage                 the lines of each parser that the corpora reach
#   make fuzz-seeds                    what the corpora began with, into build/fuzz-seeds
FUZZ_TARGETS := condition config csv frame import json keys manual rehearse seal settings text token \
                bus notify patrol registry reports ticketing
FUZZ_AID := $(B)/tests/fuzz/fuzz.o $(B)/tests/fuzz/house.o $(B)/tests/fuzz/content.o

# libFuzzer wants one function by one name in each program; replay has them all in one.
$(B)/tests/fuzz/%.o: tests/fuzz/%.c | $(GEN_H)
	$(call COMPILE,-Itests $(if $(LIBFUZZER),,-DLLVMFuzzerTestOneInput=target_$*))

$(B)/fuzz: $(FUZZ_TARGETS:%=$(B)/tests/fuzz/%.o) $(B)/tests/fuzz/replay.o $(B)/tests/fuzz/mutate.o $(FUZZ_AID) $(B)/liball.a
	@$(LINK)
all: $(B)/fuzz
$(B)/fuzzer/%: $(B)/tests/fuzz/%.o $(FUZZ_AID) $(B)/liball.a
	@mkdir -p $(@D)
	@$(LINK) -fsanitize=fuzzer
.PRECIOUS: $(B)/fuzzer/%

$(B)/fuzz-make-seeds: LDFLAGS += -Wl,--wrap=core_push_request,--wrap=core_push_reply
$(B)/fuzz-make-seeds: $(B)/tests/fuzz/seeds.o $(FUZZ_AID) $(B)/liball.a
	@$(LINK)
fuzz-seeds: $(B)/fuzz-make-seeds
	@$(B)/fuzz-make-seeds $(B)/fuzz-seeds

FUZZ_BUILD = B=build-fuzz WARN=-w SAN=1 LIBFUZZER=1 CC=clang CFLAGS="-O1 -g" \
             SANS="-fsanitize=fuzzer-no-link -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all"
fuzz: setup
	@$(MAKE) $(PARALLEL) --no-print-directory $(FUZZ_BUILD) $(patsubst %,build-fuzz/fuzzer/%,$(or $(TARGET),$(FUZZ_TARGETS)))
	@tests/fuzz/fuzz.sh "$(or $(TARGET),$(FUZZ_TARGETS))" $(or $(MINUTES),1)
fuzz-coverage: setup
	@$(MAKE) $(PARALLEL) --no-print-directory B=build-cov CFLAGS="-O0 -g --coverage" HARD=-fPIE WARN=-w build-cov/fuzz
	@tests/fuzz/coverage.sh build-cov
.PHONY: fuzz fuzz-coverage fuzz-seeds

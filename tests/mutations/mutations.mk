# Known bugs, as patches: a test must catch each.  build/planted has programs with
# the first of them in one service, beside the right ones of the others.
$(B)/planted/group.c: lib/core/group.c tests/mutations/reply-before-commit.patch
	@mkdir -p $(@D)
	@cp $< $@ && patch -s $@ tests/mutations/reply-before-commit.patch
$(B)/planted/group.o: $(B)/planted/group.c | $(GEN_H)
	$(call COMPILE,-Wno-unused-function)
$(B)/planted/shouwen-ticketing: $(B)/services/ticketing/main.o $(B)/planted/group.o $(B)/liball.a
	@$(LINK)
$(B)/planted/shouwen: $(B)/bin/shouwen $(B)/planted/shouwen-ticketing $(SERVICES:%=$(B)/bin/shouwen-%)
	@cp $(filter-out $(B)/bin/shouwen-ticketing,$(filter $(B)/bin/%,$^)) $(@D)/
$(B)/tests/crash/test_crash: | $(B)/planted/shouwen

# make mutants - each patch in turn, and the test that must fail with it (M=name: one of them).
mutants: setup
	@$(MAKE) $(PARALLEL) --no-print-directory mutants-only
mutants-only: all
	@tests/mutations/mutants.sh $(B) $(if $(M),$(M:%=tests/mutations/%.patch),$(sort $(wildcard tests/mutations/*.patch)))
lint-mutants:
	@tests/mutations/mutants.sh lint $(sort $(wildcard tests/mutations/*.patch))

# The changed sources lie in build/mutants/NAME; a program of tests is linked with their
# objects in front of the archive, whose own are then not taken.
ifdef MUTANT
MUTANT_B := $(B)/mutants/$(MUTANT)
MUTANT_O := $(patsubst %.c,%.o,$(shell find $(MUTANT_B) -name '*.c'))
PROGRAM_C := $(if $(filter sim power,$(PROGRAM)),$(wildcard tests/$(PROGRAM)/*.c),tests/$(PROGRAM).c) \
             $(if $(filter power,$(PROGRAM)),tests/sim/disk.c tests/sim/town.c)
PROGRAM_O := $(PROGRAM_C:%.c=$(B)/%.o)
$(MUTANT_B)/program: LDFLAGS += $(WRAP_$(PROGRAM))
$(MUTANT_B)/%.o: $(MUTANT_B)/%.c
	$(call COMPILE,-w -I$(patsubst %/,%,$(dir $*)))
$(MUTANT_B)/program: $(PROGRAM_O) $(MUTANT_O) $(B)/libaid.a $(B)/liball.a
	@$(LINK)
endif

.PHONY: mutants mutants-only lint-mutants

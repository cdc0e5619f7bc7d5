# make power - every store after a power cut at any moment (tests/power).  STATES, SEED.
POWER_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/power/*.c) tests/sim/disk.c tests/sim/town.c)
# All that leaves a service goes through core_next: the journal takes its place.
WRAP_power := -Wl,--wrap=core_next
$(B)/power: LDFLAGS += $(WRAP_power)
$(B)/power: $(POWER_OBJ) $(B)/libaid.a $(B)/liball.a
	@$(LINK)
all: $(B)/power
power: setup
	@$(MAKE) $(PARALLEL) --no-print-directory $(B)/power
	@STATES=$(or $(STATES),20000) $(B)/power
.PHONY: power

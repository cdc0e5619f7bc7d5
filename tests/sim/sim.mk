# make sim - histories under faults in one process and virtual time (tests/sim).  SEEDS, SEED, ACTS.
SIM_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/sim/*.c))
$(B)/sim: $(SIM_OBJ) $(B)/libaid.a $(B)/liball.a
	@$(LINK)
all: $(B)/sim
sim: setup
	@$(MAKE) $(PARALLEL) --no-print-directory $(B)/sim
	@SEEDS=$(or $(SEEDS),1000) $(B)/sim
.PHONY: sim

# make nth - the n-th allocation, write, sync, open, send … fails, for n = 1, 2, 3, … (tests/nth).
# STEP, SEED, KIND, N, MODE.
NTH_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/nth/*.c)) \
           $(patsubst %,$(B)/tests/sim/%.o,disk town checks)
$(B)/nth: LDFLAGS += -Wl,--wrap=core_new,--wrap=core_step,--wrap=core_next,--wrap=core_free,--wrap=store_backup
$(B)/nth: $(NTH_OBJ) $(B)/libaid.a $(B)/liball.a
	@$(LINK)
all: $(B)/nth
nth: setup
	@$(MAKE) $(PARALLEL) --no-print-directory $(B)/nth
	@$(B)/nth
.PHONY: nth

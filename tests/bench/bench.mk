# make bench - figures of the real processes, beside the raw limits (tests/bench).
BENCH_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/bench/*.c))
$(B)/bench: $(BENCH_OBJ) $(B)/libaid.a $(B)/liball.a
	@$(LINK)
bench: setup
	@$(MAKE) --no-print-directory all $(B)/bench
	@BIN=$(CURDIR)/$(B)/bin $(B)/bench $(BENCH)
.PHONY: bench

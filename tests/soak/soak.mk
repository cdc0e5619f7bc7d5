# make soak MINUTES=120 - a house at work for so long, with a fault every half minute; SEED=n: the same ones again.
soak: setup
	@$(MAKE) $(PARALLEL) --no-print-directory all
	@MINUTES=$(or $(MINUTES),120) BIN=$(CURDIR)/$(B)/bin $(B)/tests/soak/test_soak
	@echo "1 passed, 0 failed"
.PHONY: soak

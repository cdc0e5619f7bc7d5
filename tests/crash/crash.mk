# make crash N=300 - kill so many real processes while callers keep the ledger; SEED=n: the same ones again.
crash: setup
	@$(MAKE) $(PARALLEL) --no-print-directory all
	@N=$(or $(N),100) BIN=$(CURDIR)/$(B)/bin $(B)/tests/crash/test_crash nothing_acknowledged_is_lost_and_nothing_is_done_twice
	@echo "1 passed, 0 failed"
.PHONY: crash

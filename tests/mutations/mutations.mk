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

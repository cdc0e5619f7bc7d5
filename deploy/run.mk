# make run: install what is missing, build, play the main job live.  STAY=0: end after it.
run: setup
	@$(MAKE) $(PARALLEL) --no-print-directory all
	@bin/shouwen run $(if $(filter 0,$(STAY)),--no-stay)

.PHONY: run

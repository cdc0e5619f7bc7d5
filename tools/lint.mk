# make lint - what a reviewer should not have to look for.  Each file's result is
# kept (build/lint/*.ok) until it or a header changes.
LINT_C := $(wildcard lib/*/*.c services/*/*.c cli/*.c)
LINT_ALL := $(LINT_C) $(wildcard lib/*/*.h services/*/*.h cli/*.h tests/*.h tests/*/*.[ch])

lint: setup
	@$(MAKE) $(PARALLEL) -k -Otarget --no-print-directory lint-all
	@echo "lint: clean"
lint-all: lint-format lint-layers lint-names lint-texts lint-proto lint-plans lint-mutants lint-tidy lint-cppcheck
lint-format:
	@clang-format --dry-run -Werror $(LINT_ALL)
lint-layers:
	@tools/layers.sh
lint-names:
	@tools/names.sh
lint-texts:
	@tools/texts.sh
lint-plans:
	@tools/plans.sh
lint-proto:
	@tools/proto-compat.sh
lint-tidy: $(LINT_C:%.c=$(B)/lint/%.ok)
$(B)/lint/%.ok: %.c .clang-tidy tools/analyzer.h | $(GEN_H)
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(STD) $(if $(filter lib/base/err.c,$<),,-include tools/analyzer.h) -Ilib -I. -isystem $(B)/gen $(PKGINC) 2>/dev/null
	@touch $@
lint-cppcheck:
	@cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
	    --inline-suppr --suppress=missingIncludeSystem --suppress=nullPointerRedundantCheck \
	    -j2 -Ilib -I. lib services cli

.PHONY: lint lint-all lint-format lint-layers lint-names lint-texts lint-proto lint-plans lint-tidy lint-cppcheck

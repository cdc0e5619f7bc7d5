/*
 * analyzer - read by clang-tidy before each file of ours: what it cannot see across
 * files.  A failure is recorded and returned at once; without this the analyzer follows
 * paths on which err_set() has returned 0.
 */
#include "base/err.h"

#define err_set(...) (err_set(__VA_ARGS__), -1)
#define err_plain(...) (err_plain(__VA_ARGS__), -1)
#define err_wrap(...) (err_wrap(__VA_ARGS__), -1)

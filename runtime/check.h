// Checks of our own invariants. A failed check is a bug in cogdist, never bad
// input: it prints what, where, rank and step, and ends the process.

#ifndef COGDIST_RUNTIME_CHECK_H_
#define COGDIST_RUNTIME_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace cogdist {

// Who is running on this thread; printed by failed checks. The one piece of
// ambient state in the program, and nothing but messages may depend on it.
struct RankTag {
  int rank = 0;
  int64_t step = 0;
};
RankTag& CurrentRankTag();

// Prints "CHECK failed at FILE:LINE (rank R, step S): message" and aborts.
[[noreturn]] void CheckFailed(const char* file, int line,
                              absl::string_view message);

namespace check_internal {
template <typename A, typename B>
std::string Compare(const char* text, const A& a, const B& b) {
  return absl::StrCat(text, " (", a, " vs ", b, ")");
}
}  // namespace check_internal

}  // namespace cogdist

// COG_CHECK(condition) or COG_CHECK(condition, "message"); the message is only
// evaluated on failure.
#define COG_CHECK(condition, ...)                                       \
  do {                                                                  \
    if (!(condition)) [[unlikely]]                                      \
      ::cogdist::CheckFailed(                                           \
          __FILE__, __LINE__,                                           \
          ::absl::StrCat(#condition __VA_OPT__(, ": ", ) __VA_ARGS__)); \
  } while (false)

#define COG_CHECK_OP_(op, a, b)                                     \
  do {                                                              \
    const auto& cog_a = (a);                                        \
    const auto& cog_b = (b);                                        \
    if (!(cog_a op cog_b)) [[unlikely]]                             \
      ::cogdist::CheckFailed(__FILE__, __LINE__,                    \
                             ::cogdist::check_internal::Compare(    \
                                 #a " " #op " " #b, cog_a, cog_b)); \
  } while (false)

#define COG_CHECK_EQ(a, b) COG_CHECK_OP_(==, a, b)
#define COG_CHECK_NE(a, b) COG_CHECK_OP_(!=, a, b)
#define COG_CHECK_LE(a, b) COG_CHECK_OP_(<=, a, b)
#define COG_CHECK_LT(a, b) COG_CHECK_OP_(<, a, b)
#define COG_CHECK_GE(a, b) COG_CHECK_OP_(>=, a, b)
#define COG_CHECK_GT(a, b) COG_CHECK_OP_(>, a, b)

// For calls that cannot fail unless cogdist itself is wrong.
#define COG_CHECK_OK(expr)                                               \
  do {                                                                   \
    if (const ::absl::Status& cog_status = (expr); !cog_status.ok())     \
      ::cogdist::CheckFailed(__FILE__, __LINE__, cog_status.ToString()); \
  } while (false)

#endif  // COGDIST_RUNTIME_CHECK_H_

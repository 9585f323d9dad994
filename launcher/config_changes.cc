#include "launcher/config_changes.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "launcher/config.h"
#include "launcher/config_fields.h"

namespace cogdist {
namespace {

// What makes up the training whose state a checkpoint holds. All else (learning
// rate, layout, precision, how long) may change on the way.
constexpr absl::string_view kMustMatch[] = {
    "model", "data", "batch.global_batch_size", "optimizer", "seed"};

bool LiesIn(absl::string_view field, absl::string_view whole) {
  return field == whole ||
         (absl::StartsWith(field, whole) && field[whole.size()] == '.');
}

template <typename Fields>
bool LiesInAny(absl::string_view field, const Fields& fields) {
  return std::any_of(std::begin(fields), std::end(fields),
                     [&](absl::string_view f) { return LiesIn(field, f); });
}

// The specification of the command line calls this one by its last name.
std::string FullName(absl::string_view field) {
  return field == "global_batch_size" ? "batch.global_batch_size"
                                      : std::string(field);
}

using Values = std::map<std::string, std::string>;

Values ValuesOf(const RunConfig& config) {
  Values values;
  for (const ConfigField& field : FieldsOf(config)) {
    values[field.name] = field.value;
  }
  return values;
}

std::string Get(const Values& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? "not set" : found->second;
}

std::string Refusal(const std::string& name, absl::string_view before,
                    absl::string_view now, absl::string_view path) {
  return absl::StrCat(name, ": ", now, ", but ", before, " in the checkpoint ",
                      path, "; set it back, or give --allow_change ", name,
                      " to go on with it, or --resume none to start afresh");
}

}  // namespace

absl::Status CheckAllowedChanges(absl::Span<const std::string> fields) {
  for (const std::string& field : fields) {
    if (LiesInAny(FullName(field), kMustMatch)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "--allow_change: ", field,
        " is no field that has to match the checkpoint; name one of ",
        absl::StrJoin(kMustMatch, ", "), ", or a field in one of them"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ConfigChanges(
    RunConfig before, const RunConfig& now,
    absl::Span<const std::string> allowed, absl::string_view path) {
  ResolveConfig("", before);
  std::vector<std::string> full_names;
  for (const std::string& field : allowed) {
    full_names.push_back(FullName(field));
  }
  const Values old_values = ValuesOf(before), new_values = ValuesOf(now);
  std::set<std::string> names;
  for (const Values* values : {&old_values, &new_values}) {
    for (const auto& [name, value] : *values) names.insert(name);
  }
  std::vector<std::string> changes, refusals;
  for (const std::string& name : names) {
    const std::string was = Get(old_values, name), is = Get(new_values, name);
    if (was == is) continue;
    if (LiesInAny(name, kMustMatch) && !LiesInAny(name, full_names)) {
      refusals.push_back(Refusal(name, was, is, path));
    } else {
      changes.push_back(absl::StrCat(name, ": ", was, " -> ", is));
    }
  }
  if (refusals.empty()) return changes;
  return absl::InvalidArgumentError(absl::StrJoin(refusals, "\n  "));
}

}  // namespace cogdist

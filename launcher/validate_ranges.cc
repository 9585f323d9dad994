#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "launcher/validate_rules.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

namespace pb = ::google::protobuf;

enum class Required { kNo, kForTraining, kAlways };

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The values that a field may have; `*` stands for every element of a list.
struct FieldRange {
  absl::string_view path;
  double min = -kInfinity;
  double max = kInfinity;
  bool above_min = false;  // min itself is excluded
  bool below_max = false;  // max itself is excluded
  Required required = Required::kNo;
  // A value that works, where a limit is excluded and there is no default.
  double example = 0;
};

// As the comments in run_config.proto say. Upper limits that have no other
// reason keep the products of sizes inside 64 bits.
constexpr FieldRange kRanges[] = {
    {.path = "train_steps", .min = 1, .required = Required::kForTraining},
    {.path = "time_limit_seconds", .min = 0},
    {.path = "peak_tflops", .min = 0},

    {.path = "model.cogformer.vocab_size",
     .min = 2,
     .max = (int64_t{1} << 31) - 1,
     .required = Required::kAlways},
    {.path = "model.cogformer.num_layers",
     .min = 1,
     .max = 10'000,
     .required = Required::kAlways},
    {.path = "model.cogformer.hidden_size",
     .min = 1,
     .max = 1 << 20,
     .required = Required::kAlways},
    {.path = "model.cogformer.num_heads",
     .min = 1,
     .max = 1 << 16,
     .required = Required::kAlways},
    {.path = "model.cogformer.num_kv_heads", .min = 1, .max = 1 << 16},
    {.path = "model.cogformer.head_dim", .min = 2, .max = 256},
    {.path = "model.cogformer.ffn_size",
     .min = 1,
     .max = 1 << 22,
     .required = Required::kAlways},
    {.path = "model.cogformer.max_seq_len",
     .min = 1,
     .max = 1 << 24,
     .required = Required::kAlways},
    {.path = "model.cogformer.rope_theta", .min = 1, .above_min = true},
    {.path = "model.cogformer.norm_eps", .min = 0, .above_min = true},
    {.path = "model.cogformer.init_std", .min = 0, .above_min = true},

    {.path = "data.train.*.prefix", .required = Required::kForTraining},
    {.path = "data.train.*.weight", .min = 0, .above_min = true},
    {.path = "data.validation.*.prefix", .required = Required::kForTraining},
    {.path = "data.validation.*.weight", .min = 0, .above_min = true},
    {.path = "data.seq_len", .min = 1},
    {.path = "data.eos_token_id", .min = 0},

    {.path = "batch.global_batch_size",
     .min = 1,
     .max = 1 << 30,
     .required = Required::kForTraining},
    {.path = "batch.micro_batch_size", .min = 1, .max = 1 << 30},

    {.path = "optimizer.grad_clip_norm", .min = 0},
    {.path = "optimizer.adamw.beta1", .min = 0, .max = 1, .below_max = true},
    {.path = "optimizer.adamw.beta2", .min = 0, .max = 1, .below_max = true},
    {.path = "optimizer.adamw.eps", .min = 0, .above_min = true},
    {.path = "optimizer.adamw.weight_decay", .min = 0},

    {.path = "lr_schedule.peak_lr",
     .min = 0,
     .above_min = true,
     .required = Required::kForTraining,
     .example = 3e-4},
    {.path = "lr_schedule.min_lr", .min = 0},
    {.path = "lr_schedule.warmup_steps", .min = 0},
    {.path = "lr_schedule.decay_steps", .min = 1},
    {.path = "lr_schedule.cooldown_steps", .min = 1},

    {.path = "parallel.tensor", .min = 1, .max = 1 << 20},
    {.path = "parallel.pipeline", .min = 1, .max = 1 << 20},
    {.path = "parallel.context", .min = 1, .max = 1 << 20},
    {.path = "parallel.zero_stage", .min = 0, .max = 3},
    {.path = "parallel.virtual_pipeline", .min = 1, .max = 1 << 20},

    {.path = "resilience.collective_timeout_seconds",
     .min = 0,
     .above_min = true},
    {.path = "resilience.max_consecutive_skips", .min = 1},
    {.path = "resilience.replica_check_every_steps", .min = 0},

    {.path = "evaluation.every_steps", .min = 0},
    {.path = "evaluation.batches", .min = 1},
    {.path = "checkpoint.every_steps", .min = 0},
    {.path = "checkpoint.keep_last", .min = 1},
    {.path = "checkpoint.keep_every_steps", .min = 0},
    {.path = "logging.log_every_steps", .min = 1},
};

// A limit as people write it: whole numbers in full.
std::string Written(double value) {
  return value == std::floor(value) && std::abs(value) < 1e15
             ? absl::StrCat(static_cast<int64_t>(value))
             : absl::StrCat(value);
}

// "at least 1", "from 0 to below 1"; empty where everything is allowed.
std::string Describe(const FieldRange& range) {
  const std::string upper =
      absl::StrCat(range.below_max ? "below " : "", Written(range.max));
  if (std::isinf(range.max)) {
    if (std::isinf(range.min)) return "";
    return absl::StrCat(range.above_min ? "above " : "at least ",
                        Written(range.min));
  }
  return absl::StrCat("from ", Written(range.min), " to ", upper);
}

// The text of a numeric value, exact for integers, and the value as a double.
struct Number {
  std::string text;
  double value;
};

Number Read(const pb::Message& message, const pb::FieldDescriptor* field) {
  const pb::Reflection& r = *message.GetReflection();
  switch (field->cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT64: {
      const int64_t value = r.GetInt64(message, field);
      return {absl::StrCat(value), static_cast<double>(value)};
    }
    case pb::FieldDescriptor::CPPTYPE_DOUBLE: {
      const double value = r.GetDouble(message, field);
      return {absl::StrCat(value), value};
    }
    default:
      COG_CHECK(false, "no range for the type of ", field->full_name());
  }
}

// The value nearest to `given` that the range allows.
std::string Nearest(const FieldRange& range, double given,
                    double default_value) {
  const bool too_high =
      given > range.max || (range.below_max && given == range.max);
  const bool excluded = too_high ? range.below_max : range.above_min;
  if (std::isnan(given) || std::isinf(given) || excluded) {
    return absl::StrCat("e.g. ", Written(default_value));
  }
  return Written(too_high ? range.max : range.min);
}

class RangeChecker {
 public:
  RangeChecker(bool training, Faults& faults)
      : training_(training), faults_(faults) {}

  // Checks the field that `words` lead to from `message`, whose own path is
  // `prefix` ("" or "a.b.").
  void Check(const pb::Message& message, absl::Span<const std::string> words,
             const std::string& prefix, const FieldRange& range) {
    const pb::Reflection& r = *message.GetReflection();
    const pb::FieldDescriptor* const field =
        message.GetDescriptor()->FindFieldByName(words[0]);
    COG_CHECK(field != nullptr, "no field for the range of ", range.path);
    const std::string path = absl::StrCat(prefix, words[0]);
    if (words.size() == 1) return CheckField(message, field, path, range);
    if (field->is_repeated()) {
      for (int i = 0; i < r.FieldSize(message, field); ++i) {
        Check(r.GetRepeatedMessage(message, field, i), words.subspan(2),
              absl::StrCat(path, ".", i, "."), range);
      }
    } else if (field->containing_oneof() == nullptr ||
               r.HasField(message, field)) {
      Check(r.GetMessage(message, field), words.subspan(1),
            absl::StrCat(path, "."), range);
    }
  }

 private:
  void CheckField(const pb::Message& message, const pb::FieldDescriptor* field,
                  const std::string& path, const FieldRange& range) {
    const bool text = field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING;
    const pb::Reflection& r = *message.GetReflection();
    if (!r.HasField(message, field) ||
        (text && r.GetString(message, field).empty())) {
      if (IsRequired(range)) {
        faults_.Add(path, "is missing; set it",
                    text ? "" : absl::StrCat(" (", Describe(range), ")"));
      }
      return;
    }
    if (text) return;
    const Number given = Read(message, field);
    const bool fits =
        std::isfinite(given.value) &&
        (range.above_min ? given.value > range.min
                         : given.value >= range.min) &&
        (range.below_max ? given.value < range.max : given.value <= range.max);
    if (fits) return;
    const double default_value =
        field->has_default_value() &&
                field->cpp_type() == pb::FieldDescriptor::CPPTYPE_DOUBLE
            ? field->default_value_double()
            : range.example;
    faults_.Add(path, given.text, " is out of range (", Describe(range),
                "); use ", Nearest(range, given.value, default_value));
  }

  bool IsRequired(const FieldRange& range) const {
    return range.required == Required::kAlways ||
           (training_ && range.required == Required::kForTraining);
  }

  const bool training_;
  Faults& faults_;
};

}  // namespace

void CheckRanges(const RunConfig& config, bool training, Faults& faults) {
  RangeChecker checker(training, faults);
  for (const FieldRange& range : kRanges) {
    const std::vector<std::string> words = absl::StrSplit(range.path, '.');
    checker.Check(config, words, "", range);
  }
}

}  // namespace cogdist

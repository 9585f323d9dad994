#include "runtime/data/json_field.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cogdist {
namespace {

using Json = nlohmann::json;

// Follows the parser's events; an event that returns false ends the parsing.
class FieldFinder final : public nlohmann::json_sax<Json> {
 public:
  FieldFinder(absl::string_view name, std::string& value)
      : name_(name), value_(value) {}

  absl::Status Result() const {
    if (!error_.empty()) return absl::InvalidArgumentError(error_);
    if (found_) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("has no field \"", name_,
                     "\"; name the one with the text with --json_field"));
  }

  bool null() override { return Other(); }
  bool boolean(bool) override { return Other(); }
  bool number_integer(number_integer_t) override { return Other(); }
  bool number_unsigned(number_unsigned_t) override { return Other(); }
  bool number_float(number_float_t, const string_t&) override {
    return Other();
  }
  bool binary(binary_t&) override { return Other(); }

  bool string(string_t& text) override {
    if (!expected_) return Other();
    expected_ = false;
    if (found_) return Fail(absl::StrCat("has \"", name_, "\" twice"));
    found_ = true;
    value_ = std::move(text);
    return true;
  }
  bool key(string_t& key) override {
    expected_ = depth_ == 1 && key == name_;
    return true;
  }
  bool start_object(std::size_t) override {
    if (depth_ > 0 && !Other()) return false;
    ++depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    if (!Other()) return false;
    ++depth_;
    return true;
  }
  bool end_object() override { return --depth_ >= 0; }
  bool end_array() override { return --depth_ >= 0; }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return Fail(
        absl::StrCat("is not valid JSON (byte ", position, " of the line)"));
  }

 private:
  bool Fail(std::string error) {
    error_ = std::move(error);
    return false;
  }
  // A value that is not the text.
  bool Other() {
    if (depth_ == 0) return Fail("is not a JSON object");
    if (!expected_) return true;
    return Fail(absl::StrCat("field \"", name_, "\" is not a string"));
  }

  const absl::string_view name_;
  std::string& value_;
  std::string error_;
  int64_t depth_ = 0;
  bool expected_ = false;  // the next value is the field's
  bool found_ = false;
};

}  // namespace

absl::Status ReadJsonField(absl::string_view json, absl::string_view name,
                           std::string& value) {
  FieldFinder finder(name, value);
  Json::sax_parse(json.begin(), json.end(), &finder);
  return finder.Result();
}

}  // namespace cogdist

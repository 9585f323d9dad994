#include "tests/vgpu/ptx/parser.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/status_macros.h"
#include "tests/vgpu/ptx/entry_parser.h"
#include "tests/vgpu/ptx/lexer.h"

namespace cogdist::ptx {
namespace {

class Parser {
 public:
  Parser(absl::string_view text, std::string file)
      : lexer_(text), source_(std::move(file), text) {}

  absl::StatusOr<Module> Run() {
    while (lexer_.next().kind != Token::Kind::kEnd) {
      COG_RETURN_IF_ERROR(Directive());
    }
    return std::move(module_);
  }

 private:
  absl::Status Directive() {
    const Token word = lexer_.Take();
    if (word.Is(".version") || word.Is(".target") || word.Is(".address_size")) {
      lexer_.Take();
      return absl::OkStatus();
    }
    if (word.Is(".visible")) return absl::OkStatus();
    if (word.Is(".extern")) return DynamicShared();
    if (!word.Is(".entry")) return source_.Unknown("directive", word);
    COG_ASSIGN_OR_RETURN(Entry entry, ParseEntry(lexer_, source_, dynamic_));
    module_.entries.push_back(std::move(entry));
    return absl::OkStatus();
  }

  // .extern .shared .align 128 .b8 NAME[];
  absl::Status DynamicShared() {
    if (const Token word = lexer_.Take(); !word.Is(".shared")) {
      return source_.Unknown("external variable", word);
    }
    Token last;
    for (Token token = lexer_.Take(); !token.Is('[');) {
      last = std::exchange(token, lexer_.Take());
      if (token.kind == Token::Kind::kEnd) return source_.Unknown("end", token);
    }
    dynamic_.push_back(last.text);
    COG_RETURN_IF_ERROR(source_.Expect(lexer_, ']'));
    return source_.Expect(lexer_, ';');
  }

  Lexer lexer_;
  Source source_;
  // Names of the block's dynamic shared memory, whose address is 0.
  std::vector<absl::string_view> dynamic_;
  Module module_;
};

}  // namespace

absl::StatusOr<Module> Parse(absl::string_view text, std::string file) {
  return Parser(text, std::move(file)).Run();
}

}  // namespace cogdist::ptx

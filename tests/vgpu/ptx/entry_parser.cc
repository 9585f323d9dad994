#include "tests/vgpu/ptx/entry_parser.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/status_macros.h"
#include "tests/vgpu/ptx/opcodes.h"

namespace cogdist::ptx {
namespace {

using Kind = Token::Kind;

// An operand list as a Form writes it, but for r: a register, i: another number
// than those that have characters of their own.
bool Fits(absl::string_view found, absl::string_view form) {
  return std::equal(found.begin(), found.end(), form.begin(), form.end(),
                    [](char is, char wanted) {
                      if (wanted == 'd') return is == 'r';
                      if (wanted == 's') {
                        return is == 'r' || is == 'i' || is == '0' || is == 'w';
                      }
                      return is == wanted;
                    });
}

class EntryParser {
 public:
  EntryParser(Lexer& lexer, const Source& source,
              absl::Span<const absl::string_view> shared)
      : lexer_(lexer), source_(source) {
    for (absl::string_view name : shared) symbols_[name] = 0;
    const auto add = [this](absl::string_view name, SpecialRegister number) {
      registers_[name] = number;
    };
    add("%tid.x", kThreadX);
    add("%tid.y", kThreadY);
    add("%tid.z", kThreadZ);
    add("%ctaid.x", kBlockX);
    add("%ctaid.y", kBlockY);
    add("%ctaid.z", kBlockZ);
    add("%ntid.x", kBlockExtentX);
    add("%ntid.y", kBlockExtentY);
    add("%ntid.z", kBlockExtentZ);
    add("%nctaid.x", kGridExtentX);
    add("%nctaid.y", kGridExtentY);
    add("%nctaid.z", kGridExtentZ);
  }

  absl::StatusOr<Entry> Run() {
    entry_.name = std::string(lexer_.Take().text);
    COG_RETURN_IF_ERROR(source_.Expect(lexer_, '('));
    COG_RETURN_IF_ERROR(Parameter());
    COG_RETURN_IF_ERROR(source_.Expect(lexer_, ')'));
    while (!lexer_.next().Is('{')) COG_RETURN_IF_ERROR(Limit());
    lexer_.Take();
    while (!lexer_.next().Is('}')) COG_RETURN_IF_ERROR(Statement());
    lexer_.Take();
    COG_RETURN_IF_ERROR(ResolveBranches());
    return std::move(entry_);
  }

 private:
  // .param .align 8 .b8 NAME[BYTES]: the one struct that our kernels have.
  absl::Status Parameter() {
    for (absl::string_view word : {".param", ".align"}) {
      const Token token = lexer_.Take();
      if (!token.Is(word)) return source_.Unknown("parameter", token);
    }
    COG_RETURN_IF_ERROR(Number().status());
    if (const Token type = lexer_.Take(); !type.Is(".b8")) {
      return source_.Unknown("parameter", type);
    }
    symbols_[lexer_.Take().text] = 0;
    COG_RETURN_IF_ERROR(source_.Expect(lexer_, '['));
    COG_ASSIGN_OR_RETURN(entry_.parameter_bytes, Number());
    return source_.Expect(lexer_, ']');
  }

  // .maxntid X, Y, Z and .minnctapersm N.
  absl::Status Limit() {
    const Token name = lexer_.Take();
    if (!name.Is(".maxntid") && !name.Is(".minnctapersm")) {
      return source_.Unknown("directive", name);
    }
    COG_ASSIGN_OR_RETURN(int64_t product, Number());
    while (lexer_.next().Is(',')) {
      lexer_.Take();
      COG_ASSIGN_OR_RETURN(const int64_t factor, Number());
      product *= factor;
    }
    if (name.Is(".maxntid")) entry_.max_threads = product;
    return absl::OkStatus();
  }

  absl::Status Statement() {
    const Token token = lexer_.Take();
    if (token.Is(".reg")) return Registers();
    if (token.Is(".pragma")) {
      lexer_.Take();
      return source_.Expect(lexer_, ';');
    }
    if (token.Is('@')) return GuardedInstruction();
    if (token.kind != Kind::kWord || token.text[0] == '.') {
      return source_.Unknown("statement", token);
    }
    if (lexer_.next().Is(':')) {
      lexer_.Take();
      labels_[token.text] = entry_.code.size();
      return absl::OkStatus();
    }
    return ReadInstruction(token, {});
  }

  // .reg .b32 %r<24>; or .reg .b32 %r;
  absl::Status Registers() {
    lexer_.Take();
    const Token name = lexer_.Take();
    if (!lexer_.next().Is('<')) {
      registers_[name.text] = entry_.registers++;
      return source_.Expect(lexer_, ';');
    }
    lexer_.Take();
    COG_ASSIGN_OR_RETURN(const int64_t count, Number());
    families_[name.text] = {entry_.registers, static_cast<uint32_t>(count)};
    entry_.registers += count;
    COG_RETURN_IF_ERROR(source_.Expect(lexer_, '>'));
    return source_.Expect(lexer_, ';');
  }

  // @%p1 or @!%p1, and an instruction.
  absl::Status GuardedInstruction() {
    Instruction instruction;
    instruction.guard_is_negated = lexer_.next().Is('!');
    if (instruction.guard_is_negated) lexer_.Take();
    const Token name = lexer_.Take();
    if (!FindRegister(name.text, instruction.guard)) {
      return source_.Unknown("register", name);
    }
    return ReadInstruction(lexer_.Take(), std::move(instruction));
  }

  absl::Status ReadInstruction(const Token& opcode, Instruction instruction) {
    found_.clear();
    while (!lexer_.next().Is(';')) {
      COG_RETURN_IF_ERROR(ReadOperand(instruction));
    }
    lexer_.Take();
    const absl::Span<const Form> forms = Opcodes().Find(opcode.text);
    if (forms.empty()) return source_.Unknown("opcode", opcode);
    for (const Form& form : forms) {
      if (Fits(found_, form.operands)) instruction.execute = form.execute;
    }
    if (instruction.execute == nullptr) {
      return source_.Unknown(absl::StrCat("operands (", found_, ") of"),
                             opcode);
    }
    instruction.code = source_.PlaceOf(opcode.line);
    entry_.code.push_back(std::move(instruction));
    return absl::OkStatus();
  }

  // A part of the list: an operand or what stands between two.
  absl::Status ReadOperand(Instruction& instruction) {
    const Token token = lexer_.Take();
    if (token.Is(',')) return absl::OkStatus();
    if (token.Is('{') || token.Is('}') || token.Is('|')) {
      found_ += token.text[0];
      return absl::OkStatus();
    }
    if (token.Is('[')) return ReadAddress(instruction);
    Operand operand;
    COG_ASSIGN_OR_RETURN(const char kind, Value(token, operand));
    if (kind == 'l') {
      branches_.push_back({entry_.code.size(), token});
    }
    found_ += kind;
    instruction.operands.push_back(operand);
    return absl::OkStatus();
  }

  // [base], [base+offset]
  absl::Status ReadAddress(Instruction& instruction) {
    Operand address;
    const Token token = lexer_.Take();
    COG_ASSIGN_OR_RETURN(const char kind, Value(token, address));
    if (kind == 'l') return source_.Unknown("address", token);
    if (lexer_.next().Is('+')) {
      lexer_.Take();
      COG_ASSIGN_OR_RETURN(const int64_t offset, Number());
      address.offset += offset;
    }
    found_ += 'a';
    instruction.operands.push_back(address);
    return source_.Expect(lexer_, ']');
  }

  // The kind of operand, as in Fits(). Labels are resolved at the end.
  absl::StatusOr<char> Value(const Token& token, Operand& operand) {
    if (token.kind == Kind::kNumber && ParseBits(token.text, operand.offset)) {
      return operand.offset == 0 ? '0' : operand.offset == 16 ? 'w' : 'i';
    }
    if (token.kind != Kind::kWord) return source_.Unknown("operand", token);
    if (FindRegister(token.text, operand.base)) return 'r';
    if (const auto found = symbols_.find(token.text); found != symbols_.end()) {
      operand.offset = found->second;
      return 'i';
    }
    if (token.text[0] == '$') return 'l';
    return source_.Unknown("name", token);
  }

  bool FindRegister(absl::string_view name, uint32_t& number) const {
    if (name[0] != '%') return false;
    const size_t stem = name.find_last_not_of("0123456789") + 1;
    const auto family = families_.find(name.substr(0, stem));
    uint32_t member = 0;
    if (family != families_.end() &&
        absl::SimpleAtoi(name.substr(stem), &member) &&
        member < family->second.count) {
      number = family->second.first + member;
      return true;
    }
    const auto found = registers_.find(name);
    if (found == registers_.end()) return false;
    number = found->second;
    return true;
  }

  absl::StatusOr<int64_t> Number() {
    const Token token = lexer_.Take();
    int64_t bits = 0;
    if (token.kind == Kind::kNumber && ParseBits(token.text, bits)) return bits;
    return source_.Unknown("number", token);
  }

  absl::Status ResolveBranches() {
    for (const Branch& branch : branches_) {
      const auto found = labels_.find(branch.label.text);
      if (found == labels_.end()) return source_.Unknown("label", branch.label);
      entry_.code[branch.instruction].operands[0].offset = found->second;
    }
    return absl::OkStatus();
  }

  struct Family {
    uint32_t first, count;
  };
  struct Branch {
    size_t instruction;
    Token label;
  };

  Lexer& lexer_;
  const Source& source_;
  Entry entry_;
  absl::flat_hash_map<absl::string_view, Family> families_;  // %r<8>
  absl::flat_hash_map<absl::string_view, uint32_t> registers_;
  absl::flat_hash_map<absl::string_view, int64_t> symbols_;  // -> address
  absl::flat_hash_map<absl::string_view, int64_t> labels_;
  std::vector<Branch> branches_;
  std::string found_;  // the operands of the instruction being read
};

}  // namespace

Source::Source(std::string file, absl::string_view text)
    : file_(std::move(file)),
      first_line_(simt::PlacesOf(
          file_, std::count(text.begin(), text.end(), '\n') + 2)) {}

absl::Status Source::Unknown(absl::string_view what, const Token& token) const {
  return absl::InvalidArgumentError(absl::StrCat(
      file_, ":", token.line, ": unknown ", what, " '", token.text, "'"));
}

absl::Status Source::Expect(Lexer& lexer, char symbol) const {
  const Token token = lexer.Take();
  if (token.Is(symbol)) return absl::OkStatus();
  return Unknown(
      absl::StrCat("word instead of '", std::string(1, symbol), "':"), token);
}

absl::StatusOr<Entry> ParseEntry(Lexer& lexer, const Source& source,
                                 absl::Span<const absl::string_view> shared) {
  return EntryParser(lexer, source, shared).Run();
}

}  // namespace cogdist::ptx

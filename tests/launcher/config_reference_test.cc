// docs/configuration.md lists every field of a configuration. The list is drawn
// from the comments in proto/run_config.proto, and this test keeps it so:
//   COGDIST_UPDATE_DOCS=1 build/launcher_config_reference_test
// writes it anew.

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "runtime/file.h"

namespace cogdist {
namespace {

namespace pb = ::google::protobuf;

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPage[] = "docs/configuration.md";
constexpr absl::string_view kBegin = "<!-- begin of the generated list -->\n";
constexpr absl::string_view kEnd = "<!-- end of the generated list -->\n";

// The comment above a declaration, in one line.
template <typename Descriptor>
std::string Comment(const Descriptor& descriptor) {
  pb::SourceLocation location;
  if (!descriptor.GetSourceLocation(&location)) return "";
  std::string text = location.leading_comments;
  absl::RemoveExtraAsciiWhitespace(&text);
  return absl::StrReplaceAll(text, {{"|", "\\|"}, {"*", "\\*"}});
}

std::string TypeName(const pb::FieldDescriptor& field) {
  if (field.message_type() != nullptr) {
    return absl::StrCat("[", field.message_type()->name(), "](#",
                        absl::AsciiStrToLower(field.message_type()->name()),
                        ")");
  }
  if (field.enum_type() != nullptr) return "name";
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return "boolean";
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return "string";
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return "number";
    default:
      return field.is_repeated() ? "integers" : "integer";
  }
}

std::string Default(const pb::FieldDescriptor& field) {
  if (!field.has_default_value()) return "";
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return field.default_value_bool() ? "`true`" : "`false`";
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat("`", field.default_value_int64(), "`");
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat("`", field.default_value_uint64(), "`");
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::StrCat("`", field.default_value_double(), "`");
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat("`", field.default_value_enum()->name(), "`");
    default:
      ADD_FAILURE() << "a default of unknown type: " << field.full_name();
      return "";
  }
}

std::string Meaning(const pb::FieldDescriptor& field) {
  std::string text = Comment(field);
  if (field.enum_type() == nullptr) return text;
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    const pb::EnumValueDescriptor& value = *field.enum_type()->value(i);
    const std::string comment = Comment(value);
    absl::StrAppend(&text, "<br>`", value.name(), "`",
                    comment.empty() ? "" : ": ", comment);
  }
  return text;
}

// A section for the message, then one for each message below it.
void AppendMessage(const pb::Descriptor& type, std::set<std::string>& done,
                   std::string& page) {
  if (!done.insert(type.name()).second) return;
  absl::StrAppend(&page, "\n### ", type.name(), "\n\n");
  const std::string comment = Comment(type);
  if (!comment.empty()) absl::StrAppend(&page, comment, "\n\n");
  absl::StrAppend(&page, "| field | value | default | meaning |\n",
                  "| --- | --- | --- | --- |\n");
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor& field = *type.field(i);
    absl::StrAppend(&page, "| `", field.name(), "` | ",
                    field.is_repeated() ? "list of " : "", TypeName(field),
                    " | ", Default(field), " | ", Meaning(field), " |\n");
  }
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::Descriptor* const below = type.field(i)->message_type();
    if (below != nullptr) AppendMessage(*below, done, page);
  }
}

// The reference as Markdown. A program's own descriptors have no comments, so
// it is drawn from protoc's description of the schema.
std::string Generate() {
  pb::FileDescriptorSet files;
  if (!files.ParseFromString(ReadFile(COGDIST_RUN_CONFIG_DESCRIPTOR).value())) {
    return "";
  }
  pb::DescriptorPool pool;
  for (const pb::FileDescriptorProto& file : files.file()) pool.BuildFile(file);
  std::set<std::string> done;
  std::string page;
  AppendMessage(*pool.FindMessageTypeByName("cogdist.RunConfig"), done, page);
  return page;
}

TEST(ConfigReferenceTest, PageAgreesWithTheSchema) {
  const auto page = ReadFile(kPage);
  ASSERT_TRUE(page.ok()) << page.status();
  const size_t begin = page->find(kBegin.data());
  const size_t end = page->find(kEnd.data());
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const std::string wanted =
      absl::StrCat(page->substr(0, begin + kBegin.size()), Generate(), "\n",
                   page->substr(end));
  if (std::getenv("COGDIST_UPDATE_DOCS") != nullptr) {
    ASSERT_TRUE(WriteFileAtomically(kPage, wanted).ok());
    return;
  }
  EXPECT_TRUE(*page == wanted)
      << kPage << " is out of step with proto/run_config.proto; run "
      << "COGDIST_UPDATE_DOCS=1 build/launcher_config_reference_test";
}

TEST(ConfigReferenceTest, EveryFieldAndEnumValueHasAComment) {
  const std::string page = Generate();
  EXPECT_THAT(page, HasSubstr("<br>`AUTO`: "));
  EXPECT_THAT(page, Not(HasSubstr(" |  |\n")));
  EXPECT_THAT(page, Not(ContainsRegex("<br>`[A-Z0-9_]+`[^:]")));
}

}  // namespace
}  // namespace cogdist

// tests/data/reference*.safetensors were written by the reference library
// (Python package safetensors 0.8.0, save_file of torch tensors).

#include "runtime/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <random>

#include "runtime/bfloat16.h"
#include "runtime/safetensors_header.h"
#include "runtime/safetensors_writer.h"
#include "tests/temp_dir.h"
#include "tests/testing/fake_file_system.h"
#include "tests/testing/safetensors_file.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
absl::string_view Bytes(const std::vector<T>& values) {
  return absl::string_view(reinterpret_cast<const char*>(values.data()),
                           values.size() * sizeof(T));
}

template <typename T>
TensorToStore Tensor(const std::string& name, const Shape& shape,
                     const std::vector<T>& values) {
  return {name, DTypeOf<T>(), shape, Bytes(values)};
}

std::vector<float> Floats(const SafetensorsReader& reader,
                          absl::string_view name) {
  const StoredTensor* tensor = reader.Find(name);
  if (tensor == nullptr) return {};
  std::vector<float> values(tensor->shape.num_elements());
  EXPECT_TRUE(ReadFloats(*tensor, 0, absl::MakeSpan(values)).ok());
  return values;
}

// A file with this header and as many bytes of data.
std::string File(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), 8);
  return file + header + std::string(data_bytes, '\1');
}

TEST(SafetensorsTest, ReadsTheReferenceLibrarysFile) {
  const auto reader =
      SafetensorsReader::Open("tests/data/reference.safetensors");
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->tensors().size(), 10u);
  EXPECT_EQ(reader->metadata().at("format"), "pt");
  const StoredTensor* weight = reader->Find("model.embed_tokens.weight");
  ASSERT_NE(weight, nullptr);
  EXPECT_EQ(weight->shape, Shape({3, 4}));
  EXPECT_THAT(Floats(*reader, weight->name),
              ElementsAre(-5.5, -4.5, -3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5,
                          3.5, 4.5, 5.5));
  EXPECT_THAT(Floats(*reader, "b.bf16"), ElementsAre(1, -2.5, 3.140625));
  EXPECT_THAT(Floats(*reader, "a.f32"),
              ElementsAre(1.5, 0, std::numeric_limits<float>::infinity()));
  EXPECT_THAT(Floats(*reader, "scalar"), ElementsAre(2.25));
  EXPECT_EQ(reader->Find("scalar")->shape.rank(), 0);
  EXPECT_THAT(Floats(*reader, "empty"), ElementsAre());
  EXPECT_THAT(Floats(*reader, "d.f64")[0], 0.1f);
  EXPECT_THAT(Floats(*reader, "\u00e9\"\\"), ElementsAre(4));
  EXPECT_EQ(reader->Find("none"), nullptr);
  std::vector<float> out(2);
  const absl::Status integers =
      ReadFloats(*reader->Find("c.i64"), 0, absl::MakeSpan(out));
  EXPECT_TRUE(absl::IsInvalidArgument(integers));
  EXPECT_THAT(integers.ToString(), HasSubstr("\"c.i64\" has dtype I64"));
}

TEST(SafetensorsTest, ConvertsHalfPrecision) {
  const auto reader =
      SafetensorsReader::Open("tests/data/reference_half.safetensors");
  ASSERT_TRUE(reader.ok()) << reader.status();
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(Floats(*reader, "half"),
              ElementsAre(0.f, -0.f, 1.f, -2.f, 65504.f, 6.103515625e-05f,
                          5.960464477539063e-08f, -3.045797348022461e-05f,
                          infinity, -infinity, 0.333251953125f));
  EXPECT_TRUE(std::signbit(Floats(*reader, "half")[1]));
}

TEST(SafetensorsTest, WritesTheReferenceLibrarysBytes) {
  const TempDir dir;
  std::vector<float> weight(12);
  for (int i = 0; i < 12; ++i) weight[i] = i - 5.5f;
  const std::vector<float> f32 = {1.5f, -0.f,
                                  std::numeric_limits<float>::infinity()};
  const std::vector<BFloat16> bf16 = {BFloat16(1.f), BFloat16(-2.5f),
                                      BFloat16(3.140625f)};
  const std::vector<int64_t> i64 = {-1, int64_t{1} << 40};
  const std::vector<double> f64 = {0.1, -1e300};
  const std::vector<int32_t> i32 = {7, -8};
  const std::vector<uint16_t> u16 = {1, 65535, 3};
  const std::vector<float> scalar = {2.25f}, four = {4}, none;
  const std::vector<TensorToStore> tensors = {
      Tensor("model.embed_tokens.weight", {3, 4}, weight),
      Tensor("a.f32", {3}, f32),
      Tensor("b.bf16", {1, 3}, bf16),
      Tensor("c.i64", {2}, i64),
      Tensor("d.f64", {2}, f64),
      Tensor("e.i32", {2, 1}, i32),
      Tensor("f.u16", {3}, u16),
      Tensor("scalar", {}, scalar),
      Tensor("empty", {0, 3}, none),
      Tensor("\u00e9\"\\", {1}, four)};
  ASSERT_TRUE(WriteSafetensors(dir / "w", tensors, {{"format", "pt"}}).ok());
  EXPECT_EQ(*ReadFile(dir / "w"),
            *ReadFile("tests/data/reference.safetensors"));
}

TEST(SafetensorsTest, WritesIntoAnyFile) {
  testing::FakeFileSystem files;
  const auto file = files.CreateFile("/w");
  const std::vector<TensorSpec> specs = {
      {.name = "b", .shape = {2}},
      {.name = "a", .dtype = DType::kUInt16, .shape = {1}},
      {.name = "c", .shape = {1}}};
  auto writer = SafetensorsWriter::Create(**file, specs);
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(*ReadAll(files, "/w"), writer->header());
  std::string data;
  for (const TensorSpec& spec : writer->tensors()) {  // b, c, a
    EXPECT_FALSE(writer->complete());
    const std::string bytes(static_cast<size_t>(spec.bytes()), spec.name[0]);
    ASSERT_TRUE(writer->Append(bytes).ok());
    data += bytes;
  }
  EXPECT_TRUE(writer->complete());
  EXPECT_EQ(data, "bbbbbbbbccccaa");
  EXPECT_EQ(*ReadAll(files, "/w"), absl::StrCat(writer->header(), data));
}

TEST(SafetensorsTest, ReportsAFullDisk) {
  testing::FakeFileSystem files;
  files.SetCapacity(100);
  const auto file = files.CreateFile("/w");
  auto writer = SafetensorsWriter::Create(
      **file, std::vector<TensorSpec>{{.name = "a", .shape = {100}}});
  ASSERT_TRUE(writer.ok());
  const absl::Status full = writer->Append(std::string(400, 'x'));
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
}

TEST(SafetensorsTest, RoundTripsRandomTensors) {
  const TempDir dir;
  std::mt19937 random(4);
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<std::vector<uint16_t>> values(random() % 20);
    std::vector<TensorToStore> tensors;
    for (size_t i = 0; i < values.size(); ++i) {
      const int64_t rows = random() % 5, columns = random() % 70;
      const bool narrow = random() % 2 == 0;
      values[i].resize(rows * columns * (narrow ? 1 : 2));
      for (uint16_t& x : values[i]) x = static_cast<uint16_t>(random());
      tensors.push_back({absl::StrCat("t", i),
                         narrow ? DType::kBFloat16 : DType::kFloat32,
                         {rows, columns},
                         Bytes(values[i])});
    }
    ASSERT_TRUE(WriteSafetensors(dir / "w", tensors).ok());
    const auto reader = SafetensorsReader::Open(dir / "w");
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ(reader->tensors().size(), tensors.size());
    for (const TensorToStore& tensor : tensors) {
      const StoredTensor* read = reader->Find(tensor.name);
      ASSERT_NE(read, nullptr);
      EXPECT_EQ(read->dtype, SafetensorsName(tensor.dtype));
      EXPECT_EQ(read->shape, tensor.shape);
      EXPECT_EQ(read->bytes, tensor.bytes);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(read->bytes.data()) %
                    SizeOf(tensor.dtype),
                0u);
    }
  }
}

TEST(SafetensorsTest, RefusesDamagedHeaders) {
  const std::string a = R"("a":{"dtype":"F32","shape":[2],)"
                        R"("data_offsets":[0,8]})";
  const auto f32 = [](const char* shape, const char* offsets) {
    return absl::StrCat(R"({"a":{"dtype":"F32","shape":)", shape,
                        R"(,"data_offsets":)", offsets, "}}");
  };
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"", "shorter than the length"},
      {std::string(7, '\0'), "shorter than the length"},
      {std::string(8, '\xff'), "the limit is 100000000"},
      {std::string("\x01\xe1\xf5\x05\0\0\0\0", 8), "has 100000001 bytes"},
      {std::string("\x09\0\0\0\0\0\0\0{}", 10), "but only 2 follow"},
      {File("", 0), "not valid JSON"},
      {File("{", 0), "not valid JSON"},
      {File("{}}", 0), "not valid JSON"},
      {File(" {}", 0), "does not begin with {"},
      {File("[]", 0), "does not begin with {"},
      {File("{\"\xff\":1}", 0), "not valid JSON"},
      {File("{" + a + "," + a + "}", 8), "\"a\" occurs twice"},
      {File(R"({"a":5})", 0), "tensor \"a\": without a dtype"},
      {File(R"({"a":{"dtype":4}})", 0), "tensor \"a\": without a dtype"},
      {File(R"({"a":{"dtype":"F12","shape":[],"data_offsets":[0,1]}})", 1),
       "tensor \"a\": dtype F12 is not supported"},
      {File(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4), "shape"},
      {File(f32("[-2]", "[0,8]"), 8), "its shape is no list"},
      {File(f32("[2.0]", "[0,8]"), 8), "its shape is no list"},
      {File(f32("[1,1,1,1,1,2]", "[0,8]"), 8), "6 dimensions"},
      {File(f32("[2]", "[0]"), 8), "data_offsets are no pair"},
      {File(f32("[2]", "[0,8,9]"), 8), "data_offsets are no pair"},
      {File(f32("[2]", "[0,18446744073709551615]"), 8), "no pair"},
      {File(f32("[2]", "[0,\"8\"]"), 8), "data_offsets are no pair"},
      {File(f32("[3]", "[0,8]"), 8), "do not hold F32 [3]"},
      {File(f32("[2]", "[8,0]"), 8), "do not hold F32 [2]"},
      {File(f32("[4611686018427387904,4]", "[0,0]"), 0), "do not hold F32"},
      {File(f32("[9223372036854775807,9223372036854775807]", "[0,8]"), 8),
       "do not hold F32"},
      {File(f32("[2]", "[4,12]"), 12), "\"a\" begins at byte 4"},
      {File("{" + a +
                R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
            12),
       "\"b\" begins at byte 4 of the data where 8"},
      {File("{" + a +
                R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})",
            16),
       "\"b\" begins at byte 12 of the data where 8"},
      {File("{" + a + "}", 7), "\"a\" ends at byte 8"},
      {File("{" + a + "}", 9), "1 bytes follow the last tensor"},
      {File("{}", 3), "3 bytes follow the last tensor"},
      {File(R"({"__metadata__":5})", 0), "__metadata__ is no object"},
      {File(R"({"__metadata__":{"k":5}})", 0), "\"k\" is no string"},
  };
  const TempDir dir;
  for (const auto& [file, message] : faults) {
    ASSERT_TRUE(WriteFileAtomically(dir / "w", file).ok());
    const absl::Status status = SafetensorsReader::Open(dir / "w").status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << message << ": " << status;
    EXPECT_THAT(status.ToString(), HasSubstr(message));
    EXPECT_THAT(status.ToString(), HasSubstr(dir / "w"));
  }
}

TEST(SafetensorsTest, FindsEveryTruncation) {
  const std::string whole = *ReadFile("tests/data/reference.safetensors");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseSafetensorsHeader(whole.substr(0, size), "w").ok());
  }
}

// A header with any byte changed is refused or still tiles the data.
TEST(SafetensorsTest, SurvivesFlippedBytes) {
  const std::string whole = *ReadFile("tests/data/reference.safetensors");
  std::mt19937 random(6);
  for (int trial = 0; trial < 20000; ++trial) {
    std::string file = whole;
    file[random() % 672] = static_cast<char>(random());
    const auto header = ParseSafetensorsHeader(file, "w");
    if (!header.ok()) continue;
    int64_t data_bytes = 0;
    for (const auto& tensor : header->tensors) {
      data_bytes += tensor.end - tensor.begin;
    }
    EXPECT_EQ(header->data_offset + data_bytes,
              static_cast<int64_t>(file.size()));
  }
}

class ShardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::vector<float> one = {1}, two = {2}, three = {3};
    WriteShard("s1", {Tensor("a", {1}, one), Tensor("b", {1}, two)});
    WriteShard("s2", {Tensor("c", {1}, three), Tensor("b", {1}, three)});
  }
  void WriteShard(absl::string_view name,
                  const std::vector<TensorToStore>& tensors) {
    ASSERT_TRUE(WriteSafetensors(dir_ / name, tensors).ok());
  }
  void WriteIndex(absl::string_view text) {
    ASSERT_TRUE(
        WriteFileAtomically(dir_ / "model.safetensors.index.json", text).ok());
  }
  absl::StatusOr<SafetensorsReader> Open() {
    return SafetensorsReader::Open(dir_.path());
  }

  TempDir dir_;
};

TEST_F(ShardTest, ReadsTheFolder) {
  WriteIndex(R"({"metadata":{"total_size":12},
                 "weight_map":{"a":"s1","b":"s1","c":"s2"}})");
  const auto reader = Open();
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_EQ(reader->tensors().size(), 3u);
  EXPECT_THAT(Floats(*reader, "a"), ElementsAre(1));
  EXPECT_THAT(Floats(*reader, "b"), ElementsAre(2));  // of the shard it names
  EXPECT_THAT(Floats(*reader, "c"), ElementsAre(3));
  EXPECT_TRUE(
      SafetensorsReader::Open(dir_ / "model.safetensors.index.json").ok());
}

TEST_F(ShardTest, ReadsAFolderWithOneFile) {
  EXPECT_THAT(Open().status().ToString(), HasSubstr("holds neither"));
  std::filesystem::rename(dir_ / "s1", dir_ / "model.safetensors");
  EXPECT_EQ(Open()->tensors().size(), 2u);
}

TEST_F(ShardTest, RefusesBadIndexes) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"{", "not valid JSON"},
      {"{}", "has no object \"weight_map\""},
      {R"({"weight_map":[]})", "has no object \"weight_map\""},
      {R"({"weight_map":{"a":5}})", "tensor \"a\""},
      {R"({"weight_map":{"a":"../s1"}})", "tensor \"a\""},
      {R"({"weight_map":{"a":"s1","a":"s2"}})", "\"a\" occurs twice"},
      {R"({"weight_map":{"a":"s2"}})", "tensor \"a\" in s2, which does not"},
      {R"({"weight_map":{"a":"s3"}})", "s3: No such file"},
  };
  for (const auto& [text, message] : faults) {
    WriteIndex(text);
    const absl::Status status = Open().status();
    EXPECT_TRUE(absl::IsInvalidArgument(status) || absl::IsNotFound(status));
    EXPECT_THAT(status.ToString(), HasSubstr(message));
    EXPECT_THAT(status.ToString(), HasSubstr(dir_.path()));
  }
}

}  // namespace
}  // namespace cogdist

#include "runtime/data/indexed_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>

#include "runtime/crc32c.h"
#include "runtime/data/indexed_dataset_writer.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;
using Documents = std::vector<std::vector<int32_t>>;

DatasetMeta Write(const std::string& prefix, int64_t vocab_size,
                  const Documents& documents) {
  absl::StatusOr<IndexedDatasetWriter> writer =
      IndexedDatasetWriter::Create(prefix, vocab_size);
  EXPECT_TRUE(writer.ok()) << writer.status();
  for (const auto& document : documents) {
    EXPECT_TRUE(writer->AddDocument(document).ok());
  }
  const absl::StatusOr<DatasetMeta> meta =
      writer->Finish({.tokenizer = "bytes",
                      .source = "a \"test\"",
                      .license = "CC0-1.0",
                      .text_bytes = 77,
                      .eos_token_id = 0});
  EXPECT_TRUE(meta.ok()) << meta.status();
  return *meta;
}

template <typename T>
void Put(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

// An index written field by field, so that each can be wrong.
struct IndexFields {
  std::string magic = std::string("MMIDIDX\0\0", 9);
  uint64_t version = 1;
  uint8_t code = 8;
  uint64_t sequences = 3;
  std::vector<int32_t> lengths = {2, 1, 3};
  std::vector<int64_t> offsets = {0, 4, 6};
  std::vector<int64_t> documents = {0, 1, 3};
  std::string trailer = {};

  std::string Bytes() const {
    std::string bytes = magic;
    Put(bytes, version);
    Put(bytes, code);
    Put(bytes, sequences);
    Put(bytes, static_cast<uint64_t>(documents.size()));
    for (const int32_t length : lengths) Put(bytes, length);
    for (const int64_t offset : offsets) Put(bytes, offset);
    for (const int64_t document : documents) Put(bytes, document);
    return bytes + trailer;
  }
};

TEST(IndexedDatasetTest, RoundTripsBothTypes) {
  const TempDir dir;
  std::mt19937 random(1);
  for (const int64_t vocab : {2, 65499, 65500, 100000}) {
    Documents documents(50);
    std::vector<int32_t> all;
    for (auto& document : documents) {
      document.resize(1 + random() % 40);
      for (int32_t& id : document) id = static_cast<int32_t>(random() % vocab);
      all.insert(all.end(), document.begin(), document.end());
    }
    const DatasetMeta meta = Write(dir / "data", vocab, documents);
    const auto data = IndexedDatasetReader::Open(dir / "data");
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_EQ(data->dtype(), vocab < 65500 ? DType::kUInt16 : DType::kInt32);
    EXPECT_EQ(data->num_documents(), 50);
    ASSERT_EQ(data->num_tokens(), static_cast<int64_t>(all.size()));
    std::vector<int32_t> read(all.size());
    data->Read(0, absl::MakeSpan(read));
    EXPECT_EQ(read, all);
    EXPECT_EQ(meta.largest_token_id, *std::max_element(all.begin(), all.end()));
    EXPECT_EQ(meta.crc32c, Crc32c(data->bin()));
    int64_t position = 0;
    for (int64_t d = 0; d < 50; ++d) {
      EXPECT_EQ(data->DocumentBegin(d), position);
      for (size_t i = 0; i < documents[d].size(); ++i) {
        EXPECT_EQ(data->DocumentAt(position++), d);
      }
    }
    EXPECT_EQ(data->DocumentBegin(50), position);
    const absl::StatusOr<DatasetMeta> verified = VerifyDataset(dir / "data");
    ASSERT_TRUE(verified.ok()) << verified.status();
    EXPECT_EQ(verified->text_bytes, 77);
    EXPECT_EQ(verified->source, "a \"test\"");
  }
}

// The layout that Megatron's own IndexedDatasetBuilder gives these documents,
// byte by byte.
TEST(IndexedDatasetTest, WritesMegatronsBytes) {
  const TempDir dir;
  Write(dir / "data", 300, {{7, 0}, {}, {258, 3, 0}});
  EXPECT_EQ(*ReadFile(dir / "data.bin"),
            std::string("\7\0\0\0\2\1\3\0\0\0", 10));
  EXPECT_EQ(*ReadFile(dir / "data.idx"),
            std::string("MMIDIDX\0\0"
                        "\1\0\0\0\0\0\0\0"
                        "\x08"
                        "\2\0\0\0\0\0\0\0"
                        "\3\0\0\0\0\0\0\0"
                        "\2\0\0\0\3\0\0\0"
                        "\0\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0"
                        "\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0",
                        34 + 8 + 16 + 24));
}

TEST(IndexedDatasetTest, ReadsDocumentsOfSeveralSequences) {
  const TempDir dir;
  const std::string bin("\1\0\2\0\3\0\4\0\5\0\6\0", 12);
  ASSERT_TRUE(WriteFileAtomically(dir / "d.bin", bin).ok());
  ASSERT_TRUE(WriteFileAtomically(dir / "d.idx", IndexFields().Bytes()).ok());
  const auto data = IndexedDatasetReader::Open(dir / "d");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->num_documents(), 2);
  EXPECT_EQ(data->DocumentBegin(1), 2);
  EXPECT_EQ(data->DocumentAt(5), 1);
  EXPECT_TRUE(VerifyDataset(dir / "d").ok());  // without a meta file
}

// Both files are mostly holes, which take no room on the disk.
TEST(IndexedDatasetTest, PositionsGoBeyond32Bits) {
  const TempDir dir;
  constexpr int32_t kLong = 2'000'000'000;
  constexpr int64_t kTokens = int64_t{3} * kLong + 1;
  IndexFields fields = {.sequences = 4,
                        .lengths = {kLong, kLong, kLong, 1},
                        .offsets = {0, 2ll * kLong, 4ll * kLong, 6ll * kLong},
                        .documents = {0, 1, 2, 3, 4}};
  ASSERT_TRUE(WriteFileAtomically(dir / "d.idx", fields.Bytes()).ok());
  ASSERT_TRUE(WriteFileAtomically(dir / "d.bin", "").ok());
  std::filesystem::resize_file(dir / "d.bin", 2 * kTokens - 2);
  std::ofstream(dir / "d.bin", std::ios::app | std::ios::binary) << "\x39\x30";

  const auto data = IndexedDatasetReader::Open(dir / "d");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->num_tokens(), kTokens);
  EXPECT_EQ(data->DocumentBegin(3), kTokens - 1);
  EXPECT_EQ(data->DocumentAt(kTokens - 1), 3);
  EXPECT_EQ(data->DocumentAt(kTokens - 2), 2);
  int32_t last[2] = {-1, -1};
  data->Read(kTokens - 2, absl::MakeSpan(last));
  EXPECT_EQ(last[0], 0);
  EXPECT_EQ(last[1], 12345);
}

TEST(IndexedDatasetTest, OpensAnEmptyDataset) {
  const TempDir dir;
  Write(dir / "data", 300, {});
  const auto data = IndexedDatasetReader::Open(dir / "data");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->num_tokens(), 0);
  EXPECT_EQ(VerifyDataset(dir / "data")->largest_token_id, -1);
}

TEST(IndexedDatasetTest, RefusesDamagedIndexes) {
  const std::vector<std::pair<IndexFields, std::string>> faults = {
      {{.magic = "MMIDIDX"}, "MMIDIDX"},
      {{.magic = "nonsense!"}, "MMIDIDX"},
      {{.version = 2}, "version 2"},
      {{.code = 5}, "type code 5"},
      {{.sequences = 4}, "4 sequences"},
      {{.sequences = ~uint64_t{0} / 12}, "sequences"},
      {{.lengths = {2, -1, 3}}, "sequence 1"},
      {{.lengths = {2, 2, 3}}, "sequence 2"},
      {{.offsets = {2, 4, 6}}, "sequence 0"},
      {{.offsets = {0, 6, 4}}, "sequence 1"},
      {{.lengths = {2, 1, 2000000000}}, "12 bytes where its index says"},
      {{.code = 4, .offsets = {0, 8, 12}}, "12 bytes where its index says 24"},
      {{.sequences = 0, .lengths = {}, .offsets = {}, .documents = {}},
       "document indices"},
      {{.documents = {1, 2, 3}}, "not 0"},
      {{.documents = {0, 4, 3}}, "document index 2"},
      {{.documents = {0, 1, 2}}, "last document index is 2"},
      {{.trailer = "\1\1\1"}, "size"},
  };
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomically(dir / "d.bin", std::string(12, 1)).ok());
  for (const auto& [fields, message] : faults) {
    ASSERT_TRUE(WriteFileAtomically(dir / "d.idx", fields.Bytes()).ok());
    const absl::Status status = IndexedDatasetReader::Open(dir / "d").status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << message << status;
    EXPECT_THAT(status.ToString(), HasSubstr(message));
    EXPECT_THAT(status.ToString(), HasSubstr(dir / "d."));
    EXPECT_THAT(status.ToString(), HasSubstr("cogdist prepare"));
  }
}

TEST(IndexedDatasetTest, RefusesAnIndexCutAtAnyByte) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomically(dir / "d.bin", std::string(12, 1)).ok());
  const std::string whole = IndexFields().Bytes();
  for (size_t size = 0; size < whole.size(); ++size) {
    ASSERT_TRUE(WriteFileAtomically(dir / "d.idx", whole.substr(0, size)).ok());
    EXPECT_FALSE(IndexedDatasetReader::Open(dir / "d").ok()) << size;
  }
}

TEST(IndexedDatasetTest, MissingFilesSuggestTheRemedy) {
  const TempDir dir;
  absl::Status status = IndexedDatasetReader::Open(dir / "d").status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(status.ToString(), HasSubstr("cogdist prepare --output"));
  status = IndexedDatasetReader::Open(dir / "d.bin").status();
  EXPECT_THAT(status.ToString(), HasSubstr("leaves out the ending"));
}

TEST(VerifyDatasetTest, FindsAFlippedBit) {
  const TempDir dir;
  Write(dir / "data", 300, {{7, 5, 0}, {258, 3, 0}});
  std::string bin = *ReadFile(dir / "data.bin");
  bin[2] ^= 1;
  ASSERT_TRUE(WriteFileAtomically(dir / "data.bin", bin).ok());
  EXPECT_THAT(VerifyDataset(dir / "data").status().ToString(),
              HasSubstr("CRC-32C"));
}

TEST(VerifyDatasetTest, NamesTheFirstNegativeId) {
  const TempDir dir;
  Write(dir / "data", 70000, {{7, 5, 0}, {258, 3, 0}});
  std::string bin = *ReadFile(dir / "data.bin");
  std::memset(bin.data() + 16, 0xff, 4);
  ASSERT_TRUE(WriteFileAtomically(dir / "data.bin", bin).ok());
  EXPECT_THAT(VerifyDataset(dir / "data").status().ToString(),
              HasSubstr("token id -1 is negative, in document 1 at offset 1"));
}

TEST(DatasetMetaTest, RefusesDamage) {
  const TempDir dir;
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"{", "not valid JSON"},
      {"[]", "object is needed"},
      {"{\"tokens\": 1, \"tokens\": 2}", "\"tokens\" occurs twice"},
      {"{\"documents\": 1}", "\"tokens\" is missing"},
      {R"({"documents": 1.5, "tokens": 1, "largest_token_id": 1,
           "crc32c": "00000000"})",
       "\"documents\" must be a whole number"},
      {R"({"documents": 1, "tokens": 18446744073709551615,
           "largest_token_id": 1, "crc32c": "00000000"})",
       "\"tokens\" must be a whole number"},
      {R"({"documents": 1, "tokens": 1, "largest_token_id": 1, "crc32c": 5})",
       "\"crc32c\" must be a string"},
      {R"({"documents": 1, "tokens": 1, "largest_token_id": 1,
           "crc32c": "xyz"})",
       "hexadecimal"},
  };
  for (const auto& [text, message] : faults) {
    ASSERT_TRUE(WriteFileAtomically(DatasetMetaPath(dir / "d"), text).ok());
    const absl::Status status = ReadDatasetMeta(dir / "d").status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(status.ToString(), HasSubstr(message));
    EXPECT_THAT(status.ToString(), HasSubstr("d.meta.json"));
  }
}

TEST(IndexedDatasetWriterTest, RefusesIdsOutsideTheVocabulary) {
  const TempDir dir;
  auto writer = IndexedDatasetWriter::Create(dir / "data", 300);
  ASSERT_TRUE(writer.ok());
  const std::vector<int32_t> large = {1, 300};
  EXPECT_THAT(writer->AddDocument(large).ToString(), HasSubstr("token id 300"));
  const std::vector<int32_t> negative = {-1};
  EXPECT_FALSE(writer->AddDocument(negative).ok());
}

}  // namespace
}  // namespace cogdist

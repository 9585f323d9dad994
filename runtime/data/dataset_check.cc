#include "runtime/data/dataset_check.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

int32_t TokenAt(const IndexedDatasetReader& data, int64_t position) {
  int32_t id;
  data.Read(position, absl::MakeSpan(&id, 1));
  return id;
}

// True if the end-of-document token closes one of a few documents. In data that
// has such tokens the first look finds one.
bool ClosesADocument(const IndexedDatasetReader& data, int32_t eos) {
  constexpr int64_t kLooks = 64;
  const int64_t documents = data.num_documents();
  const int64_t looks = std::min(kLooks, documents);
  for (int64_t i = 0; i < looks; ++i) {
    const int64_t document = documents / looks * i;
    const int64_t end = data.DocumentBegin(document + 1);
    if (end > 0 && TokenAt(data, end - 1) == eos) return true;
  }
  return false;
}

// Tokens read in search of an end-of-document token that closes none of the
// documents looked at: a file of packed text may still have it inside.
constexpr int64_t kSearchedTokens = int64_t{1} << 28;

bool Occurs(const IndexedDatasetReader& data, int32_t eos) {
  std::vector<int32_t> tokens(size_t{1} << 16);
  const int64_t end = std::min(data.num_tokens(), kSearchedTokens);
  for (int64_t begin = 0; begin < end; begin += tokens.size()) {
    tokens.resize(std::min<int64_t>(tokens.size(), end - begin));
    data.Read(begin, absl::MakeSpan(tokens));
    if (std::find(tokens.begin(), tokens.end(), eos) != tokens.end()) {
      return true;
    }
  }
  return false;
}

absl::Status CheckEndOfDocument(const IndexedDatasetReader& data,
                                int64_t eos_token_id) {
  const auto eos = static_cast<int32_t>(eos_token_id);
  if (ClosesADocument(data, eos) || Occurs(data, eos)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      IndexedDatasetBinPath(data.prefix()), ": no token has the id ", eos,
      data.num_tokens() > kSearchedTokens
          ? absl::StrCat(" among the first ", kSearchedTokens)
          : "",
      ", but data.document_mask needs data.eos_token_id at the end of each "
      "document; set data.eos_token_id to the id that this dataset uses, or "
      "data.document_mask to false"));
}

absl::Status CheckMeta(const IndexedDatasetReader& data,
                       const DatasetMeta& meta, const DatasetNeeds& needs) {
  const std::string path = DatasetMetaPath(data.prefix());
  if (meta.tokens != data.num_tokens() ||
      meta.documents != data.num_documents()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": belongs to another dataset: it says ", meta.documents,
        " documents of ", meta.tokens, " tokens, the index ",
        data.num_documents(), " of ", data.num_tokens(),
        "; copy all three files again, or make the dataset again with `cogdist "
        "prepare`"));
  }
  if (meta.largest_token_id >= needs.vocab_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": the largest token id is ", meta.largest_token_id,
        ", but vocab_size is ", needs.vocab_size, "; set vocab_size to ",
        meta.largest_token_id + 1,
        " or more, or make the dataset with this model's tokenizer"));
  }
  if (needs.eos_token_id >= 0 && meta.eos_token_id >= 0 &&
      meta.eos_token_id != needs.eos_token_id) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": documents end in token ", meta.eos_token_id,
                     ", but data.eos_token_id is ", needs.eos_token_id,
                     "; set it to ", meta.eos_token_id));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> CheckDataset(const IndexedDatasetReader& data,
                                         const DatasetNeeds& needs) {
  if (data.num_tokens() < needs.min_tokens) {
    return absl::InvalidArgumentError(absl::StrCat(
        IndexedDatasetBinPath(data.prefix()), ": has ", data.num_tokens(),
        " tokens, but one sequence and its targets take ", needs.min_tokens,
        "; use more text or a smaller data.seq_len"));
  }
  const absl::StatusOr<DatasetMeta> meta = ReadDatasetMeta(data.prefix());
  if (!meta.ok() && !absl::IsNotFound(meta.status())) return meta.status();
  if (meta.ok()) COG_RETURN_IF_ERROR(CheckMeta(data, *meta, needs));
  if (needs.eos_token_id >= 0) {
    COG_RETURN_IF_ERROR(CheckEndOfDocument(data, needs.eos_token_id));
  }
  return meta.ok() ? meta->tokenizer : "";
}

absl::Status TokenIdError(const IndexedDatasetReader& data, int64_t position,
                          int64_t vocab_size) {
  const int64_t document = data.DocumentAt(position);
  return absl::OutOfRangeError(absl::StrCat(
      IndexedDatasetBinPath(data.prefix()), ": token id ",
      TokenAt(data, position), " in document ", document, " at offset ",
      position - data.DocumentBegin(document), " is not in [0, ", vocab_size,
      "), the vocabulary of the model; make the dataset with this model's "
      "tokenizer, or set vocab_size to suit"));
}

}  // namespace cogdist

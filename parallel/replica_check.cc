#include "parallel/replica_check.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "parallel/rank_list.h"
#include "runtime/check.h"
#include "runtime/crc32c.h"
#include "runtime/host_read.h"

namespace cogdist {
namespace {

uint32_t Checksum(Stream& stream, const TensorView& x) {
  uint32_t crc = 0;
  ReadOnHost(stream, x,
             [&](absl::string_view bytes) { crc = ExtendCrc32c(crc, bytes); });
  return crc;
}

// What a rank tells of a tensor.
struct Record {
  int64_t first = 0;
  int64_t count = 0;
  int32_t rank = 0;  // of the world
  uint32_t crc = 0;
};

// A record of each tensor, back to back.
std::string Records(int world_rank, Stream& stream,
                    absl::Span<const ReplicatedTensor> tensors) {
  std::string records;
  for (const ReplicatedTensor& tensor : tensors) {
    const Record record = {.first = tensor.first,
                           .count = tensor.weights.num_elements(),
                           .rank = world_rank,
                           .crc = Checksum(stream, tensor.weights)};
    records.append(reinterpret_cast<const char*>(&record), sizeof(record));
  }
  return records;
}

// Ranks of the world by the checksum that they have of the same elements.
using Holders = std::map<uint32_t, std::vector<int>>;

// Of tensor `index`, by the elements that ranks have of it.
std::map<std::pair<int64_t, int64_t>, Holders> HoldersOf(
    const std::vector<std::string>& records, size_t index) {
  std::map<std::pair<int64_t, int64_t>, Holders> holders;
  for (const std::string& those : records) {
    Record record;
    std::memcpy(&record, those.data() + index * sizeof(record), sizeof(record));
    holders[{record.first, record.count}][record.crc].push_back(record.rank);
  }
  return holders;
}

std::string Difference(absl::string_view name, const Holders& holders) {
  size_t ranks = 0;
  for (const auto& [crc, those] : holders) ranks += those.size();
  std::vector<int> minority;
  bool has_majority = false;
  std::vector<std::string> sums;
  for (const auto& [crc, those] : holders) {
    sums.push_back(absl::StrFormat("%s: %08x", RankList(those), crc));
    if (2 * those.size() > ranks) {
      has_majority = true;
    } else {
      minority.insert(minority.end(), those.begin(), those.end());
    }
  }
  std::sort(minority.begin(), minority.end());
  return absl::StrCat(name, " differs on ", RankList(minority),
                      has_majority
                          ? " from the other replicas"
                          : "; no majority tells which of them is right",
                      " (checksums: ", absl::StrJoin(sums, "; "), ")");
}

// The store's tensors that the ranks of `group` hold copies of.
std::vector<ReplicatedTensor> CopiesIn(const Communicator& group,
                                       const ParamStore& params) {
  std::vector<ReplicatedTensor> copies;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    if (tensor.named.copies.group != &group) continue;
    if (params.zero_stage() < 3) {
      copies.push_back(
          {tensor.named.name, params.unit_weights(tensor.unit, tensor.range)});
      continue;
    }
    // Replicas may share a unit out in another way on each rank of the group.
    const ElementRange owned = params.owned(tensor);
    copies.push_back({.name = tensor.named.name,
                      .weights = params.master(owned),
                      .first = owned.begin - tensor.range.begin});
  }
  return copies;
}

}  // namespace

std::vector<ReplicatedTensor> ReplicatedWeights(const ParamStore& params) {
  std::vector<ReplicatedTensor> tensors;
  if (params.zero_stage() == 3) return tensors;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    tensors.push_back(
        {tensor.named.name, params.unit_weights(tensor.unit, tensor.range)});
  }
  return tensors;
}

std::vector<std::string> CompareReplicas(
    Communicator& group, int world_rank, Stream& stream,
    absl::Span<const ReplicatedTensor> tensors) {
  if (group.size() == 1) return {};
  const std::string mine = Records(world_rank, stream, tensors);
  const std::vector<std::string> records = group.AllGatherStrings(mine);
  for (const std::string& other : records) {
    COG_CHECK_EQ(other.size(), mine.size());
  }
  std::vector<std::string> differences;
  for (size_t i = 0; i < tensors.size(); ++i) {
    for (const auto& [elements, holders] : HoldersOf(records, i)) {
      if (holders.size() == 1) continue;
      differences.push_back(Difference(tensors[i].name, holders));
    }
  }
  return differences;
}

std::vector<std::string> CheckReplicas(const ParamStore& params,
                                       Communicator& replicas, int world_rank,
                                       Stream& stream) {
  std::vector<std::string> differences =
      CompareReplicas(replicas, world_rank, stream, ReplicatedWeights(params));
  // In the order of their first tensors, which their ranks share.
  std::vector<Communicator*> groups;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    Communicator* const group = tensor.named.copies.group;
    if (group == nullptr) continue;
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) {
      groups.push_back(group);
    }
  }
  for (Communicator* group : groups) {
    const std::vector<std::string> more =
        CompareReplicas(*group, world_rank, stream, CopiesIn(*group, params));
    differences.insert(differences.end(), more.begin(), more.end());
  }
  return differences;
}

}  // namespace cogdist

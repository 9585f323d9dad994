#include "parallel/replica_check.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
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

// The rank and a checksum of each tensor, back to back.
std::string Checksums(int world_rank, Stream& stream,
                      absl::Span<const ReplicatedTensor> tensors) {
  std::string sums;
  const auto append = [&](uint32_t number) {
    sums.append(reinterpret_cast<const char*>(&number), sizeof(number));
  };
  append(world_rank);
  for (const ReplicatedTensor& tensor : tensors) {
    append(Checksum(stream, tensor.weights));
  }
  return sums;
}

uint32_t Number(const std::string& sums, size_t index) {
  uint32_t number = 0;
  std::memcpy(&number, sums.data() + index * sizeof(number), sizeof(number));
  return number;
}

// Ranks of the world by the checksum that they have of tensor `index`.
std::map<uint32_t, std::vector<int>> Holders(
    const std::vector<std::string>& sums, size_t index) {
  std::map<uint32_t, std::vector<int>> holders;
  for (const std::string& those : sums) {
    holders[Number(those, index + 1)].push_back(Number(those, 0));
  }
  return holders;
}

std::string Numbers(const std::vector<int>& ranks) {
  return absl::StrCat(ranks.size() == 1 ? "rank " : "ranks ",
                      absl::StrJoin(ranks, ", "));
}

std::string Difference(absl::string_view name,
                       const std::map<uint32_t, std::vector<int>>& holders,
                       size_t ranks) {
  std::vector<int> minority;
  bool has_majority = false;
  std::vector<std::string> sums;
  for (const auto& [crc, those] : holders) {
    sums.push_back(absl::StrFormat("%s: %08x", Numbers(those), crc));
    if (2 * those.size() > ranks) {
      has_majority = true;
    } else {
      minority.insert(minority.end(), those.begin(), those.end());
    }
  }
  std::sort(minority.begin(), minority.end());
  return absl::StrCat(name, " differs on ", Numbers(minority),
                      has_majority
                          ? " from the other replicas"
                          : "; no majority tells which of them is right",
                      " (checksums: ", absl::StrJoin(sums, "; "), ")");
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
  const std::string mine = Checksums(world_rank, stream, tensors);
  const std::vector<std::string> sums = group.AllGatherStrings(mine);
  for (const std::string& other : sums) {
    COG_CHECK_EQ(other.size(), mine.size());
  }
  std::vector<std::string> differences;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto holders = Holders(sums, i);
    if (holders.size() == 1) continue;
    differences.push_back(Difference(tensors[i].name, holders, sums.size()));
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
    std::vector<ReplicatedTensor> copies;
    for (const ParamStore::Tensor& tensor : params.tensors()) {
      if (tensor.named.copies.group != group) continue;
      copies.push_back(
          {tensor.named.name, params.master(params.owned(tensor))});
    }
    const std::vector<std::string> more =
        CompareReplicas(*group, world_rank, stream, copies);
    differences.insert(differences.end(), more.begin(), more.end());
  }
  return differences;
}

}  // namespace cogdist

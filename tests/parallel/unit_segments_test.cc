// Where units are cut, and that copies of a tensor are cut alike.

#include "parallel/unit_segments.h"

#include <cstdlib>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/reduce.h"
#include "parallel/param_store.h"
#include "parallel/single_communicator.h"
#include "runtime/cpu/cpu_device.h"

namespace cogdist {
namespace {

// Tensors of these sizes one after the other, from `begin` on, each padded to a
// multiple of 128 elements.
std::vector<ElementRange> Tensors(int64_t begin,
                                  const std::vector<int64_t>& sizes) {
  std::vector<ElementRange> tensors;
  for (const int64_t size : sizes) {
    tensors.push_back({begin, size});
    begin += (size + 127) / 128 * 128;
  }
  return tensors;
}

// Every place where a border may be, by definition.
std::vector<int64_t> Places(const std::vector<ElementRange>& tensors) {
  std::vector<int64_t> places;
  for (const ElementRange& tensor : tensors) {
    for (int64_t i = 0; i < tensor.count; i += kReduceChunk) {
      places.push_back(tensor.begin + i);
    }
  }
  places.push_back(tensors.back().end());
  return places;
}

TEST(UnitSegmentsTest, CutsAtThePlaceNearestToEven) {
  for (const std::vector<int64_t>& sizes :
       std::vector<std::vector<int64_t>>{{1},
                                         {4096},
                                         {4097},
                                         {100, 9000, 5},
                                         {20000},
                                         {61, 61, 61},
                                         {50000, 7, 12288}}) {
    const std::vector<ElementRange> tensors = Tensors(256, sizes);
    const ElementRange range = {256, tensors.back().end() + 3 - 256};
    const std::vector<int64_t> places = Places(tensors);
    const int64_t extent = tensors.back().end() - 256;
    for (int parts = 1; parts <= 9; ++parts) {
      const UnitSegment segment = CutSegment(range, tensors, parts);
      ASSERT_EQ(segment.borders.size(), parts + 1u);
      EXPECT_EQ(segment.borders.front(), 0);
      EXPECT_EQ(segment.borders.back(), range.count);
      int64_t next = range.begin;
      for (int i = 0; i < parts; ++i) {
        EXPECT_EQ(segment.part(i).begin, next);
        EXPECT_GE(segment.part(i).count, 0);
        next = segment.part(i).end();
        if (i == 0) continue;
        const int64_t even = 256 + extent * i / parts;
        int64_t best = places[0];
        for (const int64_t place : places) {
          if (std::abs(place - even) < std::abs(best - even)) best = place;
        }
        EXPECT_EQ(std::abs(segment.part(i).begin - even),
                  std::abs(best - even));
      }
    }
  }
}

// A store with a shared vector behind a matrix of `rows` rows.
ParamStore StoreWithShared(CpuDevice& device, Stream& stream,
                           Communicator& group, int64_t rows, int replica) {
  ParamStore params;
  const ParamStore::UnitId unit = params.AddUnit("unit");
  params.Add(unit, {.tensors = {{"matrix", {rows, 100}}}, .init = {}});
  params.Add(unit, {.tensors = {{.name = "shared",
                                 .shape = {30000},
                                 .copies = {&group, true}}},
                    .init = {}});
  params.Add(unit, {.tensors = {{"tail", {rows}}}, .init = {}});
  COG_CHECK_OK(params.Allocate({.device = device,
                                .stream = stream,
                                .zero_stage = 1,
                                .replicas = 3,
                                .replica = replica}));
  return params;
}

TEST(UnitSegmentsTest, CopiesAreCutAlikeWhereverTheyLie) {
  CpuDevice device;
  const auto stream = device.CreateStream();
  SingleCommunicator group;
  for (int replica = 0; replica < 3; ++replica) {
    const ParamStore a = StoreWithShared(device, *stream, group, 7, replica);
    const ParamStore b = StoreWithShared(device, *stream, group, 911, replica);
    ASSERT_EQ(a.segments(0).size(), 3u);
    const ParamStore::Tensor& in_a = a.tensors()[1];
    const ParamStore::Tensor& in_b = b.tensors()[1];
    EXPECT_EQ(a.share(in_a).begin - in_a.range.begin,
              b.share(in_b).begin - in_b.range.begin);
    EXPECT_EQ(a.share(in_a).count, b.share(in_b).count);
    EXPECT_GT(a.share(in_a).count, 0);
  }
}

}  // namespace
}  // namespace cogdist

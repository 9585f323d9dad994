#include "launcher/roofline/kernel_shapes.h"

#include "absl/strings/str_cat.h"

namespace cogdist {
namespace {

struct Layer {
  absl::string_view name;
  int64_t out = 0, in = 0;
  DType result = DType::kFloat32;
};

}  // namespace

KernelShapes ShapesOf1B() {
  return {.tokens = 16384,
          .rows = 16384,
          .hidden = 2048,
          .ffn = 5632,
          .vocab = 32000,
          .parameters = int64_t{1} << 28,
          .seqs = {1024, 2048, 4096, 8192, 16384}};
}

KernelShapes ShapesOfH512() {
  return {.tokens = 4096,
          .rows = 16384,
          .hidden = 512,
          .ffn = 1408,
          .vocab = 4096,
          .parameters = int64_t{1} << 24,
          .seqs = {1024, 2048, 4096}};
}

std::vector<LayerProduct> LayerProducts(const KernelShapes& shapes,
                                        DType type) {
  const int64_t hidden = shapes.hidden, tokens = shapes.tokens;
  const Layer layers[] = {
      {"qkv", 3 * hidden, hidden, type},
      {"output", hidden, hidden, type},
      {"gate_up", 2 * shapes.ffn, hidden, type},
      {"down", hidden, shapes.ffn, type},
      {"head", shapes.vocab, hidden, DType::kFloat32},
  };
  std::vector<LayerProduct> products;
  for (const auto& [name, out, in, result] : layers) {
    products.push_back(
        {.name = absl::StrCat(name, ", forward"),
         .shape =
             {.m = tokens, .n = out, .k = in, .type = type, .result = result},
         .transpose_b = true});
    products.push_back(
        {.name = absl::StrCat(name, ", input gradient"),
         .shape = {
             .m = tokens, .n = in, .k = out, .type = type, .result = type}});
    products.push_back({.name = absl::StrCat(name, ", weight gradient"),
                        .shape = {.m = out,
                                  .n = in,
                                  .k = tokens,
                                  .type = type,
                                  .result = DType::kFloat32,
                                  .accumulate = true},
                        .transpose_a = true});
  }
  return products;
}

}  // namespace cogdist

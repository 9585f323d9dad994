// Another program's weights, read as ours.

#ifndef COGDIST_LAUNCHER_CONVERT_FOREIGN_WEIGHTS_H_
#define COGDIST_LAUNCHER_CONVERT_FOREIGN_WEIGHTS_H_

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "models/weight_layout.h"
#include "parallel/named_tensor.h"
#include "proto/run_config.pb.h"
#include "runtime/safetensors.h"

namespace cogdist {

class ForeignWeights {
 public:
  // A file, a folder or an index, see SafetensorsReader. The layout is
  // recognized by the names; InvalidArgument if it is none that we know.
  static absl::StatusOr<ForeignWeights> Open(absl::string_view path);

  WeightLayout layout() const { return layout_; }

  // Sets those fields of `model` that are not set and that follow from the
  // tensors there are and from their shapes: all sizes, but of heads, head
  // size and number of key/value heads only what follows from the number of
  // heads, or that from the head size.
  void Describe(CogformerConfig& model) const;

  // One error with a line for each tensor that is missing, of another shape,
  // of no floating-point type, or not part of the model. `parameters` are those
  // of the model, ParametersOf().
  absl::Status Check(absl::Span<const NamedTensor> parameters) const;

  // A parameter's elements, [whole tensor], in our order.
  // REQUIRES: Check() has passed.
  absl::Status Read(const NamedTensor& parameter, int64_t head_dim,
                    absl::Span<float> out) const;

 private:
  ForeignWeights(absl::string_view path, SafetensorsReader reader,
                 WeightLayout layout)
      : path_(path), reader_(std::move(reader)), layout_(layout) {}

  // The shape, in our order, of what is stored for a parameter of this name;
  // [0, 0] if that is missing or no matrix.
  Shape MatrixShape(absl::string_view name) const;

  std::string path_;
  SafetensorsReader reader_;
  WeightLayout layout_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CONVERT_FOREIGN_WEIGHTS_H_

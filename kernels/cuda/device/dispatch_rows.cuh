// From a launch's types to a kernel's, for rows that share parameters.

#ifndef COGDIST_KERNELS_CUDA_DEVICE_DISPATCH_ROWS_CUH_
#define COGDIST_KERNELS_CUDA_DEVICE_DISPATCH_ROWS_CUH_

#include "kernels/cuda/device/elements.cuh"

namespace cogdist::cuda {

// Host: calls f with values of the types behind `type`, of the rows, and
// `param_type`, of the parameters, and with what DispatchWidth finds.
template <typename F, typename... Pointers>
void DispatchRows(ElementType type, ElementType param_type, int64_t row,
                  const F& f, const Pointers*... pointers) {
  DispatchElement(type, [&](auto element) {
    DispatchElement(param_type, [&](auto param) {
      DispatchWidth(
          row, [&](auto count) { f(element, param, count); }, pointers...);
    });
  });
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_DISPATCH_ROWS_CUH_

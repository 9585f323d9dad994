// TensorView: a typed, shaped, strided window on memory that somebody else
// owns. Cheap to copy; constness of the memory is not tracked.

#ifndef COGDIST_RUNTIME_TENSOR_H_
#define COGDIST_RUNTIME_TENSOR_H_

#include <cstdint>
#include <string>

#include "runtime/check.h"
#include "runtime/dtype.h"
#include "runtime/shape.h"

namespace cogdist {

struct TensorView {
  void* data = nullptr;
  DType dtype = DType::kFloat32;
  Shape shape;
  Shape strides;  // in elements, same rank as shape

  TensorView() = default;
  // A contiguous, row-major view.
  TensorView(void* data, DType dtype, const Shape& shape);

  // A view of a typed array, e.g. TensorView::Of(v.data(), {2, 3}).
  template <typename T>
  static TensorView Of(T* data, const Shape& shape) {
    return TensorView(const_cast<std::remove_const_t<T>*>(data),
                      DTypeOf<std::remove_const_t<T>>(), shape);
  }

  // False for the default view, which stands for "no such tensor".
  explicit operator bool() const { return data != nullptr; }

  int64_t dim(int i) const { return shape.dim(i); }
  int64_t num_elements() const { return shape.num_elements(); }
  int64_t bytes() const { return num_elements() * SizeOf(dtype); }
  // Row-major without gaps; true of every tensor without elements.
  bool IsContiguous() const;

  // The memory as T*; checks that T is the element type.
  template <typename T>
  T* Data() const {
    COG_CHECK(dtype == DTypeOf<T>(), "tensor holds ", Name(dtype));
    return static_cast<T*>(data);
  }

  // The same elements under another shape. REQUIRES: contiguous.
  TensorView Reshape(const Shape& new_shape) const;
  // Elements [begin, begin + count) of dimension `dim`, strides kept.
  TensorView Slice(int dim, int64_t begin, int64_t count) const;

  std::string ToString() const;  // "bfloat16[2, 3]"
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_TENSOR_H_

#include "runtime/tensor.h"

#include "absl/strings/str_cat.h"

namespace cogdist {
namespace {

Shape RowMajorStrides(const Shape& shape) {
  Shape strides = shape;
  int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides.set_dim(i, stride);
    stride *= shape.dim(i);
  }
  return strides;
}

}  // namespace

TensorView::TensorView(void* data, DType dtype, const Shape& shape)
    : data(data), dtype(dtype), shape(shape), strides(RowMajorStrides(shape)) {}

bool TensorView::IsContiguous() const {
  if (num_elements() == 0) return true;
  int64_t expected = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    if (shape.dim(i) != 1 && strides.dim(i) != expected) return false;
    expected *= shape.dim(i);
  }
  return true;
}

TensorView TensorView::Reshape(const Shape& new_shape) const {
  COG_CHECK(IsContiguous(), ToString());
  COG_CHECK_EQ(new_shape.num_elements(), num_elements());
  return TensorView(data, dtype, new_shape);
}

TensorView TensorView::Slice(int dim, int64_t begin, int64_t count) const {
  if (dim < 0) dim += shape.rank();
  COG_CHECK(begin >= 0 && count >= 0 && begin + count <= shape.dim(dim),
            "slice [", begin, ", ", begin + count, ") of dimension ", dim,
            " of ", ToString());
  TensorView result = *this;
  result.shape.set_dim(dim, count);
  result.data =
      static_cast<char*>(data) + begin * strides.dim(dim) * SizeOf(dtype);
  return result;
}

std::string TensorView::ToString() const {
  return absl::StrCat(Name(dtype), shape.ToString());
}

}  // namespace cogdist

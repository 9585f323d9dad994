#include "kernels/cpu/dnnl_matmul.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace cogdist::cpu {
namespace {

void Check(dnnl_status_t status, const char* call) {
  COG_CHECK(status == dnnl_success, call, " of oneDNN failed with status ",
            static_cast<int>(status));
}

// Owners of oneDNN's handles.
template <auto kDestroy>
struct Destroy {
  template <typename T>
  void operator()(T* handle) const {
    kDestroy(handle);
  }
};
using Engine = std::unique_ptr<dnnl_engine, Destroy<dnnl_engine_destroy>>;
using DnnlStream = std::unique_ptr<dnnl_stream, Destroy<dnnl_stream_destroy>>;
using Attributes =
    std::unique_ptr<dnnl_primitive_attr, Destroy<dnnl_primitive_attr_destroy>>;
using PostOps = std::unique_ptr<dnnl_post_ops, Destroy<dnnl_post_ops_destroy>>;
using Description =
    std::unique_ptr<dnnl_primitive_desc, Destroy<dnnl_primitive_desc_destroy>>;
using Primitive =
    std::unique_ptr<dnnl_primitive, Destroy<dnnl_primitive_destroy>>;
using Memory = std::unique_ptr<dnnl_memory, Destroy<dnnl_memory_destroy>>;

dnnl_data_type_t ToDnnl(DType dtype) {
  return dtype == DType::kBFloat16 ? dnnl_bf16 : dnnl_f32;
}

// A matrix as oneDNN sees it, already transposed: by its strides.
dnnl_memory_desc_t Matrix(const TensorView& x, bool transpose) {
  const int row = transpose ? 1 : 0;
  const int column = 1 - row;
  // The stride of a single row means nothing, but oneDNN looks at it.
  const int64_t stride = x.dim(0) == 1 ? x.dim(1) : x.strides.dim(0);
  const dnnl_dims_t dims = {x.dim(row), x.dim(column)};
  const dnnl_dims_t strides = {transpose ? 1 : stride, transpose ? stride : 1};
  dnnl_memory_desc_t result;
  Check(dnnl_memory_desc_init_by_strides(&result, 2, dims, ToDnnl(x.dtype),
                                         strides),
        "memory_desc_init_by_strides");
  return result;
}

// One row, added to all.
dnnl_memory_desc_t Row(const TensorView& x) {
  return Matrix(x.Reshape({1, x.dim(0)}), /*transpose=*/false);
}

Attributes MakeAttributes(bool accumulate) {
  dnnl_primitive_attr_t raw = nullptr;
  Check(dnnl_primitive_attr_create(&raw), "primitive_attr_create");
  Attributes attributes(raw);
  Check(dnnl_primitive_attr_set_scratchpad_mode(raw, dnnl_scratchpad_mode_user),
        "primitive_attr_set_scratchpad_mode");
  Check(dnnl_primitive_attr_set_fpmath_mode(raw, dnnl_fpmath_mode_strict),
        "primitive_attr_set_fpmath_mode");
  if (!accumulate) return attributes;
  dnnl_post_ops_t raw_ops = nullptr;
  Check(dnnl_post_ops_create(&raw_ops), "post_ops_create");
  const PostOps ops(raw_ops);
  Check(dnnl_post_ops_append_sum(raw_ops, 1), "post_ops_append_sum");
  Check(dnnl_primitive_attr_set_post_ops(raw, raw_ops),
        "primitive_attr_set_post_ops");
  return attributes;
}

// Null if there is no implementation.
Description Describe(dnnl_engine_t engine, const MatMulArgs& args) {
  const dnnl_memory_desc_t a = Matrix(args.a, args.transpose_a);
  const dnnl_memory_desc_t b = Matrix(args.b, args.transpose_b);
  const dnnl_memory_desc_t c = Matrix(args.c, /*transpose=*/false);
  dnnl_memory_desc_t bias;
  if (args.bias) bias = Row(args.bias);
  dnnl_matmul_desc_t operation;
  Check(dnnl_matmul_desc_init(&operation, &a, &b, args.bias ? &bias : nullptr,
                              &c),
        "matmul_desc_init");
  const Attributes attributes = MakeAttributes(args.accumulate);
  dnnl_primitive_desc_t description = nullptr;
  const dnnl_status_t status = dnnl_primitive_desc_create(
      &description, &operation, attributes.get(), engine, nullptr);
  if (status == dnnl_unimplemented) return nullptr;
  Check(status, "primitive_desc_create");
  return Description(description);
}

}  // namespace

struct DnnlMatMul::Impl {
  // What a thread needs for itself.
  struct Lane {
    DnnlStream stream;
    Memory a, b, c, scratch, bias;  // without data; Run() sets the addresses
  };

  Description description;
  Primitive primitive;
  int64_t scratch_bytes;
  bool has_bias;
  std::vector<Lane> lanes;
};

struct DnnlMatMul::Cache {
  // Everything that the generated code depends on.
  using Key = std::tuple<std::array<int64_t, 6>, std::array<int64_t, 3>, DType,
                         DType, std::array<bool, 4>, int>;

  static Key KeyOf(const MatMulArgs& args, int threads) {
    const TensorView &c = args.c, &a = args.a, &b = args.b;
    return {{c.dim(0), c.dim(1), a.dim(0), a.dim(1), b.dim(0), b.dim(1)},
            {c.strides.dim(0), a.strides.dim(0), b.strides.dim(0)},
            a.dtype,
            c.dtype,
            {args.transpose_a, args.transpose_b, args.accumulate,
             static_cast<bool>(args.bias)},
            threads};
  }

  Cache() {
    dnnl_engine_t raw_engine = nullptr;
    Check(dnnl_engine_create(&raw_engine, dnnl_cpu, 0), "engine_create");
    engine.reset(raw_engine);
  }

  DnnlStream MakeStream() {
    dnnl_stream_t stream = nullptr;
    Check(dnnl_stream_create(&stream, engine.get(), dnnl_stream_default_flags),
          "stream_create");
    return DnnlStream(stream);
  }

  Memory MakeMemory(const dnnl_memory_desc_t& description) {
    dnnl_memory_t memory = nullptr;
    Check(dnnl_memory_create(&memory, &description, engine.get(),
                             DNNL_MEMORY_NONE),
          "memory_create");
    return Memory(memory);
  }

  std::unique_ptr<DnnlMatMul> Make(const MatMulArgs& args) {
    Description description = Describe(engine.get(), args);
    if (description == nullptr) return nullptr;
    dnnl_primitive_t primitive = nullptr;
    Check(dnnl_primitive_create(&primitive, description.get()),
          "primitive_create");
    const int64_t scratch_bytes =
        dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(
            description.get(), dnnl_query_scratchpad_md, 0));
    auto impl = std::make_unique<Impl>(Impl{
        .description = std::move(description),
        .primitive = Primitive(primitive),
        .scratch_bytes = scratch_bytes,
        .has_bias = static_cast<bool>(args.bias),
        .lanes = {},
    });
    return std::unique_ptr<DnnlMatMul>(new DnnlMatMul(std::move(impl)));
  }

  // oneDNN fits a primitive to the threads that it could have when it is made.
  std::unique_ptr<DnnlMatMul> Make(const MatMulArgs& args, int threads) {
    std::unique_ptr<DnnlMatMul> result;
#pragma omp parallel num_threads(1)
    {
      omp_set_num_threads(threads);  // until the end of this region
      result = Make(args);
    }
    return result;
  }

  void AddLanes(Impl& impl, int count) {
    const auto memory = [&](dnnl_query_t what, int index = 0) {
      return MakeMemory(
          *dnnl_primitive_desc_query_md(impl.description.get(), what, index));
    };
    while (static_cast<int>(impl.lanes.size()) < count) {
      impl.lanes.push_back(
          {.stream = MakeStream(),
           .a = memory(dnnl_query_src_md),
           .b = memory(dnnl_query_weights_md),
           .c = memory(dnnl_query_dst_md),
           .scratch = memory(dnnl_query_scratchpad_md),
           .bias = impl.has_bias ? memory(dnnl_query_weights_md, 1) : nullptr});
    }
  }

  Engine engine;
  absl::flat_hash_map<Key, std::unique_ptr<DnnlMatMul>> made;
};

DnnlMatMul::DnnlMatMul(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DnnlMatMul::~DnnlMatMul() = default;

const DnnlMatMul* DnnlMatMul::Get(Stream& stream, const MatMulArgs& args,
                                  int threads) {
  Cache& cache = stream.State<Cache>();
  const auto [entry, is_new] =
      cache.made.try_emplace(Cache::KeyOf(args, threads));
  std::unique_ptr<DnnlMatMul>& product = entry->second;
  if (is_new) product = cache.Make(args, threads);
  if (product != nullptr) {
    cache.AddLanes(*product->impl_, omp_get_max_threads());
  }
  return product.get();
}

int64_t DnnlMatMul::scratch_bytes() const { return impl_->scratch_bytes; }

void DnnlMatMul::Run(const MatMulArgs& args, void* scratch) const {
  const Impl::Lane& lane = impl_->lanes[omp_get_thread_num()];
  const std::array<dnnl_exec_arg_t, 5> list = {{
      {DNNL_ARG_SRC, lane.a.get()},
      {DNNL_ARG_WEIGHTS, lane.b.get()},
      {DNNL_ARG_DST, lane.c.get()},
      {DNNL_ARG_SCRATCHPAD, lane.scratch.get()},
      {DNNL_ARG_BIAS, lane.bias.get()},
  }};
  const std::array<void*, 5> data = {args.a.data, args.b.data, args.c.data,
                                     scratch, args.bias.data};
  const int count = args.bias ? 5 : 4;
  for (int i = 0; i < count; ++i) {
    Check(dnnl_memory_set_data_handle(list[i].memory, data[i]),
          "memory_set_data_handle");
  }
  Check(dnnl_primitive_execute(impl_->primitive.get(), lane.stream.get(), count,
                               list.data()),
        "primitive_execute");
  Check(dnnl_stream_wait(lane.stream.get()), "stream_wait");
}

}  // namespace cogdist::cpu

// A thread takes kCount neighbours at a time and strides over the tensor.

#include "kernels/cuda/elementwise_launch.h"

#include "kernels/cuda/device/elements.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kThreads = 256;
constexpr float kLog2E = 1.4426950408889634f;

// Of all groups of kCount elements, the first of this thread and the distance
// to its next.
__device__ __forceinline__ int64_t FirstGroup() {
  return int64_t{blockIdx.x} * kThreads + threadIdx.x;
}
__device__ __forceinline__ int64_t GroupStride() {
  return int64_t{gridDim.x} * kThreads;
}

// n groups of kCount elements.
template <typename Params>
void LaunchGroups(GpuStream stream, int64_t n, void (*kernel)(Params),
                  const Params& params) {
  if (n == 0) return;
  Launch(stream, {.grid = NumBlocks(n, kThreads), .block = kThreads}, kernel,
         params);
}

// Pairs are half a head apart.
template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads) RopeKernel(RopeLaunch args) {
  const int64_t half = args.head_dim / 2, per_head = half / kCount;
  const int64_t groups = args.batch * args.seq * args.heads * per_head;
  for (int64_t group = FirstGroup(); group < groups; group += GroupStride()) {
    const int64_t i = group % per_head * kCount;
    const int64_t head = group / per_head % args.heads;
    const int64_t token = group / per_head / args.heads;
    const int64_t position = token % args.seq;
    T* const x = static_cast<T*>(args.x) +
                 token / args.seq * args.batch_stride +
                 position * args.seq_stride + head * args.head_stride + i;
    const float* const cosines =
        args.table + (args.first_position + position) * half + i;
    float a[kCount], b[kCount], cosine[kCount], sine[kCount];
    LoadElements(x, a);
    LoadElements(x + half, b);
    LoadElements(cosines, cosine);
    LoadElements(cosines + args.max_positions * half, sine);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const float s = args.inverse ? -sine[j] : sine[j];
      const float rotated = a[j] * cosine[j] - b[j] * s;
      b[j] = b[j] * cosine[j] + a[j] * s;
      a[j] = rotated;
    }
    StoreElements(a, x);
    StoreElements(b, x + half);
  }
}

__device__ __forceinline__ float Sigmoid(float x) {
  return Reciprocal(1 + Exp2(-x * kLog2E));
}

template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads)
    SwiGluForwardKernel(SwiGluForwardLaunch args) {
  const int64_t per_row = args.ffn / kCount, groups = args.rows * per_row;
  for (int64_t group = FirstGroup(); group < groups; group += GroupStride()) {
    const int64_t row = group / per_row, i = group % per_row * kCount;
    const T* const from =
        static_cast<const T*>(args.gate_up) + row * 2 * args.ffn + i;
    float gate[kCount], up[kCount];
    LoadElements(from, gate);
    LoadElements(from + args.ffn, up);
#pragma unroll
    for (int j = 0; j < kCount; ++j) up[j] *= gate[j] * Sigmoid(gate[j]);
    StoreElements(up, static_cast<T*>(args.y) + row * args.ffn + i);
  }
}

// d silu(x) / dx = s + x s (1 - s) with s = sigmoid(x).
template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads)
    SwiGluBackwardKernel(SwiGluBackwardLaunch args) {
  const int64_t per_row = args.ffn / kCount, groups = args.rows * per_row;
  for (int64_t group = FirstGroup(); group < groups; group += GroupStride()) {
    const int64_t row = group / per_row, i = group % per_row * kCount;
    const int64_t at = row * 2 * args.ffn + i;
    const T* const from = static_cast<const T*>(args.gate_up) + at;
    float gate[kCount], up[kCount], dy[kCount];
    LoadElements(from, gate);
    LoadElements(from + args.ffn, up);
    LoadElements(static_cast<const T*>(args.dy) + row * args.ffn + i, dy);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const float s = Sigmoid(gate[j]), silu = gate[j] * s;
      gate[j] = dy[j] * up[j] * (s + silu * (1 - s));
      up[j] = dy[j] * silu;
    }
    T* const to = static_cast<T*>(args.d_gate_up) + at;
    StoreElements(gate, to);
    StoreElements(up, to + args.ffn);
  }
}

template <int kCount>
__global__ void __launch_bounds__(kThreads) AdamWKernel(AdamWLaunch args) {
  for (int64_t i = FirstGroup() * kCount; i < args.n;
       i += GroupStride() * kCount) {
    float p[kCount], m[kCount], v[kCount], g[kCount];
    LoadElements(args.param + i, p);
    LoadElements(args.m + i, m);
    LoadElements(args.v + i, v);
    LoadElements(args.gradient + i, g);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      g[j] *= args.gradient_scale;
      m[j] = args.beta1 * m[j] + args.one_minus_beta1 * g[j];
      v[j] = args.beta2 * v[j] + args.one_minus_beta2 * (g[j] * g[j]);
      const float root = sqrtf(v[j] * args.v_correction);
      p[j] = fmaf(p[j], args.minus_decay, p[j]);
      p[j] = fmaf(args.step, m[j] / (root + args.eps), p[j]);
    }
    StoreElements(p, args.param + i);
    StoreElements(m, args.m + i);
    StoreElements(v, args.v + i);
    if (args.weight != nullptr) {
      StoreElements(p, reinterpret_cast<Bf16*>(args.weight) + i);
    }
  }
}

// Where element i of all lies in two tensors' memory.
struct Places {
  __device__ __forceinline__ Places(const Runs& runs, int64_t i) : a(i), b(i) {
    if (runs.outer == 0) return;
    int64_t index = i / runs.run;
    a = b = i % runs.run;
    for (int d = runs.outer - 1; d >= 0; --d) {
      const int64_t at = index % runs.extent[d];
      index /= runs.extent[d];
      a += at * runs.stride_a[d];
      b += at * runs.stride_b[d];
    }
  }

  int64_t a, b;
};

template <typename To, typename From, int kCount>
__global__ void __launch_bounds__(kThreads) CastKernel(CastLaunch args) {
  for (int64_t i = FirstGroup() * kCount; i < args.n;
       i += GroupStride() * kCount) {
    const Places at(args.runs, i);
    float x[kCount];
    LoadElements(static_cast<const From*>(args.from) + at.b, x);
    StoreElements(x, static_cast<To*>(args.to) + at.a);
  }
}

template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads) AddKernel(AddLaunch args) {
  for (int64_t i = FirstGroup() * kCount; i < args.n;
       i += GroupStride() * kCount) {
    const Places at(args.runs, i);
    float x[kCount], y[kCount];
    LoadElements(static_cast<const T*>(args.x) + at.b, x);
    LoadElements(static_cast<const T*>(args.y) + at.a, y);
#pragma unroll
    for (int j = 0; j < kCount; ++j) y[j] += x[j];
    StoreElements(y, static_cast<T*>(args.y) + at.a);
  }
}

__device__ __forceinline__ int64_t Clamp(int64_t x, int64_t most) {
  return x < 0 ? 0 : x < most ? x : most;
}

__global__ void __launch_bounds__(kThreads)
    LocalPositionKernel(LocalPositionLaunch args) {
  for (int64_t i = FirstGroup(); i < args.n; i += GroupStride()) {
    const int64_t position = args.from[i];
    args.to[i] =
        static_cast<int32_t>(Clamp(position - args.begin[0], args.length) +
                             Clamp(position - args.begin[1], args.length));
  }
}

// The elements that a thread can take at a time: as DispatchWidth() wants them.
int64_t WidthOf(const Runs& runs) {
  for (int d = 0; d < runs.outer; ++d) {
    if (runs.stride_a[d] % kWide != 0 || runs.stride_b[d] % kWide != 0) {
      return 1;
    }
  }
  return runs.run;
}

}  // namespace

void LaunchRope(GpuStream stream, const RopeLaunch& args) {
  const int64_t half = args.head_dim / 2;
  const bool strides_allow = args.batch_stride % kWide == 0 &&
                             args.seq_stride % kWide == 0 &&
                             args.head_stride % kWide == 0;
  DispatchElement(args.type, [&]<typename T>(T) {
    DispatchWidth(
        strides_allow ? half : 1,
        [&]<int kCount>(Constant<kCount>) {
          LaunchGroups(stream,
                       args.batch * args.seq * args.heads * (half / kCount),
                       &RopeKernel<T, kCount>, args);
        },
        args.x, args.table);
  });
}

void LaunchSwiGluForward(GpuStream stream, const SwiGluForwardLaunch& args) {
  DispatchElement(args.type, [&]<typename T>(T) {
    DispatchWidth(
        args.ffn,
        [&]<int kCount>(Constant<kCount>) {
          LaunchGroups(stream, args.rows * (args.ffn / kCount),
                       &SwiGluForwardKernel<T, kCount>, args);
        },
        args.y, args.gate_up);
  });
}

void LaunchSwiGluBackward(GpuStream stream, const SwiGluBackwardLaunch& args) {
  DispatchElement(args.type, [&]<typename T>(T) {
    DispatchWidth(
        args.ffn,
        [&]<int kCount>(Constant<kCount>) {
          LaunchGroups(stream, args.rows * (args.ffn / kCount),
                       &SwiGluBackwardKernel<T, kCount>, args);
        },
        args.d_gate_up, args.dy, args.gate_up);
  });
}

void LaunchAdamW(GpuStream stream, const AdamWLaunch& args) {
  DispatchWidth(
      args.n,
      [&]<int kCount>(Constant<kCount>) {
        LaunchGroups(stream, args.n / kCount, &AdamWKernel<kCount>, args);
      },
      args.param, args.m, args.v, args.weight, args.gradient);
}

void LaunchCast(GpuStream stream, const CastLaunch& args) {
  DispatchElement(args.to_type, [&]<typename To>(To) {
    DispatchElement(args.from_type, [&]<typename From>(From) {
      DispatchWidth(
          WidthOf(args.runs),
          [&]<int kCount>(Constant<kCount>) {
            LaunchGroups(stream, args.n / kCount, &CastKernel<To, From, kCount>,
                         args);
          },
          args.to, args.from);
    });
  });
}

void LaunchAdd(GpuStream stream, const AddLaunch& args) {
  DispatchElement(args.type, [&]<typename T>(T) {
    DispatchWidth(
        WidthOf(args.runs),
        [&]<int kCount>(Constant<kCount>) {
          LaunchGroups(stream, args.n / kCount, &AddKernel<T, kCount>, args);
        },
        args.y, args.x);
  });
}

void LaunchLocalPosition(GpuStream stream, const LocalPositionLaunch& args) {
  LaunchGroups(stream, args.n, &LocalPositionKernel, args);
}

}  // namespace cogdist::cuda

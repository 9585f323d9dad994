// Attention in float64, written from the formulas with whole score matrices,
// and what the tests of the fused kernels share.

#ifndef COGDIST_TESTS_KERNELS_ATTENTION_REFERENCE_H_
#define COGDIST_TESTS_KERNELS_ATTENTION_REFERENCE_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/cog_attention.h"
#include "tests/kernels/kernel_test.h"

namespace cogdist {

struct AttentionCase {
  int64_t batch = 1;
  int64_t q_len = 1;
  int64_t kv_len = 1;
  int64_t heads = 1;
  int64_t kv_heads = 1;
  int64_t head_dim = 8;
  AttentionKind kind = AttentionKind::kCog;
  bool causal = true;
  int64_t query_offset = 0;
  int64_t key_offset = 0;
  std::vector<int32_t> document_start;  // [batch, q_len] or empty
  DType dtype = DType::kFloat32;

  Shape q_shape() const { return {batch, q_len, heads, head_dim}; }
  Shape kv_shape() const { return {batch, kv_len, kv_heads, head_dim}; }
  Shape lse_shape() const { return {batch, heads, q_len}; }
  float scale() const { return 1 / std::sqrt(static_cast<float>(head_dim)); }
  AttentionMask mask() const {
    AttentionMask result = {.causal = causal,
                            .query_offset = query_offset,
                            .key_offset = key_offset,
                            .document_start = {}};
    if (!document_start.empty()) {
      result.document_start =
          TensorView::Of(document_start.data(), {batch, q_len});
    }
    return result;
  }
  bool Sees(int64_t b, int64_t i, int64_t j) const {
    const int64_t query = query_offset + i, key = key_offset + j;
    if (causal && key > query) return false;
    return document_start.empty() || key >= document_start[b * q_len + i];
  }
};

// One row of scores with what follows from it.
struct ReferenceRow {
  Doubles p, w, a;  // [kv_len], w and a 0 where masked
  double lse;
  double magnitude;  // sum_j w_ij ||v_j||
  // What scores whose sign rounding may decide can change: 2 sum w ||v||.
  double doubt;
};

class AttentionReference {
 public:
  AttentionReference(const AttentionCase& c, Doubles q, Doubles k, Doubles v)
      : c_(c), q_(std::move(q)), k_(std::move(k)), v_(std::move(v)) {}

  int64_t QueryIndex(int64_t b, int64_t i, int64_t h) const {
    return ((b * c_.q_len + i) * c_.heads + h) * c_.head_dim;
  }
  int64_t KeyIndex(int64_t b, int64_t j, int64_t h) const {
    const int64_t kv_head = h / (c_.heads / c_.kv_heads);
    return ((b * c_.kv_len + j) * c_.kv_heads + kv_head) * c_.head_dim;
  }
  static double Dot(const double* x, const double* y, int64_t n) {
    double sum = 0;
    for (int64_t d = 0; d < n; ++d) sum += x[d] * y[d];
    return sum;
  }

  // Scores smaller than `doubtful` times their root mean square are doubtful.
  ReferenceRow Row(int64_t b, int64_t i, int64_t h, double doubtful) const {
    const int64_t n = c_.kv_len;
    ReferenceRow row = {Doubles(n), Doubles(n),
                        Doubles(n), -std::numeric_limits<double>::infinity(),
                        0,          0};
    const bool cog = c_.kind == AttentionKind::kCog;
    double maximum = -std::numeric_limits<double>::infinity();
    double squares = 0;
    int64_t seen = 0;
    for (int64_t j = 0; j < n; ++j) {
      row.p[j] = c_.scale() * Dot(&q_[QueryIndex(b, i, h)],
                                  &k_[KeyIndex(b, j, h)], c_.head_dim);
      if (!c_.Sees(b, i, j)) continue;
      ++seen;
      squares += row.p[j] * row.p[j];
      maximum = std::max(maximum, cog ? std::abs(row.p[j]) : row.p[j]);
    }
    if (seen == 0) return row;
    double sum = 0;
    for (int64_t j = 0; j < n; ++j) {
      if (!c_.Sees(b, i, j)) continue;
      row.w[j] = std::exp((cog ? std::abs(row.p[j]) : row.p[j]) - maximum);
      sum += row.w[j];
    }
    row.lse = maximum + std::log(sum);
    for (int64_t j = 0; j < n; ++j) {
      row.w[j] /= sum;
      const double sign = row.p[j] > 0 ? 1 : row.p[j] < 0 ? -1 : 0;
      row.a[j] = cog ? sign * row.w[j] : row.w[j];
      const double* const v = &v_[KeyIndex(b, j, h)];
      const double part = row.w[j] * std::sqrt(Dot(v, v, c_.head_dim));
      row.magnitude += part;
      if (cog && row.p[j] != 0 &&
          std::abs(row.p[j]) < doubtful * std::sqrt(squares / seen)) {
        row.doubt += 2 * part;
      }
    }
    return row;
  }

  Doubles Output(const ReferenceRow& row, int64_t b, int64_t h) const {
    Doubles o(c_.head_dim);
    for (int64_t j = 0; j < c_.kv_len; ++j) {
      for (int64_t d = 0; d < c_.head_dim; ++d) {
        o[d] += row.a[j] * v_[KeyIndex(b, j, h) + d];
      }
    }
    return o;
  }

  struct Gradients {
    Doubles dq, dk, dv;
  };
  Gradients Backward(const Doubles& d_o) const {
    Gradients g = {Doubles(q_.size()), Doubles(k_.size()), Doubles(v_.size())};
    for (int64_t b = 0; b < c_.batch; ++b) {
      for (int64_t h = 0; h < c_.heads; ++h) {
        for (int64_t i = 0; i < c_.q_len; ++i) AddRow(b, i, h, d_o, g);
      }
    }
    return g;
  }

  // The least |p| / rms(p) of any row, over visible keys.
  double LeastScore() const {
    double result = std::numeric_limits<double>::infinity();
    for (int64_t b = 0; b < c_.batch; ++b) {
      for (int64_t h = 0; h < c_.heads; ++h) {
        for (int64_t i = 0; i < c_.q_len; ++i) {
          result = std::min(result, LeastScoreOfRow(b, i, h));
        }
      }
    }
    return result;
  }

 private:
  double LeastScoreOfRow(int64_t b, int64_t i, int64_t h) const {
    const ReferenceRow row = Row(b, i, h, 0);
    double squares = 0, least = std::numeric_limits<double>::infinity();
    int64_t seen = 0;
    for (int64_t j = 0; j < c_.kv_len; ++j) {
      if (!c_.Sees(b, i, j)) continue;
      squares += row.p[j] * row.p[j];
      least = std::min(least, std::abs(row.p[j]));
      ++seen;
    }
    return least / std::sqrt(squares / seen);
  }

  void AddRow(int64_t b, int64_t i, int64_t h, const Doubles& d_o,
              Gradients& g) const {
    const int64_t n = c_.head_dim, qi = QueryIndex(b, i, h);
    const ReferenceRow row = Row(b, i, h, 0);
    const Doubles o = Output(row, b, h);
    const double delta = Dot(o.data(), &d_o[qi], n);
    for (int64_t j = 0; j < c_.kv_len; ++j) {
      if (!c_.Sees(b, i, j)) continue;
      const int64_t kj = KeyIndex(b, j, h);
      const bool zero = c_.kind == AttentionKind::kCog && row.p[j] == 0;
      const double w_g = row.w[j] * Dot(&d_o[qi], &v_[kj], n);
      const double dp = zero ? 0 : w_g - row.a[j] * delta;
      for (int64_t d = 0; d < n; ++d) {
        g.dv[kj + d] += row.a[j] * d_o[qi + d];
        g.dq[qi + d] += c_.scale() * dp * k_[kj + d];
        g.dk[kj + d] += c_.scale() * dp * q_[qi + d];
      }
    }
  }

  AttentionCase c_;
  Doubles q_, k_, v_;
};

// Documents of odd lengths, some shorter than a strip of queries, some longer
// than a tile: [batch, length], positions counting from `offset`.
inline std::vector<int32_t> RandomDocuments(int64_t batch, int64_t length,
                                            int32_t offset) {
  const Rng rng(5, 6);
  std::vector<int32_t> starts;
  for (int64_t b = 0; b < batch; ++b) {
    int64_t start = 0, end = 0;
    for (int64_t i = 0; i < length; ++i) {
      if (i == end) {
        const bool is_long = rng.Below(3, b * length + i) == 0;
        start = i;
        end = i + 1 + rng.Below(is_long ? 300 : 20, i);
      }
      starts.push_back(offset + start);
    }
  }
  return starts;
}

// Inputs and results of one call.
struct AttentionTensors {
  explicit AttentionTensors(const AttentionCase& c, uint64_t seed = 1,
                            double scale = 1)
      : q(RandomTensor(c.dtype, c.q_shape(), 10 * seed, scale)),
        k(RandomTensor(c.dtype, c.kv_shape(), 10 * seed + 1, scale)),
        v(RandomTensor(c.dtype, c.kv_shape(), 10 * seed + 2)),
        d_o(RandomTensor(c.dtype, c.q_shape(), 10 * seed + 3)),
        o(c.dtype, c.q_shape()),
        lse(DType::kFloat32, c.lse_shape()),
        dq(DType::kFloat32, c.q_shape()),
        dk(DType::kFloat32, c.kv_shape()),
        dv(DType::kFloat32, c.kv_shape()) {}

  AttentionForwardArgs ForwardArgs(const AttentionCase& c) const {
    return {.o = o,
            .lse = lse,
            .q = q,
            .k = k,
            .v = v,
            .kind = c.kind,
            .mask = c.mask(),
            .scale = c.scale()};
  }
  AttentionBackwardArgs BackwardArgs(const AttentionCase& c) const {
    return {.dq = dq,
            .dk = dk,
            .dv = dv,
            .d_o = d_o,
            .o = o,
            .lse = lse,
            .q = q,
            .k = k,
            .v = v,
            .kind = c.kind,
            .mask = c.mask(),
            .scale = c.scale()};
  }
  AttentionReference Reference(const AttentionCase& c) const {
    return AttentionReference(c, q.values(), k.values(), v.values());
  }

  HostTensor q, k, v, d_o, o, lse, dq, dk, dv;
};

// Expects o and lse to agree with the formulas in float64. A row that rounding
// cannot change the signs of is held to the tolerance, the others to what their
// doubtful scores can do.
struct ForwardTolerance {
  double float32 = 2e-5;
  double bfloat16 = 1e-2;
  double lse = 2e-5;
};
inline void ExpectForward(const AttentionCase& c, const AttentionTensors& x,
                          const ForwardTolerance& tolerance = {}) {
  const bool float32 = c.dtype == DType::kFloat32;
  const AttentionReference reference = x.Reference(c);
  double difference = 0, norm = 0;
  int64_t rows = 0, compared = 0;
  for (int64_t b = 0; b < c.batch; ++b) {
    for (int64_t h = 0; h < c.heads; ++h) {
      for (int64_t i = 0; i < c.q_len; ++i) {
        const ReferenceRow row = reference.Row(b, i, h, 1e-5);
        const Doubles o = reference.Output(row, b, h);
        double squares = 0, row_norm = 0;
        for (int64_t d = 0; d < c.head_dim; ++d) {
          const double e = x.o.Get(reference.QueryIndex(b, i, h) + d) - o[d];
          squares += e * e;
          row_norm += o[d] * o[d];
        }
        const double lse = x.lse.Get((b * c.heads + h) * c.q_len + i);
        if (std::isinf(row.lse)) {
          EXPECT_EQ(lse, row.lse);
          EXPECT_EQ(squares, 0);
          continue;
        }
        EXPECT_NEAR(lse, row.lse, tolerance.lse * (1 + std::abs(row.lse)));
        ++rows;
        if (row.doubt > 0) {
          EXPECT_LE(std::sqrt(squares), row.doubt + 1e-2 * row.magnitude);
          continue;
        }
        ++compared;
        difference += squares;
        norm += float32 ? row_norm : row.magnitude * row.magnitude;
      }
    }
  }
  EXPECT_GE(compared, 0.9 * rows);
  EXPECT_LE(
      difference,
      norm * std::pow(float32 ? tolerance.float32 : tolerance.bfloat16, 2))
      << "relative error " << std::sqrt(difference / norm);
}

// Inputs without a score so close to zero that rounding could change its sign,
// where the gradient jumps: the first such of some seeds.
inline AttentionTensors TensorsForGradients(const AttentionCase& c,
                                            uint64_t seed = 1) {
  for (uint64_t i = 0; i < 200; ++i) {
    AttentionTensors x(c, 1000 * seed + i);
    const bool safe =
        c.kind == AttentionKind::kSoftmax || x.Reference(c).LeastScore() > 1e-5;
    if (safe) return x;
  }
  COG_CHECK(false, "no inputs away from zero crossings");
}

// Expects dq, dk and dv to agree with the formulas in float64.
inline void ExpectBackward(const AttentionCase& c, const AttentionTensors& x) {
  const double tolerance = c.dtype == DType::kFloat32 ? 5e-5 : 1e-2;
  const AttentionReference::Gradients g =
      x.Reference(c).Backward(x.d_o.values());
  EXPECT_LE(RelativeError(x.dq.values(), g.dq), tolerance);
  EXPECT_LE(RelativeError(x.dk.values(), g.dk), tolerance);
  EXPECT_LE(RelativeError(x.dv.values(), g.dv), tolerance);
}

}  // namespace cogdist

#endif  // COGDIST_TESTS_KERNELS_ATTENTION_REFERENCE_H_

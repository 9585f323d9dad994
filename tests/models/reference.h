// The network in float64, written as on paper and sharing nothing with the
// product: the independent side of the layers' tests.

#ifndef COGDIST_TESTS_MODELS_REFERENCE_H_
#define COGDIST_TESTS_MODELS_REFERENCE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cogdist::reference {

struct Matrix {
  int64_t rows = 0, cols = 0;
  std::vector<double> values;

  Matrix() = default;
  Matrix(int64_t rows, int64_t cols)
      : rows(rows), cols(cols), values(rows * cols) {}
  double& at(int64_t r, int64_t c) { return values[r * cols + c]; }
  double at(int64_t r, int64_t c) const { return values[r * cols + c]; }
};

using Weights = std::map<std::string, Matrix>;

// y = x W^T.
inline Matrix Linear(const Matrix& x, const Matrix& w) {
  Matrix y(x.rows, w.rows);
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t o = 0; o < w.rows; ++o) {
      for (int64_t k = 0; k < x.cols; ++k)
        y.at(i, o) += x.at(i, k) * w.at(o, k);
    }
  }
  return y;
}

inline Matrix Add(Matrix a, const Matrix& b) {
  for (size_t i = 0; i < a.values.size(); ++i) a.values[i] += b.values[i];
  return a;
}

inline Matrix RmsNorm(const Matrix& x, const Matrix& gain, double eps) {
  Matrix y = x;
  for (int64_t i = 0; i < x.rows; ++i) {
    double squares = 0;
    for (int64_t c = 0; c < x.cols; ++c) squares += x.at(i, c) * x.at(i, c);
    const double rstd = 1 / std::sqrt(squares / x.cols + eps);
    for (int64_t c = 0; c < x.cols; ++c) y.at(i, c) *= rstd * gain.values[c];
  }
  return y;
}

inline Matrix SwiGlu(const Matrix& gate, const Matrix& up) {
  Matrix y = up;
  for (size_t i = 0; i < y.values.size(); ++i) {
    y.values[i] *= gate.values[i] / (1 + std::exp(-gate.values[i]));
  }
  return y;
}

struct Network {
  int64_t hidden = 0, heads = 0, kv_heads = 0, head_dim = 0;
  double theta = 10000, eps = 1e-6;
  int64_t seq = 0;                      // rows are batch * seq
  std::vector<int32_t> document_start;  // [rows], or empty
};

// Half-split rotary embedding of x [rows, heads * head_dim].
inline Matrix Rope(const Network& net, Matrix x) {
  const int64_t half = net.head_dim / 2;
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t c = 0; c < x.cols; ++c) {
      const int64_t i = c % net.head_dim;
      if (i >= half) continue;
      const double angle =
          (r % net.seq) * std::pow(net.theta, -2.0 * i / net.head_dim);
      const double a = x.at(r, c), b = x.at(r, c + half);
      x.at(r, c) = a * std::cos(angle) - b * std::sin(angle);
      x.at(r, c + half) = b * std::cos(angle) + a * std::sin(angle);
    }
  }
  return x;
}

// The attention weights' numerators relative to the row's largest exponent.
inline Matrix AttendQueries(const Network& net, bool cog, const Matrix& q,
                            const Matrix& k, const Matrix& v) {
  Matrix o(q.rows, q.cols);
  for (int64_t r = 0; r < q.rows; ++r) {
    const int64_t start = r - r % net.seq;
    const int64_t first =
        start + (net.document_start.empty() ? 0 : net.document_start[r]);
    for (int64_t h = 0; h < net.heads; ++h) {
      const int64_t qc = h * net.head_dim;
      const int64_t kc = h / (net.heads / net.kv_heads) * net.head_dim;
      std::vector<double> p;
      for (int64_t j = first; j <= r; ++j) {
        double dot = 0;
        for (int64_t d = 0; d < net.head_dim; ++d) {
          dot += q.at(r, qc + d) * k.at(j, kc + d);
        }
        p.push_back(dot / std::sqrt(net.head_dim));
      }
      double sum = 0;
      for (const double x : p) sum += std::exp(cog ? std::abs(x) : x);
      for (size_t j = 0; j < p.size(); ++j) {
        const double sign = cog ? (p[j] > 0) - (p[j] < 0) : 1;
        const double a = sign * std::exp(cog ? std::abs(p[j]) : p[j]) / sum;
        for (int64_t d = 0; d < net.head_dim; ++d) {
          o.at(r, qc + d) += a * v.at(first + j, kc + d);
        }
      }
    }
  }
  return o;
}

// The attention layer under the names of weight files.
inline Matrix Attention(const Network& net, bool cog, const Weights& w,
                        const std::string& prefix, const Matrix& x) {
  const auto project = [&](const char* name) {
    return Linear(x, w.at(prefix + "." + name + "_proj.weight"));
  };
  const Matrix o = AttendQueries(net, cog, Rope(net, project("q")),
                                 Rope(net, project("k")), project("v"));
  return Linear(o, w.at(prefix + ".o_proj.weight"));
}

inline Matrix Mlp(const Weights& w, const std::string& prefix,
                  const Matrix& x) {
  const Matrix inner = SwiGlu(Linear(x, w.at(prefix + ".gate_proj.weight")),
                              Linear(x, w.at(prefix + ".up_proj.weight")));
  return Linear(inner, w.at(prefix + ".down_proj.weight"));
}

inline Matrix Block(const Network& net, bool cog, const Weights& w,
                    const std::string& prefix, const Matrix& x) {
  const Matrix middle = Add(
      x,
      Attention(net, cog, w, prefix + ".self_attn",
                RmsNorm(x, w.at(prefix + ".input_layernorm.weight"), net.eps)));
  return Add(
      middle,
      Mlp(w, prefix + ".mlp",
          RmsNorm(middle, w.at(prefix + ".post_attention_layernorm.weight"),
                  net.eps)));
}

inline Matrix Embedding(const Matrix& table, const std::vector<int32_t>& ids) {
  Matrix y(ids.size(), table.cols);
  for (size_t r = 0; r < ids.size(); ++r) {
    for (int64_t c = 0; c < table.cols; ++c) y.at(r, c) = table.at(ids[r], c);
  }
  return y;
}

// Cross-entropies of the targets (0 for negative ones) under the final norm and
// `output`, the output matrix.
inline std::vector<double> Losses(const Network& net, const Matrix& x,
                                  const Matrix& gain, const Matrix& output,
                                  const std::vector<int32_t>& targets) {
  const Matrix logits = Linear(RmsNorm(x, gain, net.eps), output);
  std::vector<double> losses(targets.size());
  for (size_t r = 0; r < targets.size(); ++r) {
    if (targets[r] < 0) continue;
    double sum = 0;
    for (int64_t c = 0; c < logits.cols; ++c) sum += std::exp(logits.at(r, c));
    losses[r] = std::log(sum) - logits.at(r, targets[r]);
  }
  return losses;
}

}  // namespace cogdist::reference

#endif  // COGDIST_TESTS_MODELS_REFERENCE_H_

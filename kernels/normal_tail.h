// The tail of the normal distribution, as kernels compute it for GELU.

#ifndef COGDIST_KERNELS_NORMAL_TAIL_H_
#define COGDIST_KERNELS_NORMAL_TAIL_H_

namespace cogdist {

// For a >= 0, Phi(-a) exp(a^2 / 2) = u P(u) with u = 1 / (1 + kScale a), and P
// a polynomial of degree 9, lowest first, with a relative error of 3.5e-9 up to
// where Phi(-a) is no float any more (fitted to it in 40 digits).
struct NormalTail {
  static constexpr float kScale = 0.3f;
  static constexpr int kDegree = 9;
  float p[kDegree + 1] = {0.11968669f,   0.119571809f,  0.110235468f,
                          0.0783894445f, 0.0961574374f, -0.079424655f,
                          0.191785925f,  -0.228214651f, 0.112436062f,
                          -0.0206235520f};
};

}  // namespace cogdist

#endif  // COGDIST_KERNELS_NORMAL_TAIL_H_

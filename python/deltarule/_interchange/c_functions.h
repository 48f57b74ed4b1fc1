/* The functions that a network as a C header is made of, as plain C99 and C++11.
 *
 * deltarule copies those that a network needs, with what stands above each: "model" becomes the name
 * that the header is given, and for a network of float64 "float" becomes "double" and the f at the
 * end of constants and of the library's functions goes. A blank line ends a function. The formulas
 * are the core's, NaN and Inf included.
 */
#include <math.h>
#include <stddef.h>

/* Z = W A_prev + b, four units at a time, whose sums need not wait for each other; W lies column by
 * column, so that the four weights of an input are neighbours */
static inline void model_dense(const float *W, const float *b, size_t n_prev, size_t n,
                                 const float *A_prev, float *Z) {
  const size_t fours = n - n % 4;
  for (size_t i = 0; i < fours; i += 4) {
    const float *w = W + i;
    float z0 = b[i], z1 = b[i + 1], z2 = b[i + 2], z3 = b[i + 3];
    for (size_t j = 0; j < n_prev; ++j) {
      const float a = A_prev[j];
      z0 += w[j * n] * a;
      z1 += w[j * n + 1] * a;
      z2 += w[j * n + 2] * a;
      z3 += w[j * n + 3] * a;
    }
    Z[i] = z0;
    Z[i + 1] = z1;
    Z[i + 2] = z2;
    Z[i + 3] = z3;
  }
  for (size_t i = fours; i < n; ++i) {
    float z = b[i];
    for (size_t j = 0; j < n_prev; ++j) z += W[j * n + i] * A_prev[j];
    Z[i] = z;
  }
}

/* The category that an input stands for; what is none is the nearest one, NaN the first. */
static inline size_t model_code(float a, size_t categories) {
  if (!(a > 0)) return 0;
  return a < (float)categories ? (size_t)a : categories - 1;
}

/* In which bin x lies, of those between edges; NaN in the first */
static inline size_t model_bin(const float *edges, size_t bins, float x) {
  size_t bin = 0;
  while (bin + 1 < bins && edges[bin + 1] <= x) ++bin;
  return bin;
}

/* How far x has come through each bin; the first goes on below, and the last above. */
static inline void model_through_bins(const float *edges, size_t bins, float x, float *Z) {
  const size_t bin = model_bin(edges, bins, x);
  for (size_t i = 0; i < bins; ++i) Z[i] = i < bin ? 1 : 0;
  Z[bin] = (x - edges[bin]) / (edges[bin + 1] - edges[bin]);
}

/* Z = W f + b, where f is how far x has come through each bin; W lies bin by bin */
static inline void model_piecewise_linear(const float *edges, size_t bins, const float *W,
                                            const float *b, size_t n, float x, float *Z) {
  const size_t bin = model_bin(edges, bins, x);
  const float width = edges[bin + 1] - edges[bin];
  for (size_t i = 0; i < n; ++i) {
    float z = b[i];
    for (size_t j = 0; j < bin; ++j) z += W[j * n + i];
    Z[i] = z + W[bin * n + i] / width * (x - edges[bin]);
  }
}

/* 2 pi times what u turns are beyond whole ones; Inf, which has nothing beyond them, is as good as 0 */
static inline float model_angle(float u) {
  if (fabsf(u) < 1e30f) return 6.283185307179586f * (u - rintf(u));
  return u == u ? 0 : u;
}

/* Z = [cos 2 pi w x; sin 2 pi w x] */
static inline void model_waves(const float *w, size_t K, float x, float *Z) {
  for (size_t k = 0; k < K; ++k) {
    const float angle = model_angle(w[k] * x);
    Z[k] = cosf(angle);
    Z[K + k] = sinf(angle);
  }
}

/* Z = max(0, W [cos 2 pi w x; sin 2 pi w x] + b); W lies wave by wave */
static inline void model_plr(const float *w, size_t K, const float *W, const float *b, size_t n,
                               float x, float *Z) {
  for (size_t i = 0; i < n; ++i) Z[i] = b[i];
  for (size_t k = 0; k < K; ++k) {
    const float angle = model_angle(w[k] * x), c = cosf(angle), s = sinf(angle);
    for (size_t i = 0; i < n; ++i) Z[i] += W[k * n + i] * c + W[(K + k) * n + i] * s;
  }
  for (size_t i = 0; i < n; ++i) Z[i] = Z[i] < 0 ? 0 : Z[i];
}

/* Z = [x; W cos 2 pi (w x + p) + b]; W lies wave by wave, and has n - 1 rows */
static inline void model_pbld(const float *w, const float *p, size_t K, const float *W,
                                const float *b, size_t n, float x, float *Z) {
  Z[0] = x;
  for (size_t i = 1; i < n; ++i) Z[i] = b[i - 1];
  for (size_t k = 0; k < K; ++k) {
    const float c = cosf(model_angle(w[k] * x + p[k]));
    for (size_t i = 1; i < n; ++i) Z[i] += W[k * (n - 1) + i - 1] * c;
  }
}

/* Z = scale [x; cos 2 pi (w x + p)] + shift */
static inline void model_cosine(const float *w, const float *p, size_t K, const float *scale,
                                  const float *shift, float x, float *Z) {
  Z[0] = scale[0] * x + shift[0];
  for (size_t k = 0; k < K; ++k)
    Z[k + 1] = scale[k + 1] * cosf(model_angle(w[k] * x + p[k])) + shift[k + 1];
}

/* z = gamma (a - mean) / sqrt(variance + epsilon) + beta; Z may be A_prev */
static inline void model_layer_norm(const float *gamma, const float *beta, float epsilon,
                                      size_t n, const float *A_prev, float *Z) {
  const float first = A_prev[0], share = 1 / (float)n;
  float sum = 0, squares = 0;
  for (size_t i = 0; i < n; ++i) { /* from the first unit's, so that squares stay small */
    const float d = A_prev[i] - first;
    sum += d;
    squares += d * d;
  }
  const float mean = first + share * sum, rest = share * (squares - share * sum * sum);
  const float inverse = 1 / sqrtf((rest < 0 ? 0 : rest) + epsilon);
  for (size_t i = 0; i < n; ++i) Z[i] = (A_prev[i] - mean) * inverse * gamma[i] + beta[i];
}

/* a_i = e^(z_i - max z) / sum_k e^(z_k - max z); A may be Z */
static inline void model_softmax(size_t n, const float *Z, float *A) {
  float largest = Z[0], sum = 0;
  for (size_t i = 1; i < n; ++i) largest = Z[i] > largest ? Z[i] : largest;
  for (size_t i = 0; i < n; ++i) {
    A[i] = expf(Z[i] - largest);
    sum += A[i];
  }
  for (size_t i = 0; i < n; ++i) A[i] /= sum;
}

/* 1 / (1 + e^-z), by way of e^-|z|, which cannot overflow */
static inline float model_sigmoid(float z) {
  const float e = expf(-fabsf(z));
  return (z < 0 ? e : 1) / (1 + e);
}

static inline float model_relu(float z) { return z < 0 ? 0 : z; } /* NaN passes */

static inline float model_leaky_relu(float z) { return z < 0 ? 0.01f * z : z; }

static inline float model_elu(float z) { return z < 0 ? expm1f(z) : z; }

/* z where it matters: past this, z times a sigmoid of it is 0, and -Inf times 0 is not */
static inline float model_above_underflow(float z) { return z < -1000 ? -1000 : z; }

/* z Phi(z) */
static inline float model_gelu(float z) {
  return model_above_underflow(z) * (erfcf(-z / 1.4142135623730951f) / 2);
}

/* z/2 (1 + tanh u), u = sqrt(2/pi) (z + 0.044715 z^3) */
static inline float model_gelu_tanh(float z) {
  const float u = 0.7978845608028654f * (z + 0.044715f * z * z * z);
  return model_above_underflow(z) / 2 * (1 + tanhf(u));
}

static inline float model_silu(float z) {
  return model_above_underflow(z) * model_sigmoid(z);
}

/* log(1 + e^z) = max(z, 0) + log(1 + e^-|z|) */
static inline float model_softplus(float z) {
  return (z < 0 ? 0 : z) + log1pf(expf(-fabsf(z)));
}

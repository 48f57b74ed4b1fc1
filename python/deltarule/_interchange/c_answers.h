/* The functions that a header has for answers: probabilities of classes, and numbers on the scale of
 * the targets; in double, and what c_functions.h says goes for them as well.
 */
#include <math.h>
#include <stddef.h>

/* P := each of n probabilities to a power, so that they add up to 1 */
static inline void model_tempered(double power, size_t n, double *P) {
  double most = P[0], sum = 0;
  for (size_t i = 1; i < n; ++i)
    if (P[i] > most) most = P[i];
  for (size_t i = 0; i < n; ++i) sum += P[i] = pow(P[i] / most, power);
  for (size_t i = 0; i < n; ++i) P[i] /= sum;
}

/* A number no further than the training's least and most */
static inline double model_clamped(double y, double least, double most) {
  return y > most ? most : y < least ? least : y;
}

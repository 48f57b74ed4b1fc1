/* The functions that a header has for the columns of a table, in double whatever the network is of;
 * what c_functions.h says goes for them as well.
 */
#include <math.h>
#include <stddef.h>

/* A number for the network: the median where it is missing, and no further than the training's least
 * and most where it is infinite */
static inline double model_number(double x, double median, double least, double most) {
  if (x != x) return median;
  return x > 1e100 ? most : x < -1e100 ? least : x;
}

/* A number's height on the lines between edges, of which there are n; beyond them it is level */
static inline double model_interpolated(double x, const double *edges, const double *heights,
                                        size_t n) {
  size_t low = 0, high = n - 1;
  if (!(x > edges[low])) return heights[low];
  if (!(x < edges[high])) return heights[high];
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    if (x < edges[middle]) high = middle;
    else low = middle;
  }
  const double share = (x - edges[low]) / (edges[high] - edges[low]);
  return heights[low] + share * (heights[high] - heights[low]);
}

/* A number between -1e6 and 1e6 */
static inline double model_held(double x) {
  return x > 1e6 ? 1e6 : x < -1e6 ? -1e6 : x;
}

/* A number drawn in to less than 3 */
static inline double model_drawn_in(double x) {
  return x / sqrt(1 + (x / 3) * (x / 3));
}

/* The code of a level that is told by its number, or of what is missing (NaN), or of others */
static inline int model_level(double x, const double *levels, int n, int missing, int rare) {
  if (x != x) return missing;
  for (int i = 0; i < n; ++i)
    if (levels[i] == x) return i;
  return rare;
}

/* The code of a level that is told by its code, or of what is missing (NaN), or of others */
static inline int model_known(double x, int n, int missing, int rare) {
  if (x != x) return missing;
  return x >= 0 && x < n && x == (double)(int)x ? (int)x : rare;
}

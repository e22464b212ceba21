#include "kernel.h"
#include <math.h>

KERNEL void rl_cross_entropy(size_t rows, size_t V, float weight, const int32_t *restrict targets,
                             float *restrict logits, float *restrict nll, uint8_t *restrict correct) {
  for (size_t r = 0; r < rows; r++) {
    float *row = logits + r * V;
    size_t target = (size_t)targets[r], best = 0;
    for (size_t i = 1; i < V; i++) best = row[i] > row[best] ? i : best;
    float maximum = row[best], at_target = row[target];
    // Many small terms: float lanes flushed into doubles every 256 elements of a lane keep the sum exact enough.
    double total = 0;
    for (size_t start = 0; start < V; start += LANES * 256) {
      size_t end = start + LANES * 256 < V ? start + LANES * 256 : V;
      size_t whole = start + (end - start) - (end - start) % LANES;
      float lanes[LANES] = {0};
      for (size_t i = start; i < whole; i += LANES)
        for (int j = 0; j < LANES; j++) {
          row[i + j] = fast_exp(row[i + j] - maximum);
          lanes[j] += row[i + j];
        }
      for (size_t i = whole; i < end; i++) {
        row[i] = fast_exp(row[i] - maximum);
        lanes[i - whole] += row[i];
      }
      total += sum_lanes(lanes);
    }
    nll[r] = (float)(log(total) - ((double)at_target - maximum));
    correct[r] = best == target;
    float factor = (float)(weight / total);
    for (size_t i = 0; i < V; i++) row[i] *= factor;
    row[target] -= weight;
  }
}

// What `cogdist bench --roofline` prints.

#ifndef COGDIST_LAUNCHER_ROOFLINE_ROOFLINE_REPORT_H_
#define COGDIST_LAUNCHER_ROOFLINE_ROOFLINE_REPORT_H_

#include <string>
#include <vector>

#include "launcher/roofline/gpu_specs.h"
#include "launcher/roofline/kernel_cost.h"
#include "launcher/roofline/kernel_shapes.h"

namespace cogdist {

// A call of a kernel on one GPU.
struct RooflineRow {
  std::string what;  // e.g. "attention forward d64 T16384"
  KernelCost cost;
  double target_flops = 0;  // a second, that the project sets itself; 0: none
};

// In bfloat16, causal attention.
std::vector<RooflineRow> RooflineRows(const GpuSpec& gpu,
                                      const KernelShapes& shapes);

// A table: work, bound, predicted time, rate and share of the GPU's peak.
std::string FormatRoofline(const GpuSpec& gpu,
                           const std::vector<RooflineRow>& rows);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_ROOFLINE_ROOFLINE_REPORT_H_

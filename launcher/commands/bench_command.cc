#include "launcher/commands/commands.h"

namespace cogdist {

Command BenchCommand() {
  return {
      .name = "bench",
      .summary = "speed of kernels, collectives and steps on this machine",
  };
}

}  // namespace cogdist

// The door to GPUs. CUDA's libraries weigh over a gigabyte, and most machines
// have none, so everything that calls them is a module of its own, opened when
// a GPU is used; a program without it starts as fast and as anywhere.
//
//   COG_ASSIGN_OR_RETURN(const GpuBackend* gpus, OpenGpuBackend());
//   COG_ASSIGN_OR_RETURN(const int count, gpus->count_devices());
//   COG_ASSIGN_OR_RETURN(auto device, gpus->create_device(local_rank % count));
//   COG_ASSIGN_OR_RETURN(auto world, gpus->create_communicator(host, *device));
//
// The module is built together with the program, from the same sources and by
// the same compiler, and takes what both use (streams, checks, communicators)
// from the program.

#ifndef COGDIST_PARALLEL_GPU_BACKEND_H_
#define COGDIST_PARALLEL_GPU_BACKEND_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "parallel/communicator.h"
#include "runtime/device.h"

namespace cogdist {

struct GpuBackend {
  // GPUs that this process can use; 0 where there is no driver. UNAVAILABLE
  // with one that is too old.
  absl::StatusOr<int> (*count_devices)() = nullptr;
  // Where on this machine the GPU `index` sits, e.g. "0000:3b:00.0": two ranks
  // may see the same one under different indices.
  absl::StatusOr<std::string> (*place_of_device)(int index) = nullptr;
  // For the rank's thread, which calls this.
  absl::StatusOr<std::unique_ptr<Device>> (*create_device)(int index) = nullptr;
  // Collectives on the device's memory for the ranks of `host`, which goes on
  // carrying the control operations. Collective. Every rank has a GPU of its
  // own. The device outlives the communicator.
  absl::StatusOr<std::unique_ptr<Communicator>> (*create_communicator)(
      std::unique_ptr<Communicator> host, Device& device) = nullptr;
};

// The module of this program: what the environment variable COGDIST_GPU_MODULE
// names, else libcogdist_cuda.so beside the program or in ../lib/cogdist.
std::string GpuModulePath();

// Whether opening it can be worth its time, half a second where the libraries
// are installed: there is a driver, or the environment names a module. Costs a
// look into the loader's folders.
bool MayHaveGpus();

// Opens it; it stays open. UNAVAILABLE says which library is missing.
absl::StatusOr<const GpuBackend*> OpenGpuBackend(
    const std::string& path = GpuModulePath());

}  // namespace cogdist

// What a module defines; its one exported name.
extern "C" const cogdist::GpuBackend* CogdistGpuBackend();

#endif  // COGDIST_PARALLEL_GPU_BACKEND_H_

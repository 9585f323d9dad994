// Scratch memory of kernels in plans.

#ifndef COGDIST_TESTS_KERNELS_PLANNED_WORKSPACE_H_
#define COGDIST_TESTS_KERNELS_PLANNED_WORKSPACE_H_

#include <functional>
#include <memory>

#include "gtest/gtest.h"
#include "runtime/meta/meta_device.h"
#include "runtime/stream.h"

namespace cogdist {

// Expects a meta device to record the scratch memory that `run` takes of
// `stream`, which has given out none before.
inline void ExpectPlannedWorkspace(Stream& stream,
                                   const std::function<void(Stream&)>& run) {
  MetaDevice meta;
  const std::unique_ptr<Stream> planned = meta.CreateStream();
  run(*planned);
  run(stream);
  EXPECT_EQ(planned->workspace_bytes(), stream.workspace_bytes());
  EXPECT_GT(planned->workspace_bytes(), 0);
}

}  // namespace cogdist

#endif  // COGDIST_TESTS_KERNELS_PLANNED_WORKSPACE_H_

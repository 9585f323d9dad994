// What a lone process sees; with ranks it is mpi_collectives_test's matter.

#include "parallel/bootstrap.h"

#include <omp.h>

#include <cstdlib>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/cpu/cpu_device.h"

namespace cogdist {
namespace {

constexpr const char* kLauncherVariables[] = {"OMPI_COMM_WORLD_SIZE",
                                              "PMI_SIZE", "PMIX_RANK"};

CoreMask Mask(std::vector<int> cores) {
  CoreMask mask(64);
  for (const int core : cores) mask[core] = true;
  return mask;
}

std::vector<int> Shares(const std::vector<CoreMask>& masks) {
  std::vector<int> shares;
  for (size_t i = 0; i < masks.size(); ++i) {
    shares.push_back(ThreadShare(masks, i));
  }
  return shares;
}

TEST(ThreadShareTest, CountsTheCoresThatARankHasToItself) {
  EXPECT_EQ(ThreadShare({Mask({0, 1, 2, 3})}, 0), 4);  // alone
  // mpirun --bind-to core
  EXPECT_EQ(Shares({Mask({0}), Mask({1})}), std::vector<int>({1, 1}));
  // --bind-to none
  EXPECT_EQ(Shares({Mask({0, 1, 2, 3}), Mask({0, 1, 2, 3})}),
            std::vector<int>({2, 2}));
  EXPECT_EQ(Shares(std::vector<CoreMask>(3, Mask({0, 1, 2, 3, 4, 5, 6, 7}))),
            std::vector<int>({2, 2, 2}));
  // --bind-to socket: two ranks on one, one on the other
  EXPECT_EQ(
      Shares({Mask({0, 1, 2, 3}), Mask({0, 1, 2, 3}), Mask({4, 5, 6, 7})}),
      std::vector<int>({2, 2, 4}));
  // more ranks than cores
  EXPECT_EQ(Shares(std::vector<CoreMask>(4, Mask({0, 1}))),
            std::vector<int>({1, 1, 1, 1}));
}

TEST(BootstrapTest, LauncherIsKnownByItsEnvironment) {
  for (const char* name : kLauncherVariables) unsetenv(name);
  EXPECT_FALSE(StartedByLauncher());
  for (const char* name : kLauncherVariables) {
    setenv(name, "1", 1);
    EXPECT_TRUE(StartedByLauncher());
    unsetenv(name);
  }
}

TEST(BootstrapTest, LoneProcessIsTheOnlyRank) {
  for (const char* name : kLauncherVariables) unsetenv(name);
  unsetenv("OMP_NUM_THREADS");
  absl::StatusOr<Bootstrap> bootstrap = Bootstrap::Start();
  ASSERT_TRUE(bootstrap.ok()) << bootstrap.status();
  EXPECT_EQ(bootstrap->placement().rank, 0);
  EXPECT_EQ(bootstrap->placement().world_size, 1);
  EXPECT_EQ(bootstrap->placement().num_threads, omp_get_num_procs());
  EXPECT_EQ(omp_get_max_threads(), omp_get_num_procs());
  CpuDevice device;
  const auto world = bootstrap->CreateWorld(device);
  ASSERT_TRUE(world.ok()) << world.status();
  EXPECT_EQ((*world)->size(), 1);
  bootstrap->Finish();
}

TEST(BootstrapTest, ThreadsCanBeSetFromOutside) {
  for (const char* name : kLauncherVariables) unsetenv(name);
  setenv("OMP_NUM_THREADS", "3", 1);
  omp_set_num_threads(3);  // as the OpenMP library does when it is loaded
  absl::StatusOr<Bootstrap> bootstrap = Bootstrap::Start();
  ASSERT_TRUE(bootstrap.ok()) << bootstrap.status();
  EXPECT_EQ(bootstrap->placement().num_threads, 3);
}

TEST(BootstrapDeathTest, AbortEndsWithTheCode) {
  for (const char* name : kLauncherVariables) unsetenv(name);
  absl::StatusOr<Bootstrap> bootstrap = Bootstrap::Start();
  ASSERT_TRUE(bootstrap.ok());
  EXPECT_EXIT(bootstrap->Abort(93), ::testing::ExitedWithCode(93), "");
}

}  // namespace
}  // namespace cogdist

// What gpu_backend.h calls on behalf of the thread that runs. REQUIRES: called
// from a kernel under an Emulator. Faults end the block and do not return.

#ifndef COGDIST_TESTS_VGPU_SIMT_DEVICE_CALLS_H_
#define COGDIST_TESTS_VGPU_SIMT_DEVICE_CALLS_H_

#include <cstddef>
#include <cstdint>

#include "tests/vgpu/simt/dim3.h"

namespace cogdist::simt {

dim3 ThreadIndex();
dim3 BlockIndex();
dim3 BlockExtent();
dim3 GridExtent();
int Lane();

void SyncThreads();
void SyncWarp(uint32_t lanes);
uint32_t Shuffle(uint32_t lanes, uint32_t value, int source_lane);
uint32_t Ballot(uint32_t lanes, bool vote);

unsigned char* SharedArena();
uint32_t SharedAddress(const void* pointer);
// 16 bytes at once; to and from the thread's own memory.
void LoadWide(void* to, const void* from);
void StoreWide(void* to, const void* from);

void CopyAsync(uint32_t to, const void* from, int from_bytes);
void CommitCopies();
void WaitForCopies(int groups_left);

void LoadMatrix(uint32_t* registers, int matrices, bool transposed,
                uint32_t address);
void MultiplyAdd(float* d, const uint32_t* a, const uint32_t* b);

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_DEVICE_CALLS_H_

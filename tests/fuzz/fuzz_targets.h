// What fuzzers call with bytes of their making, and what must hold for any
// bytes: no crash, no undefined behaviour, no memory beyond a multiple of their
// number, and what is accepted keeps the promises of its header. A broken
// promise aborts.

#ifndef COGDIST_TESTS_FUZZ_FUZZ_TARGETS_H_
#define COGDIST_TESTS_FUZZ_FUZZ_TARGETS_H_

#include "absl/strings/string_view.h"

namespace cogdist {

// As a manifest.pb, and as the message in one, with the frame and the checksum
// that it needs to get any further.
void FuzzManifest(absl::string_view bytes);

// As a safetensors file, and as the header of one without and with some data.
void FuzzSafetensors(absl::string_view bytes);

}  // namespace cogdist

#endif  // COGDIST_TESTS_FUZZ_FUZZ_TARGETS_H_

// Small host-side exchanges over a transport, in the middle of anything.

#ifndef COGDIST_PARALLEL_CONTROL_H_
#define COGDIST_PARALLEL_CONTROL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parallel/ledger.h"
#include "parallel/transport.h"
#include "runtime/device.h"

namespace cogdist {

struct ControlChannel {
  Transport& transport;
  Device& device;          // its streams advance while this rank waits: another
                           // rank may need them to get here
  int tag = 0;             // of this channel alone
  int64_t& bytes_sent;     // counts up
  Ledger::Lane lane = {};  // where it is told
};

// Every rank's string, by rank, on every rank. Blocks until all ranks are here.
// Bruck's algorithm (Bruck et al., 1997): ceil(log2(ranks)) exchanges.
std::vector<std::string> ControlAllGather(const ControlChannel& channel,
                                          absl::string_view mine);

// Returns after all `members`, this rank among them, have called it with the
// same list; ranks that are not in it take no part. A dissemination barrier
// (Hensgen, Finkel and Manber, 1988).
void ControlMeet(const ControlChannel& channel, absl::Span<const int> members);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CONTROL_H_

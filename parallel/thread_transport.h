// Ranks as threads of one process: a transport through shared memory. It never
// buffers, so that a send is as slow to finish as it may be anywhere: the
// receiver copies straight from the sender's memory.

#ifndef COGDIST_PARALLEL_THREAD_TRANSPORT_H_
#define COGDIST_PARALLEL_THREAD_TRANSPORT_H_

#include <memory>

#include "parallel/transport.h"

namespace cogdist {

// Where the ranks of one world meet; outlives their transports. Thread-safe.
class ThreadHub {
 public:
  explicit ThreadHub(int size);
  ~ThreadHub();

  // The transport of one rank's thread; once for each rank.
  std::unique_ptr<Transport> Connect(int rank);

 private:
  friend class ThreadTransport;
  struct Impl;

  int size_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_THREAD_TRANSPORT_H_

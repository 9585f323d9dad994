#include "parallel/ledger.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parallel/stream_lane.h"
#include "runtime/check.h"
#include "runtime/clock.h"
#include "runtime/unique_fd.h"

namespace cogdist {
namespace {

// Five for each group: the mesh's, a model's two, a pipeline's four neighbours.
constexpr int kMaxLanes = 96;
constexpr auto kRelaxed = std::memory_order_relaxed;

// A short text in a file; written before it is published, then left alone.
template <size_t kSize>
void Store(absl::string_view text, std::array<char, kSize>& to) {
  to.fill(0);
  std::copy_n(text.begin(), std::min(text.size(), kSize - 1), to.begin());
}

// Adds without a locked instruction: a row has one writer.
template <typename T>
void Increment(std::atomic<T>& counter) {
  counter.store(counter.load(kRelaxed) + 1, kRelaxed);
}

struct LaneRecord {
  std::array<char, 40> name = {};
  std::atomic<Operation> operation = Operation::kNone;
  std::atomic<int32_t> to = -1;
  std::atomic<int32_t> from = -1;
  std::atomic<int64_t> elements = 0;
  std::atomic<int64_t> begun = 0;
  std::atomic<int64_t> finished = 0;
  std::atomic<int64_t> polls = 0;
  std::atomic<int64_t> step = 0;
  std::atomic<double> since = 0;
};

// Other processes see these, so they need no lock in this one.
static_assert(std::atomic<int64_t>::is_always_lock_free);
static_assert(std::atomic<double>::is_always_lock_free);

}  // namespace

absl::string_view Name(Operation operation) {
  switch (operation) {
    case Operation::kNone:
      return "nothing";
    case Operation::kAllReduce:
      return "all-reduce";
    case Operation::kReduceScatter:
      return "reduce-scatter";
    case Operation::kAllGather:
      return "all-gather";
    case Operation::kBroadcast:
      return "broadcast";
    case Operation::kSendReceive:
      return "message";
    case Operation::kExchange:
      return "exchange of values";
    case Operation::kBarrier:
      return "barrier";
    case Operation::kRecordedStep:
      return "recorded step";
  }
  return "?";
}

// Zeros are an empty row, as a file has them where it was never written.
struct Ledger::Row {
  std::atomic<uint64_t> job = 0;
  std::atomic<int32_t> rank = 0;
  std::atomic<int32_t> pid = 0;
  std::atomic<int64_t> start_ticks = 0;
  std::array<char, 64> host = {};
  std::atomic<Phase> phase = Phase::kRunning;
  std::atomic<int32_t> num_lanes = 0;
  std::atomic<int64_t> step = 0;
  std::array<LaneRecord, kMaxLanes> lanes;
};

// Followed by a row for each rank of the world.
struct Ledger::File {
  std::array<char, 8> format;  // "COGLDGR1"
  std::atomic<int64_t> row_bytes;
  std::atomic<uint64_t> claimed_by;  // the job whose end is being told

  Row& row(int rank) { return reinterpret_cast<Row*>(this + 1)[rank]; }
  static int64_t Bytes(int64_t ranks) {
    return sizeof(File) + ranks * sizeof(Row);
  }
};

namespace {

void CopyLane(const LaneRecord& from, LaneRecord& to) {
  to.name = from.name;
  to.operation.store(from.operation.load(kRelaxed), kRelaxed);
  to.to.store(from.to.load(kRelaxed), kRelaxed);
  to.from.store(from.from.load(kRelaxed), kRelaxed);
  to.elements.store(from.elements.load(kRelaxed), kRelaxed);
  to.begun.store(from.begun.load(kRelaxed), kRelaxed);
  to.finished.store(from.finished.load(kRelaxed), kRelaxed);
  to.polls.store(from.polls.load(kRelaxed), kRelaxed);
  to.step.store(from.step.load(kRelaxed), kRelaxed);
  to.since.store(from.since.load(kRelaxed), kRelaxed);
}

// Of the lowest rank of this node: it has been started once.
uint64_t JobOf(const std::vector<RankIdentity>& ranks) {
  for (const RankIdentity& rank : ranks) {
    if (!rank.here) continue;
    return static_cast<uint64_t>(rank.process.start_ticks) << 24 |
           static_cast<uint64_t>(rank.process.pid);
  }
  return 0;
}

}  // namespace

Ledger::Ledger(int rank, std::vector<RankIdentity> ranks)
    : rank_(rank),
      ranks_(std::move(ranks)),
      private_row_(std::make_unique<Row>()),
      own_(private_row_.get()),
      job_(JobOf(ranks_)) {
  COG_CHECK(rank >= 0 && rank < static_cast<int>(ranks_.size()));
}

Ledger::~Ledger() {
  for (const std::atomic<File*>& file : files_) {
    if (file != nullptr) munmap(file, File::Bytes(ranks_.size()));
  }
}

absl::Status Ledger::Share(absl::string_view path) {
  COG_CHECK(files_[1] == nullptr);
  const int64_t bytes = File::Bytes(ranks_.size());
  const auto failed = [&](absl::string_view action) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("cannot ", action, " ", path));
  };
  const UniqueFd fd(
      open(std::string(path).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd.valid()) return failed("open");
  // Space is taken now: a full disk would end a process that writes to a hole.
  errno = posix_fallocate(fd.get(), 0, bytes);
  if (errno != 0) return failed("extend");
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return failed("map");

  File* const file = static_cast<File*>(memory);
  std::memcpy(file->format.data(), "COGLDGR1", file->format.size());
  file->row_bytes = sizeof(Row);
  Row& row = file->row(rank_);
  const Row& old = *own_.load();
  row.rank = rank_;
  row.pid = ranks_[rank_].process.pid;
  row.start_ticks = ranks_[rank_].process.start_ticks;
  Store(ranks_[rank_].host, row.host);
  // Lanes of streams are written by the watching thread.
  const std::lock_guard<std::mutex> lock(mutex_);
  row.phase = old.phase.load();
  row.step = old.step.load();
  for (int i = 0; i < kMaxLanes; ++i) CopyLane(old.lanes[i], row.lanes[i]);
  row.num_lanes = old.num_lanes.load();
  row.job.store(job_, std::memory_order_release);
  own_ = &row;
  files_[1] = files_[0].load();
  files_[0] = file;
  return absl::OkStatus();
}

std::vector<int> Ledger::World() const {
  std::vector<int> members(ranks_.size());
  std::iota(members.begin(), members.end(), 0);
  return members;
}

Ledger::Lane Ledger::AddLane(absl::string_view name, std::vector<int> members) {
  Row& row = *own_.load();
  const int index = row.num_lanes;
  if (index == kMaxLanes) return Lane();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    members_.push_back(std::move(members));
  }
  const auto taken = [&](absl::string_view other) {
    return std::any_of(
        row.lanes.begin(), row.lanes.begin() + index,
        [&](const LaneRecord& lane) { return other == lane.name.data(); });
  };
  std::string unique(name.substr(0, row.lanes[index].name.size() - 4));
  for (int number = 2; taken(unique); ++number) {
    unique = absl::StrCat(name, " ", number);
  }
  Store(unique, row.lanes[index].name);
  row.num_lanes.store(index + 1, std::memory_order_release);
  return Lane(this, index);
}

void Ledger::SetStep(int64_t step) {
  own_.load(kRelaxed)->step.store(step, kRelaxed);
}

void Ledger::Refresh() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (StreamLane* const lane : stream_lanes_) lane->Refresh();
}

std::string Ledger::FailureInBackground() const {
  const std::lock_guard<std::mutex> lock(probes_mutex_);
  for (const FailureProbe* const probe : probes_) {
    std::string failure = probe->ask_();
    if (!failure.empty()) return failure;
  }
  return "";
}

void Ledger::SetPhase(Phase phase) {
  own_.load(kRelaxed)->phase.store(phase, std::memory_order_release);
}

bool Ledger::Claim() {
  File* const file = files_[0];
  if (file == nullptr) return !claimed_.exchange(true);
  return file->claimed_by.exchange(job_) != job_;
}

Ledger::RowState Ledger::Read(int rank) const {
  RowState state;
  const Row* const row = RowOf(rank);
  if (row == nullptr) return state;
  state.known = true;
  state.phase = row->phase.load(std::memory_order_acquire);
  state.step = row->step.load(kRelaxed);
  const int lanes =
      std::clamp(row->num_lanes.load(std::memory_order_acquire), 0, kMaxLanes);
  for (const LaneRecord& lane : absl::MakeSpan(row->lanes).first(lanes)) {
    state.lanes.push_back({.name = lane.name.data(),
                           .entry = {.operation = lane.operation.load(kRelaxed),
                                     .elements = lane.elements.load(kRelaxed),
                                     .to = lane.to.load(kRelaxed),
                                     .from = lane.from.load(kRelaxed)},
                           .begun = lane.begun.load(kRelaxed),
                           .finished = lane.finished.load(kRelaxed),
                           .polls = lane.polls.load(kRelaxed),
                           .step = lane.step.load(kRelaxed),
                           .since = lane.since.load(kRelaxed)});
  }
  return state;
}

std::vector<int> Ledger::Members(int index) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return members_[index];
}

Ledger::Row* Ledger::RowOf(int rank) const {
  if (rank == rank_) return own_.load();
  if (!ranks_[rank].here) return nullptr;
  for (const std::atomic<File*>& shared : files_) {
    File* const file = shared;
    if (file == nullptr) continue;
    Row& row = file->row(rank);
    if (row.job.load(std::memory_order_acquire) == job_) return &row;
  }
  return nullptr;
}

void Ledger::Lane::Begin(const Entry& entry) {
  if (ledger_ == nullptr) return;
  const int64_t step = CurrentRankTag().step;
  ledger_->SetStep(step);
  Begin(entry, step);
}

void Ledger::Lane::Begin(const Entry& entry, int64_t step) {
  if (ledger_ == nullptr) return;
  LaneRecord& lane = ledger_->own_.load(kRelaxed)->lanes[index_];
  lane.step.store(step, kRelaxed);
  lane.operation.store(entry.operation, kRelaxed);
  lane.to.store(entry.to, kRelaxed);
  lane.from.store(entry.from, kRelaxed);
  lane.elements.store(entry.elements, kRelaxed);
  const bool idle = lane.begun.load(kRelaxed) == lane.finished.load(kRelaxed);
  if (idle) lane.since.store(MonotonicSeconds(), kRelaxed);
  Increment(lane.begun);
}

void Ledger::Lane::Poll() {
  if (ledger_ == nullptr) return;
  Increment(ledger_->own_.load(kRelaxed)->lanes[index_].polls);
}

void Ledger::Lane::End() {
  if (ledger_ == nullptr) return;
  LaneRecord& lane = ledger_->own_.load(kRelaxed)->lanes[index_];
  lane.since.store(MonotonicSeconds(), kRelaxed);
  Increment(lane.finished);
}

FailureProbe::FailureProbe(Ledger* ledger, std::function<std::string()> ask)
    : ledger_(ledger), ask_(std::move(ask)) {
  if (ledger_ == nullptr) return;
  const std::lock_guard<std::mutex> lock(ledger_->probes_mutex_);
  ledger_->probes_.push_back(this);
}

FailureProbe::~FailureProbe() {
  if (ledger_ == nullptr) return;
  const std::lock_guard<std::mutex> lock(ledger_->probes_mutex_);
  std::erase(ledger_->probes_, this);
}

}  // namespace cogdist

// Scheduling and reports; memory and warp operations have files of their own.

#include "tests/vgpu/simt/block.h"

#include <cstring>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"

namespace cogdist::simt {
namespace {

thread_local Block* current_block = nullptr;

}  // namespace

Block* Block::Current() { return current_block; }

Block::Block(Environment& environment, const KernelLaunch& launch,
             const BlockPlace& place)
    : environment_(environment),
      launch_(launch),
      place_(place),
      checked_(environment.options.checked && launch.watched),
      dice_(environment.options.seed + uint64_t{place.number} * 7919),
      clocks_((launch.block.volume() + kWarpSize - 1) / kWarpSize),
      shadow_(clocks_, *place.between, place.number, place.first),
      shared_(new unsigned char[launch.shared_bytes +
                                2 * DeviceMemory::kGuardBytes]),
      shared_cells_(checked_ ? CellsOf(launch.shared_bytes) : 0),
      threads_(launch.block.volume()),
      pending_((threads_.size() + kWarpSize - 1) / kWarpSize),
      alive_(threads_.size()) {
  std::memset(shared(), 0xff, launch.shared_bytes);
  for (size_t i = 0; i < threads_.size(); ++i) {
    Thread& t = threads_[i];
    const unsigned width = launch.block.x, height = launch.block.y;
    t.id = i;
    t.index = dim3(i % width, i / width % height, i / width / height);
    void* const stack = environment.stacks.Get(i);
    t.stack = reinterpret_cast<uintptr_t>(stack);
    t.context.Start(stack, StackPool::kStackBytes, &Block::RunThread);
    ready_.push_back(&t);
  }
}

Block::~Block() = default;

std::optional<Report> Block::Run() {
  current_block = this;
  running_ = TakeReady();
  Context::Switch(scheduler_, running_->context);
  current_block = nullptr;
  if (!failure_ && alive_ > 0) failure_ = Stuck();
  if (!failure_) return std::nullopt;
  return MakeReport(*failure_);
}

void Block::RunThread() {
  Block& block = *current_block;
  block.launch_.invoke(block.launch_.arguments);
  block.EndThread();
}

void Block::EndThread() {
  for (const auto& group : running_->copy_groups) {
    if (!group.empty()) running_->open_copies.push_back(group.front());
  }
  if (!running_->open_copies.empty()) {
    Fail({Fault::kLostCopies, "a thread ends with cp.async in flight", -1,
          running_->open_copies.front().code});
  }
  running_->ended = true;
  --alive_;
  SwitchToNext();
}

Thread* Block::TakeReady() {
  if (ready_.empty()) return nullptr;
  if (environment_.options.schedule == Options::Schedule::kRandom) {
    std::swap(ready_[dice_.Below(ready_.size())], ready_.back());
  }
  Thread* const next = ready_.back();
  ready_.pop_back();
  return next;
}

void Block::MakeReady(Thread& thread) {
  thread.waits_in = nullptr;
  ready_.push_back(&thread);
}

// To the scheduler when nothing can run: all have ended, or wait in vain.
void Block::SwitchToNext() {
  Thread& from = *running_;
  running_ = TakeReady();
  if (running_ == &from) return;
  ++stats().switches;
  Context::Switch(from.context,
                  running_ == nullptr ? scheduler_ : running_->context);
}

void Block::Wait(const char* what, CodeOffset code) {
  running_->waits_in = what;
  running_->waits_at = code;
  SwitchToNext();
}

void Block::Fail(Failure failure) {
  if (failure.thread < 0) failure.thread = running_->id;
  failure_ = std::move(failure);
  Context::Switch(running_->context, scheduler_);
  COG_CHECK(false, "a fiber of a failed block was continued");
}

// Who waits where, for others that never come.
std::optional<Block::Failure> Block::Stuck() {
  std::map<std::string, int> places;
  Failure failure = {Fault::kDivergence, ""};
  for (const Thread& t : threads_) {
    if (t.ended) {
      ++places["have ended"];
      continue;
    }
    const SourceLine& source = SourceAt(t.waits_at);
    ++places[absl::StrCat("wait in ", t.waits_in,
                          source.line.empty() ? "" : " at ", source.line)];
    if (failure.thread < 0) {
      failure.thread = t.id;
      failure.code = t.waits_at;
    }
  }
  failure.text = "threads wait for others that never come:";
  for (const auto& [place, count] : places) {
    absl::StrAppend(&failure.text, " ", count, " ", place, ";");
  }
  failure.text.pop_back();
  return failure;
}

Report Block::MakeReport(const Failure& failure) const {
  Report report = {.fault = failure.fault,
                   .kernel = SourceAt(OffsetOf(launch_.kernel) + 1).function,
                   .block = place_.index,
                   .thread = failure.thread,
                   .other_thread = failure.other.other_thread,
                   .source = SourceAt(failure.code).line,
                   .other_source = SourceAt(failure.other.other_code).line,
                   .text = failure.text};
  if (failure.other.other_block) report.text += " by another block";
  if (const uint32_t other = failure.other.other_operation) {
    const Operation& operation =
        environment_.memory.memory().history().Of(other);
    absl::StrAppend(&report.text, " by ", operation.ToString(),
                    ", which nothing orders with this launch");
  }
  return report;
}

void Block::CheckSameSite(const char* what, CodeOffset code, CodeOffset first) {
  if (code == first) return;
  // Compilers copy code: two addresses may be one line.
  const std::string &mine = SourceAt(code).line, &other = SourceAt(first).line;
  if (mine == other) return;
  Fail({Fault::kDivergence,
        absl::StrCat("threads meet in different calls of ", what), -1, code,
        Conflict{.other_code = first}});
}

void Block::SyncThreads(CodeOffset code) {
  ++stats().barriers;
  if (in_barrier_ == 0) {
    barrier_code_ = code;
  } else {
    CheckSameSite("__syncthreads", code, barrier_code_);
  }
  if (++in_barrier_ < threads_.size()) {
    Wait("__syncthreads", code);
    return;
  }
  in_barrier_ = 0;
  clocks_.Barrier();
  for (Thread& t : threads_) {
    if (&t != running_) MakeReady(t);
  }
  // Nothing says that the last to arrive goes on first.
  MakeReady(*running_);
  SwitchToNext();
}

}  // namespace cogdist::simt

#include "tests/testing/fake_disk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_split.h"
#include "runtime/check.h"

namespace cogdist::testing {
namespace {

std::vector<std::string> Names(absl::string_view path) {
  std::vector<std::string> names;
  for (absl::string_view name : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    COG_CHECK(name != "..", "not in a fake path: ", path);
    if (name != ".") names.emplace_back(name);
  }
  return names;
}

// True in `tenths` of ten cases.
bool Chance(std::mt19937_64& random, uint64_t tenths) {
  return random() % 10 < tenths;
}

// Some crashes lose nearly all, some nearly nothing.
uint64_t RandomTenths(std::mt19937_64& random) {
  constexpr uint64_t kTenths[] = {1, 5, 9};
  return kTenths[random() % 3];
}

}  // namespace

int FakeDisk::Find(absl::string_view path, int* node) const {
  *node = 0;
  for (const std::string& name : Names(path)) {
    const Node& folder = nodes_[*node];
    if (!folder.is_folder) return ENOTDIR;
    const auto found = folder.names.find(name);
    if (found == folder.names.end()) return ENOENT;
    *node = found->second;
  }
  return 0;
}

int FakeDisk::FindParent(absl::string_view path, Change* place) const {
  std::vector<std::string> names = Names(path);
  if (names.empty()) return EBUSY;  // the root
  place->name = std::move(names.back());
  names.pop_back();
  place->folder = 0;
  for (const std::string& name : names) {
    if (!is_folder(place->folder)) return ENOTDIR;
    const auto& there = nodes_[place->folder].names;
    const auto found = there.find(name);
    if (found == there.end()) return ENOENT;
    place->folder = found->second;
  }
  return is_folder(place->folder) ? 0 : ENOTDIR;
}

int FakeDisk::Create(absl::string_view path, bool is_folder, int* node) {
  Change change;
  if (const int error = FindParent(path, &change)) {
    return error == EBUSY ? EEXIST : error;
  }
  if (nodes_[change.folder].names.contains(change.name)) return EEXIST;
  *node = change.node = static_cast<int>(nodes_.size());
  nodes_.push_back(Node{.is_folder = is_folder});
  Do({change});
  return 0;
}

int FakeDisk::List(absl::string_view path,
                   std::vector<std::string>* names) const {
  int node;
  if (const int error = Find(path, &node)) return error;
  if (!is_folder(node)) return ENOTDIR;
  for (const auto& [name, unused] : nodes_[node].names) names->push_back(name);
  return 0;
}

int FakeDisk::Rename(absl::string_view from, absl::string_view to,
                     bool replace) {
  Change old_name, new_name;
  int moved, replaced;
  if (const int error = FindParent(from, &old_name)) return error;
  if (const int error = Find(from, &moved)) return error;
  if (const int error = FindParent(to, &new_name)) return error;
  if (IsWithin(new_name.folder, moved)) return EINVAL;
  if (Find(to, &replaced) == 0) {
    if (!replace) return EEXIST;
    if (replaced == moved) return 0;
    if (is_folder(replaced) && !is_folder(moved)) return EISDIR;
    if (!is_folder(replaced) && is_folder(moved)) return ENOTDIR;
    if (!nodes_[replaced].names.empty()) return ENOTEMPTY;
  }
  new_name.node = moved;
  Do({old_name, new_name});
  return 0;
}

int FakeDisk::Remove(absl::string_view path, bool is_folder) {
  Change change;
  int node;
  if (const int error = FindParent(path, &change)) return error;
  if (const int error = Find(path, &node)) return error;
  if (is_folder && !this->is_folder(node)) return ENOTDIR;
  if (!is_folder && this->is_folder(node)) return EISDIR;
  if (!nodes_[node].names.empty()) return ENOTEMPTY;
  Do({change});
  return 0;
}

bool FakeDisk::IsWithin(int node, int folder) const {
  if (node == folder) return true;
  const auto& names = nodes_[folder].names;
  return std::any_of(names.begin(), names.end(), [&](const auto& entry) {
    return IsWithin(node, entry.second);
  });
}

void FakeDisk::Do(Operation operation) {
  for (const Change& change : operation) {
    auto& names = nodes_[change.folder].names;
    if (change.node == kNothing) {
      names.erase(change.name);
    } else {
      names[change.name] = change.node;
    }
  }
  pending_.push_back(std::move(operation));
}

int FakeDisk::SyncFolder(absl::string_view path) {
  int node;
  if (const int error = Find(path, &node)) return error;
  if (!is_folder(node)) return ENOTDIR;
  std::vector<bool> chosen;
  for (const Operation& operation : pending_) {
    chosen.push_back(
        std::any_of(operation.begin(), operation.end(),
                    [&](const Change& c) { return c.folder == node; }));
  }
  AddNeeded(/*in_order=*/false, &chosen);
  Settle(chosen);
  return 0;
}

void FakeDisk::Settle(const std::vector<bool>& chosen) {
  std::vector<Operation> left;
  for (size_t i = 0; i < pending_.size(); ++i) {
    if (!chosen[i]) {
      left.push_back(std::move(pending_[i]));
      continue;
    }
    for (const Change& change : pending_[i]) {
      auto& names = nodes_[change.folder].durable_names;
      if (change.node == kNothing) {
        names.erase(change.name);
      } else {
        names[change.name] = change.node;
      }
    }
  }
  pending_ = std::move(left);
}

void FakeDisk::AddNeeded(bool in_order, std::vector<bool>* chosen) const {
  const auto needs = [&](const Operation& later, const Operation& earlier) {
    for (const Change& a : later) {
      for (const Change& b : earlier) {
        if (a.folder == b.folder && (in_order || a.name == b.name)) return true;
      }
    }
    return false;
  };
  // From the last on, so that what is added finds what it needs itself.
  for (size_t i = pending_.size(); i-- > 0;) {
    if (!(*chosen)[i]) continue;
    for (size_t j = 0; j < i; ++j) {
      if (needs(pending_[i], pending_[j])) (*chosen)[j] = true;
    }
  }
}

void FakeDisk::Append(int file, absl::string_view bytes) {
  Node& node = nodes_[file];
  if (bytes.empty()) return;
  const int64_t first = static_cast<int64_t>(node.contents.size());
  node.contents.append(bytes.data(), bytes.size());
  const int64_t end = static_cast<int64_t>(node.contents.size());
  for (int64_t block = first / kBlockBytes; block * kBlockBytes < end;
       ++block) {
    node.dirty.insert(block);
  }
}

void FakeDisk::WriteBlock(int64_t block, const std::string& from,
                          std::string* to) {
  const size_t begin = static_cast<size_t>(block * kBlockBytes);
  const size_t count = std::min<size_t>(kBlockBytes, from.size() - begin);
  if (to->size() < begin + count) to->resize(begin + count, '\0');
  to->replace(begin, count, from, begin, count);
}

void FakeDisk::SyncFile(int file) {
  Node& node = nodes_[file];
  for (const int64_t block : node.dirty) {
    WriteBlock(block, node.contents, &node.durable);
  }
  node.durable.resize(node.contents.size(), '\0');
  node.dirty.clear();
}

void FakeDisk::LoseUnsynced(int file) { nodes_[file].dirty.clear(); }

void FakeDisk::Overwrite(int file, absl::string_view contents) {
  Node& node = nodes_[file];
  node.contents = node.durable = std::string(contents);
  node.dirty.clear();
}

int64_t FakeDisk::UsedBytes() const {
  int64_t bytes = 0;
  std::vector<int> folders = {0};
  while (!folders.empty()) {
    const Node& folder = nodes_[folders.back()];
    folders.pop_back();
    for (const auto& [name, node] : folder.names) {
      if (is_folder(node)) folders.push_back(node);
      bytes += static_cast<int64_t>(nodes_[node].contents.size());
    }
  }
  return bytes;
}

FakeDisk FakeDisk::AfterCrash(Survivors survivors, uint64_t seed) const {
  std::mt19937_64 random(seed);
  FakeDisk disk = *this;
  disk.ChooseOperations(survivors, random);
  for (Node& node : disk.nodes_) {
    node.names = node.durable_names;
    ChooseBlocks(survivors, random, &node);
    node.contents = node.durable;
  }
  return disk;
}

void FakeDisk::ChooseOperations(Survivors survivors, std::mt19937_64& random) {
  std::vector<bool> chosen(pending_.size(),
                           survivors == Survivors::kEverything);
  const bool in_order = survivors == Survivors::kTornInOrder;
  if (in_order || survivors == Survivors::kTorn) {
    const uint64_t tenths = RandomTenths(random);
    for (size_t i = 0; i < chosen.size(); ++i) {
      chosen[i] = Chance(random, tenths);
    }
    AddNeeded(in_order, &chosen);
  }
  Settle(chosen);
  pending_.clear();
}

void FakeDisk::ChooseBlocks(Survivors survivors, std::mt19937_64& random,
                            Node* file) {
  const size_t shortest = file->durable.size();
  size_t size = file->contents.size();
  uint64_t tenths = 10;
  if (survivors == Survivors::kDurable) {
    size = shortest;
    tenths = 0;
  } else if (survivors != Survivors::kEverything) {
    tenths = RandomTenths(random);
    // The length has its own fate: short of blocks that survive, or beyond
    // them, when what lies between reads as zeros.
    const uint64_t fate = random() % 3;
    if (fate == 0) size = shortest;
    if (fate == 1) size = shortest + random() % (size - shortest + 1);
  }
  for (const int64_t block : file->dirty) {
    if (Chance(random, tenths)) {
      WriteBlock(block, file->contents, &file->durable);
    }
  }
  file->durable.resize(size, '\0');
  file->dirty.clear();
}

}  // namespace cogdist::testing

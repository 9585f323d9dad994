// A disk in memory that knows what of it would survive a crash of the machine:
// each file has contents that readers see and contents that are on the medium,
// each folder likewise its names.

#ifndef COGDIST_TESTS_TESTING_FAKE_DISK_H_
#define COGDIST_TESTS_TESTING_FAKE_DISK_H_

#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace cogdist::testing {

// What a crash leaves of that which was not synced.
enum class Survivors {
  kDurable,     // nothing: what was synced, and not a byte more
  kEverything,  // all: the process died, the machine lives
  // A random part of the blocks of each file and a random length of it; of the
  // changes of names in each folder the first ones, of each folder as many as
  // chance will have it (a file system that keeps a folder's changes in order).
  kTornInOrder,
  // Likewise with any part of the changes of names, where a change of one name
  // needs the earlier ones of that name: more than most file systems do.
  kTorn,
};

// Calls give 0 or the errno that Linux would set. Paths are split at slashes;
// "." is skipped, and "" and "/" are the root. Not for several threads at once.
class FakeDisk {
 public:
  static constexpr int64_t kBlockBytes = 512;

  // Finds what `path` names; the number stays with it when it is renamed, and
  // after it has been removed.
  int Find(absl::string_view path, int* node) const;
  bool is_folder(int node) const { return nodes_[node].is_folder; }

  int Create(absl::string_view path, bool is_folder, int* node);
  int List(absl::string_view path, std::vector<std::string>* names) const;
  int Rename(absl::string_view from, absl::string_view to, bool replace);
  int Remove(absl::string_view path, bool is_folder);
  // Makes what was changed in the folder durable. A file that was moved between
  // two folders is so in both at once.
  int SyncFolder(absl::string_view path);

  // What readers of a file see.
  const std::string& Contents(int file) const { return nodes_[file].contents; }
  void Append(int file, absl::string_view bytes);
  void SyncFile(int file);
  // What Linux does after a failed fsync: the pages stay as they are and pass
  // for clean, so the next fsync succeeds without writing them.
  void LoseUnsynced(int file);
  // Changes the medium behind everybody's back; durable.
  void Overwrite(int file, absl::string_view contents);

  // Bytes of the files that have a name.
  int64_t UsedBytes() const;

  // The disk as the next start finds it. Another seed, another outcome.
  FakeDisk AfterCrash(Survivors survivors, uint64_t seed) const;

 private:
  struct Node {
    bool is_folder = false;
    // Of a folder; `durable_names` lacks the pending operations.
    std::map<std::string, int> names, durable_names;
    // Of a file: what readers see, what is on the medium, and the blocks in
    // which the first is still to be written over the second.
    std::string contents, durable;
    std::set<int64_t> dirty;
  };

  // One name set to a node, or removed.
  static constexpr int kNothing = -1;
  struct Change {
    int folder = 0;
    std::string name;
    int node = kNothing;
  };
  // Changes that happen all or not at all.
  using Operation = std::vector<Change>;

  // The folder that holds the last name of `path`, and that name.
  int FindParent(absl::string_view path, Change* place) const;
  bool IsWithin(int node, int folder) const;
  void Do(Operation operation);
  // Applies the chosen pending operations, in their order, to the durable
  // names.
  void Settle(const std::vector<bool>& chosen);
  // Adds what chosen operations need: earlier ones of the same name or, with
  // `in_order`, of the same folder.
  void AddNeeded(bool in_order, std::vector<bool>* chosen) const;
  void ChooseOperations(Survivors survivors, std::mt19937_64& random);
  static void ChooseBlocks(Survivors survivors, std::mt19937_64& random,
                           Node* file);
  static void WriteBlock(int64_t block, const std::string& from,
                         std::string* to);

  std::deque<Node> nodes_ = {Node{.is_folder = true}};  // the root first
  std::vector<Operation> pending_;                      // in order of time
};

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_TESTING_FAKE_DISK_H_

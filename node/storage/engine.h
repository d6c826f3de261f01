// The storage port: all that the core asks of a disk.
//
// An ordered map of bytes to bytes in three families, written by whole batches. Two engines exist,
// the in-memory one (tests and simulation; it can lose what was not synced) and RocksDB
// (node/adapters/rocksdb); both pass the contract suite in engine_contract.h.
//
// Contract
//   - commit() is atomic: after a crash either all of a batch is there or nothing, and if a batch
//     survives, all batches committed before it do.
//   - commit() that answers RESOURCE_EXHAUSTED (disk full) changed nothing, and may be tried again
//     later. After any other failure it is unknown whether the batch is there, until a restart.
//   - A commit survives the death of the process. It survives power loss once a sync() that began
//     after it has returned OK.
//   - get() and scan() see every commit that has returned. One scan() sees one moment.
//   - An absent key is an OK answer. A status other than OK means that the engine does not know:
//     DATA_LOSS for damage that it found, otherwise the I/O error. It is never to be taken for
//     absence. What was damaged can be erased by a range, and then be written and read again.
//   - The latest commits can be read again, in their order (changes.h). How many are kept is bounded;
//     those that a power loss takes are taken there, too, and their positions come again.
// Threads: get, scan, position, changes, disk_bytes and sync may be called from any thread, beside
// one thread that calls commit.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node/storage/changes.h"

namespace kv::storage {

enum class Family : std::uint8_t {
  kObjects,  // keys.h: object_key -> ObjectRecord
  kLog,      // keys.h: log_key -> log_value
  kMeta,  // keys.h: replica_key -> ReplicaRecord; node_key -> NodeRecord; context_key, due_key, conflict_key,
  // request_key -> RequestRecord, request_age_key
};
constexpr int kFamilies = 3;

// Changes to be made together. Later changes of a key replace earlier ones, so a batch holds final
// states only: first the ranges go, then the changes are made.
class WriteBatch {
 public:
  using Key = std::pair<Family, std::string>;
  using KeyView = std::pair<Family, std::string_view>;
  struct Before {
    using is_transparent = void;
    bool operator()(const KeyView& a, const KeyView& b) const { return a < b; }
  };
  using Changes = std::map<Key, std::optional<std::string>, Before>;  // no value: erase

  void put(Family family, std::string key, std::string value) {
    changes_.insert_or_assign({family, std::move(key)}, std::move(value));
  }
  void erase(Family family, std::string key) {
    changes_.insert_or_assign({family, std::move(key)}, std::nullopt);
  }
  // Everything in [from, to) goes, without being read: also what is damaged. No View sees it.
  struct Range {
    Family family;
    std::string from;
    std::string to;
  };
  void erase_range(Family family, std::string from, std::string to) {
    changes_.erase(changes_.lower_bound(KeyView{family, from}),
                   changes_.lower_bound(KeyView{family, to}));
    ranges_.push_back({family, std::move(from), std::move(to)});
  }
  // What the change of an object means to those who watch it: the dots that it reflects from now on, perhaps none. Kept with
  // the batch for Engine::changes() and nowhere else. The object's own change is in the same batch.
  void announce(const std::string& object_key, const Clock& dots) {
    announced_[object_key].join(dots);
  }
  void clear() {
    changes_.clear();
    ranges_.clear();
    announced_.clear();
  }
  void swap(WriteBatch& other) noexcept {
    changes_.swap(other.changes_);
    ranges_.swap(other.ranges_);
    announced_.swap(other.announced_);
  }
  bool empty() const { return changes_.empty() && ranges_.empty(); }
  const Changes& changes() const { return changes_; }
  const std::vector<Range>& ranges() const { return ranges_; }
  const Announced& announced() const { return announced_; }

 private:
  Changes changes_;
  std::vector<Range> ranges_;
  Announced announced_;
};

// Called with each key and value in ascending order of keys; returns false to stop. The views die
// with the call.
using Visitor = std::function<bool(std::string_view key, std::string_view value)>;

class Engine {
 public:
  virtual ~Engine() = default;

  virtual absl::StatusOr<std::optional<std::string>> get(Family family,
                                                         std::string_view key) const = 0;

  // Keys in [from, to); an empty `to` means to the end of the family.
  virtual absl::Status scan(Family family, std::string_view from, std::string_view to,
                            const Visitor& visit) const = 0;

  virtual absl::Status commit(const WriteBatch& batch) = 0;

  // Makes every commit that returned before this call durable. After a failure nothing is known to
  // be durable any more, and the process must end (the kernel may have dropped the dirty pages that
  // it failed to write).
  virtual absl::Status sync() = 0;

  // Where the next commit will stand among all that were ever made.
  virtual std::uint64_t position() const = 0;

  // The commits from `from` on, which is a position that was seen here. OUT_OF_RANGE, also later from the reader: it is none
  // of what is kept. The engine outlives the reader.
  virtual absl::StatusOr<std::unique_ptr<ChangeReader>> changes(std::uint64_t from) const = 0;

  virtual std::uint64_t disk_bytes() const = 0;  // tables and logs, approximately
};

}  // namespace kv::storage

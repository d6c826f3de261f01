// The operations of each key in the order of time, with what happens to disks among them.
//
// A checker of one policy is a visitor that hears, for one key: begin and end of each operation, each lost disk, and each time
// at which all replicas were equal. Where two things have the same time, the order is the one that demands less: an operation
// that begins when another ends is concurrent with it.
//
// Holdings answers how many replicas are certain to hold a write still, which is all that may be demanded of it. What was
// acknowledged at durability disk outlasts a loss of power, what was acknowledged at os goes with one replica for each.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "jepsen-style-tests/history/history.h"

namespace kv::check {

// The operations of one key, as they stand in the history.
struct KeyOperations {
  std::string bucket{};
  std::string key{};
  std::string policy{};
  std::vector<const history::Operation*> operations{};
};

// By bucket and key. The history must outlive the result.
std::vector<KeyOperations> by_key(const history::History& history);

enum class Loss : std::uint8_t {
  kDisk,     // all that a replica had
  kUnsynced  // what it had not synced
};

// How much was lost since some time.
struct Losses {
  std::uint32_t disks = 0;
  std::uint32_t unsynced = 0;
  void add(Loss loss) { ++(loss == Loss::kDisk ? disks : unsynced); }
  std::uint32_t of(history::Durability durability) const {
    return durability == history::Durability::kDisk ? disks : disks + unsynced;
  }
};

class Visitor {
 public:
  virtual ~Visitor() = default;
  // `index` counts the operations of the key.
  virtual void begin(std::size_t index, const history::Operation& op) = 0;
  virtual void end(std::size_t index, const history::Operation& op) = 0;
  virtual void lost(Loss loss) = 0;
  virtual void equal() = 0;
};

void visit(const history::History& history, const KeyOperations& key, Visitor& visitor);

// The replicas of a key are at most this many: a limit of the product.
inline constexpr std::uint32_t kMaxReplicas = 7;

// For each number of replicas something that at least so many are certain to hold: of what was acknowledged at all, and of what
// was acknowledged at disk. `Join` of two values is certain where both are: static T join(const T&, const T&).
template <typename T, typename Join>
class Holdings {
 public:
  explicit Holdings(std::uint32_t replicas) : replicas_(replicas) {}

  // A write was acknowledged, having begun before these losses: `add` changes the value for each count that it adds to.
  template <typename Add>
  void acknowledge(const history::Operation& write, const Losses& since, const Add& add) {
    const std::uint32_t acks = std::min(write.acks, replicas_);
    for (std::uint32_t i = 1; i + since.of(history::Durability::kOs) <= acks; ++i) add(at_os_[i]);
    if (write.durability != history::Durability::kDisk) return;
    for (std::uint32_t i = 1; i + since.of(history::Durability::kDisk) <= acks; ++i)
      add(at_disk_[i]);
  }

  // What at least `count` replicas hold, after these further losses.
  T certain(std::uint32_t count, const Losses& since = {}) const {
    const auto at = [&](const All& all, std::uint32_t i) { return i <= replicas_ ? all[i] : T{}; };
    return Join::join(at(at_os_, count + since.of(history::Durability::kOs)),
                      at(at_disk_, count + since.of(history::Durability::kDisk)));
  }

  void lost(Loss loss) {
    lose_one(at_os_);
    if (loss == Loss::kDisk) lose_one(at_disk_);
  }

  // All replicas have what any had, though not on their disks.
  void equal() {
    const T any = certain(1);
    for (std::uint32_t i = 1; i <= replicas_; ++i) at_os_[i] = any;
  }

  std::uint32_t replicas() const { return replicas_; }

 private:
  using All = std::array<T, kMaxReplicas + 1>;  // at [0] nothing

  void lose_one(All& all) {
    for (std::uint32_t i = 1; i < replicas_; ++i) all[i] = all[i + 1];
    all[replicas_] = T{};
  }

  std::uint32_t replicas_;
  All at_os_{};
  All at_disk_{};
};

}  // namespace kv::check

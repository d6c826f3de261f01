// The operations of each key in the order of time, with what happens to disks among them.
//
// A checker of one policy is a visitor that hears, for one key: begin and end of each operation, each lost disk, and each time
// at which all replicas were equal. Where two things have the same time, the order is the one that demands less: an operation
// that begins when another ends is concurrent with it.
//
// Holdings answers how many replicas are certain to hold a write still, which is all that may be demanded of it.
#pragma once

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

class Visitor {
 public:
  virtual ~Visitor() = default;
  // `index` counts the operations of the key.
  virtual void begin(std::size_t index, const history::Operation& op) = 0;
  virtual void end(std::size_t index, const history::Operation& op) = 0;
  virtual void disk_lost() = 0;
  virtual void equal() = 0;
};

void visit(const history::History& history, const KeyOperations& key, Visitor& visitor);

// The replicas of a key are at most this many: a limit of the product.
inline constexpr std::uint32_t kMaxReplicas = 7;

// For each number of replicas something that is certain of them: at least the `i` in at(i). A lost disk takes one away from
// all; when the replicas are equal, all have what any had.
template <typename T>
class Holdings {
 public:
  explicit Holdings(std::uint32_t replicas) : replicas_(replicas) {}

  T& at(std::uint32_t count) { return held_[count - 1]; }
  const T& at(std::uint32_t count) const { return held_[count - 1]; }
  void disk_lost() {
    for (std::uint32_t i = 1; i < replicas_; ++i) at(i) = at(i + 1);
    at(replicas_) = T{};
  }
  void equal() {
    for (std::uint32_t i = 2; i <= replicas_; ++i) at(i) = at(1);
  }
  std::uint32_t replicas() const { return replicas_; }

 private:
  std::uint32_t replicas_;
  std::array<T, kMaxReplicas> held_{};
};

}  // namespace kv::check

// All shards of the node, and which of them owns a partition. Thread-safe.
#pragma once

#include <memory>
#include <vector>

#include "node/adapters/asio/shard.h"

namespace kv {

class Shards {
 public:
  explicit Shards(std::vector<std::unique_ptr<Shard>> shards) : shards_(std::move(shards)) {}

  Shard& of(Partition partition) const { return *shards_[partition.value % shards_.size()]; }
  const std::vector<std::unique_ptr<Shard>>& all() const { return shards_; }

 private:
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace kv

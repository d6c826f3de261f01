// The operations of one node on real shards over an in-memory engine: for tests. The node's peers exist only as far as the
// test says that they are up.
//
// Threads: as its parts; made and destroyed by one.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "node/adapters/asio/testing/gated_engine.h"
#include "node/adapters/grpc/operations.h"
#include "node/adapters/grpc/watch/watch_call.h"
#include "node/base/check.h"

namespace kv {

class ShardsInMemory {
 public:
  // Two shards and four partitions, of which each of up to three nodes holds every one.
  explicit ShardsInMemory(std::size_t nodes = 1, const Shard::Options& options = {},
                          const WatchHub::Options& watch = {})
      : ring_(make_ring(nodes)),
        watch_hub_(engine_, ring_.catalog(), watch),
        shards_(make_shards(options)),
        operations_(shards_, ring_) {
    for (const auto& shard : shards_.all()) {
      KV_CHECK(shard->recover(true).ok(), "a disk without faults");
      shard->start();
    }
  }
  ~ShardsInMemory() {
    engine_.commits().open();
    engine_.syncs().open();
    for (const auto& shard : shards_.all()) shard->stop();
  }
  ShardsInMemory(const ShardsInMemory&) = delete;
  ShardsInMemory& operator=(const ShardsInMemory&) = delete;

  const Operations& operations() const { return operations_; }
  const Watching& watching() const { return watching_; }
  WatchHub& watch_hub() { return watch_hub_; }
  const Shards& shards() const { return shards_; }
  const Ring& ring() const { return ring_; }
  storage::GatedEngine& engine() { return engine_; }

  // They say that they are as empty as this node, and nothing else ever.
  void set_all_peers_up() {
    for (std::size_t i = 1; i < ring_.nodes().size(); ++i) {
      const NodeIndex peer{static_cast<std::uint16_t>(i)};
      for (const auto& shard : shards_.all()) shard->post(PeerUp{peer});
      for (std::uint32_t p = 0; p < ring_.all_partitions(); ++p)
        shards_.all()[p % shards_.all().size()]->post(
            FromPeer{peer,
                     {Partition{static_cast<std::uint16_t>(p)},
                      Probe{Clock{}.digest(), Clock{}.digest()}}},
            1);
    }
  }

 private:
  static Ring make_ring(std::size_t nodes) {
    std::vector<RingNode> named;
    for (std::size_t i = 1; i <= nodes; ++i) named.push_back({"n" + std::to_string(i), ""});
    return Ring::make(std::move(named), 4, 3).value();
  }

  std::vector<std::unique_ptr<Shard>> make_shards(Shard::Options options) {
    std::vector<std::unique_ptr<Shard>> shards;
    options.on_commit = [this] { watch_hub_.committed(); };
    for (options.core.shard = 0; options.core.shard < 2; ++options.core.shard) {
      options.core.shards = 2;
      shards.push_back(std::make_unique<Shard>(options, ring_, NodeIndex{0}, engine_,
                                               [](NodeIndex, const std::string&) {}));
    }
    return shards;
  }

  storage::GatedEngine engine_;
  const Ring ring_;
  WatchHub watch_hub_;
  const Shards shards_;
  const Operations operations_;
  const Watching watching_{operations_.buckets(), ring_, NodeIndex{0}, watch_hub_};
};

}  // namespace kv

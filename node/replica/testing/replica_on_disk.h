// One replica of partition 0 with a disk of its own, for tests: each call is a batch, committed at its end.
// Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/base/check.h"
#include "node/replica/replica.h"
#include "node/storage/keys.h"
#include "node/storage/memory_engine.h"

namespace kv::sim {

class ReplicaOnDisk {
 public:
  // Replica `number` of `replicas`; its actor is number + 1.
  explicit ReplicaOnDisk(std::size_t number, std::size_t replicas = 3) : number_(number) {
    for (std::size_t i = 0; i < replicas; ++i)
      if (i != number) others_.push_back(NodeIndex{static_cast<std::uint16_t>(i)});
    storage::ReplicaState state;
    state.actor = Actor{number + 1};
    open(std::move(state));
  }

  Replica* operator->() { return replica_.get(); }
  const Replica* operator->() const { return replica_.get(); }
  storage::MemoryEngine& engine() { return engine_; }
  NodeIndex index() const { return NodeIndex{static_cast<std::uint16_t>(number_)}; }
  void set_wall_ms(std::int64_t ms) { wall_.ms = ms; }
  void set_policy(PolicyKind policy) { bucket_.policy = policy; }  // of the keys from now on; lww

  // As after a restart of the process.
  void reopen() { open(stored_state()); }

  void change(const std::function<void(Transaction&)>& what) {
    storage::WriteBatch batch;
    Transaction tx{storage::View(engine_, batch), batch, wall_};
    what(tx);
    replica_->flush(batch);
    if (batch.empty()) return;
    KV_CHECK(engine_.commit(batch).ok(), "a disk without faults");
  }

  absl::StatusOr<Delta> write(Transaction& tx, const std::string& key,
                              std::optional<std::string> value,
                              const std::optional<Token>& token = {},
                              Condition condition = Condition::kAlways, std::int64_t ttl_ms = 0) {
    return replica_->write(tx, hlc_, wall_, stored(key), std::move(value), token, condition,
                           ttl_ms);
  }
  Delta put(const std::string& key, std::optional<std::string> value,
            const std::optional<Token>& token = {}) {
    Delta delta;
    change([&](Transaction& tx) { delta = write(tx, key, std::move(value), token).value(); });
    return delta;
  }
  Delta put_for(const std::string& key, const std::string& value, std::int64_t ttl_ms) {
    Delta delta;
    change([&](Transaction& tx) {
      delta = write(tx, key, value, {}, Condition::kAlways, ttl_ms).value();
    });
    return delta;
  }
  Delta erase(const std::string& key) { return put(key, std::nullopt); }

  void apply(const Delta& delta) {
    change([&](Transaction& tx) {
      KV_CHECK(replica_->apply(tx, delta).ok(), "a disk without faults");
    });
  }
  void apply_page(const SyncPage& page) {
    change([&](Transaction& tx) {
      KV_CHECK(replica_->apply_page(tx, page).ok(), "a disk without faults");
    });
  }

  absl::Status strip_contexts(Transaction& tx, std::size_t limit) {
    return replica_->strip_contexts(tx, hlc_, wall_, limit);
  }

  SyncPage answer(const SyncRequest& request, const PageLimits& limits = {}) const {
    const storage::WriteBatch none;
    return replica_->answer(storage::View(engine_, none), request, limits).value();
  }

  // One session without a full transfer, to its end. Returns the number of pages.
  std::size_t repair_from(const ReplicaOnDisk& peer, const PageLimits& limits = {}) {
    for (std::size_t pages = 1;; ++pages) {
      const SyncPage page =
          peer.answer({replica_->clock(), replica_->durable(), false, ""}, limits);
      KV_CHECK(page.unnamed.empty(), "the log names everything");
      apply_page(page);
      if (!page.more) return pages;
    }
  }

  // As stored.
  Object object(const std::string& key) const {
    const storage::WriteBatch none;
    return replica_->read(storage::View(engine_, none), stored(key)).value();
  }
  std::optional<std::string> value(const std::string& key) const {
    const Object found = object(key);
    return found.versions.empty() ? std::nullopt : found.versions.front().value;
  }
  std::map<Dot, std::string> log() const {
    std::map<Dot, std::string> entries;
    const absl::Status status =
        engine_.scan(storage::Family::kLog, "", "", [&](auto dot, auto entry) {
          entries[storage::dot_of_log_key(dot)] = storage::log_entry(entry).storage_key;
          return true;
        });
    KV_CHECK(status.ok(), "a disk without faults");
    return entries;
  }
  // How many versions wait for their time to be dropped.
  std::size_t due() const {
    std::size_t entries = 0;
    const std::string prefix = storage::due_prefix(Partition{0});
    const absl::Status status =
        engine_.scan(storage::Family::kMeta, prefix, storage::prefix_end(prefix), [&](auto, auto) {
          ++entries;
          return true;
        });
    KV_CHECK(status.ok(), "a disk without faults");
    return entries;
  }
  std::vector<NotedConflict> conflicts() const {
    const storage::WriteBatch none;
    return read_conflicts(storage::View(engine_, none), Partition{0}).value();
  }
  bool has_stored_state() const {
    return engine_.get(storage::Family::kMeta, storage::replica_key(Partition{0}))->has_value();
  }
  storage::ReplicaState stored_state() const {
    return storage::decode_replica(
               **engine_.get(storage::Family::kMeta, storage::replica_key(Partition{0})))
        .value();
  }

 private:
  std::string stored(const std::string& key) const { return storage::storage_key(bucket_, key); }
  void open(storage::ReplicaState state) {
    replica_ = std::make_unique<Replica>(Partition{0}, std::move(state), others_);
  }

  const std::size_t number_;
  std::vector<NodeIndex> others_;
  storage::MemoryEngine engine_;
  std::unique_ptr<Replica> replica_;
  HlcClock hlc_{500};
  WallMs wall_{1000};
  storage::Bucket bucket_ = storage::default_bucket();
};

}  // namespace kv::sim

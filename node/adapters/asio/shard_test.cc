// A real shard, with its threads and its timer, on an engine that a test can hold up and break.
#include "node/adapters/asio/shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "node/adapters/asio/clock.h"
#include "node/adapters/asio/testing/gated_engine.h"
#include "node/messages/message_codec.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

using testing::HasSubstr;

constexpr Partition kP{0};
constexpr NodeIndex kSelf{0}, kPeer{1}, kOther{2};
constexpr std::int64_t kLongMs = 30'000;  // what works takes a fraction of it

std::string key_of(const std::string& name) {
  return storage::storage_key(storage::default_bucket(), name);
}

template <typename T>
T await(std::future<T> future) {
  if (future.wait_for(std::chrono::milliseconds(kLongMs)) != std::future_status::ready)
    throw std::runtime_error("never answered");
  return future.get();
}

template <typename T>
bool is_ready(const std::future<T>& future) {
  return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

class ShardTest : public testing::Test {
 protected:
  ~ShardTest() override {
    engine_.commits().open();
    engine_.syncs().open();
    shard_.reset();
  }

  // A shard of the first of so many nodes, each of which holds the one partition; the others exist only as far as the
  // test speaks for them.
  void start(std::size_t nodes, Shard::Options options = {}) {
    std::vector<RingNode> named;
    for (std::size_t i = 1; i <= nodes; ++i) named.push_back({"n" + std::to_string(i), ""});
    ring_.emplace(Ring::make(std::move(named), 1, 3).value());
    shard_ = std::make_unique<Shard>(options, *ring_, kSelf, engine_,
                                     [this](NodeIndex to, const std::string& bytes) {
                                       const std::lock_guard lock(mutex_);
                                       sent_.push_back({to, decode_message(bytes).value()});
                                     });
    ASSERT_TRUE(shard_->recover(true).ok());
    shard_->start();
    for (std::size_t i = 1; i < nodes; ++i) {
      const NodeIndex peer{static_cast<std::uint16_t>(i)};
      shard_->post(PeerUp{peer});
      shard_->post(FromPeer{peer, {kP, Probe{Clock{}.digest(), Clock{}.digest()}}},
                   0);  // it is as empty
    }
  }

  static ClientWrite write_of(const std::string& name, Level level = Level::kOne,
                              Durability durability = Durability::kOs,
                              std::int64_t deadline_ms = kLongMs) {
    return {0,  kP,    key_of(name), "v of " + name,
            {}, level, durability,   after_ms(monotonic_now(), deadline_ms)};
  }

  // Answered once: a second answer ends the process.
  std::future<WriteResult> submit(ClientWrite write) {
    const auto promise = std::make_shared<std::promise<WriteResult>>();
    EXPECT_TRUE(shard_->submit(std::move(write), [promise](const ClientWriteReply& reply) {
      promise->set_value(reply.result);
    }));
    return promise->get_future();
  }

  std::future<ClientReadReply> get(const std::string& name) {
    const auto promise = std::make_shared<std::promise<ClientReadReply>>();
    EXPECT_TRUE(shard_->submit(
        ClientGet{0, kP, key_of(name), Level::kOne, after_ms(monotonic_now(), kLongMs)},
        [promise](ClientReadReply reply) { promise->set_value(std::move(reply)); }));
    return promise->get_future();
  }

  std::optional<std::string> value_of(const std::string& name) {
    const ClientReadReply reply = await(get(name));
    EXPECT_EQ(reply.code, absl::StatusCode::kOk) << reply.message;
    if (reply.items.empty() || reply.items.front().versions.empty()) return std::nullopt;
    return reply.items.front().versions.front().value;
  }

  // As it was at some moment since the call; messages and answers of that moment may still be on their way.
  CoreStatus status() {
    const auto promise = std::make_shared<std::promise<CoreStatus>>();
    shard_->inspect([promise](const CoreStatus& status) { promise->set_value(status); });
    return await(promise->get_future());
  }

  static Shard::Options patient_options() {
    Shard::Options options;
    options.max_queued_requests = 1'000'000;
    options.max_queued_bytes = SIZE_MAX;
    return options;
  }

  // With these options a request is refused only by a shard that stops.
  void await_stopping() {
    while (shard_->submit(write_of("asked"),
                          [this](const ClientWriteReply&) { ++answered_while_stopping_; })) {
      ++asked_while_stopping_;
      std::this_thread::yield();
    }
  }

  // Returns once everything that was queued before has been carried out, messages and answers included.
  void settle() {
    status();  // taken; what is queued from now on is of a later group
    status();
  }

  bool is_committed(const std::string& name) {
    return engine_.get(storage::Family::kObjects, storage::object_key(kP, key_of(name)))
        .value()
        .has_value();
  }

  void set_full(bool full) {
    storage::MemoryEngine::Faults faults;
    if (full) faults.capacity_bytes = 0;
    engine_.memory().set_faults(faults);
  }

  template <typename T>
  std::vector<T> sent(NodeIndex to) {
    const std::lock_guard lock(mutex_);
    std::vector<T> found;
    for (const auto& [node, message] : sent_)
      if (const T* body = std::get_if<T>(&message.body); body != nullptr && node == to)
        found.push_back(*body);
    return found;
  }

  std::optional<Ring> ring_;
  storage::GatedEngine engine_;
  std::mutex mutex_;
  std::vector<std::pair<NodeIndex, Message>> sent_;  // under mutex_
  std::uint64_t asked_while_stopping_ = 0;
  std::atomic<std::uint64_t> answered_while_stopping_ = 0;
  std::unique_ptr<Shard> shard_;
};

// ---- Requests ---------------------------------------------------------------------------------------------------------

TEST_F(ShardTest, AWriteIsAnsweredAndRead) {
  start(1);
  const WriteResult written = await(submit(write_of("k")));
  EXPECT_EQ(written.outcome, Outcome::kApplied) << written.message;
  EXPECT_EQ(written.dot.counter, 1U);
  EXPECT_EQ(value_of("k"), "v of k");
  EXPECT_EQ(value_of("absent"), std::nullopt);
  ClientWrite deletion = write_of("k");
  deletion.value.reset();
  EXPECT_EQ(await(submit(deletion)).outcome, Outcome::kApplied);
  EXPECT_EQ(value_of("k"), std::nullopt);
}

TEST_F(ShardTest, NobodyHearsOfAWriteBeforeItsCommit) {
  start(2);
  settle();
  engine_.commits().hold();
  std::promise<bool> when_answered;
  ASSERT_TRUE(shard_->submit(
      write_of("k"), [&](const ClientWriteReply&) { when_answered.set_value(is_committed("k")); }));
  engine_.commits().await_waiting();
  EXPECT_TRUE(sent<Delta>(kPeer).empty());
  auto answered = when_answered.get_future();
  EXPECT_FALSE(is_ready(answered));
  engine_.commits().open();
  EXPECT_TRUE(await(std::move(answered)));
  ASSERT_EQ(sent<Delta>(kPeer).size(), 1U) << "messages go before answers";
  EXPECT_EQ(sent<Delta>(kPeer)[0].version.value, "v of k");
}

TEST_F(ShardTest, WhatIsQueuedDuringACommitSharesTheNextOnes) {
  start(1);
  settle();
  const std::uint64_t before = engine_.commits().arrived();
  engine_.commits().hold();
  std::vector<std::future<WriteResult>> answers;
  answers.push_back(submit(write_of("first")));
  engine_.commits().await_waiting();
  for (int i = 0; i < 600; ++i) answers.push_back(submit(write_of("k" + std::to_string(i))));
  engine_.commits().open();
  for (auto& answer : answers) EXPECT_EQ(await(std::move(answer)).outcome, Outcome::kApplied);
  EXPECT_EQ(engine_.commits().arrived() - before, 3U) << "one, at most 512, and the rest";
  EXPECT_EQ(status().live_keys, 601U);
}

TEST_F(ShardTest, AQueueThatIsFullRefusesAndTakesAgain) {
  Shard::Options options;
  options.max_queued_requests = 3;
  options.max_queued_bytes = 1000;
  start(1, options);
  settle();
  engine_.commits().hold();
  auto first = submit(write_of("first"));
  engine_.commits().await_waiting();  // nothing is queued now
  const auto refused = [](const ClientWriteReply&) { FAIL() << "answered, though refused"; };
  ClientWrite large = write_of("large");
  large.value = std::string(1001, 'x');
  EXPECT_FALSE(shard_->submit(large, refused));
  auto second = submit(write_of("second"));
  auto third = get("first");
  auto fourth = submit(write_of("fourth"));
  EXPECT_FALSE(shard_->submit(write_of("fifth"), refused));
  engine_.commits().open();
  await(std::move(first));
  await(std::move(second));
  await(std::move(third));
  await(std::move(fourth));
  EXPECT_EQ(await(submit(write_of("sixth"))).outcome, Outcome::kApplied);
  EXPECT_EQ(value_of("fifth"), std::nullopt);
}

TEST_F(ShardTest, AcknowledgementsOfPeersCompleteAWrite) {
  start(3);
  auto answer = submit(write_of("k", Level::kAll));
  settle();
  ASSERT_EQ(sent<Delta>(kPeer).size(), 1U);
  ASSERT_EQ(sent<Delta>(kOther).size(), 1U);
  const Clock dots{sent<Delta>(kPeer)[0].version.dot};
  shard_->post(FromPeer{kPeer, {kP, Ack{dots, false}}}, 10);
  settle();
  EXPECT_FALSE(is_ready(answer));
  shard_->post(FromPeer{kOther, {kP, Ack{dots, false}}}, 10);
  EXPECT_EQ(await(std::move(answer)).acks, 3U);
}

TEST_F(ShardTest, PeersThatAreDownAreNotCountedOn) {
  start(3);
  shard_->post(PeerDown{kPeer});
  EXPECT_EQ(await(submit(write_of("k", Level::kAll))).outcome, Outcome::kNotApplied);
}

TEST_F(ShardTest, StatusCountsTheBytesOfAntiEntropyAsTheyTravel) {
  start(2);
  settle();
  const AntiEntropyCounters before = status().anti_entropy;
  EXPECT_GT(before.bytes_sent, 0U) << "the probe that greets a peer";
  EXPECT_EQ(before.bytes_received, 0U);
  shard_->post(FromPeer{kPeer, {kP, Probe{1, 1}}}, 21);
  shard_->post(FromPeer{kPeer, {kP, Ack{}}}, 1000);
  EXPECT_EQ(status().anti_entropy.bytes_received, 21U);
}

// ---- Time -------------------------------------------------------------------------------------------------------------

TEST_F(ShardTest, ADeadlineIsKeptWhenNothingElseHappens) {
  start(3);
  const Instant asked = monotonic_now();
  const WriteResult result = await(submit(write_of("k", Level::kQuorum, Durability::kOs, 150)));
  EXPECT_EQ(result.outcome, Outcome::kUnknown);
  EXPECT_EQ(result.code, absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(result.dot.counter, 1U);
  EXPECT_GE(elapsed_us(asked, monotonic_now()), 150'000) << "and not before it";
}

TEST_F(ShardTest, WhatWasCommittedIsSyncedInTheBackground) {
  start(1);
  const std::uint64_t before = engine_.syncs().arrived();
  await(submit(write_of("k")));
  engine_.syncs().await_arrived(before + 1);
}

// ---- The disk ---------------------------------------------------------------------------------------------------------

TEST_F(ShardTest, WhoeverWaitsForTheDiskIsAnsweredAfterTheSyncAndOthersBefore) {
  start(1);
  engine_.syncs().hold();
  auto durable = submit(write_of("durable", Level::kOne, Durability::kDisk));
  engine_.syncs().await_waiting();
  EXPECT_EQ(await(submit(write_of("k"))).outcome, Outcome::kApplied) << "the shard goes on";
  EXPECT_FALSE(is_ready(durable));
  engine_.syncs().open();
  EXPECT_EQ(await(std::move(durable)).outcome, Outcome::kApplied);
}

TEST_F(ShardTest, AFullDiskRefusesTheGroupAndTheNodeGoesOn) {
  start(3);
  auto earlier = submit(write_of("earlier", Level::kQuorum));
  settle();
  set_full(true);
  const WriteResult refused = await(submit(write_of("refused")));
  EXPECT_EQ(refused.outcome, Outcome::kNotApplied);
  EXPECT_EQ(refused.code, absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.message, HasSubstr("disk full"));
  EXPECT_THAT(refused.message, HasSubstr("not applied"));
  const WriteResult unknown = await(std::move(earlier));
  EXPECT_EQ(unknown.outcome, Outcome::kUnknown) << "it is on the disk, and may spread";
  EXPECT_THAT(unknown.message, HasSubstr("may have been stored"));
  EXPECT_EQ(value_of("earlier"), "v of earlier");
  EXPECT_EQ(value_of("refused"), std::nullopt);

  set_full(false);
  const WriteResult later = await(submit(write_of("later")));
  EXPECT_EQ(later.outcome, Outcome::kApplied);
  EXPECT_EQ(later.dot.counter, 2U) << "what was refused has used no dot";
  EXPECT_EQ(await(submit(write_of("quorum", Level::kQuorum, Durability::kOs, 50))).outcome,
            Outcome::kUnknown)
      << "the peers are still known to be up";
}

// The core that asked for the sync is no more when it ends.
TEST_F(ShardTest, AFullDiskMayMeetASyncThatIsUnderWay) {
  start(1);
  engine_.syncs().hold();
  auto durable = submit(write_of("durable", Level::kOne, Durability::kDisk));
  engine_.syncs().await_waiting();
  set_full(true);
  const std::uint64_t before = engine_.syncs().arrived();
  auto refused = submit(write_of("refused"));
  engine_.syncs().await_arrived(before + 1);  // a new core recovers, and wants a sync, too
  engine_.syncs().open();
  EXPECT_EQ(await(std::move(refused)).outcome, Outcome::kNotApplied);
  EXPECT_EQ(await(std::move(durable)).outcome, Outcome::kUnknown);
  set_full(false);
  EXPECT_EQ(await(submit(write_of("later", Level::kOne, Durability::kDisk))).outcome,
            Outcome::kApplied);
}

// ---- The end ----------------------------------------------------------------------------------------------------------

TEST_F(ShardTest, StoppingCarriesOutWhatIsQueuedAndTakesNoMore) {
  start(1, patient_options());
  settle();
  engine_.commits().hold();
  std::vector<std::future<WriteResult>> answers;
  answers.push_back(submit(write_of("first")));
  engine_.commits().await_waiting();
  for (int i = 0; i < 10; ++i) answers.push_back(submit(write_of("k" + std::to_string(i))));
  std::thread stopping([this] { shard_->stop(); });
  await_stopping();
  engine_.commits().open();
  stopping.join();
  for (auto& answer : answers) {
    ASSERT_TRUE(is_ready(answer));
    EXPECT_EQ(answer.get().outcome, Outcome::kApplied);
  }
  EXPECT_EQ(asked_while_stopping_, answered_while_stopping_);
  EXPECT_TRUE(is_committed("k9"));
  EXPECT_FALSE(shard_->submit(write_of("late"), [](const ClientWriteReply&) {}));
}

TEST_F(ShardTest, StoppingWaitsForASyncThatIsUnderWay) {
  start(1, patient_options());
  engine_.syncs().hold();
  auto durable = submit(write_of("durable", Level::kOne, Durability::kDisk));
  engine_.syncs().await_waiting();
  std::thread stopping([this] { shard_->stop(); });
  await_stopping();
  engine_.syncs().open();
  stopping.join();
  ASSERT_TRUE(is_ready(durable));
  EXPECT_EQ(durable.get().outcome, Outcome::kApplied);
}

class ShardDeathTest : public ShardTest {
 protected:
  ShardDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // Writes to a disk with these faults, and waits for an answer.
  void write_with(const storage::MemoryEngine::Faults& faults, Durability durability) {
    start(1);
    engine_.memory().set_faults(faults);
    await(submit(write_of("k", Level::kOne, durability)));
  }
};

TEST_F(ShardDeathTest, ACommitThatFailsEndsTheProcess) {
  storage::MemoryEngine::Faults faults;
  faults.commit = absl::InternalError("the log is broken");
  EXPECT_DEATH(write_with(faults, Durability::kOs), "cannot go on: INTERNAL: the log is broken");
}

TEST_F(ShardDeathTest, ASyncThatFailsEndsTheProcess) {
  storage::MemoryEngine::Faults faults;
  faults.sync = absl::InternalError("the kernel has dropped pages");
  EXPECT_DEATH(write_with(faults, Durability::kDisk),
               "cannot go on: INTERNAL: the kernel has dropped pages");
}

}  // namespace
}  // namespace kv

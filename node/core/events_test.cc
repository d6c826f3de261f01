// One core, told what happens step by step: the order of effects, syncs, peers that say odd things, and disks that fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "node/core/core.h"
#include "node/storage/keys.h"
#include "node/storage/memory_engine.h"

namespace kv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Partition kP{0};
constexpr NodeIndex kSelf{0}, kPeer{1}, kOther{2};
constexpr Actor kForeign{0xf0};
const std::string kKey = storage::storage_key(storage::default_bucket(), "k");

class OneCore : public testing::Test {
 protected:
  OneCore() : ring_(Ring::make({{"n1", ""}, {"n2", ""}, {"n3", ""}}, 1, 3).value()) { start(true); }

  void start(bool keep_actors) {
    core_.emplace(options_, ring_, kSelf, engine_, Rng(++seed_));
    ASSERT_TRUE(core_->recover(keep_actors).ok());
    flush();
    for (const NodeIndex peer : {kPeer, kOther})
      hear(peer, Probe{Clock{}.digest(), Clock{}.digest()});
  }

  Now now() const { return {now_, WallMs{1'000'000 + now_.us / 1000 + wall_ahead_ms_}}; }
  void pass_ms(std::int64_t ms) { now_ = after_ms(now_, ms); }

  Effects flush() {
    Effects effects = core_->flush(now());
    EXPECT_GT(effects.wake_at, now_) << "it would spin";
    EXPECT_TRUE(engine_.commit(effects.batch).ok());
    return effects;
  }
  Effects step(Event event) {
    core_->step(std::move(event), now());
    return flush();
  }
  Effects hear(NodeIndex from, decltype(Message::body) body, Partition partition = kP) {
    return step(FromPeer{from, {partition, std::move(body)}});
  }
  Effects write(Level level, Durability durability = Durability::kOs,
                const std::string& key = kKey) {
    return step(
        ClientWrite{++requests_, kP, key, "v", {}, level, durability, after_ms(now_, 1000)});
  }
  void connect_all() {
    step(PeerUp{kPeer});
    step(PeerUp{kOther});
  }
  // Lets the background sync run, so that the next one has a reason of its own.
  void settle() {
    pass_ms(200);
    if (step(Tick{}).sync) step(Synced{});
    pass_ms(1);
  }

  template <typename T>
  static std::vector<T> sent(const Effects& effects, NodeIndex to) {
    std::vector<T> found;
    for (const Envelope& envelope : effects.messages)
      if (const T* body = std::get_if<T>(&envelope.message.body);
          body != nullptr && envelope.to == to && envelope.message.partition == kP)
        found.push_back(*body);
    return found;
  }
  static std::optional<WriteResult> answer(const Effects& effects) {
    if (effects.replies.empty()) return {};
    return std::get<ClientWriteReply>(effects.replies.at(0)).result;
  }
  static Delta delta(std::uint64_t counter, bool wants_durable = false, std::uint64_t hlc = 5) {
    const Dot dot{kForeign, counter};
    return {kKey, {dot, Hlc{hlc}, "foreign"}, Clock{dot}, wants_durable};
  }
  storage::ReplicaState stored() {
    return storage::decode_replica(**engine_.get(storage::Family::kMeta, storage::replica_key(kP)))
        .value();
  }

  CoreOptions options_;
  Ring ring_;
  storage::MemoryEngine engine_;
  std::optional<Core> core_;
  Instant now_{1'000'000};
  std::int64_t wall_ahead_ms_ = 0;
  std::uint64_t seed_ = 0;
  std::uint64_t requests_ = 0;
};

// ---- Syncs ----------------------------------------------------------------------------------------------------------------

TEST_F(OneCore, ADiskWriteSyncsAtOnceAndIsAnsweredWhenItHasEnded) {
  settle();
  const Effects effects = write(Level::kOne, Durability::kDisk);
  EXPECT_TRUE(effects.sync);
  EXPECT_FALSE(answer(effects).has_value());
  EXPECT_EQ(answer(step(Synced{})).value().outcome, Outcome::kApplied);
}

TEST_F(OneCore, WritesDuringASyncShareTheNextOne) {
  settle();
  ASSERT_TRUE(write(Level::kOne, Durability::kDisk).sync);
  EXPECT_FALSE(write(Level::kOne, Durability::kDisk).sync) << "one at a time";
  EXPECT_FALSE(write(Level::kOne, Durability::kDisk).sync);
  const Effects first = step(Synced{});
  EXPECT_EQ(first.replies.size(), 1U) << "those that came later are not on the disk yet";
  EXPECT_TRUE(first.sync);
  EXPECT_EQ(step(Synced{}).replies.size(), 2U);
}

TEST_F(OneCore, OtherWritesAreSyncedWithinTheInterval) {
  settle();
  const Effects effects = write(Level::kOne);
  EXPECT_TRUE(answer(effects).has_value());
  EXPECT_FALSE(effects.sync);
  EXPECT_LE(effects.wake_at, after_ms(now_, 100));
  pass_ms(60);
  EXPECT_FALSE(write(Level::kOne).sync) << "the second write does not put it off";
  pass_ms(40);
  EXPECT_TRUE(step(Tick{}).sync);
  step(Synced{});
  pass_ms(1000);
  EXPECT_FALSE(step(Tick{}).sync) << "nothing has changed since";
}

TEST_F(OneCore, ASyncThatIsOverdueWhileAnotherRunsStartsAfterIt) {
  settle();
  ASSERT_TRUE(write(Level::kOne, Durability::kDisk).sync);
  write(Level::kOne);
  pass_ms(500);  // a slow disk
  EXPECT_FALSE(step(Tick{}).sync);
  EXPECT_TRUE(step(Synced{}).sync);
}

TEST_F(OneCore, DeltasAreAcknowledgedWhenAppliedAndAgainWhenDurable) {
  connect_all();
  settle();
  const Effects applied = hear(kPeer, delta(1, true));
  EXPECT_EQ(sent<Ack>(applied, kPeer), (std::vector{Ack{Clock{{kForeign, 1}}, false}}));
  EXPECT_TRUE(sent<Ack>(applied, kOther).empty());
  EXPECT_TRUE(applied.sync) << "somebody waits for it";
  hear(kPeer, delta(2, true));  // after the sync has begun
  const Effects first = step(Synced{});
  EXPECT_EQ(sent<Ack>(first, kPeer), (std::vector{Ack{Clock{{kForeign, 1}}, true}}));
  EXPECT_TRUE(first.sync);
  EXPECT_EQ(sent<Ack>(step(Synced{}), kPeer), (std::vector{Ack{Clock{{kForeign, 2}}, true}}));
  EXPECT_EQ(sent<Ack>(hear(kPeer, delta(1, true)), kPeer),
            (std::vector{Ack{Clock{{kForeign, 1}}, true}}))
      << "repeated: no sync will tell of it again";
  EXPECT_TRUE(sent<Ack>(hear(kPeer, delta(3, false)), kPeer).at(0).dots.contains({kForeign, 3}));
  pass_ms(200);
  EXPECT_TRUE(step(Tick{}).sync);
  EXPECT_TRUE(sent<Ack>(step(Synced{}), kPeer).empty()) << "nobody waits for it";
}

TEST_F(OneCore, AcknowledgementsOfOneFlushAreOneMessage) {
  connect_all();
  for (std::uint64_t counter = 1; counter <= 5; ++counter)
    core_->step(FromPeer{kPeer, {kP, delta(counter)}}, now());
  Clock all;
  all.add_run(kForeign, {1, 5});
  EXPECT_EQ(sent<Ack>(flush(), kPeer), (std::vector{Ack{all, false}}));
}

TEST_F(OneCore, NothingIsOwedToAPeerThatWentDown) {
  connect_all();
  settle();
  core_->step(FromPeer{kPeer, {kP, delta(1, true)}}, now());
  core_->step(PeerDown{kPeer}, now());
  const Effects effects = flush();
  EXPECT_TRUE(sent<Ack>(effects, kPeer).empty());
  EXPECT_FALSE(effects.batch.empty()) << "but the write is kept";
  if (effects.sync) {
    EXPECT_TRUE(step(Synced{}).messages.empty());
  }
  pass_ms(10'000);
  for (const Envelope& envelope : step(Tick{}).messages) EXPECT_NE(envelope.to, kPeer);
}

// ---- Pushing and probing -----------------------------------------------------------------------------------------------------

TEST_F(OneCore, AWriteIsPushedToEveryReplicaThatIsUp) {
  step(PeerUp{kPeer});
  const Effects effects = write(Level::kOne, Durability::kDisk);
  ASSERT_EQ(sent<Delta>(effects, kPeer).size(), 1U);
  EXPECT_TRUE(sent<Delta>(effects, kPeer)[0].wants_durable);
  EXPECT_TRUE(sent<Delta>(effects, kOther).empty());
  EXPECT_FALSE(effects.batch.empty()) << "in the batch before it is on the wire";
}

TEST_F(OneCore, ProbesOnConnectingAndFromTimeToTime) {
  EXPECT_EQ(sent<Probe>(step(PeerUp{kPeer}), kPeer).size(), 1U);
  int probes = 0;
  for (int i = 0; i < 100; ++i) {
    pass_ms(100);
    probes += static_cast<int>(sent<Probe>(step(Tick{}), kPeer).size());
  }
  EXPECT_GE(probes, 6);
  EXPECT_LE(probes, 20);
}

// Pushing pauses when the window is full; what was skipped meanwhile nobody but a probe tells of in time.
TEST_F(OneCore, APeerThatHasCaughtUpIsToldWhatWasNotPushed) {
  options_.replication.max_in_flight_bytes = 1;  // one delta at a time
  start(true);
  connect_all();
  const Effects pushed = write(Level::kOne);
  ASSERT_EQ(sent<Delta>(pushed, kPeer).size(), 1U);
  const Clock first{sent<Delta>(pushed, kPeer)[0].version.dot};
  const Effects skipped = write(Level::kOne);
  EXPECT_TRUE(sent<Delta>(skipped, kPeer).empty());
  EXPECT_TRUE(sent<Probe>(skipped, kPeer).empty());

  const Effects resumed = hear(kPeer, Ack{first, false});
  EXPECT_EQ(sent<Probe>(resumed, kPeer),
            (std::vector{Probe{stored().clock.digest(), Clock{}.digest()}}));
  EXPECT_TRUE(sent<Probe>(resumed, kOther).empty()) << "its window is still full";
  EXPECT_TRUE(sent<Probe>(hear(kPeer, Ack{first, false}), kPeer).empty()) << "once";
  EXPECT_EQ(sent<Delta>(write(Level::kOne), kPeer).size(), 1U);
}

TEST_F(OneCore, AProbeThatSaysNothingNewStartsNothing) {
  connect_all();
  const std::uint64_t empty = Clock{}.digest();
  EXPECT_TRUE(hear(kPeer, Probe{empty, empty}).messages.empty());
  const Effects differs = hear(kPeer, Probe{1, empty});
  EXPECT_EQ(sent<SyncRequest>(differs, kPeer).size(), 1U);
  EXPECT_TRUE(sent<SyncRequest>(hear(kPeer, Probe{1, empty}), kPeer).empty())
      << "it is being asked";
}

TEST_F(OneCore, AProbeWithTheSameClockConfirmsWrites) {
  connect_all();
  write(Level::kQuorum);
  const std::uint64_t here = stored().clock.digest();
  EXPECT_EQ(answer(hear(kPeer, Probe{here, Clock{}.digest()})).value().outcome, Outcome::kApplied);
  write(Level::kQuorum, Durability::kDisk);
  const std::uint64_t then = stored().clock.digest();
  EXPECT_FALSE(answer(hear(kPeer, Probe{then, here})).has_value());
  EXPECT_FALSE(answer(hear(kPeer, Probe{then, then})).has_value()) << "not on the disk here";
  EXPECT_TRUE(answer(step(Synced{})).has_value());
}

TEST_F(OneCore, APageIsAcknowledgedToItsSender) {
  connect_all();
  const auto asked = sent<SyncRequest>(hear(kPeer, Probe{1, 1}), kPeer);
  ASSERT_EQ(asked.size(), 1U);
  const Clock theirs{{kForeign, 1}};
  const SyncPage page{theirs, {},    {{kKey, {{{{kForeign, 1}, Hlc{5}, "v"}}, {}}, theirs}},
                      false,  false, {},
                      "",     "",    asked.front().request};
  EXPECT_TRUE(sent<Ack>(hear(kOther, page), kOther).empty()) << "not asked";
  EXPECT_EQ(sent<Ack>(hear(kPeer, page), kPeer), (std::vector{Ack{theirs, false}}));
  EXPECT_EQ(stored().clock, theirs);
}

TEST_F(OneCore, APageThatIsLostIsAskedForAgain) {
  connect_all();
  ASSERT_EQ(sent<SyncRequest>(hear(kPeer, Probe{1, 1}), kPeer).size(), 1U);
  pass_ms(4999);
  EXPECT_TRUE(sent<SyncRequest>(step(Tick{}), kPeer).empty());
  pass_ms(1);
  EXPECT_EQ(sent<SyncRequest>(step(Tick{}), kPeer).size(), 1U);
}

TEST_F(OneCore, WhoeverAsksAndHasMoreIsAskedInTurn) {
  connect_all();
  const Clock theirs{{kForeign, 1}};
  const Effects effects = hear(kPeer, SyncRequest{theirs, theirs, false, ""});
  EXPECT_EQ(sent<SyncPage>(effects, kPeer).size(), 1U);
  EXPECT_EQ(sent<SyncRequest>(effects, kPeer).size(), 1U);
  const Effects equal = hear(kOther, SyncRequest{});
  EXPECT_EQ(sent<SyncPage>(equal, kOther).size(), 1U);
  EXPECT_TRUE(sent<SyncRequest>(equal, kOther).empty());
}

// ---- The wall clock ---------------------------------------------------------------------------------------------------------

TEST_F(OneCore, AWallClockThatIsSetWhileNobodyIsHeardIsToldOf) {
  connect_all();
  for (const NodeIndex peer : {kPeer, kOther})
    EXPECT_TRUE(step(WallHeard{peer, own_wall(now())}).warnings.empty());
  wall_ahead_ms_ = 20'000;
  for (const NodeIndex peer : {kPeer, kOther}) step(PeerDown{peer});
  const auto told = [&] {
    pass_ms(options_.maintenance_interval_ms);
    return step(Tick{}).warnings;
  };
  EXPECT_THAT(told(), ElementsAre(HasSubstr("it orders no writes until its clock is set")));
  EXPECT_TRUE(told().empty()) << "once";
  wall_ahead_ms_ = 0;
  EXPECT_THAT(told(), ElementsAre(HasSubstr("agrees with the majority's again")));
}

// ---- Odd peers -----------------------------------------------------------------------------------------------------------------

TEST_F(OneCore, APeerThatKnowsMoreOfThisNodeThanItselfMakesItTakeANewActor) {
  connect_all();
  write(Level::kOne);
  const Actor old = stored().actor;
  Clock claims;
  claims.add_run(old, {1, 7});
  const Effects effects = hear(kPeer, SyncRequest{claims, claims, false, ""});
  ASSERT_EQ(effects.warnings.size(), 1U);
  EXPECT_NE(effects.warnings[0].find("gone back in time"), std::string::npos);
  EXPECT_NE(stored().actor, old);
  EXPECT_EQ(sent<ForwardRequest>(write(Level::kOne), kPeer).size(), 1U)
      << "it lacks what the peer has, which is the better coordinator until it has caught up";
  hear(kOther, SyncRequest{stored().clock, stored().clock, false, ""});
  EXPECT_EQ(answer(write(Level::kOne)).value().dot, (Dot{stored().actor, 1}));
  EXPECT_TRUE(hear(kPeer, SyncRequest{claims, claims, false, ""}).warnings.empty()) << "once";
}

TEST_F(OneCore, MessagesAboutPartitionsThatAreNotSharedAreIgnored) {
  connect_all();
  for (const decltype(Message::body)& body :
       {decltype(Message::body){delta(1)}, decltype(Message::body){Ack{Clock{{kForeign, 1}}, true}},
        decltype(Message::body){Probe{1, 1}}, decltype(Message::body){SyncRequest{}},
        decltype(Message::body){SyncPage{}}, decltype(Message::body){ReadRequest{1, kKey}},
        decltype(Message::body){ScanChunkRequest{1, "", "", 1, 1}}})
    EXPECT_TRUE(hear(kPeer, body, Partition{9}).messages.empty());
}

TEST_F(OneCore, TimesFarAheadAreKeptAsDataAndNotAdopted) {
  connect_all();
  const std::uint64_t far = hlc_from_wall(WallMs{now().wall.ms + 3'600'000}).bits;
  hear(kPeer, delta(1, false, far));
  const WriteResult elsewhere = answer(write(Level::kOne, Durability::kOs,
                                             storage::storage_key(storage::default_bucket(), "x")))
                                    .value();
  EXPECT_LT(elsewhere.hlc.bits, far);
  const WriteResult same_key = answer(write(Level::kOne)).value();
  EXPECT_GT(same_key.hlc.bits, far) << "or it would lose to what it replaces";

  const std::uint64_t near = hlc_from_wall(WallMs{now().wall.ms + 400}).bits;
  hear(kPeer, delta(2, false, near));
  EXPECT_GT(answer(write(Level::kOne, Durability::kOs,
                         storage::storage_key(storage::default_bucket(), "y")))
                .value()
                .hlc.bits,
            near);
}

// ---- Disks ---------------------------------------------------------------------------------------------------------------------

TEST_F(OneCore, ADeltaThatMeetsDamageIsNeitherAppliedNorAcknowledged) {
  connect_all();
  storage::WriteBatch damage;
  damage.put(storage::Family::kObjects, storage::object_key(kP, kKey), "rubbish");
  ASSERT_TRUE(engine_.commit(damage).ok());
  const Effects effects = hear(kPeer, delta(1));
  EXPECT_EQ(effects.warnings.size(), 2U) << "of the delta, and of the damage";
  EXPECT_TRUE(sent<Ack>(effects, kPeer).empty());
  EXPECT_TRUE(sent<Probe>(effects, kPeer).at(0).unfit) << "the others are told";
  EXPECT_EQ(core_->status(now()).log_entries, 0U);
  EXPECT_EQ(core_->status(now()).unfit, 1U);
  const Effects forwarded = write(Level::kOne);
  EXPECT_FALSE(answer(forwarded).has_value());
  EXPECT_EQ(std::count_if(forwarded.messages.begin(), forwarded.messages.end(),
                          [](const Envelope& envelope) {
                            return std::holds_alternative<ForwardRequest>(envelope.message.body);
                          }),
            1)
      << "another replica is to write it";
  EXPECT_TRUE(sent<ReadReply>(hear(kPeer, ReadRequest{1, kKey}), kPeer).empty());
}

TEST_F(OneCore, ADamagedReplicaIsEqualToNoOtherNotEvenToADamagedOne) {
  const auto digest_when_damaged_at = [&](NodeIndex self) {
    storage::MemoryEngine engine;
    Core core(options_, ring_, self, engine, Rng(1));
    EXPECT_TRUE(core.recover(true).ok());
    EXPECT_TRUE(engine.commit(core.flush(now()).batch).ok());
    engine.damage(storage::Family::kObjects, storage::object_key(kP, kKey));
    core.step(ClientGet{1, kP, kKey, Level::kOne, after_ms(now_, 1000)}, now());
    EXPECT_TRUE(engine.commit(core.flush(now()).batch).ok());
    EXPECT_EQ(core.clocks().at(0).applied, core.clocks().at(0).durable);
    return core.clocks().at(0).applied;
  };
  const std::uint64_t here = digest_when_damaged_at(kSelf);
  EXPECT_NE(here, Clock{}.digest());
  EXPECT_NE(here, digest_when_damaged_at(kPeer));
}

TEST_F(OneCore, ADamagedReplicaRecordIsNotANewReplica) {
  write(Level::kOne);
  storage::WriteBatch damage;
  damage.put(storage::Family::kMeta, storage::replica_key(kP), "rubbish");
  ASSERT_TRUE(engine_.commit(damage).ok());
  Core core(CoreOptions{}, ring_, kSelf, engine_, Rng(1));
  const absl::Status status = core.recover(true);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("partition 0: replica record"), std::string::npos);
}

TEST_F(OneCore, ActorsAreKeptOnlyIfNothingCanHaveBeenLost) {
  write(Level::kOne);
  const Actor first = stored().actor;
  start(true);
  EXPECT_EQ(stored().actor, first);
  EXPECT_EQ(answer(write(Level::kOne)).value().dot, (Dot{first, 2}));
  start(false);
  EXPECT_NE(stored().actor, first);
  EXPECT_EQ(answer(write(Level::kOne)).value().dot, (Dot{stored().actor, 1}));
}

TEST_F(OneCore, RecoveringFailsIfItCannotSync) {
  storage::MemoryEngine::Faults faults;
  faults.sync = absl::UnavailableError("no disk");
  engine_.set_faults(faults);
  Core core(CoreOptions{}, ring_, kSelf, engine_, Rng(1));
  EXPECT_FALSE(core.recover(true).ok());
}

TEST_F(OneCore, StatusTellsWhatIsOwedAndForHowLong) {
  step(PeerUp{kPeer});
  write(Level::kOne);
  pass_ms(300);
  step(Tick{});
  pass_ms(2000);
  CoreStatus status = core_->status(now());
  EXPECT_TRUE(status.peers[1].up);
  EXPECT_FALSE(status.peers[2].up);
  EXPECT_EQ(status.peers[2].debt_dots, 1U);
  EXPECT_EQ(status.peers[2].debt_age_ms, 2000);
  EXPECT_EQ(status.live_keys, 1U);
  EXPECT_EQ(status.log_entries, 1U);
  hear(kOther, Ack{stored().clock, false});
  pass_ms(300);
  step(Tick{});
  status = core_->status(now());
  EXPECT_EQ(status.peers[2].debt_dots, 0U);
  EXPECT_EQ(status.peers[2].debt_age_ms, 0);
}

}  // namespace
}  // namespace kv

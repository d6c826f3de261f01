#include "node/replica/replica.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "node/replica/testing/replica_on_disk.h"

namespace kv {
namespace {

using sim::ReplicaOnDisk;

std::string at(const std::string& user_key) {
  return storage::storage_key(storage::default_bucket(), user_key);
}

TEST(Replica, WritesCountDotsWithoutAHole) {
  ReplicaOnDisk replica(0);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    const Delta delta = replica.put("k", "v");
    EXPECT_EQ(delta.version.dot, (Dot{replica->actor(), i}));
    EXPECT_TRUE(delta.context.contains(delta.version.dot));
    EXPECT_EQ(replica->clock().base(replica->actor()), i);
  }
}

TEST(Replica, AWriteSupersedesWhatIsHereOrWhatTheTokenNames) {
  ReplicaOnDisk replica(0);
  const Dot first = replica.put("k", "1").version.dot;
  const Delta second = replica.put("k", "2");
  EXPECT_EQ(second.context, (Clock{first, second.version.dot}));

  const Token token{Clock{{Actor{0xfe}, 9}}, Hlc{1ULL << 62}};
  const Delta third = replica.put("k", "3", token);
  EXPECT_EQ(third.context, (Clock{{Actor{0xfe}, 9}, third.version.dot}));
  EXPECT_GT(third.version.hlc, token.hlc) << "ordered after all that its writer saw";
  EXPECT_EQ(replica.value("k"), "3");
  EXPECT_GT(replica.put("k", "4").version.hlc, third.version.hlc) << "and what comes then after it";
}

TEST(Replica, ObjectLogAndClockChangeInOneBatch) {
  ReplicaOnDisk replica(0);
  const std::size_t before = replica.engine().unsynced();
  const Dot dot = replica.put("k", "v").version.dot;
  EXPECT_EQ(replica.engine().unsynced(), before + 1) << "one commit";
  EXPECT_EQ(replica.log(), (std::map<Dot, std::string>{{dot, at("k")}}));
  EXPECT_EQ(replica.stored_state().clock, Clock{dot});
  EXPECT_EQ(replica.value("k"), "v");

  // Torn by a power loss, none of it is there.
  replica.engine().crash(before, 40);
  EXPECT_EQ(replica.value("k"), std::nullopt);
  EXPECT_TRUE(replica.log().empty());
  EXPECT_FALSE(replica.has_stored_state());
}

TEST(Replica, WithinOneBatchAWriteSeesTheOnesBeforeIt) {
  ReplicaOnDisk replica(0);
  Delta second;
  replica.change([&](Transaction& tx) {
    ASSERT_TRUE(replica.write(tx, "k", "1").ok());
    second = *replica.write(tx, "k", "2");
    ASSERT_TRUE(replica.write(tx, "other", "v").ok());
  });
  EXPECT_EQ(second.context.count(), 2U);
  EXPECT_EQ(replica.value("k"), "2");
  EXPECT_EQ(replica->live_keys(), 2U);
  EXPECT_EQ(replica.log().size(), 3U);
}

TEST(Replica, ObjectsAtRestAreStripped) {
  ReplicaOnDisk replica(0);
  replica.put("k", "1");
  replica.put("k", "2");
  EXPECT_EQ(replica.object("k").versions.size(), 1U);
  EXPECT_TRUE(replica.object("k").context.empty());
  ReplicaOnDisk other(1);
  other.apply(
      replica.put("k", "3"));  // of dot 3, while 1 and 2 are not known here: their entry stays
  EXPECT_EQ(other.object("k").context, (Clock{{replica->actor(), 2}}));
  EXPECT_EQ(other->clock(), (Clock{{replica->actor(), 3}}))
      << "only the delta's own dot has been processed";
}

TEST(Replica, ApplyingADeltaAgainChangesNothing) {
  ReplicaOnDisk issuer(0), replica(1);
  const Delta first = issuer.put("k", "1");
  const Delta second = issuer.put("k", "2");
  replica.apply(second);
  const std::size_t commits = replica.engine().unsynced();
  const Object object = replica.object("k");
  replica.apply(second);
  EXPECT_EQ(replica.engine().unsynced(), commits) << "not even a commit";
  replica.apply(first);  // late: superseded by what is here
  EXPECT_EQ(replica.object("k").versions, object.versions);
  EXPECT_EQ(replica->clock(), issuer->clock());
  EXPECT_TRUE(replica.object("k").context.empty()) << "stripped, now that the clock covers it";
}

TEST(Replica, CountsLiveKeys) {
  ReplicaOnDisk replica(0), other(1);
  const auto both = [&](const Delta& delta, std::uint64_t live) {
    other.apply(delta);
    EXPECT_EQ(replica->live_keys(), live);
    EXPECT_EQ(other->live_keys(), live);
    EXPECT_EQ(replica.stored_state().live_keys, live);
  };
  both(replica.put("a", "v"), 1);
  both(replica.put("b", "v"), 2);
  both(replica.put("a", "w"), 2);
  both(replica.erase("a"), 1);
  both(replica.erase("a"), 1);
  both(replica.erase("never"), 1);
  both(replica.put("a", ""), 2);  // an empty value is a value
  both(replica.erase("a"), 1);
  both(replica.erase("b"), 0);
}

TEST(Replica, ALoneReplicaKeepsNoLog) {
  ReplicaOnDisk replica(0, 1);
  for (int i = 0; i < 10; ++i) replica.put("k" + std::to_string(i), "v");
  EXPECT_TRUE(replica.log().empty());
  EXPECT_EQ(replica->pruned(), replica->clock());
}

TEST(Replica, DamageIsAnErrorAndNeverAbsence) {
  ReplicaOnDisk replica(0);
  const Delta delta = replica.put("k", "v");
  storage::WriteBatch damage;
  damage.put(storage::Family::kObjects, storage::object_key(Partition{0}, at("k")), "rubbish");
  ASSERT_TRUE(replica.engine().commit(damage).ok());

  const Clock before = replica->clock();
  replica.change([&](Transaction& tx) {
    EXPECT_EQ(replica->read(tx.view, at("k")).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(replica.write(tx, "k", "w").status().code(), absl::StatusCode::kDataLoss);
    Delta foreign = delta;
    foreign.version.dot.actor = Actor{0xff};
    EXPECT_EQ(replica->apply(tx, foreign).code(), absl::StatusCode::kDataLoss);
    std::vector<Item> items;
    bool more = false;
    EXPECT_EQ(replica->read_range(tx.view, "", "", 10, 1000, items, more).code(),
              absl::StatusCode::kDataLoss);
    const auto page = replica->answer(tx.view, SyncRequest{}, {});
    ASSERT_TRUE(page.ok());
    EXPECT_TRUE(page->items.empty()) << "the damaged object is left out, and its dot with it";
    EXPECT_FALSE(replica->answer(tx.view, SyncRequest{{}, {}, true, ""}, {}).ok())
        << "who walks the keys would take it for gone";
    EXPECT_TRUE(tx.batch.empty());
  });
  EXPECT_EQ(replica->clock(), before) << "a dot whose effect is not here must not be in the clock";

  storage::MemoryEngine::Faults faults;
  faults.get = absl::UnavailableError("no disk");
  replica.engine().set_faults(faults);
  replica.change([&](Transaction& tx) { EXPECT_FALSE(replica.write(tx, "x", "w").ok()); });
  EXPECT_EQ(replica->clock(), before);
}

TEST(Replica, NoticesThatItHasGoneBackInTimeAndTakesANewActor) {
  ReplicaOnDisk replica(0);
  replica.put("k", "v");
  const Actor old = replica->actor();
  EXPECT_FALSE(replica->is_behind_itself(Clock{}));
  EXPECT_FALSE(replica->is_behind_itself(Clock{{old, 1}}));
  EXPECT_FALSE(replica->is_behind_itself(Clock{{Actor{0xff}, 7}}));
  EXPECT_TRUE(replica->is_behind_itself(Clock{{old, 2}}));

  Rng rng(5);
  replica->renew_actor(rng);
  EXPECT_NE(replica->actor(), old);
  EXPECT_FALSE(replica->is_behind_itself(Clock{{old, 2}})) << "those are another's now";
  const Delta delta = replica.put("k", "w");
  EXPECT_EQ(delta.version.dot, (Dot{replica->actor(), 1}));
  EXPECT_EQ(replica.stored_state().actor, replica->actor())
      << "recorded no later than its first write";
  EXPECT_TRUE(delta.context.contains({old, 1}));
}

TEST(Replica, StartsWithWhatItHasOnDisk) {
  ReplicaOnDisk replica(0);
  replica.put("k", "v");
  EXPECT_TRUE(replica->durable().empty());
  const Clock clock = replica->clock();
  replica.reopen();
  EXPECT_EQ(replica->clock(), clock);
  EXPECT_EQ(replica->durable(), clock);
  EXPECT_EQ(replica.put("k", "w").version.dot.counter, 2U);
}

// Any writes at any replicas, with any of their deltas lost, repeated and reordered; and after repair all are equal, and the
// winner of each key is the write with the greatest (time, dot).
RC_GTEST_PROP(Replica, ConvergesWhateverHappensToDeltas, ()) {
  constexpr std::size_t kReplicas = 3;
  std::vector<std::unique_ptr<ReplicaOnDisk>> replicas;
  for (std::size_t i = 0; i < kReplicas; ++i)
    replicas.push_back(std::make_unique<ReplicaOnDisk>(i));
  std::vector<Delta> deltas;
  std::map<std::string, std::tuple<Hlc, Dot, std::optional<std::string>>> winners;
  const auto number = [](int bound) {
    return static_cast<std::size_t>(*rc::gen::inRange(0, bound));
  };
  const int steps = *rc::gen::inRange(1, 40);
  for (int i = 0; i < steps; ++i) {
    ReplicaOnDisk& replica = *replicas[number(kReplicas)];
    if (*rc::gen::inRange(0, 3) == 0 && !deltas.empty()) {
      replica.apply(deltas[number(static_cast<int>(deltas.size()))]);
      continue;
    }
    replica.set_wall_ms(*rc::gen::inRange(1000, 1003));  // clocks disagree, and times collide
    const std::string key = "k" + std::to_string(number(3));
    deltas.push_back(*rc::gen::inRange(0, 4) == 0 ? replica.erase(key)
                                                  : replica.put(key, std::to_string(i)));
    const Version& version = deltas.back().version;
    winners[key] = std::max(winners[key], std::tuple{version.hlc, version.dot, version.value});
  }
  for (std::size_t round = 0; round < 2; ++round)
    for (auto& to : replicas)
      for (auto& from : replicas)
        if (to != from) to->repair_from(*from);
  for (const auto& replica : replicas) {
    RC_ASSERT((*replica)->clock() == (*replicas[0])->clock());
    std::uint64_t live = 0;
    for (const auto& [key, winner] : winners) {
      const Object object = replica->object(key);
      RC_ASSERT(object.versions.size() == 1U);
      RC_ASSERT(std::tuple(object.versions[0].hlc, object.versions[0].dot,
                           object.versions[0].value) == winner);
      live += std::get<2>(winner).has_value() ? 1U : 0U;
    }
    RC_ASSERT((*replica)->live_keys() == live);
    RC_ASSERT(replica->log().size() == (*replica)->clock().count());
  }
}

TEST(Conditions, AreJudgedByWhatTheReplicaHoldsAndARefusalChangesNothing) {
  ReplicaOnDisk replica(0);
  const auto write = [&](const char* value, const std::optional<Token>& token,
                         Condition condition) {
    absl::StatusCode code = absl::StatusCode::kOk;
    replica.change([&](Transaction& tx) {
      code = replica.write(tx, "k", value, token, condition).status().code();
    });
    return code;
  };
  EXPECT_EQ(write("first", {}, Condition::kAbsent), absl::StatusCode::kOk);
  const Token seen{replica->clock(), Hlc{}};
  EXPECT_EQ(write("second", {}, Condition::kAbsent), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(replica->clock(), seen.context) << "no dot was issued";
  EXPECT_EQ(replica.value("k"), "first");

  EXPECT_EQ(write("third", seen, Condition::kCurrent), absl::StatusCode::kOk);
  EXPECT_EQ(write("fourth", seen, Condition::kCurrent), absl::StatusCode::kAborted);
  EXPECT_EQ(replica.value("k"), "third");
  EXPECT_EQ(write("fifth", Token{replica->clock(), Hlc{}}, Condition::kCurrent),
            absl::StatusCode::kOk);

  replica.erase("k");
  EXPECT_EQ(write("after a delete", {}, Condition::kAbsent), absl::StatusCode::kOk);
}

}  // namespace
}  // namespace kv

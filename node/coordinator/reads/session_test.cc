#include "node/coordinator/reads/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/base/limits.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

using testing::HasSubstr;

constexpr Actor kA{0xa}, kB{0xb};
constexpr Partition kP{5};
const Policy& kLww = policy(PolicyKind::kLww);
const Policy& kSiblings = policy(PolicyKind::kSiblings);

Clock upto(Actor actor, std::uint64_t last) {
  Clock clock;
  clock.add_run(actor, {1, last});
  return clock;
}

// What a session that has seen nothing needs after reading `object` at a replica with that clock.
Clock after_reading(const Object& object, const Clock& clock, const Policy& policy) {
  const std::vector<ReplicaObject> answers{{&object, &clock}};
  return needs_after_read({}, answers, join_answers(answers, policy, WallMs{1000}), policy);
}

Object holding(Dot dot) {
  Object object;
  object.versions = {{dot, Hlc{7}, "v"}};
  return object;
}

TEST(Session, NeedsTheVersionThatItWasShownAndWhatTheReplicaHasBelowIt) {
  Clock clock = upto(kA, 9);
  clock.join(upto(kB, 4));
  EXPECT_EQ(after_reading(holding({kA, 3}), clock, kLww), upto(kA, 3));
}

TEST(Session, HolesBelowStay) {
  Clock clock{{kA, 1}, {kA, 2}, {kA, 5}, {kA, 6}};
  EXPECT_EQ(after_reading(holding({kA, 5}), clock, kLww), (Clock{{kA, 1}, {kA, 2}, {kA, 5}}));
}

TEST(Session, NeedsAllThatTheReplicaHadProcessedWhereNothingNamesWhatItSaw) {
  const Clock clock = upto(kA, 9);
  EXPECT_EQ(after_reading({}, clock, kLww), clock);
  EXPECT_EQ(after_reading(holding({kA, 3}), clock, kSiblings), clock);
}

TEST(Session, IsCoveredByReplicasTogether) {
  const Object none;
  const Clock a = upto(kA, 4);
  const Clock b = upto(kB, 2);
  Clock needs{{kA, 4}, {kB, 2}};
  EXPECT_FALSE(covers({{&none, &a}}, needs));
  EXPECT_TRUE(covers({{&none, &a}, {&none, &b}}, needs));
  EXPECT_TRUE(covers({{&none, &a}}, {}));
}

TEST(Session, AWriteIsNeededOnceItIsAcknowledged) {
  const std::string unknown = session_after_write(
      {}, kP, {Outcome::kUnknown, absl::StatusCode::kDeadlineExceeded, "", {kA, 4}, Hlc{9}, 1});
  EXPECT_EQ(decode_session(unknown).value(), (Session{{}, Hlc{9}}));
  const std::string done = session_after_write(
      {{}, Hlc{11}}, kP, {Outcome::kApplied, absl::StatusCode::kOk, "", {kA, 4}, Hlc{9}, 1});
  EXPECT_EQ(decode_session(done).value(), (Session{{{kP, upto(kA, 4)}}, Hlc{11}}));
}

TEST(Session, ARequestsSessionIsChecked) {
  EXPECT_FALSE(checked_session(false, "", 8)->has_value());
  EXPECT_EQ(checked_session(true, "", 8)->value(), Session{});
  const std::string bytes = encode_session({{{kP, upto(kA, 1)}}, Hlc{1}});
  EXPECT_TRUE(checked_session(true, bytes, 6).ok());
  EXPECT_THAT(std::string(checked_session(true, bytes, 5).status().message()),
              HasSubstr("another cluster"));
  EXPECT_THAT(std::string(checked_session(true, "rubbish", 8).status().message()),
              HasSubstr("session: "));
  const std::string late = encode_session({{}, Hlc{kMaxHlc.bits / 2}});
  EXPECT_EQ(checked_session(true, late, 8).status().code(), absl::StatusCode::kInvalidArgument);
}

// 4096 partitions with all that three replicas know are more than a session may hold.
TEST(Session, RefusesToForgetWhenItBecomesTooLarge) {
  Session session;
  for (std::uint16_t partition = 0; partition < 4095; ++partition)
    session.needs[Partition{partition}] = upto(Actor{~0ULL - partition}, 1 << 14);
  ClientReadReply reply;
  reply.items.resize(1);
  reply.session = upto(kA, 1 << 14);
  const auto bytes = session_after_read(session, Partition{4095}, reply);
  EXPECT_EQ(bytes.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(bytes.status().message()), HasSubstr("the limit is 65536"));
}

TEST(Session, ThereIsRoomForAWriteAsLongAsWhatItAddsFitsForSure) {
  Session session;
  std::string before;
  for (std::uint16_t partition = 0; before.size() < kMaxTokenBytes - 200; ++partition) {
    session.needs[Partition{partition}] = upto(Actor{~0ULL}, ~0ULL >> 16);
    before = encode_session(session);
  }
  while (check_room_for_write(before).ok()) {
    const Partition next{static_cast<std::uint16_t>(session.needs.size())};
    before = session_after_write(
        session, next,
        {Outcome::kApplied, absl::StatusCode::kOk, "", {Actor{~0ULL}, ~0ULL >> 16}, Hlc{1}, 1});
    ASSERT_LE(before.size(), kMaxTokenBytes);
    session = decode_session(before).value();
  }
  EXPECT_GT(before.size(), kMaxTokenBytes - 64);
}

}  // namespace
}  // namespace kv

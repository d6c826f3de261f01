#include "node/coordinator/writes.h"

#include <gtest/gtest.h>

#include "node/coordinator/testing/node_alone.h"

namespace kv {
namespace {

using sim::NodeAlone;
using sim::only_message;

constexpr Partition kP{0};
constexpr std::size_t kMaxPending = 3;
const std::string kKey = storage::storage_key(storage::default_bucket(), "k");

ClientWrite any_write(const NodeAlone& node, Level level, Durability durability = Durability::kOs,
                      std::int64_t timeout_ms = 1000) {
  return {7, kP, kKey, "value", {}, level, durability, node.in_ms(timeout_ms)};
}

class Bench {
 public:
  explicit Bench(std::size_t nodes, std::size_t place)
      : node(nodes, place),
        writes(node.neighbours(), node.replicas(), node.hlc(), kMaxPending, 100) {}

  Effects start(ClientWrite write) {
    return node.step([&](Step& step) { writes.start(step, std::move(write)); });
  }
  Effects confirm(std::size_t place, const Clock& dots, bool durable = false,
                  Partition partition = kP) {
    return node.step(
        [&](Step& step) { writes.on_confirmed(step, node.node(place), partition, dots, durable); });
  }
  Effects expire() {
    return node.step([&](Step& step) { writes.expire(step); });
  }
  Effects forward_request(std::size_t from, const ForwardRequest& request) {
    return node.step(
        [&](Step& step) { writes.on_forward_request(step, node.node(from), kP, request); });
  }
  Effects forward_reply(std::size_t from, const ForwardReply& reply) {
    return node.step([&](Step& step) { writes.on_forward_reply(step, node.node(from), reply); });
  }
  Effects peer_down(std::size_t place) {
    node.set_up(place, false);
    return node.step([&](Step& step) { writes.on_peer_down(step, node.node(place)); });
  }

  NodeAlone node;
  Writes writes;
};

std::optional<WriteResult> answer(const Effects& effects) {
  if (effects.replies.empty()) return {};
  KV_CHECK(effects.replies.size() == 1, "a request is answered once");
  const auto& reply = std::get<ClientWriteReply>(effects.replies[0]);
  KV_CHECK(reply.id == 7, "the answer names its request");
  return reply.result;
}

// ---- At a replica -------------------------------------------------------------------------------------------------------

class WritesAtAReplica : public testing::Test, public Bench {
 protected:
  WritesAtAReplica() : Bench(3, 0) {}
  Clock last_dot() {
    return Clock{{node.replica().actor(), node.replica().clock().base(node.replica().actor())}};
  }
};

TEST_F(WritesAtAReplica, OneIsAnsweredByTheCommit) {
  const Effects effects = start(any_write(node, Level::kOne));
  ASSERT_TRUE(answer(effects).has_value());
  const WriteResult result = *answer(effects);
  EXPECT_EQ(result.outcome, Outcome::kApplied);
  EXPECT_EQ(result.code, absl::StatusCode::kOk);
  EXPECT_EQ(result.dot, (Dot{Actor{0xa}, 1}));
  EXPECT_EQ(result.acks, 1U);
  EXPECT_GT(result.hlc, Hlc{});
  EXPECT_FALSE(effects.batch.empty()) << "the reply comes with the batch that makes it true";
  EXPECT_EQ(std::get<ClientWriteReply>(effects.replies[0]).coordinator, node.node(0));
  EXPECT_EQ(writes.pending(), 0U);
  EXPECT_EQ(writes.next_deadline(), kNever);

  const auto pushes = writes.take_pushes();
  ASSERT_EQ(pushes.size(), 1U);
  EXPECT_EQ(pushes[0].second.version.value, "value");
  EXPECT_EQ(pushes[0].second.version.dot, result.dot);
  EXPECT_FALSE(pushes[0].second.wants_durable);
  EXPECT_FALSE(writes.take_wants_sync());
  EXPECT_TRUE(writes.take_pushes().empty());
}

TEST_F(WritesAtAReplica, QuorumWaitsForOneOther) {
  EXPECT_FALSE(answer(start(any_write(node, Level::kQuorum))).has_value());
  EXPECT_EQ(writes.pending(), 1U);
  const WriteResult result = answer(confirm(1, last_dot())).value();
  EXPECT_EQ(result.outcome, Outcome::kApplied);
  EXPECT_EQ(result.acks, 2U);
  EXPECT_EQ(writes.pending(), 0U);
  EXPECT_FALSE(answer(confirm(2, last_dot())).has_value()) << "answered once";
  node.pass_ms(5000);
  EXPECT_FALSE(answer(expire()).has_value());
}

TEST_F(WritesAtAReplica, AReplicaCountsOnceHoweverOftenItConfirms) {
  start(any_write(node, Level::kAll));
  EXPECT_FALSE(answer(confirm(0, last_dot())).has_value()) << "this node has counted itself";
  EXPECT_FALSE(answer(confirm(1, last_dot())).has_value());
  EXPECT_FALSE(answer(confirm(1, last_dot())).has_value());
  EXPECT_FALSE(answer(confirm(1, last_dot(), true)).has_value());
  EXPECT_EQ(answer(confirm(2, last_dot())).value().acks, 3U);
}

TEST_F(WritesAtAReplica, OnlyItsOwnDotConfirmsAWrite) {
  start(any_write(node, Level::kQuorum));
  EXPECT_FALSE(answer(confirm(1, Clock{{Actor{0xa}, 2}, {Actor{0xb}, 1}})).has_value());
  EXPECT_FALSE(answer(confirm(1, last_dot(), false, Partition{1})).has_value());
  EXPECT_FALSE(answer(confirm(1, Clock{})).has_value());
  EXPECT_TRUE(answer(confirm(1, Clock{{Actor{0xa}, 1}, {Actor{0xa}, 2}})).has_value());
}

TEST_F(WritesAtAReplica, OneClockMayConfirmManyWrites) {
  for (std::uint64_t id = 1; id <= 3; ++id) {
    ClientWrite write = any_write(node, Level::kQuorum);
    write.id = id;
    start(write);
  }
  Clock all;
  all.add_run(Actor{0xa}, {1, 3});
  EXPECT_EQ(confirm(2, all).replies.size(), 3U);
  EXPECT_EQ(writes.next_deadline(), kNever);
}

TEST_F(WritesAtAReplica, DiskCountsWhatIsDurableOnly) {
  EXPECT_FALSE(answer(start(any_write(node, Level::kQuorum, Durability::kDisk))).has_value());
  EXPECT_TRUE(writes.take_wants_sync());
  EXPECT_FALSE(writes.take_wants_sync());
  EXPECT_TRUE(writes.take_pushes().at(0).second.wants_durable);
  EXPECT_FALSE(answer(confirm(1, last_dot())).has_value()) << "applied there, not on disk";
  EXPECT_FALSE(answer(confirm(2, last_dot())).has_value());
  EXPECT_FALSE(answer(confirm(1, last_dot(), true)).has_value());
  EXPECT_EQ(answer(confirm(0, last_dot(), true)).value().acks, 2U)
      << "this node counts once its own sync is done";
}

TEST_F(WritesAtAReplica, DiskAtOneWaitsForTheSync) {
  EXPECT_FALSE(answer(start(any_write(node, Level::kOne, Durability::kDisk))).has_value());
  EXPECT_TRUE(answer(confirm(0, last_dot(), true)).has_value());
}

TEST_F(WritesAtAReplica, WhatIsNotConfirmedByTheDeadlineIsUnknown) {
  start(any_write(node, Level::kAll, Durability::kOs, 500));
  confirm(2, last_dot());
  EXPECT_EQ(writes.next_deadline(), node.in_ms(500));
  node.pass_ms(499);
  EXPECT_FALSE(answer(expire()).has_value());
  node.pass_ms(1);
  const WriteResult result = answer(expire()).value();
  EXPECT_EQ(result.outcome, Outcome::kUnknown);
  EXPECT_EQ(result.code, absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(result.dot, (Dot{Actor{0xa}, 1}));
  EXPECT_EQ(result.acks, 2U);
  EXPECT_EQ(result.message,
            "written, but only 2 of the 3 replicas that ALL needs confirmed it in time; it may "
            "spread");
  EXPECT_EQ(writes.pending(), 0U);
  EXPECT_FALSE(answer(confirm(1, last_dot())).has_value());
}

TEST_F(WritesAtAReplica, TooFewReplicasIsRefusedBeforeAnythingIsWritten) {
  node.set_up(1, false);
  node.set_up(2, false);
  const Effects effects = start(any_write(node, Level::kQuorum));
  const WriteResult result = answer(effects).value();
  EXPECT_EQ(result.outcome, Outcome::kNotApplied);
  EXPECT_EQ(result.code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(result.message, "QUORUM needs 2 of the key's 3 replicas and 1 is reachable from " +
                                node.id(0) + " (not: " + node.id(1) + ", " + node.id(2) +
                                "); not applied");
  EXPECT_EQ(result.dot, Dot{});
  EXPECT_TRUE(effects.batch.empty());
  EXPECT_TRUE(writes.take_pushes().empty());
  EXPECT_EQ(answer(start(any_write(node, Level::kOne))).value().outcome, Outcome::kApplied);
}

TEST_F(WritesAtAReplica, TooManyUnderWayIsRefused) {
  for (std::size_t i = 0; i < kMaxPending; ++i) start(any_write(node, Level::kAll));
  const Clock before = node.replica().clock();
  const WriteResult result = answer(start(any_write(node, Level::kOne))).value();
  EXPECT_EQ(result.outcome, Outcome::kNotApplied);
  EXPECT_EQ(result.code, absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(result.message, "3 writes are under way at " + node.id(0) +
                                ", the limit; try again later; not applied");
  EXPECT_EQ(node.replica().clock(), before);
}

TEST_F(WritesAtAReplica, AKeyThatCannotBeReadIsNotWritten) {
  node.damage(kKey);
  const Effects effects = start(any_write(node, Level::kOne));
  EXPECT_EQ(answer(effects).value().outcome, Outcome::kNotApplied);
  EXPECT_EQ(answer(effects).value().code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(effects.warnings.size(), 1U);
  EXPECT_TRUE(node.replica().clock().empty());
}

// ---- Forwarded to a replica ---------------------------------------------------------------------------------------------

ForwardRequest any_forward(Level level, std::uint64_t request = 55) {
  return {request, kKey, "value", {}, level, Durability::kOs, 1000};
}

class WritesForOthers : public testing::Test, public Bench {
 protected:
  WritesForOthers() : Bench(4, 0) {}
};

TEST_F(WritesForOthers, SayFirstThatTheDotWasIssuedAndThenWhatBecameOfIt) {
  const auto accepted =
      only_message<ForwardReply>(forward_request(3, any_forward(Level::kQuorum)), node.node(3));
  EXPECT_EQ(accepted.request, 55U);
  EXPECT_FALSE(accepted.final);
  EXPECT_EQ(accepted.result.dot, (Dot{Actor{0xa}, 1}));
  const Effects effects = confirm(2, Clock{accepted.result.dot});
  EXPECT_TRUE(effects.replies.empty()) << "it is no client of this node";
  const auto final = only_message<ForwardReply>(effects, node.node(3));
  EXPECT_TRUE(final.final);
  EXPECT_EQ(final.result.outcome, Outcome::kApplied);
  EXPECT_EQ(final.result.acks, 2U);
}

TEST_F(WritesForOthers, AnswerAtOnceWhatTheCommitDecides) {
  EXPECT_TRUE(
      only_message<ForwardReply>(forward_request(3, any_forward(Level::kOne)), node.node(3)).final);
}

TEST_F(WritesForOthers, ARepeatedRequestIsWrittenOnce) {
  forward_request(3, any_forward(Level::kAll, 55));
  EXPECT_TRUE(forward_request(3, any_forward(Level::kAll, 55)).messages.empty());
  EXPECT_EQ(node.replica().clock().count(), 1U);
  forward_request(3, any_forward(Level::kAll, 56));
  EXPECT_EQ(node.replica().clock().count(), 2U);
  forward_request(2, any_forward(Level::kAll, 56));
  EXPECT_EQ(node.replica().clock().count(), 3U) << "the number of another node's request";
}

TEST_F(WritesForOthers, AreRefusedAsAClientsWouldBe) {
  for (std::size_t i = 0; i < kMaxPending; ++i) forward_request(3, any_forward(Level::kAll, i));
  const auto busy =
      only_message<ForwardReply>(forward_request(3, any_forward(Level::kAll, 70)), node.node(3));
  EXPECT_TRUE(busy.final);
  EXPECT_EQ(busy.result.outcome, Outcome::kNotApplied);
  EXPECT_EQ(busy.result.code, absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(node.replica().clock().count(), kMaxPending);

  node.set_up(1, false);
  confirm(1, node.replica().clock());
  confirm(2, node.replica().clock());
  const auto too_few =
      only_message<ForwardReply>(forward_request(3, any_forward(Level::kAll, 71)), node.node(3));
  EXPECT_EQ(too_few.result.code, absl::StatusCode::kUnavailable);
}

TEST_F(WritesForOthers, TheDeadlineIsTheForwardersOwn) {
  forward_request(3, any_forward(Level::kAll));
  EXPECT_EQ(writes.next_deadline(), node.in_ms(1000));
  node.pass_ms(1000);
  const auto final = only_message<ForwardReply>(expire(), node.node(3));
  EXPECT_EQ(final.result.outcome, Outcome::kUnknown);
  EXPECT_EQ(final.result.dot, (Dot{Actor{0xa}, 1}));
}

// ---- Forwarding ---------------------------------------------------------------------------------------------------------

class WritesAtNoReplica : public testing::Test, public Bench {
 protected:
  WritesAtNoReplica() : Bench(4, 3) {}

  ForwardRequest forwarded(std::int64_t timeout_ms = 1000) {
    return only_message<ForwardRequest>(
        start(any_write(node, Level::kQuorum, Durability::kDisk, timeout_ms)), node.node(0));
  }
  static ForwardReply accepted(const ForwardRequest& request) {
    return {
        request.request, false, {Outcome::kApplied, absl::StatusCode::kOk, "", kDot, Hlc{9}, 1}};
  }
  static ForwardReply done(const ForwardRequest& request) {
    return {request.request, true, {Outcome::kApplied, absl::StatusCode::kOk, "", kDot, Hlc{9}, 2}};
  }

  static constexpr Dot kDot{Actor{0xb}, 4};
};

TEST_F(WritesAtNoReplica, GoToTheFirstReplicaThatIsUp) {
  const ForwardRequest request = forwarded();
  EXPECT_EQ(request.key, kKey);
  EXPECT_EQ(request.value, "value");
  EXPECT_EQ(request.level, Level::kQuorum);
  EXPECT_EQ(request.durability, Durability::kDisk);
  EXPECT_EQ(request.timeout_ms, 1000U);
  node.set_up(0, false);
  only_message<ForwardRequest>(start(any_write(node, Level::kQuorum)), node.node(1));
}

TEST_F(WritesAtNoReplica, TheFinalAnswerIsPassedOn) {
  const ForwardRequest request = forwarded();
  EXPECT_FALSE(answer(forward_reply(0, accepted(request))).has_value());
  EXPECT_FALSE(answer(forward_reply(1, done(request))).has_value())
      << "not from the one that was asked";
  const Effects effects = forward_reply(0, done(request));
  EXPECT_EQ(answer(effects).value(), done(request).result);
  EXPECT_EQ(std::get<ClientWriteReply>(effects.replies[0]).coordinator, node.node(0));
  EXPECT_TRUE(forward_reply(0, done(request)).replies.empty());
  EXPECT_EQ(writes.pending(), 0U);
  EXPECT_EQ(writes.next_deadline(), kNever);
}

WriteResult refused_as(absl::StatusCode code) {
  return {Outcome::kNotApplied, code, "why; not applied", {}, {}, 0};
}

TEST_F(WritesAtNoReplica, ARefusalIsPassedOn) {
  const ForwardRequest request = forwarded();
  const WriteResult refused = refused_as(absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(answer(forward_reply(0, {request.request, true, refused})).value(), refused);
}

TEST_F(WritesAtNoReplica, WhatOneCannotDoIsTakenToTheNextAndOnlyTheLastRefusalIsTold) {
  const WriteResult refused = refused_as(absl::StatusCode::kUnavailable);
  ForwardRequest request = forwarded();
  for (const std::size_t next : {1, 2}) {
    const Effects effects = forward_reply(next - 1, {request.request, true, refused});
    EXPECT_FALSE(answer(effects).has_value());
    const auto again = only_message<ForwardRequest>(effects, node.node(next));
    EXPECT_NE(again.request, request.request);
    EXPECT_EQ(again.value, request.value);
    EXPECT_EQ(again.token, request.token);
    request = again;
  }
  EXPECT_EQ(answer(forward_reply(2, {request.request, true, refused})).value(), refused);
  EXPECT_EQ(writes.pending(), 0U);
  EXPECT_EQ(writes.next_deadline(), kNever);
}

TEST_F(WritesAtNoReplica, WhoHasGoneMeanwhileIsPassedOver) {
  const ForwardRequest request = forwarded();
  peer_down(1);
  only_message<ForwardRequest>(
      forward_reply(0, {request.request, true, refused_as(absl::StatusCode::kUnavailable)}),
      node.node(2));
}

TEST_F(WritesAtNoReplica, AReplicaWhoseClockSeemsOffIsAskedLast) {
  node.hear_ahead(0, {1, 2});
  node.hear_ahead(-9000, {0});
  only_message<ForwardRequest>(start(any_write(node, Level::kQuorum)), node.node(1));
  ClientWrite causal = any_write(node, Level::kQuorum);
  causal.key = storage::storage_key({PolicyKind::kSiblings, "s"}, "k");
  only_message<ForwardRequest>(start(causal), node.node(0));
}

TEST_F(WritesAtNoReplica, NoAnswerInTimeIsUnknownWithTheDotIfItWasTold) {
  const ForwardRequest silent = forwarded(500);
  node.pass_ms(500);
  WriteResult result = answer(expire()).value();
  EXPECT_EQ(result.outcome, Outcome::kUnknown);
  EXPECT_EQ(result.code, absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(result.dot, Dot{});
  EXPECT_EQ(result.acks, 0U);
  EXPECT_EQ(
      result.message,
      node.id(0) + ", to which the write was forwarded, did not answer in time; it may spread");
  EXPECT_TRUE(forward_reply(0, done(silent)).replies.empty()) << "too late";

  forward_reply(0, accepted(forwarded(500)));
  node.pass_ms(500);
  result = answer(expire()).value();
  EXPECT_EQ(result.outcome, Outcome::kUnknown);
  EXPECT_EQ(result.dot, kDot);
  EXPECT_EQ(result.hlc, Hlc{9});
  EXPECT_EQ(result.acks, 1U);
}

TEST_F(WritesAtNoReplica, ABrokenConnectionIsUnknownAtOnceWithTheDotIfItWasTold) {
  forward_reply(0, accepted(forwarded()));
  EXPECT_FALSE(answer(peer_down(1)).has_value());
  const WriteResult result = answer(peer_down(0)).value();
  EXPECT_EQ(result.outcome, Outcome::kUnknown);
  EXPECT_EQ(result.dot, kDot);
  EXPECT_EQ(result.message, "the connection to " + node.id(0) +
                                ", to which the write was forwarded, broke; it may spread");
  EXPECT_EQ(writes.pending(), 0U);
}

TEST_F(WritesAtNoReplica, RequestsAreNumberedApart) {
  EXPECT_NE(forwarded().request, forwarded().request);
}

TEST_F(WritesAtNoReplica, DoNotAcceptForwardsThemselves) {
  const auto reply =
      only_message<ForwardReply>(forward_request(1, any_forward(Level::kOne)), node.node(1));
  EXPECT_TRUE(reply.final);
  EXPECT_EQ(reply.result.outcome, Outcome::kNotApplied);
}

// ---- With a clock that is off -------------------------------------------------------------------------------------------

class WritesWithAClockThatIsOff : public testing::Test, public Bench {
 protected:
  WritesWithAClockThatIsOff() : Bench(3, 0) { node.hear_ahead(5000, {1, 2}); }
  ForwardRequest forward_of(const std::string& key) {
    ForwardRequest request;
    request.request = 55;
    request.key = key;
    request.value = "v";
    request.timeout_ms = 1000;
    return request;
  }
};

TEST_F(WritesWithAClockThatIsOff, GoToAnotherReplicaInAnOrderedBucket) {
  const Effects effects = start(any_write(node, Level::kQuorum));
  const auto request = only_message<ForwardRequest>(effects, node.node(1));
  EXPECT_TRUE(effects.batch.empty()) << "nothing is written here";
  const WriteResult done{Outcome::kApplied, absl::StatusCode::kOk, "", {Actor{0xb}, 4}, Hlc{9}, 2};
  const Effects answered = forward_reply(1, {request.request, true, done});
  EXPECT_EQ(answer(answered).value(), done);
  EXPECT_EQ(std::get<ClientWriteReply>(answered.replies[0]).coordinator, node.node(1));
}

TEST_F(WritesWithAClockThatIsOff, AreRefusedWithTheReasonWhenNobodyElseIsThere) {
  peer_down(1);
  peer_down(2);
  const WriteResult result = answer(start(any_write(node, Level::kOne))).value();
  EXPECT_EQ(result.outcome, Outcome::kNotApplied);
  EXPECT_EQ(result.code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(result.message,
            node.id(0) +
                "'s wall clock is 5000 ms ahead of most of those that it hears; the limit "
                "is 500 ms, so it orders no writes in buckets of policy lww; set its "
                "clock, or write through another node; not applied");
  EXPECT_EQ(node.replica().clock().count(), 0U);
}

TEST_F(WritesWithAClockThatIsOff, OfOthersAreRefusedAndNotForwardedAgain) {
  const auto reply = only_message<ForwardReply>(forward_request(1, forward_of(kKey)), node.node(1));
  EXPECT_TRUE(reply.final);
  EXPECT_EQ(reply.result.outcome, Outcome::kNotApplied);
  EXPECT_EQ(reply.result.code, absl::StatusCode::kUnavailable);
}

TEST_F(WritesWithAClockThatIsOff, GoOnInACausalBucket) {
  const std::string key = storage::storage_key({PolicyKind::kCounter, "c"}, "k");
  ClientWrite write = any_write(node, Level::kOne);
  write.key = key;
  write.value = "1";
  EXPECT_EQ(answer(start(write)).value().outcome, Outcome::kApplied);
}

}  // namespace
}  // namespace kv

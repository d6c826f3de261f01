#include "node/coordinator/reads.h"

#include <gtest/gtest.h>

#include "node/coordinator/testing/node_alone.h"

namespace kv {
namespace {

using sim::NodeAlone;
using sim::only_message;

constexpr Partition kP{0};
constexpr std::size_t kMaxPending = 3;
const std::string kKey = storage::storage_key(storage::default_bucket(), "k");
constexpr Actor kA{0xa}, kB{0xb};

class Bench {
 public:
  Bench(std::size_t nodes, std::size_t place)
      : node(nodes, place), reads(node.neighbours(), node.replicas(), kMaxPending, 50, 100) {}

  Effects get(Level level, std::int64_t timeout_ms = 1000) {
    return node.step([&](Step& step) {
      reads.start(step, ClientGet{7, kP, kKey, level, node.in_ms(timeout_ms)});
    });
  }
  Effects scan(Level level, std::uint32_t max_items = 10) {
    return node.step([&](Step& step) {
      reads.start(step, ClientScan{7, kP, "", "", max_items, 1000, level, node.in_ms(1000)});
    });
  }
  // The `place`th node answers that it holds `value`, written by dot (kB, counter); none: nothing.
  Effects reply(std::size_t place, std::uint64_t request, std::optional<std::string> value = {},
                std::uint64_t counter = 1, std::uint64_t hlc = 1ULL << 40,
                Partition partition = kP) {
    ReadReply reply{request, {}, {}};
    if (value.has_value()) {
      reply.object.versions = {{{kB, counter}, Hlc{hlc}, *value}};
      reply.clock.add_run(kB, {1, counter});
    }
    return node.step(
        [&](Step& step) { reads.on_read_reply(step, node.node(place), partition, reply); });
  }
  Effects expire() {
    return node.step([&](Step& step) { reads.expire(step); });
  }
  Effects peer_down(std::size_t place) {
    node.set_up(place, false);
    return node.step([&](Step& step) { reads.on_peer_down(step, node.node(place)); });
  }
  void put(const std::string& key, const std::string& value) {
    node.step([&](Step& step) {
      const auto delta = node.replica().write(step.tx, node.hlc(), step.now.wall, key, value, {});
      KV_CHECK(delta.ok(), "a disk without faults");
    });
  }

  NodeAlone node;
  Reads reads;
};

std::optional<ClientReadReply> answer(const Effects& effects) {
  if (effects.replies.empty()) return {};
  KV_CHECK(effects.replies.size() == 1, "a request is answered once");
  return std::get<ClientReadReply>(effects.replies[0]);
}

std::string value_of(const std::optional<ClientReadReply>& reply) {
  if (!reply.has_value()) return "no answer";
  if (reply->code != absl::StatusCode::kOk) return absl::StatusCodeToString(reply->code);
  KV_CHECK(reply->items.size() == 1, "a get answers with one item");
  return reply->items[0].versions.empty() ? "absent"
                                          : reply->items[0].versions[0].value.value_or("marker");
}

class ReadsAtAReplica : public testing::Test, public Bench {
 protected:
  ReadsAtAReplica() : Bench(3, 0) {}
};

TEST_F(ReadsAtAReplica, OneReadsHereAndAsksNobody) {
  put(kKey, "here");
  const Effects effects = get(Level::kOne);
  EXPECT_EQ(value_of(answer(effects)), "here");
  EXPECT_TRUE(effects.messages.empty());
  EXPECT_EQ(answer(effects)->replicas, (std::vector{node.node(0)}));
  EXPECT_TRUE(answer(effects)->agreed);
  EXPECT_EQ(reads.pending(), 0U);
  EXPECT_EQ(reads.next_deadline(), kNever);
}

TEST_F(ReadsAtAReplica, QuorumAsksOneOtherAndAnswersWithTheNewest) {
  put(kKey, "here");
  const std::uint64_t request =
      only_message<ReadRequest>(get(Level::kQuorum), node.node(1)).request;
  const auto reply_from_other = answer(reply(1, request, "there", 3, 1ULL << 60));
  EXPECT_EQ(value_of(reply_from_other), "there");
  EXPECT_FALSE(reply_from_other->agreed);
  EXPECT_EQ(reply_from_other->replicas.size(), 2U);
  EXPECT_TRUE(std::is_sorted(reply_from_other->replicas.begin(), reply_from_other->replicas.end()));
  const Token& token = reply_from_other->items[0].token;
  EXPECT_TRUE(token.context.covers(Clock{{kA, 1}, {kB, 1}, {kB, 2}, {kB, 3}}));
  EXPECT_EQ(token.hlc, Hlc{1ULL << 60});
  EXPECT_TRUE(reply(1, request, "again").replies.empty());
}

TEST_F(ReadsAtAReplica, AReplicaThatAnswersTwiceCountsOnce) {
  const std::uint64_t request = get(Level::kAll).messages.at(0).message.body.index() == 2
                                    ? 100U  // the number that the numbering starts with
                                    : 0U;
  EXPECT_EQ(value_of(answer(reply(1, request))), "no answer");
  EXPECT_EQ(value_of(answer(reply(1, request))), "no answer");
  EXPECT_EQ(value_of(answer(reply(2, request))), "absent");
}

TEST_F(ReadsAtAReplica, AnswersThatNobodyAskedForAreIgnored) {
  const std::uint64_t request =
      only_message<ReadRequest>(get(Level::kQuorum), node.node(1)).request;
  EXPECT_FALSE(answer(reply(2, request, "not asked")).has_value());
  EXPECT_FALSE(answer(reply(1, request + 1, "another request")).has_value());
  EXPECT_FALSE(answer(reply(1, request, "another partition", 1, 1, Partition{1})).has_value());
  const Effects of_another_kind = node.step([&](Step& step) {
    reads.on_scan_reply(step, node.node(1), kP, ScanChunkReply{request, {}, {}, false, Hlc{}});
  });
  EXPECT_FALSE(answer(of_another_kind).has_value());
  EXPECT_EQ(value_of(answer(reply(1, request, "asked"))), "asked");
}

TEST_F(ReadsAtAReplica, ASpareIsAskedAfterTheDelay) {
  put(kKey, "here");
  const std::uint64_t request =
      only_message<ReadRequest>(get(Level::kQuorum), node.node(1)).request;
  EXPECT_EQ(reads.next_deadline(), node.in_ms(50));
  node.pass_ms(49);
  EXPECT_TRUE(expire().messages.empty());
  node.pass_ms(1);
  EXPECT_EQ(only_message<ReadRequest>(expire(), node.node(2)).request, request);
  EXPECT_EQ(value_of(answer(reply(2, request, "spare", 1, 1ULL << 60))), "spare");
  EXPECT_TRUE(reply(1, request, "late").replies.empty());
}

// The question or the answer may have been lost, while the connection stayed or came back.
TEST_F(ReadsAtAReplica, WhenNobodyIsLeftToAskThoseThatAreSilentAreAskedAgainEverLessOften) {
  const std::uint64_t request =
      only_message<ReadRequest>(get(Level::kQuorum), node.node(1)).request;
  node.pass_ms(50);
  expire();
  EXPECT_EQ(reads.next_deadline(), node.in_ms(200));
  node.pass_ms(200);
  std::vector<NodeIndex> asked;
  for (const Envelope& envelope : expire().messages) {
    EXPECT_EQ(std::get<ReadRequest>(envelope.message.body).request, request);
    asked.push_back(envelope.to);
  }
  EXPECT_EQ(asked, (std::vector{node.node(1), node.node(2)}));
  EXPECT_EQ(reads.next_deadline(), node.in_ms(750)) << "800 ms would be after the deadline";
  EXPECT_EQ(value_of(answer(reply(1, request, "asked again"))), "asked again");
}

TEST_F(ReadsAtAReplica, TheSlowOneMayStillAnswerFirst) {
  const std::uint64_t request =
      only_message<ReadRequest>(get(Level::kQuorum), node.node(1)).request;
  node.pass_ms(50);
  expire();
  EXPECT_EQ(value_of(answer(reply(1, request, "slow"))), "slow");
}

TEST_F(ReadsAtAReplica, TheDeadlineSaysHowManyAnswered) {
  get(Level::kAll, 200);
  reply(2, 100, "v");
  node.pass_ms(199);
  EXPECT_FALSE(answer(expire()).has_value());
  node.pass_ms(1);
  const auto late = answer(expire());
  EXPECT_EQ(late->code, absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(late->message, "only 2 of the 3 replicas that ALL needs answered in time");
  EXPECT_TRUE(late->items.empty());
  EXPECT_EQ(reads.pending(), 0U);
  EXPECT_EQ(reads.next_deadline(), kNever);
  EXPECT_TRUE(reply(1, 100, "v").replies.empty());
}

TEST_F(ReadsAtAReplica, WhenAPeerGoesDownASpareIsAskedAtOnce) {
  const std::uint64_t request =
      only_message<ReadRequest>(get(Level::kQuorum), node.node(1)).request;
  EXPECT_EQ(only_message<ReadRequest>(peer_down(1), node.node(2)).request, request);
  const auto failed = answer(peer_down(2));
  EXPECT_EQ(failed->code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(failed->message, "QUORUM needs 2 of the key's 3 replicas and 1 is reachable from " +
                                 node.id(0) + " (not: " + node.id(1) + ", " + node.id(2) + ")");
}

TEST_F(ReadsAtAReplica, APeerThatHadAnsweredMayGo) {
  get(Level::kAll);
  reply(1, 100, "v");
  EXPECT_FALSE(answer(peer_down(1)).has_value());
  EXPECT_EQ(value_of(answer(reply(2, 100, "v"))), "v");
}

TEST_F(ReadsAtAReplica, TooFewReplicasIsSaidAtOnce) {
  node.set_up(1, false);
  const auto failed = answer(get(Level::kAll));
  EXPECT_EQ(failed->code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(failed->message, "ALL needs 3 of the key's 3 replicas and 2 are reachable from " +
                                 node.id(0) + " (not: " + node.id(1) + ")");
  EXPECT_EQ(reads.next_deadline(), kNever);
}

TEST_F(ReadsAtAReplica, TooManyUnderWayIsRefused) {
  for (std::size_t i = 0; i < kMaxPending; ++i) get(Level::kAll);
  const auto refused = answer(get(Level::kOne));
  EXPECT_EQ(refused->code, absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused->message,
            "3 reads are under way at " + node.id(0) + ", the limit; try again later");
  EXPECT_EQ(reads.pending(), kMaxPending);
}

TEST_F(ReadsAtAReplica, DamageHereIsNotAbsence) {
  node.damage(kKey);
  const Effects effects = get(Level::kOne);
  EXPECT_EQ(effects.warnings.size(), 1U);
  const std::uint64_t request = only_message<ReadRequest>(effects, node.node(1)).request;
  EXPECT_EQ(value_of(answer(reply(1, request, "healthy"))), "healthy");

  const Effects quorum = get(Level::kQuorum);
  EXPECT_EQ(quorum.messages.size(), 2U) << "both others instead";
  EXPECT_FALSE(answer(quorum).has_value());

  // Nobody is asked for more than there are: that is said at once, not at the deadline.
  EXPECT_EQ(value_of(answer(get(Level::kAll))), "UNAVAILABLE");
  node.set_up(2, false);
  EXPECT_EQ(value_of(answer(get(Level::kQuorum))), "UNAVAILABLE");
  node.set_up(1, false);
  EXPECT_EQ(value_of(answer(get(Level::kOne))), "UNAVAILABLE");

  // Nor is it told to others.
  const Effects for_peer = node.step([&](Step& step) {
    reads.on_read_request(step, node.node(1), kP, ReadRequest{1, kKey});
  });
  EXPECT_TRUE(for_peer.messages.empty());
  EXPECT_TRUE(for_peer.warnings.empty()) << "it was told when it was found";
  const Effects scan_for_peer = node.step([&](Step& step) {
    reads.on_scan_request(step, node.node(1), kP, ScanChunkRequest{1, "", "", 10, 1000});
  });
  EXPECT_TRUE(scan_for_peer.messages.empty());
}

TEST_F(ReadsAtAReplica, AnswersPeersWithTheObjectAndTheClockOfTheMoment) {
  put(kKey, "here");
  const auto ask = [&](const std::string& key) {
    return only_message<ReadReply>(node.step([&](Step& step) {
      reads.on_read_request(step, node.node(2), kP, ReadRequest{9, key});
    }),
                                   node.node(2));
  };
  EXPECT_EQ(ask(kKey).object.versions.at(0).value, "here");
  EXPECT_EQ(ask(kKey).request, 9U);
  EXPECT_EQ(ask(kKey).clock, node.replica().clock());
  EXPECT_TRUE(ask(storage::storage_key(storage::default_bucket(), "none")).object.empty());
  EXPECT_EQ(ask(storage::storage_key(storage::default_bucket(), "none")).clock,
            node.replica().clock());
}

TEST_F(ReadsAtAReplica, ScansAreJoinedKeyByKey) {
  for (const char* key : {"a", "b", "c"})
    put(storage::storage_key(storage::default_bucket(), key), key);
  const auto request = only_message<ScanChunkRequest>(scan(Level::kQuorum, 2), node.node(1));
  EXPECT_EQ(request.max_items, 2U);
  ScanChunkReply chunk{request.request, {}, {}, false};
  chunk.items.push_back(
      {storage::storage_key(storage::default_bucket(), "aa"), {{{{kB, 1}, Hlc{1}, "aa"}}, {}}, {}});
  chunk.clock.add({kB, 1});
  const auto reply_of_scan = answer(node.step(
      [&](Step& step) { reads.on_scan_reply(step, node.node(1), kP, std::move(chunk)); }));
  ASSERT_EQ(reply_of_scan->items.size(), 3U);
  EXPECT_EQ(reply_of_scan->items[1].versions[0].value, "aa");
  EXPECT_TRUE(reply_of_scan->more);
  EXPECT_EQ(reply_of_scan->last, storage::storage_key(storage::default_bucket(), "b"));
  EXPECT_FALSE(reply_of_scan->agreed);
}

class ReadsAtNoReplica : public testing::Test, public Bench {
 protected:
  ReadsAtNoReplica() : Bench(4, 3) {}
};

TEST_F(ReadsAtNoReplica, AskTheReplicas) {
  const Effects effects = get(Level::kQuorum);
  ASSERT_EQ(effects.messages.size(), 2U);
  EXPECT_EQ(effects.messages[0].to, node.node(0));
  EXPECT_EQ(effects.messages[1].to, node.node(1));
  EXPECT_FALSE(answer(reply(0, 100, "v", 1)).has_value());
  const auto both = answer(reply(1, 100, "v", 1));
  EXPECT_EQ(value_of(both), "v");
  EXPECT_TRUE(both->agreed);
  EXPECT_TRUE(node.step([&](Step& step) {
                    reads.on_read_request(step, node.node(1), kP, ReadRequest{1, kKey});
                  })
                  .messages.empty())
      << "nothing to tell of a partition that is not here";
}

}  // namespace
}  // namespace kv

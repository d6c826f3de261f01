// Writes that come again: what their coordinator finds, asks, and answers.
#include <gtest/gtest.h>

#include "node/base/limits.h"
#include "node/coordinator/testing/node_alone.h"
#include "node/coordinator/writes.h"

namespace kv {
namespace {

using sim::NodeAlone;
using sim::only_message;

constexpr Partition kP{0};
const std::string kKey = storage::storage_key(storage::default_bucket(), "k");
const RequestId kId{7, 70};
const Actor kOther{0xb};

class RequestsAtAReplica : public testing::Test {
 protected:
  explicit RequestsAtAReplica(std::size_t nodes = 3, std::size_t place = 0)
      : node(nodes, place),
        writes(node.neighbours(), node.replicas(), node.hlc(), 8, 100, Writes::kRememberedForwards,
               RequestLimits{60'000, 3}) {}

  ClientWrite write(std::uint64_t id = 7, Level level = Level::kOne,
                    const RequestId& request = kId) const {
    ClientWrite write{id, kP, kKey, "value", {}, level, Durability::kOs, node.in_ms(1000)};
    write.request = request;
    return write;
  }
  ForwardRequest forwarded(std::uint64_t number, bool asked) const {
    ForwardRequest request{number, kKey, "value", {}, Level::kOne, Durability::kOs, 1000};
    request.request_id = kId;
    request.asked = asked;
    return request;
  }

  Effects start(ClientWrite write) {
    return node.step([&](Step& step) { writes.start(step, std::move(write)); });
  }
  Effects hear(std::size_t place, std::uint64_t number, bool known) {
    return node.step([&](Step& step) {
      writes.on_request_answer(step, node.node(place), {number, known});
    });
  }
  Effects expire() {
    return node.step([&](Step& step) { writes.expire(step); });
  }
  Effects forward_request(std::size_t from, const ForwardRequest& request) {
    return node.step(
        [&](Step& step) { writes.on_forward_request(step, node.node(from), kP, request); });
  }
  Effects query(std::size_t from, const RequestId& id) {
    return node.step([&](Step& step) {
      writes.on_request_query(step, node.node(from), kP, {5, id});
    });
  }

  // The inquiry's number, which everybody else was asked with.
  std::uint64_t asked(const Effects& effects) {
    EXPECT_TRUE(effects.replies.empty());
    EXPECT_EQ(effects.messages.size(), 2U);
    std::uint64_t number = 0;
    for (const Envelope& sent : effects.messages) {
      const auto& question = std::get<RequestQuery>(sent.message.body);
      EXPECT_EQ(question.id, kId);
      number = question.request;
    }
    return number;
  }
  // Written here, with nobody else to ask.
  Dot written_alone() {
    node.set_up(1, false);
    node.set_up(2, false);
    const Dot dot = answer(start(write())).dot;
    node.set_up(1, true);
    node.set_up(2, true);
    writes.take_pushes();
    return dot;
  }
  static WriteResult answer(const Effects& effects, std::uint64_t id = 7) {
    KV_CHECK(effects.replies.size() == 1, "answered, once");
    const auto& reply = std::get<ClientWriteReply>(effects.replies[0]);
    EXPECT_EQ(reply.id, id);
    return reply.result;
  }
  std::uint64_t dots() { return node.replica().clock().count(); }

  NodeAlone node;
  Writes writes;
};

TEST_F(RequestsAtAReplica, AreMadeWhenNobodyKnowsThem) {
  const std::uint64_t number = asked(start(write()));
  EXPECT_EQ(writes.pending(), 1U);
  EXPECT_TRUE(hear(1, number, false).replies.empty());
  EXPECT_EQ(dots(), 0U) << "one has not said yet";
  const WriteResult result = answer(hear(2, number, false));
  EXPECT_EQ(result.outcome, Outcome::kApplied);
  EXPECT_EQ(dots(), 1U);
  EXPECT_EQ(writes.take_pushes().at(0).second.request, kId);
  EXPECT_EQ(writes.pending(), 0U);
  EXPECT_EQ(writes.next_deadline(), kNever);
  EXPECT_TRUE(hear(2, number, true).messages.empty()) << "it is over";
}

TEST_F(RequestsAtAReplica, AreMadeAtOnceWhenNobodyCanBeAsked) {
  written_alone();
  EXPECT_EQ(dots(), 1U);
}

TEST_F(RequestsAtAReplica, WithoutAnIdNobodyIsAsked) {
  ClientWrite plain = write();
  plain.request.reset();
  EXPECT_EQ(answer(start(plain)).outcome, Outcome::kApplied);
}

TEST_F(RequestsAtAReplica, AreNotMadeAgain) {
  const Dot dot = written_alone();
  const Effects effects = start(write(8));
  EXPECT_EQ(answer(effects, 8).dot, dot);
  EXPECT_EQ(answer(effects, 8).outcome, Outcome::kApplied);
  EXPECT_TRUE(effects.messages.empty());
  EXPECT_EQ(dots(), 1U);
  EXPECT_TRUE(writes.take_pushes().empty());
}

TEST_F(RequestsAtAReplica, AnswerARetryByWhoIsKnownToHaveTheWrite) {
  const Dot dot = written_alone();
  EXPECT_TRUE(start(write(8, Level::kQuorum)).replies.empty());
  const auto wanted = writes.take_exchanges();
  ASSERT_EQ(wanted.size(), 2U) << "what the others have is to be found out";
  EXPECT_EQ(wanted[0].first, kP);
  EXPECT_TRUE(start(write(9, Level::kAll)).replies.empty());
  const Effects confirmed = node.step(
      [&](Step& step) { writes.on_confirmed(step, node.node(1), kP, Clock{dot}, false); });
  EXPECT_EQ(answer(confirmed, 8).acks, 2U) << "the two attempts wait side by side";
  node.replica().note_acknowledged(node.node(1), Clock{dot}, false);
  EXPECT_EQ(answer(start(write(10, Level::kQuorum)), 10).acks, 2U)
      << "at once, now that it is known";
  node.pass_ms(1000);
  const WriteResult late = answer(expire(), 9);
  EXPECT_EQ(late.outcome, Outcome::kUnknown);
  EXPECT_EQ(late.dot, dot);
}

TEST_F(RequestsAtAReplica, AnswerARetryForTheDiskOnlyWhenItIsThere) {
  const Dot dot = written_alone();
  ClientWrite again = write(8);
  again.durability = Durability::kDisk;
  EXPECT_TRUE(start(again).replies.empty());
  EXPECT_TRUE(writes.take_wants_sync());
  const Effects synced =
      node.step([&](Step& step) { writes.on_confirmed(step, node.node(0), kP, Clock{dot}, true); });
  EXPECT_EQ(answer(synced, 8).outcome, Outcome::kApplied);
  node.replica().note_durable(Clock{dot});
  again.id = 9;
  EXPECT_EQ(answer(start(again), 9).acks, 1U);
}

TEST_F(RequestsAtAReplica, AnswerARetryAlsoWhenTooFewCanBeReached) {
  const Dot dot = written_alone();
  node.set_up(1, false);
  node.set_up(2, false);
  EXPECT_TRUE(start(write(8, Level::kQuorum)).replies.empty()) << "not \"certainly not applied\"";
  node.pass_ms(1000);
  EXPECT_EQ(answer(expire(), 8).outcome, Outcome::kUnknown);
  EXPECT_EQ(answer(start(write(9)), 9).dot, dot);
}

TEST_F(RequestsAtAReplica, DoNotMeetAConditionOfTheirOwnMaking) {
  ClientWrite first = write(7);
  first.condition = Condition::kAbsent;
  node.set_up(1, false);
  node.set_up(2, false);
  const Dot dot = answer(start(first)).dot;
  EXPECT_EQ(answer(start(first)).dot, dot);
  first.request = RequestId{8, 80};
  EXPECT_EQ(answer(start(first)).code, absl::StatusCode::kAlreadyExists);
}

TEST_F(RequestsAtAReplica, WithAnotherContentAreRefusedWithTheReason) {
  written_alone();
  const WriteResult result = answer(start(write(8, Level::kOne, {kId.name, 71})), 8);
  EXPECT_EQ(result.outcome, Outcome::kNotApplied);
  EXPECT_EQ(result.code, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(result.message,
            "this request id has made another write of this key (000000000000000a:1) within the "
            "last 1 minutes; a new write needs a new id; not applied");
}

TEST_F(RequestsAtAReplica, AreRefusedWhenTooManyAreRemembered) {
  node.set_up(1, false);
  node.set_up(2, false);
  for (std::uint64_t i = 1; i <= 3; ++i) answer(start(write(i, Level::kOne, {i, i})), i);
  const WriteResult result = answer(start(write(9, Level::kOne, {9, 9})), 9);
  EXPECT_EQ(result.outcome, Outcome::kNotApplied);
  EXPECT_EQ(result.code, absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(answer(start(write(2, Level::kOne, {2, 2})), 2).outcome, Outcome::kApplied)
      << "one that is known is answered";
  ClientWrite plain = write(4);
  plain.request.reset();
  EXPECT_EQ(answer(start(plain), 4).outcome, Outcome::kApplied);
}

TEST_F(RequestsAtAReplica, GoToTheReplicaThatKnowsThem) {
  const std::uint64_t number = asked(start(write()));
  const auto request = only_message<ForwardRequest>(hear(2, number, true), node.node(2));
  EXPECT_TRUE(request.asked);
  EXPECT_EQ(request.request_id, kId);
  EXPECT_EQ(dots(), 0U);
  const WriteResult done{Outcome::kApplied, absl::StatusCode::kOk, "", {kOther, 4}, Hlc{9}, 2};
  const Effects answered = node.step([&](Step& step) {
    writes.on_forward_reply(step, node.node(2), {request.request, true, done});
  });
  EXPECT_EQ(answer(answered), done);
}

TEST_F(RequestsAtAReplica, DoNotWaitForSilenceLongerThanAPartOfTheirTime) {
  asked(start(write(7)));
  node.pass_ms(249);
  EXPECT_TRUE(expire().replies.empty());
  node.pass_ms(1);
  EXPECT_EQ(answer(expire()).outcome, Outcome::kApplied);
}

TEST_F(RequestsAtAReplica, DoNotWaitForWhoHasGone) {
  const std::uint64_t number = asked(start(write()));
  hear(1, number, false);
  node.set_up(2, false);
  EXPECT_EQ(answer(node.step([&](Step& step) { writes.on_peer_down(step, node.node(2)); })).outcome,
            Outcome::kApplied);
}

TEST_F(RequestsAtAReplica, AskedTwiceAtOnceAreMadeOnce) {
  const std::uint64_t first = asked(start(write(7)));
  const std::uint64_t second = asked(start(write(8)));
  hear(1, first, false);
  const Dot dot = answer(hear(2, first, false), 7).dot;
  hear(1, second, false);
  EXPECT_EQ(answer(hear(2, second, false), 8).dot, dot);
  EXPECT_EQ(dots(), 1U);
}

TEST_F(RequestsAtAReplica, AreLookedAtAgainBeforeTheyAreMade) {
  const std::uint64_t number = asked(start(write(7, Level::kQuorum)));
  node.set_up(1, false);
  node.set_up(2, false);
  hear(1, number, false);
  EXPECT_EQ(answer(hear(2, number, false)).code, absl::StatusCode::kUnavailable)
      << "too few are left";
  EXPECT_EQ(dots(), 0U);
}

TEST_F(RequestsAtAReplica, AreToldToWhoeverAsks) {
  EXPECT_EQ(only_message<RequestAnswer>(query(1, kId), node.node(1)), (RequestAnswer{5, false}));
  written_alone();
  EXPECT_EQ(only_message<RequestAnswer>(query(1, kId), node.node(1)), (RequestAnswer{5, true}));
  EXPECT_FALSE(only_message<RequestAnswer>(query(1, {9, 70}), node.node(1)).known);
}

TEST_F(RequestsAtAReplica, ThatWereForwardedAskUnlessTheSenderHas) {
  const Effects asks = forward_request(1, forwarded(1, false));
  asked(asks);
  const Effects writes_it = forward_request(1, forwarded(2, true));
  EXPECT_TRUE(only_message<ForwardReply>(writes_it, node.node(1)).final);
  EXPECT_EQ(dots(), 1U);
  const auto known =
      only_message<ForwardReply>(forward_request(2, forwarded(3, false)), node.node(2));
  EXPECT_EQ(known.result.outcome, Outcome::kApplied);
  EXPECT_EQ(dots(), 1U);
}

TEST_F(RequestsAtAReplica, ThatWereForwardedHereAndKnownElsewhereAreAnsweredThroughHere) {
  const std::uint64_t number = asked(forward_request(1, forwarded(1, false)));
  const auto on = only_message<ForwardRequest>(hear(2, number, true), node.node(2));
  WriteResult result{Outcome::kApplied, absl::StatusCode::kOk, "", {kOther, 4}, Hlc{9}, 1};
  const auto reply = [&](bool final) {
    return only_message<ForwardReply>(node.step([&](Step& step) {
      writes.on_forward_reply(step, node.node(2), {on.request, final, result});
    }),
                                      node.node(1));
  };
  EXPECT_EQ(reply(false), (ForwardReply{1, false, result}));
  result.acks = 2;
  EXPECT_EQ(reply(true), (ForwardReply{1, true, result}));
}

class RequestsAtNoReplica : public RequestsAtAReplica {
 protected:
  RequestsAtNoReplica() : RequestsAtAReplica(5, 4) {}
};

TEST_F(RequestsAtNoReplica, AreForwardedWithTheirId) {
  const auto request = only_message<ForwardRequest>(start(write()), node.node(0));
  EXPECT_EQ(request.request_id, kId);
  EXPECT_FALSE(request.asked);
}

}  // namespace
}  // namespace kv

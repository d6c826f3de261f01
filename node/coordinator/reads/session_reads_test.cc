// Reads of clients with a session.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/coordinator/reads.h"
#include "node/coordinator/testing/node_alone.h"

namespace kv {
namespace {

using sim::NodeAlone;
using testing::HasSubstr;

constexpr Partition kP{0};
const std::string kKey = storage::storage_key(storage::default_bucket(), "k");
constexpr Actor kB{0xb};

class ReadsOfASession : public testing::Test {
 protected:
  Effects get(const Clock& session, Level level = Level::kOne) {
    return node_.step([&](Step& step) {
      reads_.start(step, ClientGet{7, kP, kKey, level, node_.in_ms(1000), session});
    });
  }
  // The `place`th node answers: it has processed `counter` writes of another actor, the last of them to the key.
  Effects reply(std::size_t place, std::uint64_t counter) {
    ReadReply reply{kFirst, {}, {}};
    if (counter > 0) {
      reply.object.versions = {{{kB, counter}, Hlc{counter}, absl::StrCat("v", counter)}};
      reply.clock.add_run(kB, {1, counter});
    }
    return node_.step(
        [&](Step& step) { reads_.on_read_reply(step, node_.node(place), kP, reply); });
  }
  Effects expire() {
    return node_.step([&](Step& step) { reads_.expire(step); });
  }
  static std::string told(const Effects& effects) {
    if (effects.replies.empty()) return "no answer";
    const auto& reply = std::get<ClientReadReply>(effects.replies.at(0));
    if (reply.code != absl::StatusCode::kOk)
      return absl::StrCat(absl::StatusCodeToString(reply.code), " ", reply.message);
    const auto& versions = reply.items.at(0).versions;
    return versions.empty() ? "absent" : versions.at(0).value.value_or("marker");
  }
  std::vector<NodeIndex> asked(const Effects& effects) {
    std::vector<NodeIndex> nodes;
    for (const Envelope& envelope : effects.messages) nodes.push_back(envelope.to);
    return nodes;
  }

  static constexpr std::uint64_t kFirst = 100;
  NodeAlone node_;
  Reads reads_{node_.neighbours(), node_.replicas(), 10, 50, kFirst};
};

TEST_F(ReadsOfASession, AReplicaThatCoversItAnswersAlone) {
  const Effects effects = get({});
  EXPECT_EQ(told(effects), "absent");
  EXPECT_TRUE(effects.messages.empty());
}

TEST_F(ReadsOfASession, WhereTheReplicaHereIsBehindTheOthersAreAsked) {
  const Effects effects = get(Clock{{kB, 2}});
  EXPECT_EQ(told(effects), "no answer");
  EXPECT_EQ(asked(effects), (std::vector{node_.node(1), node_.node(2)}));
  EXPECT_EQ(told(reply(1, 1)), "no answer") << "it is behind as well";
  const Effects served = reply(2, 3);
  EXPECT_EQ(told(served), "v3");
  EXPECT_EQ(std::get<ClientReadReply>(served.replies[0]).session,
            (Clock{{kB, 1}, {kB, 2}, {kB, 3}}));
  EXPECT_EQ(reads_.pending(), 0U);
}

TEST_F(ReadsOfASession, WhatNoReplicaHasIsLostAndSaidAtOnce) {
  get(Clock{{kB, 4}});
  EXPECT_EQ(told(reply(1, 3)), "no answer");
  const std::string lost = told(reply(2, 0));
  EXPECT_THAT(lost, HasSubstr("FAILED_PRECONDITION stale"));
  EXPECT_THAT(lost, HasSubstr("none of the key's 3 replicas has"));
  EXPECT_EQ(reads_.pending(), 0U);
  EXPECT_EQ(reads_.next_deadline(), kNever);
}

TEST_F(ReadsOfASession, WhileAReplicaIsAwayTheOthersAreAskedAgainUntilTheDeadline) {
  node_.set_up(2, false);
  get(Clock{{kB, 4}});
  EXPECT_EQ(told(reply(1, 3)), "no answer");
  node_.pass_ms(200);
  EXPECT_EQ(asked(expire()), (std::vector{node_.node(1)}));
  EXPECT_EQ(told(reply(1, 3)), "no answer");
  node_.pass_ms(800);
  const std::string stale = told(expire());
  EXPECT_THAT(stale, HasSubstr("UNAVAILABLE stale"));
  EXPECT_THAT(stale, HasSubstr(absl::StrCat("(not answering: ", node_.id(2), ")")));
  EXPECT_EQ(reads_.pending(), 0U);
}

TEST_F(ReadsOfASession, AReplicaThatHasCaughtUpMeanwhileServesIt) {
  node_.set_up(2, false);
  get(Clock{{kB, 4}});
  reply(1, 3);
  node_.pass_ms(200);
  expire();
  EXPECT_EQ(told(reply(1, 4)), "v4");
}

TEST_F(ReadsOfASession, AReplicaThatIsBackMeanwhileIsAskedToo) {
  node_.set_up(2, false);
  get(Clock{{kB, 4}});
  reply(1, 3);
  node_.set_up(2, true);
  node_.pass_ms(200);
  EXPECT_EQ(asked(expire()), (std::vector{node_.node(1), node_.node(2)}));
  EXPECT_EQ(told(reply(2, 4)), "v4");
}

TEST_F(ReadsOfASession, AQuorumIsAskedForMoreAsWell) {
  EXPECT_EQ(asked(get(Clock{{kB, 4}}, Level::kQuorum)), (std::vector{node_.node(1)}));
  const Effects effects = reply(1, 3);
  EXPECT_EQ(told(effects), "no answer");
  EXPECT_EQ(asked(effects), (std::vector{node_.node(2)}));
  EXPECT_EQ(told(reply(2, 4)), "v4");
}

// Together they have all of it, and what they hold is joined.
TEST_F(ReadsOfASession, ReplicasMayCoverItTogether) {
  node_.step([&](Step& step) {
    const auto delta = node_.replica().write(step.tx, node_.hlc(), step.now.wall, kKey, "here", {});
    KV_CHECK(delta.ok(), "a disk without faults");
  });
  get(Clock{{Actor{0xa}, 1}, {kB, 2}});
  EXPECT_EQ(told(reply(1, 2)), "here") << "the later of the two";
}

TEST_F(ReadsOfASession, WhoGoesDownWhileAskedIsNotWaitedFor) {
  get(Clock{{kB, 4}});
  reply(1, 3);
  node_.set_up(2, false);
  EXPECT_EQ(told(node_.step([&](Step& step) { reads_.on_peer_down(step, node_.node(2)); })),
            "no answer");
  node_.pass_ms(1000);
  EXPECT_THAT(told(expire()), HasSubstr("UNAVAILABLE stale"));
}

}  // namespace
}  // namespace kv

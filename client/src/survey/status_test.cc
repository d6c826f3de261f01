#include "client/src/survey/status.h"

#include <gtest/gtest.h>

#include "client/testing/clients.h"
#include "client/testing/fake_node.h"
#include "client/testing/sockets.h"
#include "kv/client.h"

namespace kv::client {
namespace {

using std::chrono::milliseconds;
using testing::FakeNode;
using testing::kPatience;
using testing::RefusingPort;

using Members = std::vector<std::pair<std::string, std::string>>;

v1::StatusResponse report(const std::string& id, const Members& members) {
  v1::StatusResponse response;
  response.set_id(id);
  response.set_keys(42);
  for (const auto& [member_id, address] : members) {
    v1::StatusResponse::Member* member = response.add_members();
    member->set_id(member_id);
    member->set_client_address(address);
  }
  return response;
}

NodeStatus answered(const std::string& id, const std::string& address,
                    const Members& members = {}) {
  NodeStatus status{.id = id, .address = address, .report = NodeReport{.id = id}};
  for (const auto& [member_id, member_address] : members) {
    status.report->members.push_back({.id = member_id, .client_address = member_address});
  }
  return status;
}

TEST(MergeStatus, NamesTheUnreachableAfterWhatTheOthersSay) {
  const auto merged =
      merge_status({{.address = "b:1", .failure = "dead"}, answered("n1", "a:1", {{"n2", "b:1"}})});
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[0].id, "n1");
  EXPECT_EQ(merged[1].id, "n2");
  EXPECT_EQ(merged[1].failure, "dead");
}

TEST(MergeStatus, DropsANodeMetUnderTwoAddresses) {
  const Members members = {{"n1", "10.0.0.1:1"}};
  const auto merged =
      merge_status({answered("n1", "localhost:1", members), answered("n1", "10.0.0.1:1", members)});
  ASSERT_EQ(merged.size(), 1U);
  EXPECT_EQ(merged[0].address, "10.0.0.1:1");
}

TEST(MergeStatus, KeepsStrangersApart) {
  const auto merged =
      merge_status({{.address = "y:1", .failure = "dead"}, {.address = "x:1", .failure = "dead"}});
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[0].address, "x:1");
}

TEST(Status, AsksEndpointsAndTheMembersTheyName) {
  FakeNode first;
  FakeNode second;
  RefusingPort dead;
  const Members members = {
      {"n1", first.address()}, {"n2", second.address()}, {"n3", dead.address()}};
  v1::StatusResponse full = report("n1", members);
  full.set_clock_skew_ms(-3);
  full.set_disk_bytes(10);
  full.set_memory_bytes(11);
  full.set_dot_log_entries(12);
  full.set_max_dot_log_entries(120);
  full.set_markers(3);
  full.mutable_anti_entropy()->set_objects_sent(13);
  full.mutable_reads()->set_hedges(14);
  full.mutable_scrub()->set_passes(15);
  v1::StatusResponse::Peer* peer = full.add_peers();
  peer->set_id("n2");
  peer->set_alive(true);
  peer->set_debt_dots(5);
  peer->set_debt_age_ms(6);
  peer->set_transfers_owed(7);
  first.set_status(full);
  second.set_status(report("n2", members));

  const auto client = Client::create({.endpoints = {first.address(), first.address()}}).value();
  const std::vector<NodeStatus> nodes = client->status(kPatience);
  ASSERT_EQ(nodes.size(), 3U);
  ASSERT_TRUE(nodes[0].report.has_value());
  EXPECT_EQ(nodes[0].address, first.address());
  EXPECT_EQ(nodes[0].report->keys, 42U);
  EXPECT_EQ(nodes[0].report->clock_skew_ms, -3);
  EXPECT_EQ(nodes[0].report->disk_bytes, 10U);
  EXPECT_EQ(nodes[0].report->memory_bytes, 11U);
  EXPECT_EQ(nodes[0].report->dot_log_entries, 12U);
  EXPECT_EQ(nodes[0].report->max_dot_log_entries, 120U);
  EXPECT_EQ(nodes[0].report->markers, 3U);
  EXPECT_EQ(nodes[0].report->anti_entropy.objects_sent, 13U);
  EXPECT_EQ(nodes[0].report->reads.hedges, 14U);
  EXPECT_EQ(nodes[0].report->scrub.passes, 15U);
  ASSERT_EQ(nodes[0].report->peers.size(), 1U);
  EXPECT_TRUE(nodes[0].report->peers[0].alive);
  EXPECT_EQ(nodes[0].report->peers[0].debt_dots, 5U);
  EXPECT_EQ(nodes[0].report->peers[0].debt_age_ms, 6U);
  EXPECT_EQ(nodes[0].report->peers[0].transfers_owed, 7U);
  EXPECT_EQ(nodes[1].id, "n2");
  EXPECT_TRUE(nodes[1].report.has_value());
  EXPECT_EQ(nodes[2].id, "n3");
  EXPECT_FALSE(nodes[2].report.has_value());
  EXPECT_EQ(nodes[2].failure, dead.address() + ": cannot connect");
  EXPECT_EQ(first.calls("Status"), 1);
}

TEST(Status, ShowsAllAsUnreachableWhenNobodyAnswers) {
  RefusingPort dead;
  const auto client = Client::create({.endpoints = {dead.address()}}).value();
  const std::vector<NodeStatus> nodes = client->status(kPatience);
  ASSERT_EQ(nodes.size(), 1U);
  EXPECT_EQ(nodes[0].address, dead.address());
  EXPECT_FALSE(nodes[0].report.has_value());
}

}  // namespace
}  // namespace kv::client

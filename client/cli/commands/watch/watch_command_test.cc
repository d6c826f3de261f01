// watch, against a fake node.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "client/cli/commands/testing/cli_fixture.h"
#include "client/testing/fake_node.h"

namespace kv::cli {
namespace {

using client::testing::failure;
using client::testing::FakeNode;
using client::testing::packed;
using testing::HasSubstr;

constexpr std::uint64_t kActor = 0xab;

// Tells of what it is given, and then that the watcher is too old, which ends the command.
class WatchCommand : public CliTest {
 protected:
  WatchCommand() {
    set_environment("KV_ENDPOINTS", node_.address());
    node_.set_watch_hook([this](const v1::WatchRequest& request, auto& writer) {
      const std::lock_guard lock(mutex_);
      asked_ = request;
      v1::WatchResponse first;
      first.set_token("0");
      first.set_partitions(held_);
      first.set_partitions_total(4);
      writer.Write(first);
      writer.Write(message_);
      return packed(failure(grpc::OUT_OF_RANGE, "the watcher was too slow"));
    });
  }

  ~WatchCommand() override { const std::lock_guard lock(mutex_); }  // the node has done with these

  v1::WatchResponse::Event& add(const std::string& key, const std::vector<std::string>& values) {
    auto* event = message_.add_events();
    event->set_key(key);
    event->add_dots()->set_actor(kActor);
    event->mutable_dots(0)->set_counter(static_cast<std::uint64_t>(message_.events_size()));
    for (const std::string& value : values) event->add_shown()->set_value(value);
    event->set_token(std::to_string(message_.events_size()));
    message_.set_token(event->token());
    return *event;
  }

  std::mutex mutex_;
  v1::WatchResponse message_;
  v1::WatchRequest asked_;
  std::uint32_t held_ = 4;
  FakeNode node_;  // ends first
};

TEST_F(WatchCommand, PrintsALineForEachValue) {
  add("a", {"1"});
  add("b\t", {"x", "y\n"});
  add("a", {});
  const CliResult result = run({"watch", "--prefix", "p"});
  EXPECT_EQ(result.code, 8);
  EXPECT_EQ(result.out, "a\t1\nb\\t\tx\nb\\t\ty\\n\na\n");
  EXPECT_THAT(result.err, HasSubstr("too slow"));
  EXPECT_EQ(asked_.prefix(), "p");
  EXPECT_EQ(asked_.token(), "");
}

TEST_F(WatchCommand, AsJsonEachEventHasItsToken) {
  auto& event = add("a", {"1"});
  event.mutable_shown(0)->set_expires_ms(7);
  add("a", {});
  auto& leaf = *add("m", {"v"}).mutable_leaf();
  leaf.add_path("f");
  leaf.set_policy("register");
  const CliResult result = run({"watch", "a", "-o", "json", "--from", "eA"});
  EXPECT_EQ(result.code, 8);
  EXPECT_EQ(result.out,
            "{\"token\":\"MA\"}\n"
            "{\"key\":\"a\",\"dots\":[\"00000000000000ab:1\"],\"values\":[\"1\"],"
            "\"deleted\":false,\"expires_ms\":[7],\"token\":\"MQ\"}\n"
            "{\"key\":\"a\",\"dots\":[\"00000000000000ab:2\"],\"values\":[],\"deleted\":true,"
            "\"token\":\"Mg\"}\n"
            "{\"key\":\"m\",\"path\":[\"f\"],\"policy\":\"register\","
            "\"dots\":[\"00000000000000ab:3\"],\"values\":[\"v\"],\"deleted\":false,"
            "\"token\":\"Mw\"}\n");
  EXPECT_EQ(asked_.key(), "a");
}

TEST_F(WatchCommand, SaysThatANodeHoldsOnlySome) {
  held_ = 3;
  EXPECT_THAT(run({"watch", "--prefix", ""}).err, HasSubstr("3 of 4 partitions"));
  EXPECT_EQ(asked_.what_case(), v1::WatchRequest::kPrefix);
}

TEST_F(WatchCommand, TakesOneKeyOrPrefix) {
  EXPECT_EQ(run({"watch"}).code, 2);
  EXPECT_EQ(run({"watch", "a", "--prefix", "b"}).code, 2);
  EXPECT_EQ(run({"watch", "a", "--from", "?"}).code, 2);
  EXPECT_EQ(node_.calls(), 0);
}

}  // namespace
}  // namespace kv::cli

// kv watch and Client::watch on real nodes: what is told of, through the death of watchers and nodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "jepsen-style-tests/process/harness/cluster.h"
#include "kv/client.h"

namespace kv::e2e {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A `kv watch -o json` that runs beside the test.
class Watcher {
 public:
  Watcher(const Kv& kv, Arguments arguments) : process_(command(kv, std::move(arguments))) {}

  // The objects printed so far, whole lines only.
  std::vector<Json> objects() const {
    std::vector<Json> found;
    const std::string out = process_.out();
    std::istringstream lines(out.substr(0, out.rfind('\n') + 1));
    for (std::string line; std::getline(lines, line);) found.push_back(Json::parse(line));
    return found;
  }

  // "KEY=VALUE", or "KEY" alone, for each event so far.
  std::vector<std::string> events() const {
    std::vector<std::string> seen;
    for (const Json& object : objects()) {
      if (!object.contains("key")) continue;
      std::string words = object.at("key");
      for (const Json& value : object.at("values")) words += "=" + value.get<std::string>();
      seen.push_back(words);
    }
    return seen;
  }

  std::vector<std::string> await_events(std::size_t count) const {
    EXPECT_TRUE(eventually([&] { return events().size() >= count; })) << process_.err();
    return events();
  }

  // Of the last object; waits for the first, with which it has begun.
  std::string token() const {
    EXPECT_TRUE(eventually([&] { return !objects().empty(); })) << process_.err();
    return objects().empty() ? "" : objects().back().at("token").get<std::string>();
  }

  void kill() {
    process_.signal(SIGKILL);
    process_.wait();
  }
  bool is_running() { return process_.is_running(); }
  Result end() { return process_.wait().value(); }

 private:
  static Command command(const Kv& kv, Arguments arguments) {
    arguments.insert(arguments.begin(), "watch");
    arguments.insert(arguments.end(), {"-o", "json"});
    return kv.command(arguments);
  }

  Process process_;
};

// At level all, so that every node has the writes in this order.
void put(const Kv& kv, const std::string& key, const std::string& value,
         const std::string& level = "all") {
  const Result result = kv({"put", key, value, "--level", level});
  EXPECT_EQ(result.code, 0) << result;
}

void del(const Kv& kv, const std::string& key) {
  EXPECT_EQ(kv({"del", key, "--level", "all"}).code, 0);
}

TEST(Watch, NothingIsMissingAndNothingComesTwiceThroughDeathsOfWatcherAndNode) {
  DirectCluster cluster({.settings = kPatient});
  put(cluster.kv(), "user:0", "before");
  Watcher first(cluster.at("n1"), {"--prefix", "user:"});
  const std::string begin = first.token();
  put(cluster.kv(), "user:1", "Ada");
  put(cluster.at("n2"), "user:2", "Bo");
  put(cluster.kv(), "other", "x");
  EXPECT_THAT(first.await_events(2), ElementsAre("user:1=Ada", "user:2=Bo"));
  const std::string token = first.token();
  first.kill();

  put(cluster.at("n3"), "user:1", "Grace");
  del(cluster.kv(), "user:2");
  Watcher second(cluster.at("n1"), {"--prefix", "user:", "--from", token});
  EXPECT_THAT(second.await_events(2), ElementsAre("user:1=Grace", "user:2"));

  // The node dies and comes back while the watcher stays: it goes on by itself.
  cluster.kill("n1");
  put(cluster.at("n2"), "user:3", "Cy", "quorum");
  cluster.start("n1");
  put(cluster.at("n2"), "user:4", "Di", "quorum");
  second.await_events(4);
  std::vector<std::string> seen = second.events();
  std::sort(seen.begin() + 2,
            seen.end());  // the first came by anti-entropy, and may be the later one
  EXPECT_THAT(seen, ElementsAre("user:1=Grace", "user:2", "user:3=Cy", "user:4=Di"));
  second.kill();

  // From the very beginning, after another restart: the same again, each dot once.
  cluster.stop("n1");
  cluster.start("n1");
  Watcher third(cluster.at("n1"), {"--prefix", "user:", "--from", begin});
  const std::size_t all = 2 + 4;
  EXPECT_EQ(third.await_events(all).size(), all);
  std::set<std::string> dots;
  std::size_t dots_seen = 0;
  for (const Json& object : third.objects()) {
    if (!object.contains("dots")) continue;
    for (const Json& dot : object.at("dots")) {
      dots.insert(dot.get<std::string>());
      ++dots_seen;
    }
  }
  EXPECT_EQ(dots.size(), all);
  EXPECT_EQ(dots_seen, all);
}

TEST(Watch, ATokenThatIsTooOldIsSaidToBe) {
  DirectCluster cluster(
      {.nodes = 1,
       .settings = "[storage]\nchange_log_bytes = \"1MiB\"\nwrite_buffer_bytes = \"1MiB\"\n"});
  std::string token;
  {
    Watcher watcher(cluster.kv(), {"key"});
    token = watcher.token();
  }
  const std::string big(1 << 20, 'x');
  const auto refused = [&] {
    for (int i = 0; i < 8; ++i) EXPECT_EQ(cluster.kv()({"put", "other", "-"}, big).code, 0);
    Watcher late(cluster.kv(), {"key", "--from", token});
    EXPECT_TRUE(eventually([&] { return !late.objects().empty() || !late.is_running(); }));
    return late.objects().empty();
  };
  ASSERT_TRUE(eventually(refused)) << "the log is not bounded";
  Watcher late(cluster.kv(), {"key", "--from", token});
  const Result result = late.end();
  EXPECT_EQ(result.code, 8);
  EXPECT_THAT(result.err, HasSubstr("too old"));
  EXPECT_THAT(result.err, HasSubstr("read the current state"));

  // So it is after the disk was lost.
  Watcher now(cluster.kv(), {"key"});
  token = now.token();
  now.kill();
  cluster.wipe("n1");
  cluster.start("n1");
  Watcher lost(cluster.kv(), {"key", "--from", token});
  EXPECT_EQ(lost.end().code, 8);
}

TEST(Watch, TheLibraryGoesOnThroughARestartOfItsNode) {
  DirectCluster cluster({.settings = kPatient});
  const auto client =
      client::Client::create({.endpoints = {cluster.node("n1").client, cluster.node("n2").client}});
  ASSERT_TRUE(client.ok());
  std::mutex mutex;
  std::vector<std::string> seen;
  bool begun = false;
  std::thread watching([&] {
    const auto result = (*client)->watch({.prefix = "k"}, [&](const client::WatchUpdate& update) {
      const std::lock_guard lock(mutex);
      begun = true;
      if (update.event.has_value()) seen.push_back(update.event->key);
      return seen.size() < 3;
    });
    EXPECT_TRUE(result.ok()) << result.failure().message;
  });
  const auto until = [&](const auto& condition) {
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return condition();
    }));
  };
  until([&] { return begun; });
  put(cluster.at("n2"), "k1", "x");
  until([&] { return seen.size() == 1; });
  cluster.stop("n1");
  put(cluster.at("n2"), "k2", "x", "quorum");
  cluster.start("n1");
  until([&] { return seen.size() == 2; });
  put(cluster.at("n2"), "k3", "x", "quorum");
  watching.join();
  EXPECT_THAT(seen, ElementsAre("k1", "k2", "k3"));
}

}  // namespace
}  // namespace kv::e2e

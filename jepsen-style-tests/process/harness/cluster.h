// A cluster of real nodes on this machine, and what can be done to them.
//
//   DirectCluster cluster({.settings = "[server]\nshards = 2\n"});
//   EXPECT_EQ(cluster.kv()({"put", "key", "value"}).code, 0);
//   cluster.kill("n2");
//   EXPECT_EQ(cluster.at("n3").get("key"), "value");
//
// Nodes are n1, n2, ... on ports that nobody else has; everything ends and is removed with the
// object. When a test has failed by then, the end of each node's log is shown. What does not come
// true in time throws.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "jepsen-style-tests/process/harness/kv.h"
#include "jepsen-style-tests/process/harness/place.h"
#include "jepsen-style-tests/process/harness/process.h"

namespace kv::e2e {

struct Node {
  std::string id{};
  std::string client{};  // host:port, as is peer
  std::string peer{};
};

struct ClusterOptions {
  std::size_t nodes = 3;
  std::vector<std::string> zones{};  // of the nodes, in order; empty: none
  std::string name = "e2e";
  std::string root{};       // further lines of the configuration, before its first section
  std::string settings{};   // further sections
  bool own_clocks = false;  // DirectCluster: nodes' wall clocks can be set; at first they are right
};

// Silence makes a node dead only after so long: for tests in which a slow machine must not look
// like a failure.
inline constexpr const char* kPatient = "[replication]\nfailure_timeout_ms = 20000\n";

class Cluster {
 public:
  virtual ~Cluster() = default;
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& node(const std::string& id) const;
  std::string config() const { return dir_ / "config.toml"; }
  const TempDir& dir() const { return dir_; }

  Kv kv() const;                       // with every node as an endpoint
  Kv at(const std::string& id) const;  // through this node only
  std::string log(const std::string& id) const;
  virtual std::string folder(const std::string& id) const = 0;  // holds data/ and log

  virtual void start(const std::string& id) = 0;  // returns when it answers
  virtual void stop(const std::string& id) = 0;   // SIGTERM; returns when it has ended
  virtual void kill(const std::string& id) = 0;   // SIGKILL; likewise
  virtual void pause(const std::string& id) = 0;
  virtual void resume(const std::string& id) = 0;
  void wipe(const std::string& id);  // stops it and deletes its data
  // Stops it and damages its data directory as a whole, which it returns.
  std::string damage_manifest(const std::string& id);

  // What the node says of itself in kv status; null when it does not answer.
  Json status_of(const std::string& id) const;

  void await_answer(const std::string& id) const;
  void await_connected() const;     // every node answers and hears every other
  void await_nothing_owed() const;  // and no node knows of a write that another lacks
  // What the node itself holds, by kv export at level one. Right where every node holds every key.
  Records held_by(const std::string& id) const;
  void await_same_everywhere() const;

 protected:
  explicit Cluster(const ClusterOptions& options);
  void show_logs_if_failed() const;

 private:
  bool all_status(bool nothing_owed) const;

  TempDir dir_;
  std::vector<Node> nodes_;
};

// kvnode processes, started and signalled by this one.
class DirectCluster : public Cluster {
 public:
  explicit DirectCluster(const ClusterOptions& options = {});
  ~DirectCluster() override;

  std::string folder(const std::string& id) const override;
  void start(const std::string& id) override;
  void stop(const std::string& id) override;
  void kill(const std::string& id) override;
  void pause(const std::string& id) override;
  void resume(const std::string& id) override;

  // With own_clocks: sets the node's wall clock so far ahead of the machine's, within a second or so.
  void set_clock(const std::string& id, int ahead_s) const;

  // What a start of this node would run.
  Command command(const std::string& id) const;
  // The node's process, running or ended.
  Process& process(const std::string& id) const { return *processes_.at(id); }

 private:
  const bool own_clocks_;
  std::map<std::string, std::unique_ptr<Process>> processes_;
};

// A cluster by scripts/cluster. Only this one can be partitioned.
class ScriptCluster : public Cluster {
 public:
  // `env` is what the script's own environment has besides.
  explicit ScriptCluster(const ClusterOptions& options = {},
                         std::map<std::string, std::string> env = {});
  ~ScriptCluster() override;

  // scripts/cluster ARGUMENTS --dir FOLDER
  Result script(const Arguments& arguments) const;

  std::string folder(const std::string& id) const override;
  void up() const { must({"up", "--config", config()}); }
  void down() const { must({"down"}); }
  void start(const std::string& id) override { must({"start", id}); }
  void stop(const std::string& id) override { must({"stop", id}); }
  void kill(const std::string& id) override { must({"kill", id}); }
  void pause(const std::string& id) override { must({"pause", id}); }
  void resume(const std::string& id) override { must({"resume", id}); }

  // Runs both functions while the node and the others do not hear each other, then puts the network
  // back. Where this machine cannot cut the network, the two sides run one after the other instead,
  // so that neither hears of the other's writes; the test's output says so.
  template <typename OnOthers, typename OnNode>
  void while_apart(const std::string& id, OnOthers on_others, OnNode on_node) {
    const bool cut = isolate(id);
    if (!cut) stop(id);
    on_others();
    if (!cut) swap_sides(id);
    on_node();
    if (cut)
      must({"heal"});
    else
      start_others(id);
  }

  pid_t pid(const std::string& id) const;

 private:
  void must(const Arguments& arguments) const;
  bool isolate(const std::string& id) const;
  void swap_sides(const std::string& id);
  void start_others(const std::string& id);

  std::map<std::string, std::string> env_;
};

}  // namespace kv::e2e

// What survives the death of nodes: everything that was acknowledged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <set>
#include <sstream>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {
namespace {

using testing::HasSubstr;

// Feeds records to an import, and does something after every so many of them: while the import is
// under way, because only a few KiB fit between here and its batches in flight.
class FedImport {
 public:
  FedImport(const Kv& kv, Arguments options) : process_(command(kv, std::move(options))) {}

  void feed(const Records& records) {
    if (!process_.feed(to_tsv(records)))
      ADD_FAILURE() << "the import ended early: " << process_.err();
  }

  // For imports that end early: whether it still takes records.
  bool try_feed(const Records& records) { return process_.feed(to_tsv(records)); }

  Result finish() {
    process_.end_input();
    return process_.wait(2 * kDeadline).value();
  }

 private:
  static Command command(const Kv& kv, Arguments options) {
    options.insert(options.begin(), {"import", "-", "--format", "tsv"});
    Command command = kv.command(options);
    command.feeds_input = true;
    return command;
  }

  Process process_;
};

void add(Records& all, const Records& more) { all.insert(more.begin(), more.end()); }

Records export_all(const Kv& kv, const std::string& level) {
  const Result result = kv({"export", "--level", level});
  EXPECT_EQ(result.code, 0) << result;
  return parse_json_lines(result.out);
}

TEST(Faults, KillingEachNodeInTurnDuringALoadLosesNoAcknowledgedWrite) {
  DirectCluster cluster;
  FedImport import(cluster.kv(), {"--level", "quorum", "--batch", "20", "--in-flight", "4"});
  Records sent;
  const auto feed = [&](const std::string& prefix) {
    const Records records = make_records(prefix, 700, 300);
    import.feed(records);
    add(sent, records);
  };
  feed("before-");
  for (const Node& node : cluster.nodes()) {
    cluster.kill(node.id);
    feed("without-" + node.id + "-");
    cluster.start(node.id);
    feed("with-" + node.id + "-");
  }
  const Result result = import.finish();
  EXPECT_EQ(result.code, 0) << result;
  EXPECT_THAT(result.err, HasSubstr("imported 4,900 records"));
  EXPECT_EQ(difference(sent, export_all(cluster.kv(), "quorum")), "");
  cluster.await_same_everywhere();
  EXPECT_EQ(difference(sent, cluster.held_by("n1")), "");
}

// The lines that an import without repetition reports as not stored, and the last line that it
// sent.
struct Unacknowledged {
  std::set<std::size_t> lines{};
  std::size_t last_sent = SIZE_MAX;
};

Unacknowledged parse_import_report(const std::string& report) {
  Unacknowledged result;
  std::istringstream stream(report);
  for (std::string line; std::getline(stream, line);) {
    const Json json = Json::parse(line);
    if (json.contains("line")) result.lines.insert(json.at("line").get<std::size_t>());
    if (json.contains("last_line_sent"))
      result.last_sent = json.at("last_line_sent").get<std::size_t>();
  }
  return result;
}

// Nobody else holds these writes: what the process acknowledged must outlive it by itself.
TEST(Faults, ANodeKilledDuringALoadHasEveryWriteThatItAcknowledged) {
  DirectCluster cluster({.nodes = 1});
  FedImport import(cluster.kv(),
                   {"-o", "json", "--retry-for", "0s", "--batch", "5", "--in-flight", "4"});
  std::vector<Records> fed;
  for (int i = 0; i < 3; ++i) {
    fed.push_back(make_records("round-" + std::to_string(i) + "-", 500, 200));
    import.feed(fed.back());
  }
  cluster.kill("n1");
  fed.push_back(make_records("round-3-", 500, 200));
  import.try_feed(fed.back());
  const Result result = import.finish();
  EXPECT_NE(result.code, 0);
  const Unacknowledged unacknowledged = parse_import_report(result.err);

  cluster.start("n1");
  const Records found = export_all(cluster.kv(), "one");
  std::size_t line = 0;
  std::size_t acknowledged = 0;
  for (const Records& records : fed) {
    for (const auto& [key, value] : records) {
      ++line;
      if (line > unacknowledged.last_sent || unacknowledged.lines.contains(line)) continue;
      ++acknowledged;
      const auto at = found.find(key);
      ASSERT_NE(at, found.end()) << key << " was acknowledged and is lost";
      EXPECT_EQ(at->second, value);
    }
  }
  EXPECT_GE(acknowledged, 1000u);
}

TEST(Faults, KillingAllNodesAtOnceLosesNothingAnywhere) {
  DirectCluster cluster({.settings = kPatient});
  const Records records = make_records("all-", 500);
  const Result imported = cluster.kv()({"import", "-", "--level", "all"}, to_tsv(records));
  ASSERT_EQ(imported.code, 0) << imported;
  for (const Node& node : cluster.nodes()) cluster.process(node.id).signal(SIGKILL);
  for (const Node& node : cluster.nodes()) cluster.kill(node.id);
  // Each by itself: nobody can fill in for what it lost.
  for (const Node& node : cluster.nodes()) {
    cluster.start(node.id);
    EXPECT_EQ(difference(records, cluster.held_by(node.id)), "") << node.id;
    cluster.kill(node.id);
  }
}

TEST(Faults, ImportGoesOnThroughAnotherNodeWhenItsOwnDies) {
  DirectCluster cluster;
  FedImport import(cluster.kv(), {"--batch", "10"});
  const Records before = make_records("before-", 400, 300);
  const Records after = make_records("after-", 400, 300);
  import.feed(before);
  cluster.kill("n1");  // the first endpoint, which it talks to
  import.feed(after);
  const Result result = import.finish();
  EXPECT_EQ(result.code, 0) << result;
  EXPECT_THAT(result.err, HasSubstr("imported 800 records"));
  EXPECT_THAT(result.err, HasSubstr("retrying"));
  Records all = before;
  add(all, after);
  EXPECT_EQ(difference(all, export_all(cluster.kv(), "quorum")), "");
}

TEST(Faults, ARestartFindsItsDataAfterAStopAndAfterAKill) {
  DirectCluster cluster({.nodes = 1});
  ASSERT_EQ(cluster.kv()({"put", "stopped", "before a stop"}).code, 0);
  ASSERT_EQ(cluster.kv()({"put", "gone", "x"}).code, 0);
  ASSERT_EQ(cluster.kv()({"del", "gone"}).code, 0);
  EXPECT_EQ(cluster.status_of("n1").at("keys"), 1);
  cluster.stop("n1");
  cluster.start("n1");
  EXPECT_EQ(cluster.status_of("n1").at("keys"), 1);
  EXPECT_EQ(cluster.kv().get("stopped"), "before a stop");
  EXPECT_EQ(cluster.kv().get("gone"), "<absent>");
  ASSERT_EQ(cluster.kv()({"put", "killed", "before a kill"}).code, 0);
  cluster.kill("n1");
  cluster.start("n1");
  EXPECT_EQ(cluster.kv().get("stopped"), "before a stop");
  EXPECT_EQ(cluster.kv().get("killed"), "before a kill");
  EXPECT_EQ(cluster.kv().get("gone"), "<absent>");
}

// A name that was given to two writes would make one of them vanish.
TEST(Faults, ARestoredBackupGivesNoNameTwice) {
  DirectCluster cluster({.nodes = 1});
  const std::string data = cluster.folder("n1") + "/data";
  const std::string backup = cluster.folder("n1") + "/backup";
  const auto put = [&](const std::string& value) {
    return cluster.kv().json({"put", "key", value}).at("dot").get<std::string>();
  };
  std::set<std::string> dots = {put("1")};
  cluster.stop("n1");
  std::filesystem::copy(data, backup, std::filesystem::copy_options::recursive);
  cluster.start("n1");
  dots.insert(put("2"));
  cluster.wipe("n1");
  std::filesystem::rename(backup, data);
  cluster.start("n1");
  EXPECT_EQ(cluster.kv().get("key"), "1");
  EXPECT_THAT(cluster.log("n1"), HasSubstr("taking new actors"));
  EXPECT_TRUE(dots.insert(put("3")).second) << "a dot was given before";
  EXPECT_EQ(cluster.kv().get("key"), "3");
}

// In the first half, where a table has its records.
void damage(const std::filesystem::path& table) {
  std::string content = read_file(table);
  for (std::size_t at = 100; at < content.size() / 2; at += 100)
    content[at] = static_cast<char>(content[at] ^ 0x10);
  write_file(table, content);
}

// Leaves the node stopped, with its objects damaged.
void damage_objects(DirectCluster& cluster, const std::string& id) {
  cluster.stop(id);
  cluster.start(id);  // which turns the log of the last run into tables
  cluster.stop(id);
  std::filesystem::path objects;  // the largest table
  for (const auto& entry : std::filesystem::directory_iterator(cluster.folder(id) + "/data"))
    if (entry.path().extension() == ".sst" &&
        (objects.empty() || entry.file_size() > std::filesystem::file_size(objects)))
      objects = entry.path();
  ASSERT_FALSE(objects.empty());
  damage(objects);
}

TEST(Faults, DamageOnTheDiskIsAnErrorAndNeverAbsence) {
  DirectCluster cluster({.nodes = 1});
  const Records records = make_records("key-", 2000, 100);
  ASSERT_EQ(cluster.kv()({"import", "-"}, to_tsv(records)).code, 0);
  damage_objects(cluster, "n1");
  cluster.start("n1");
  int errors = 0;
  for (int i = 0; i < 10; ++i) {
    const Result get = cluster.kv()({"get", "key-0000" + std::to_string(i), "--timeout", "1s"});
    EXPECT_NE(get.code, 1) << i << " is said to be absent: " << get;
    errors += get.code > 1 ? 1 : 0;
  }
  EXPECT_GT(errors, 0) << "the damage is where nobody looks";
}

TEST(Faults, DamagedTablesAreRebuiltFromTheOtherReplicas) {
  DirectCluster cluster;
  Records records = make_records("key-", 2000, 100);
  ASSERT_EQ(cluster.kv()({"import", "-"}, to_tsv(records)).code, 0);
  ASSERT_EQ(cluster.kv()({"del", "key-00007", "--level", "all"}).code, 0);
  records.erase("key-00007");
  cluster.await_same_everywhere();
  damage_objects(cluster, "n2");
  cluster.start("n2");
  EXPECT_EQ(difference(records, cluster.held_by("n2")), "") << "others answer for what it lost";
  ASSERT_TRUE(eventually([&] {
    const Json status = cluster.status_of("n2");
    return status.at("replicas_discarded") > 0 && status.at("replicas_unfit") == 0;
  })) << cluster.log("n2");
  EXPECT_THAT(cluster.log("n2"), HasSubstr("DAMAGE"));
  ASSERT_EQ(cluster.kv()({"converged", "--wait"}).code, 0);
  EXPECT_EQ(difference(records, cluster.held_by("n2")), "");
  ASSERT_EQ(cluster.at("n2")({"put", "after", "the damage", "--level", "all"}).code, 0);
  EXPECT_EQ(cluster.at("n1").get("after", "one"), "the damage");
}

TEST(Faults, ADirectoryThatIsDamagedAsAWholeIsPutAsideAndFilledAnew) {
  DirectCluster cluster;
  const Records records = make_records("key-", 300);
  ASSERT_EQ(cluster.kv()({"import", "-"}, to_tsv(records)).code, 0);
  const std::string data = cluster.damage_manifest("n2");
  cluster.start("n2");
  cluster.await_same_everywhere();
  EXPECT_EQ(difference(records, cluster.held_by("n2")), "");
  EXPECT_THAT(cluster.log("n2"), HasSubstr("moved to " + data + ".damaged"));
  EXPECT_TRUE(std::filesystem::exists(data + ".damaged/CURRENT")) << "nothing of it is erased";
}

TEST(Faults, AWipedNodeIsFilledAgainAndDeletedKeysStayDeleted) {
  DirectCluster cluster;
  Records records = make_records("kept-", 300);
  ASSERT_EQ(cluster.kv()({"import", "-"}, to_tsv(records)).code, 0);
  ASSERT_EQ(cluster.kv()({"del", "kept-00007", "--level", "all"}).code, 0);
  records.erase("kept-00007");
  cluster.wipe("n2");
  ASSERT_FALSE(std::filesystem::exists(cluster.folder("n2") + "/data"));
  ASSERT_EQ(cluster.kv()({"put", "meanwhile", "n2 was away"}).code, 0);
  records["meanwhile"] = "n2 was away";
  cluster.start("n2");
  cluster.await_same_everywhere();
  EXPECT_EQ(difference(records, cluster.held_by("n2")), "");
  // It writes under a new name: what it wrote before is not taken for what it writes now.
  ASSERT_EQ(cluster.at("n2")({"put", "after", "the wipe", "--level", "all"}).code, 0);
  EXPECT_EQ(cluster.at("n1").get("after", "one"), "the wipe");
}

TEST(Faults, ANodeToldToStopFinishesWhatIsUnderWay) {
  DirectCluster cluster({.settings = kPatient});
  cluster.pause("n2");
  cluster.pause("n3");
  Process put(cluster.at("n1").command({"put", "under-way", "v", "--level", "quorum"}));
  // The write is at n1, which now waits for one of the others.
  ASSERT_TRUE(eventually([&] { return cluster.at("n1").get("under-way", "one") == "v"; }));
  cluster.process("n1").signal(SIGTERM);
  ASSERT_TRUE(eventually([&] { return cluster.log("n1").find("stopping") != std::string::npos; }));
  EXPECT_TRUE(put.is_running());
  cluster.resume("n2");
  cluster.resume("n3");
  const Result result = put.wait().value();
  EXPECT_EQ(result.code, 0) << result;
  const std::optional<Result> ended = cluster.process("n1").wait();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, 0);
  EXPECT_THAT(cluster.log("n1"), HasSubstr("stopped cleanly"));
}

TEST(Faults, StoppingANodeDuringALoadLosesNoAcknowledgedWrite) {
  DirectCluster cluster;
  FedImport import(cluster.kv(), {"--batch", "10"});
  Records sent = make_records("before-", 500, 300);
  import.feed(sent);
  cluster.process("n1").signal(SIGTERM);
  const Records after = make_records("after-", 500, 300);
  import.feed(after);
  add(sent, after);
  const Result result = import.finish();
  EXPECT_EQ(result.code, 0) << result;
  const std::optional<Result> ended = cluster.process("n1").wait();
  ASSERT_TRUE(ended.has_value()) << "n1 does not end";
  EXPECT_EQ(ended->code, 0);
  EXPECT_THAT(cluster.log("n1"), HasSubstr("stopped cleanly"));
  EXPECT_EQ(difference(sent, export_all(cluster.kv(), "quorum")), "");
  cluster.start("n1");
  cluster.await_same_everywhere();
  EXPECT_EQ(difference(sent, cluster.held_by("n1")), "");
}

}  // namespace
}  // namespace kv::e2e

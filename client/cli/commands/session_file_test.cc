#include "client/cli/commands/session_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/cli/commands/testing/cli_fixture.h"
#include "client/testing/fake_node.h"
#include "kv/codec.h"
#include "kv/limits.h"

namespace kv::cli {
namespace {

using client::testing::failure;
using client::testing::packed;
using testing::HasSubstr;

class SessionFileTest : public CliTest {
 protected:
  SessionFileTest() { file_.remove(); }

  CliResult kv(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--session", file_.path(), "--endpoints", node_.address()});
    return run(std::move(arguments));
  }
  std::string content() const {
    std::ostringstream text;
    text << std::ifstream(file_.path()).rdbuf();
    return text.str();
  }
  static std::string line(const std::string& session) {
    return client::encode_token(session) + "\n";
  }

  client::testing::FakeNode node_;
  InputFile file_{""};
};

TEST_F(SessionFileTest, BeginsWhereThereIsNoFileAndGoesOnWithEachCommand) {
  ASSERT_EQ(kv({"put", "k", "v"}).code, kOk);
  EXPECT_TRUE(node_.last_put().has_session());
  EXPECT_EQ(node_.last_put().session(), "");
  EXPECT_EQ(content(), line("+"));
  const CliResult got = kv({"get", "k"});
  EXPECT_EQ(got.code, kOk);
  EXPECT_EQ(got.out, "v");
  EXPECT_EQ(node_.last_get().session(), "+");
  EXPECT_EQ(content(), line("++"));
  ASSERT_EQ(kv({"incr", "k", "2"}).code, kOk);
  EXPECT_EQ(node_.last_update().session(), "++");
  ASSERT_EQ(kv({"del", "k"}).code, kOk);
  EXPECT_EQ(node_.last_delete().session(), "+++");
  EXPECT_EQ(kv({"get", "k"}).code, kNotFound);
  EXPECT_EQ(content(), line("+++++"));
}

TEST_F(SessionFileTest, RequestsWithoutTheFlagCarryNone) {
  ASSERT_EQ(run({"put", "k", "v", "--endpoints", node_.address()}).code, kOk);
  EXPECT_FALSE(node_.last_put().has_session());
}

TEST_F(SessionFileTest, AStaleReadIsRefusedAndLeavesTheFileAsItWas) {
  ASSERT_EQ(kv({"put", "k", "v"}).code, kOk);
  node_.set_hook([](const std::string&, grpc::ServerContext&) {
    return packed(failure(grpc::StatusCode::UNAVAILABLE, "stale: n2 is behind"));
  });
  const CliResult got = kv({"get", "k"});
  EXPECT_EQ(got.code, kRefused);
  EXPECT_THAT(got.err, HasSubstr("stale: n2 is behind"));
  EXPECT_EQ(content(), line("+"));
}

TEST_F(SessionFileTest, AFileThatHoldsSomethingElseIsRefusedBeforeAnythingIsSent) {
  for (const std::string& text : {std::string("not base64url!"), std::string(100'000, 'A')}) {
    std::ofstream(file_.path()) << text;
    const CliResult result = kv({"put", "k", "v"});
    EXPECT_EQ(result.code, kUsage);
    EXPECT_THAT(result.err, HasSubstr(file_.path()));
    EXPECT_EQ(content(), text);
  }
  EXPECT_EQ(node_.calls(), 0);
}

TEST_F(SessionFileTest, SaysSoWhenTheFileCannotBeWritten) {
  std::filesystem::create_directory(file_.path() + ".d");
  const std::string path = file_.path() + ".d/missing/session";
  const CliResult result =
      run({"put", "k", "v", "--session", path, "--endpoints", node_.address()});
  EXPECT_EQ(result.code, kUsage);
  EXPECT_THAT(result.err, HasSubstr("could not be written to " + path));
  EXPECT_EQ(node_.store().value("k"), "v");
  std::filesystem::remove(file_.path() + ".d");
}

TEST_F(SessionFileTest, IsOfOneKey) {
  const CliResult result = kv({"del", "a", "b"});
  EXPECT_EQ(result.code, kUsage);
  EXPECT_THAT(result.err, HasSubstr("one KEY only"));
  EXPECT_EQ(node_.calls(), 0);
}

}  // namespace
}  // namespace kv::cli

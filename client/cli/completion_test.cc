#include "client/cli/completion.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>

#include "client/cli/command_line.h"
#include "client/cli/commands/testing/cli_fixture.h"

namespace kv::cli {
namespace {

// What bash offers, sorted, for a line of words of which the last is being typed.
class BashCompletion : public ::testing::Test {
 protected:
  std::string offers(const std::string& words) {
    CommandLine line;
    const std::string command =
        completion_script(line.app(), "bash") + "\ncd /; COMP_WORDS=(" + words +
        "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _kv; printf '%s\\n' \"${COMPREPLY[@]}\" | sort";
    // Without the environment of whoever runs the tests: bash warns of a locale that is not there.
    FILE* pipe =
        ::popen(("env -i PATH=\"$PATH\" bash -c '" + escaped(command) + "' 2>&1").c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer;
    for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
      output.append(buffer.data(), got);
    }
    EXPECT_EQ(::pclose(pipe), 0);
    std::replace(output.begin(), output.end(), '\n', ' ');
    return output.substr(0, output.find_last_not_of(' ') + 1);
  }

 private:
  static std::string escaped(const std::string& text) {
    std::string result;
    for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return result;
  }
};

TEST_F(BashCompletion, OffersCommands) {
  EXPECT_EQ(
      offers("kv ''"),
      "bucket completion conflicts converged del explain export get import incr map put scan set "
      "status wait watch");
  EXPECT_EQ(offers("kv s"), "scan set status");
  EXPECT_EQ(offers("kv --level one p"), "put");
  EXPECT_EQ(offers("kv --level = one p"), "put");
}

TEST_F(BashCompletion, OffersFlagsOfTheCommandAndOfAll) {
  EXPECT_EQ(offers("kv --l"), "--level");
  EXPECT_EQ(offers("kv put --t"), "--timeout --token --ttl");
  EXPECT_EQ(offers("kv get --t"), "--timeout --token-only");
  EXPECT_EQ(offers("kv del a b --t"), "--timeout --token");
  EXPECT_EQ(offers("kv del a b"), "");
  EXPECT_EQ(offers("kv import x --in"), "--in-flight");
  EXPECT_EQ(offers("kv status --token"), "");
}

TEST_F(BashCompletion, OffersValues) {
  EXPECT_EQ(offers("kv --level ''"), "all one quorum");
  EXPECT_EQ(offers("kv get k --level q"), "quorum");
  EXPECT_EQ(offers("kv get k --level = q"), "quorum");
  EXPECT_EQ(offers("kv get k --level ="), "all one quorum");
  EXPECT_EQ(offers("kv -o t"), "table");
  EXPECT_EQ(offers("kv put k v --durability ''"), "disk os");
  EXPECT_EQ(offers("kv export --format ''"), "json tsv");
  EXPECT_EQ(offers("kv completion ''"), "bash fish zsh");
  EXPECT_EQ(offers("kv --endpoints ''"), "");
}

TEST_F(BashCompletion, OffersFilesWhereOneIsWanted) {
  EXPECT_EQ(offers("kv import us"), "usr");
  EXPECT_EQ(offers("kv put key --file us"), "usr");
  EXPECT_EQ(offers("kv put us"), "");
  EXPECT_EQ(offers("kv import file us"), "");
}

// The other shells may not be there; their scripts are checked for what must be in them.
TEST(Completion, OfZshAndFishNamesEverything) {
  CommandLine line;
  const std::string zsh = completion_script(line.app(), "zsh");
  const std::string fish = completion_script(line.app(), "fish");
  for (const std::string name :
       {"put", "get", "del", "scan", "import", "export", "status", "completion"}) {
    EXPECT_NE(zsh.find("'" + name + ":"), std::string::npos) << name;
    EXPECT_NE(zsh.find("\n        " + name + ") _arguments"), std::string::npos) << name;
    EXPECT_NE(fish.find("-n __fish_use_subcommand -a " + name + " -d '"), std::string::npos)
        << name;
  }
  EXPECT_NE(zsh.find("'(--level)--level=[How many replicas must answer "
                     "\\[quorum\\]]:one|quorum|all:(one quorum all)'"),
            std::string::npos)
      << zsh;
  EXPECT_NE(zsh.find("'(--file)--file=[Take the value from a file]:FILE:_files'"),
            std::string::npos);
  EXPECT_NE(zsh.find("'1:SHELL:(bash zsh fish)'"), std::string::npos);
  EXPECT_NE(zsh.find("'*:KEY: '"), std::string::npos) << "del takes several keys";
  EXPECT_NE(fish.find("complete -c kv -l level -x -a 'one quorum all' -d '"), std::string::npos);
  EXPECT_NE(fish.find("complete -c kv -n '__fish_seen_subcommand_from put' -l file -r -F -d '"),
            std::string::npos);
  EXPECT_NE(fish.find("complete -c kv -n '__fish_seen_subcommand_from import' -F"),
            std::string::npos);
}

class CompletionCommand : public CliTest {};

TEST_F(CompletionCommand, PrintsTheScript) {
  CommandLine line;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const CliResult result = run({"completion", shell});
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(result.out, completion_script(line.app(), shell));
  }
  EXPECT_EQ(run({"completion"}).code, 2);
}

}  // namespace
}  // namespace kv::cli

#include "jepsen-style-tests/faults/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace kv::fault {
namespace {

const std::vector<std::string> kThree{"n1", "n2", "n3"};
const std::vector<std::string> kFive{"n1", "n2", "n3", "n4", "n5"};
const std::vector<std::string> kPlaces{"c1", "c2", "c3"};

std::string text_of(const std::vector<Spell>& spells) {
  std::string text;
  for (const Spell& spell : spells)
    text += spell.nemesis + " " + std::to_string(spell.begin_ms) + "-" +
            std::to_string(spell.end_ms) + " " + describe(spell) + "\n";
  return text;
}

std::vector<std::string> every_name() {
  std::vector<std::string> names;
  for (const Nemesis& nemesis : all()) names.push_back(nemesis.name);
  return names;
}

TEST(Schedule, TheSameSeedHurtsInTheSameWay) {
  EXPECT_EQ(text_of(draw(every_name(), kFive, 7, 60'000)),
            text_of(draw(every_name(), kFive, 7, 60'000)));
  EXPECT_NE(text_of(draw(every_name(), kFive, 7, 60'000)),
            text_of(draw(every_name(), kFive, 8, 60'000)));
}

TEST(Schedule, ANemesisDoesTheSameWhateverElseHappens) {
  std::vector<Spell> together = draw({"kill", "isolate"}, kThree, 3, 60'000);
  std::erase_if(together, [](const Spell& spell) { return spell.nemesis != "kill"; });
  EXPECT_EQ(text_of(together), text_of(draw({"kill"}, kThree, 3, 60'000)));
}

TEST(Schedule, SpellsAreInOrderEndInTimeAndHurtSomebody) {
  for (const auto* nodes : {&kThree, &kFive})
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      const std::vector<Spell> spells = draw(every_name(), *nodes, seed, 40'000, kPlaces);
      EXPECT_TRUE(std::is_sorted(spells.begin(), spells.end(), [](const Spell& a, const Spell& b) {
        return a.begin_ms < b.begin_ms;
      }));
      for (const Spell& spell : spells) {
        EXPECT_LT(0, spell.begin_ms);
        EXPECT_LT(spell.begin_ms, spell.end_ms) << spell.nemesis;
        EXPECT_LE(spell.end_ms, 40'000) << spell.nemesis;
        EXPECT_EQ(spell.kind == Kind::kCut || spell.kind == Kind::kLink, spell.nodes.empty())
            << spell.nemesis;
        EXPECT_EQ(spell.kind == Kind::kCut, !spell.cuts.empty()) << spell.nemesis;
        EXPECT_EQ(spell.kind == Kind::kLink, !spell.links.empty()) << spell.nemesis;
      }
    }
}

TEST(Schedule, TwoNodesSwapTheirData) {
  for (const Spell& spell : draw({"swap"}, kFive, 1, 60'000)) EXPECT_EQ(spell.nodes.size(), 2u);
}

TEST(Schedule, EveryNemesisHurtsWithinAMinute) {
  for (const Nemesis& nemesis : all()) {
    EXPECT_EQ(find(nemesis.name)->text, nemesis.text);
    EXPECT_FALSE(draw({nemesis.name}, kThree, 1, 60'000, kPlaces).empty()) << nemesis.name;
  }
  EXPECT_EQ(find("imagined"), nullptr);
}

std::size_t reached(const Spell& spell, const std::vector<std::string>& nodes,
                    const std::string& from) {
  return static_cast<std::size_t>(
      std::count_if(nodes.begin(), nodes.end(), [&](const std::string& to) {
        return !spell.cuts.contains({from, to}) && !spell.cuts.contains({to, from});
      }));
}

TEST(Schedule, InAMajorityRingEveryNodeReachesAMajority) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    for (const Spell& spell : draw({"majority-ring"}, kFive, seed, 30'000))
      for (const std::string& node : kFive) EXPECT_EQ(reached(spell, kFive, node), 3u);
}

TEST(Schedule, HalvesAreGroupsOfWhichTheLargerIsAMajority) {
  for (const Spell& spell : draw({"halves"}, kFive, 1, 60'000)) {
    std::multiset<std::size_t> sizes;
    for (const std::string& node : kFive) sizes.insert(reached(spell, kFive, node));
    EXPECT_THAT(sizes, testing::ElementsAre(2, 2, 3, 3, 3));
  }
}

TEST(Schedule, ABridgeReachesAllAndTheOthersTheirOwnSide) {
  for (const Spell& spell : draw({"bridge"}, kFive, 1, 60'000)) {
    std::multiset<std::size_t> sizes;
    for (const std::string& node : kFive) sizes.insert(reached(spell, kFive, node));
    EXPECT_THAT(sizes, testing::ElementsAre(3, 3, 3, 3, 5));
  }
}

TEST(Schedule, OneWayIsOneWay) {
  for (const Spell& spell : draw({"one-way"}, kFive, 1, 60'000))
    for (const auto& [from, to] : spell.cuts) EXPECT_FALSE(spell.cuts.contains({to, from}));
}

TEST(Schedule, LinksOfClientsAreHurtToo) {
  bool clients = false;
  for (const Spell& spell : draw({"loss"}, kThree, 2, 300'000, kPlaces))
    clients = clients || std::any_of(spell.links.begin(), spell.links.end(),
                                     [](const auto& link) { return link.first == "c2"; });
  EXPECT_TRUE(clients);
}

// Clients are cut off from some nodes, from the same in both directions, and never from all.
TEST(Schedule, ClientsKeepSomeNode) {
  for (const Spell& spell : draw({"client-cut"}, kThree, 1, 300'000, kPlaces)) {
    std::set<std::string> places;
    std::set<std::string> nodes;
    for (const auto& [from, to] : spell.cuts) {
      EXPECT_TRUE(spell.cuts.contains({to, from}));
      (from.front() == 'c' ? places : nodes).insert(from);
    }
    EXPECT_EQ(places.size(), 1u);
    EXPECT_THAT(nodes.size(), testing::AllOf(testing::Ge(1u), testing::Le(2u)));
  }
  EXPECT_TRUE(draw({"client-cut"}, kThree, 1, 300'000).empty());
}

TEST(Schedule, PortsAreThoseOfOneNode) {
  for (const char* nemesis : {"peer-port", "client-port", "heartbeats"})
    for (const Spell& spell : draw({nemesis}, kThree, 1, 100'000, kPlaces)) {
      const std::string& server = spell.link.server;
      for (const auto& [from, to] : spell.links) {
        EXPECT_TRUE(from == server || to == server) << describe(spell);
        EXPECT_EQ(from.front() == 'c' || to.front() == 'c', spell.link.service == Service::kClients)
            << describe(spell);
        EXPECT_TRUE(from == server || !spell.link.answers_only) << describe(spell);
      }
    }
}

// What is lost is sent again after 200, 400, 800 ms...
TEST(Link, SaysHowLateThingsMayBe) {
  EXPECT_EQ(lateness_ms({}), 0);
  EXPECT_EQ(lateness_ms({.delay_ms = 50, .jitter_ms = 20}), 70);
  EXPECT_EQ(lateness_ms({.reorder_percent = 5, .held_back_ms = 10}), 10);
  EXPECT_EQ(lateness_ms({.duplicate_percent = 100}), 0);
  EXPECT_EQ(lateness_ms({.loss_percent = 1}), 200 + 400);  // three in a row are one in a million
  EXPECT_EQ(lateness_ms({.loss_percent = 10}), 200 + 400 + 800 + 1600 + 3200);
  EXPECT_EQ(lateness_ms({.loss_percent = 100}), kNoTime);
  EXPECT_EQ(lateness_ms({.bytes_per_second = 1'000'000}), kNoTime);
}

TEST(Link, IsDescribed) {
  EXPECT_EQ(describe(Link{.loss_percent = 5, .delay_ms = 10, .jitter_ms = 20}),
            "5 % lost, 10 to 30 ms late");
  EXPECT_EQ(
      describe(Link{
          .loss_percent = 100, .service = Service::kPeers, .server = "n2", .answers_only = true}),
      "100 % lost of the answers of n2:peers");
}

}  // namespace
}  // namespace kv::fault

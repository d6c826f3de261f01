#include "jepsen-style-tests/workloads/workload.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace kv::workload {
namespace {

using history::Kind;

std::string text_of(const Request& request) {
  return request.key + "=" + request.value + "/" + std::to_string(static_cast<int>(request.kind)) +
         "/" + std::to_string(request.amount);
}

TEST(Workload, TheSameSeedAsksForTheSame) {
  const Workload& mixed = *find("mixed");
  Generator one(mixed, 3, 9);
  Generator same(mixed, 3, 9);
  Generator other(mixed, 3, 10);
  std::string first;
  std::string second;
  std::string third;
  for (int i = 0; i < 100; ++i) {
    first += text_of(one.next().front());
    second += text_of(same.next().front());
    third += text_of(other.next().front());
  }
  EXPECT_EQ(first, second);
  EXPECT_NE(first, third);
}

// A value that is read must name the write that it came from.
TEST(Workload, NoTwoPutsHaveTheSameValue) {
  for (const Workload& workload : all()) {
    std::set<std::string> values;
    for (std::uint32_t client = 0; client < 3; ++client) {
      Generator generator(workload, client, 1);
      for (int i = 0; i < 200; ++i)
        for (const Request& request : generator.next()) {
          if (request.kind != Kind::kPut) continue;
          EXPECT_TRUE(values.insert(request.value).second) << workload.name << " " << request.value;
          EXPECT_GE(request.value.size(), request.mix->value_bytes);
        }
    }
  }
}

TEST(Workload, EachWorkloadWritesAndIsFoundByItsName) {
  for (const Workload& workload : all()) {
    EXPECT_EQ(find(workload.name), &workload);
    Generator generator(workload, 0, 1);
    std::map<bool, int> writes;
    for (int i = 0; i < 200; ++i) {
      const std::vector<Request> requests = generator.next();
      EXPECT_EQ(requests.size(), workload.batch);
      for (const Request& request : requests) {
        ++writes[history::is_write({.kind = request.kind})];
        EXPECT_EQ(request.mix, requests.front().mix);
        EXPECT_EQ(request.level, requests.front().level);
      }
    }
    EXPECT_GT(writes[true], 50) << workload.name;
  }
  EXPECT_EQ(find("imagined"), nullptr);
}

TEST(Workload, KeysOfTheirOwnAreNeverWrittenAgain) {
  std::set<std::string> keys;
  for (std::uint32_t client = 0; client < 3; ++client) {
    Generator generator(*find("append"), client, 1);
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(keys.insert(generator.next().front().key).second);
  }
}

TEST(Workload, WritesThatAreSentAgainHaveRequestIdsOfTheirOwn) {
  for (const char* name : {"counter-requests", "counter"}) {
    std::set<std::string> ids;
    std::size_t writes = 0;
    for (std::uint32_t client = 0; client < 3; ++client) {
      Generator generator(*find(name), client, 1);
      for (int i = 0; i < 200; ++i) {
        const Request request = generator.next().front();
        writes += request.kind == Kind::kAdd ? 1 : 0;
        if (request.id.empty()) continue;
        EXPECT_EQ(request.kind, Kind::kAdd);
        EXPECT_TRUE(ids.insert(request.id).second) << request.id;
      }
    }
    EXPECT_EQ(ids.size(), name == std::string("counter") ? 0 : writes);
  }
}

TEST(Workload, OnlyValuesOfTheirBucketExpire) {
  for (const char* name : {"expiry", "registers"}) {
    Generator generator(*find(name), 0, 1);
    int expiring = 0;
    for (int i = 0; i < 500; ++i) {
      const Request request = generator.next().front();
      if (request.ttl_ms == 0) continue;
      ++expiring;
      EXPECT_EQ(request.kind, Kind::kPut);
      EXPECT_EQ(bucket_of(*request.mix), "expiring");
    }
    EXPECT_EQ(expiring > 50, std::string_view(name) == "expiry");
  }
}

TEST(Workload, ElementsOfASetAreInsertedAgainAndAgain) {
  std::map<std::string, int> inserted;
  Generator generator(*find("set"), 0, 1);
  for (int i = 0; i < 5000; ++i)
    if (const Request request = generator.next().front(); request.kind == Kind::kInsert)
      ++inserted[request.key + "/" + request.value];
  EXPECT_GT(inserted.at("k0/e0"), 1);
}

TEST(Workload, MostRequestsGoToTheHotKey) {
  Generator generator(*find("hot-key"), 0, 1);
  int hot = 0;
  for (int i = 0; i < 1000; ++i) hot += generator.next().front().key == "k0" ? 1 : 0;
  EXPECT_GT(hot, 850);
  EXPECT_LT(hot, 990);
}

}  // namespace
}  // namespace kv::workload

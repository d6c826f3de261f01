// A run as its clients saw it: the history that the checkers of tests on real processes judge (jepsen-style-tests/checkers), which
// know nothing of the inside.
//
// It holds what they can judge: keys of policies lww, siblings and counter, none of which expires; and of the counters those that
// nobody deletes, for the checker knows only sums. A loss of power is to them a lost disk, whatever it took.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "jepsen-style-tests/history/history.h"
#include "jepsen-style-tests/simulation/plan.h"

namespace kv::sim {

class ClientHistory {
 public:
  explicit ClientHistory(const Plan& plan);

  // Whether operations on this key are to be told of; others are left out.
  bool takes(const std::string& name) const;

  struct Sent {
    Kind kind = Kind::kGet;
    std::uint32_t client = 0;
    std::size_t node = 0;
    std::string name{};   // of the key
    std::string value{};  // of a put
    Level level = Level::kOne;
    Durability durability = Durability::kOs;
    std::vector<Dot> seen{};  // of a write: what the read that its token is of showed
    bool final = false;       // a read after everything was mended
  };
  void sent(std::uint64_t id, Instant now, const Sent& sent);
  void answered(Instant now, const ClientReply& reply);  // ids that it was not told of are left out
  void disk_lost(std::size_t node, Instant now);
  void equal(Instant now);  // all replicas are; everything was mended

  // What the checkers say; "" if nothing is wrong. Once, at the end.
  std::string judge(Instant now);

 private:
  history::History history_;
  std::map<std::uint64_t, history::Operation> open_;
  std::set<std::string> deleted_counters_;
};

std::vector<Dot> dots_of(const ReadItem& item);  // of the versions that it shows

}  // namespace kv::sim

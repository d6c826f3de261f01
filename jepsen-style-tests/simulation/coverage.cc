#include "jepsen-style-tests/simulation/coverage.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace kv::sim {
namespace {

std::string done_between(const std::array<std::uint64_t, kKinds>& done, std::size_t from,
                         std::size_t to) {
  std::vector<std::string> parts;
  for (std::size_t kind = from; kind < to; ++kind)
    parts.push_back(absl::StrCat(done[kind], " ", std::string(to_string(static_cast<Kind>(kind)))));
  return absl::StrJoin(parts, ", ");
}

// "lww" for what names of keys begin with in a plan: "", or "siblings:".
std::string name_of_policy(const std::string& prefix) {
  return prefix.empty() ? "lww" : prefix.substr(0, prefix.size() - 1);
}

template <typename Value>
std::string counted(const std::map<Value, std::uint64_t>& counts) {
  std::vector<std::string> parts;
  parts.reserve(counts.size());
  for (const auto& [value, seeds] : counts) parts.push_back(absl::StrCat(value, " (", seeds, ")"));
  return absl::StrJoin(parts, ", ");
}

// Half of them are at most so much, and so on.
std::string spread(std::vector<double> values) {
  if (values.empty()) return "none";
  std::sort(values.begin(), values.end());
  const auto at = [&](std::size_t percent) { return values[(values.size() - 1) * percent / 100]; };
  return absl::StrFormat("p50 %.1f, p99 %.1f, max %.1f", at(50), at(99), values.back());
}

}  // namespace

void Coverage::add(const Plan& plan, const TrialResult& result) {
  ++seeds_;
  failed_ += result.outcome.violations.empty() ? 0U : 1U;
  simulated_h_ += static_cast<double>(result.outcome.simulated_us) / 3.6e9;
  cpu_s_ += result.cpu_s;
  acknowledged_ += result.outcome.acknowledged;
  for (std::size_t i = 0; i < kKinds; ++i) done_[i] += result.outcome.done[i];
  for (std::size_t i = 0; i < marks_.size(); ++i) marks_[i] += result.marks[i];
  for (const std::string& prefix : std::set(plan.policies.begin(), plan.policies.end()))
    ++policies_[name_of_policy(prefix)];
  ++nodes_[plan.cluster.shards.size()];
  ++replicas_[plan.cluster.n];
  ++partitions_[plan.cluster.partitions];
  if (result.outcome.violations.empty()) {
    const auto ms = static_cast<double>(result.outcome.equal_after_ms);
    equal_after_ms_.push_back(ms);
    equal_after_intervals_.push_back(
        ms / static_cast<double>(plan.cluster.core.replication.probe_interval_ms));
  }
  with_sessions_ += plan.sessions ? 1U : 0U;
  with_expiry_ += plan.max_ttl_ms > 0 ? 1U : 0U;
}

bool Coverage::all_marks_reached() const {
  return std::count(marks_.begin(), marks_.end(), 0U) == 0;
}

std::string Coverage::speed() const {
  return absl::StrFormat(
      "%d seeds, %d failed; %.1f simulated cluster-hours in %.0f s of CPU: %.0f cluster-hours per "
      "core-hour; %d acknowledged writes\n",
      seeds_, failed_, simulated_h_, cpu_s_, cpu_s_ > 0 ? simulated_h_ * 3600 / cpu_s_ : 0.0,
      acknowledged_);
}

std::string Coverage::details() const {
  return absl::StrCat("operations: ", done_between(done_, 0, kFirstFault),
                      "\nfaults: ", done_between(done_, kFirstFault, kKinds),
                      "\npolicies (in so many seeds): ", counted(policies_),
                      "\nnodes: ", counted(nodes_), "; N: ", counted(replicas_),
                      "; partitions: ", counted(partitions_), "; sessions in ", with_sessions_,
                      " seeds, values that expire in ", with_expiry_, "\n", convergence(), marks());
}

std::string Coverage::convergence() const {
  return absl::StrCat("from mended to equal: ", spread(equal_after_ms_),
                      " ms; in probe intervals: ", spread(equal_after_intervals_), "\n");
}

std::string Coverage::marks() const {
  std::vector<std::pair<std::uint64_t, std::string>> reached;
  std::string never;
  for (std::size_t i = 0; i < marks_.size(); ++i) {
    const std::string name(simulation::kMarkNames[i]);
    if (marks_[i] == 0)
      absl::StrAppend(&never, " ", name);
    else
      reached.emplace_back(marks_[i], name);
  }
  std::sort(reached.begin(), reached.end());
  std::vector<std::string> parts;
  parts.reserve(reached.size());
  for (const auto& [times, name] : reached) parts.push_back(absl::StrCat(times, " ", name));
  return absl::StrCat("marks, the rarest first: ", absl::StrJoin(parts, ", "),
                      "\nmarks reached: ", reached.size(), " of ", marks_.size(),
                      never.empty() ? "" : "; never:", never, "\n");
}

}  // namespace kv::sim

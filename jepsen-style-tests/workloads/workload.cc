#include "jepsen-style-tests/workloads/workload.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

namespace kv::workload {
namespace {

using history::Kind;
using history::Level;

const std::vector<Level> kAnyLevel{Level::kOne, Level::kQuorum, Level::kAll};

const std::vector<Workload> kWorkloads{
    {.name = "registers",
     .text = "lww registers, read and written at QUORUM",
     .mixes = {{.weights = {.get = 5, .put = 3, .put_seen = 1}, .keys = 40, .disk_percent = 10}}},
    {.name = "registers-any-level",
     .text = "lww registers, each request at a level of its own",
     .mixes = {{.weights = {.get = 5, .put = 4, .put_seen = 1},
                .keys = 60,
                .read_levels = kAnyLevel,
                .write_levels = kAnyLevel}}},
    {.name = "siblings",
     .text = "siblings, replaced with the token of what the client last saw, or added beside",
     .mixes = {{.policy = "siblings",
                .weights = {.get = 8, .put = 1, .put_seen = 6, .remove_seen = 1},
                .keys = 30,
                .read_levels = {Level::kOne, Level::kQuorum, Level::kQuorum},
                .write_levels = {Level::kOne, Level::kQuorum, Level::kQuorum}}}},
    {.name = "counter",
     .text = "counters, added to at QUORUM",
     .mixes = {{.policy = "counter", .weights = {.get = 3, .add = 5}, .keys = 10}}},
    {.name = "counter-requests",
     .text = "additions with request ids, sent again to any node until they are answered, and some "
             "then: each counts once",
     .mixes = {{.policy = "counter",
                .weights = {.get = 3, .add = 5},
                .keys = 10,
                .write_levels = {Level::kOne, Level::kQuorum, Level::kQuorum},
                .with_requests = true}}},
    {.name = "append",
     .text = "every put has a key of its own, and all are read in the end: no acknowledged one may "
             "be absent",
     .mixes = {{.weights = {.put = 1},
                .keys = 0,
                .write_levels = {Level::kQuorum},
                .disk_percent = 10}}},
    {.name = "delete",
     .text =
         "keys are deleted and made again: what was deleted stays so, what was made again is there",
     .mixes = {{.weights = {.get = 5, .put = 3, .put_seen = 1, .remove = 3, .remove_seen = 1},
                .keys = 60,
                .read_levels = {Level::kOne, Level::kQuorum, Level::kQuorum},
                .write_levels = {Level::kQuorum, Level::kQuorum, Level::kAll}}}},
    {.name = "hot-key",
     .text = "nine of ten requests go to one key, with larger values",
     .mixes = {{.weights = {.get = 4, .put = 3, .put_seen = 2},
                .keys = 20,
                .hot_percent = 90,
                .value_bytes = 2000}}},
    {.name = "batch",
     .text = "twenty operations in one call",
     .mixes = {{.weights = {.get = 4, .put = 5, .remove = 1}, .keys = 400}},
     .batch = 20},
    {.name = "durable",
     .text = "registers and counters, half of the writes on disk: those outlast a loss of power",
     .mixes =
         {{.weights = {.get = 4, .put = 4, .put_seen = 1, .remove = 1},
           .keys = 60,
           .disk_percent = 50},
          {.policy = "counter", .weights = {.get = 2, .add = 3}, .keys = 10, .disk_percent = 50},
          {.policy = "siblings",
           .weights = {.get = 6, .put = 1, .put_seen = 5},
           .keys = 30,
           .disk_percent = 50}}},
    {.name = "large",
     .text = "registers with more data than a node's cache holds, so that reads go to the disk",
     .mixes = {{.weights = {.get = 5, .put = 4, .put_seen = 1},
                .keys = 2000,
                .disk_percent = 5,
                .value_bytes = 1500}}},
    {.name = "set",
     .text = "elements are inserted in sets and erased: an insertion wins over an erasure that has "
             "not seen it",
     .mixes = {{.policy = "set",
                .weights = {.insert = 4, .erase = 2, .elements = 4},
                .keys = 12,
                .write_levels = {Level::kQuorum, Level::kAll},
                .disk_percent = 10}}},
    {.name = "sessions",
     .text = "each client keeps a session, at ONE and at whatever node: it sees what it wrote and "
             "nothing older than it saw",
     .mixes = {{.weights = {.get = 6, .put = 3, .put_seen = 1},
                .keys = 30,
                .read_levels = {Level::kOne},
                .write_levels = {Level::kOne, Level::kOne, Level::kQuorum},
                .in_sessions = true}}},
    {.name = "expiry",
     .text = "values that are put for half a second to four: they go in time, and nothing older "
             "comes back",
     .mixes = {{.weights = {.get = 6, .put = 3, .put_seen = 1},
                .keys = 60,
                .read_levels = {Level::kOne, Level::kQuorum, Level::kQuorum},
                .bucket = "expiring",
                .expiring_percent = 70}}},
    {.name = "watch",
     .text = "somebody follows each node while registers and siblings are put and deleted: it is "
             "told of everything, once",
     .mixes = {{.weights = {.get = 1, .put = 6, .put_seen = 1, .remove = 2},
                .keys = 40,
                .read_levels = kAnyLevel,
                .write_levels = kAnyLevel,
                .bucket = "watched",
                .watched = true},
               {.policy = "siblings",
                .weights = {.get = 4, .put = 1, .put_seen = 4, .remove_seen = 1},
                .keys = 20,
                .write_levels = {Level::kOne, Level::kQuorum, Level::kQuorum},
                .watched = true},
               {.weights = {.put = 1}, .keys = 10}},
     .batch = 3},
    {.name = "mixed",
     .text = "registers, siblings, counters and single-use keys side by side",
     .mixes = {{.weights = {.get = 4, .put = 3, .put_seen = 1, .remove = 1},
                .keys = 40,
                .read_levels = kAnyLevel,
                .write_levels = kAnyLevel},
               {.policy = "siblings", .weights = {.get = 6, .put = 1, .put_seen = 5}, .keys = 20},
               {.policy = "counter", .weights = {.get = 2, .add = 3}, .keys = 5}}},
};

// So few that they are inserted and erased again and again.
constexpr std::uint64_t kElementsOfASet = 30;

// A value names its writer, so that no two are the same.
std::string make_value(std::uint32_t client, std::uint64_t number, std::size_t bytes) {
  std::string value = absl::StrCat("c", client, "-", number);
  if (value.size() < bytes) value.append(bytes - value.size(), '.');
  return value;
}

Kind draw_kind(const Weights& weights, Rng& rng, bool& with_token) {
  const std::pair<std::uint32_t, std::pair<Kind, bool>> choices[] = {
      {weights.get, {Kind::kGet, false}},           {weights.put, {Kind::kPut, false}},
      {weights.put_seen, {Kind::kPut, true}},       {weights.remove, {Kind::kDelete, false}},
      {weights.remove_seen, {Kind::kDelete, true}}, {weights.add, {Kind::kAdd, false}},
      {weights.insert, {Kind::kInsert, false}},     {weights.erase, {Kind::kErase, false}},
      {weights.elements, {Kind::kElements, false}}};
  std::uint64_t sum = 0;
  for (const auto& choice : choices) sum += choice.first;
  std::uint64_t drawn = rng.below(sum);
  for (const auto& [weight, kind] : choices) {
    if (drawn < weight) {
      with_token = kind.second;
      return kind.first;
    }
    drawn -= weight;
  }
  return Kind::kGet;
}

}  // namespace

const std::vector<Workload>& all() { return kWorkloads; }

const Workload* find(std::string_view name) {
  const auto it = std::find_if(kWorkloads.begin(), kWorkloads.end(),
                               [&](const Workload& workload) { return workload.name == name; });
  return it == kWorkloads.end() ? nullptr : &*it;
}

std::string bucket_of(const Mix& mix) {
  if (!mix.bucket.empty()) return mix.bucket;
  return mix.policy == "lww" ? "default" : mix.policy;
}

Generator::Generator(const Workload& workload, std::uint32_t client, std::uint64_t seed)
    : workload_(workload), client_(client), rng_(seed * 1'000'003 + client) {}

std::string Generator::key_of(const Mix& mix, Kind kind) {
  if (mix.keys == 0 && kind == Kind::kPut) return absl::StrCat("k", client_, "-", ++keys_);
  if (mix.keys == 0) return absl::StrCat("k", client_, "-", 1 + rng_.below(keys_ + 1));
  if (rng_.below(100) < mix.hot_percent) return "k0";
  return absl::StrCat("k", rng_.below(mix.keys));
}

Request Generator::one(const Mix& mix) {
  Request request{.mix = &mix};
  request.kind = draw_kind(mix.weights, rng_, request.with_token);
  request.key = key_of(mix, request.kind);
  if (request.kind == Kind::kPut) request.value = make_value(client_, ++values_, mix.value_bytes);
  if (request.kind == Kind::kPut && mix.expiring_percent > 0 &&
      rng_.below(100) < mix.expiring_percent)
    request.ttl_ms = rng_.between(500, 4000);
  if (request.kind == Kind::kAdd) request.amount = rng_.between(1, 5);
  if (request.kind == Kind::kInsert || request.kind == Kind::kErase)
    request.value = absl::StrCat("e", rng_.below(kElementsOfASet));
  if (mix.with_requests && history::is_write({.kind = request.kind}))
    request.id = absl::StrCat("c", client_, "-", ++ids_);
  return request;
}

std::vector<Request> Generator::next() {
  const Mix& mix = workload_.mixes[rng_.below(workload_.mixes.size())];
  std::vector<Request> requests;
  for (std::uint32_t i = 0; i < workload_.batch; ++i) requests.push_back(one(mix));
  const auto draw = [this](const std::vector<Level>& levels) {
    return levels[rng_.below(levels.size())];
  };
  const bool writes = history::is_write({.kind = requests.front().kind});
  const Level level = draw(writes ? mix.write_levels : mix.read_levels);
  const auto durability =
      rng_.below(100) < mix.disk_percent ? history::Durability::kDisk : history::Durability::kOs;
  for (Request& request : requests) {
    request.level = level;
    request.durability = durability;
  }
  return requests;
}

}  // namespace kv::workload

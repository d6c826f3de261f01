#include "jepsen-style-tests/process/jepsen/followers/followers.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <stdexcept>
#include <utility>

#include "node/base/hash.h"
#include "node/base/rng.h"

namespace kv::jepsen {
namespace {

constexpr const char* kPrefix = "k";  // of all keys of a workload
constexpr const char* kMarkPrefix = "k-mark-";
constexpr std::size_t kMarkKeys = 24;
// After so many events at most a follower leaves and comes back.
constexpr std::int64_t kMostEvents = 2000;
constexpr std::chrono::milliseconds kPatience{2000};
constexpr std::chrono::milliseconds kLittle{50};

std::vector<history::Dot> from_client(const std::vector<client::Dot>& dots) {
  std::vector<history::Dot> result;
  result.reserve(dots.size());
  for (const client::Dot& dot : dots) result.push_back({dot.actor, dot.counter});
  return result;
}

}  // namespace

// Used by its own thread only.
struct Followers::Follower {
  std::string node;
  std::string bucket;
  std::unique_ptr<client::Client> client;
  Rng rng;
  std::string token{};           // of what it was told last; empty: it begins anew
  std::string why{};             // it begins anew
  std::int64_t events_left = 0;  // until it leaves
  bool has_seen_mark = false;
};

Followers::Followers(const workload::Workload& workload, const Endpoints& endpoints,
                     std::uint64_t seed, Recorder& recorder)
    : recorder_(recorder) {
  for (const workload::Mix& mix : workload.mixes)
    for (const auto& [node, address] : endpoints) {
      if (!mix.watched) continue;
      auto client = client::Client::create({.endpoints = {address}});
      if (!client.ok()) throw std::runtime_error(std::string(client.status().message()));
      const std::string bucket = workload::bucket_of(mix);
      ++following_;
      threads_.emplace_back(
          [this, follower = Follower{.node = node,
                                     .bucket = bucket,
                                     .client = *std::move(client),
                                     .rng = Rng(seed ^ stable_hash(node + bucket))}]() mutable {
            follow(follower);
            const std::lock_guard lock(mutex_);
            --following_;
            changed_.notify_all();
          });
    }
}

Followers::~Followers() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Followers::await_mark(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [this] { return following_ == 0; });
}

std::vector<std::string> Followers::mark() {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < kMarkKeys; ++i) keys.push_back(absl::StrCat(kMarkPrefix, i));
  return keys;
}

bool Followers::ends() {
  const std::lock_guard lock(mutex_);
  return ends_;
}

void Followers::wait_a_little() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kLittle, [this] { return ends_; });
}

void Followers::follow(Follower& follower) {
  while (!follower.has_seen_mark && !ends()) {
    follower.events_left = follower.rng.between(1, kMostEvents);
    const auto watched = follower.client->watch(
        {.bucket = follower.bucket,
         .prefix = kPrefix,
         .token = follower.token,
         .timeout = kPatience,
         .patience = kPatience},
        [&](client::WatchUpdate&& update) { return take(follower, std::move(update)); });
    if (watched.ok()) continue;
    if (watched.failure().code == absl::StatusCode::kOutOfRange) {
      follower.why = watched.failure().message;
      follower.token.clear();
    } else {
      wait_a_little();
    }
  }
}

// False: nothing more for now.
bool Followers::take(Follower& follower, client::WatchUpdate&& update) {
  if (follower.token.empty()) begin(follower);
  follower.token = std::move(update.token);
  if (!update.event.has_value()) return !ends();
  client::WatchEvent& event = *update.event;
  follower.has_seen_mark = event.key.starts_with(kMarkPrefix);
  if (follower.has_seen_mark) return false;
  history::Told told{.at_us = recorder_.now_us(),
                     .node = follower.node,
                     .bucket = follower.bucket,
                     .key = std::move(event.key),
                     .dots = from_client(event.dots)};
  for (client::WatchEvent::Version& version : event.shown) {
    told.shown.push_back({version.dot.actor, version.dot.counter});
    told.values.push_back(std::move(version.value));
  }
  recorder_.add(std::move(told));
  return --follower.events_left > 0 && !ends();
}

// The watch has begun: what is read now, and what is told from now on, leave nothing out between them.
void Followers::begin(Follower& follower) {
  history::Told told{.at_us = recorder_.now_us(),
                     .node = follower.node,
                     .bucket = follower.bucket,
                     .begins = true,
                     .why = std::exchange(follower.why, {})};
  const auto read = follower.client->scan({.bucket = follower.bucket,
                                           .level = client::Level::kOne,
                                           .timeout = kPatience,
                                           .prefix = kPrefix},
                                          [&told](client::ScanEntry&& entry) {
                                            told.state[entry.key] = std::move(entry.values);
                                            return true;
                                          });
  told.knows_state = read.ok();
  recorder_.add(std::move(told));
}

}  // namespace kv::jepsen

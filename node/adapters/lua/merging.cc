#include "node/adapters/lua/merging.h"

#include <atomic>
#include <bit>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "absl/strings/str_cat.h"
#include "node/adapters/log/log.h"
#include "node/adapters/lua/laws.h"
#include "node/adapters/lua/merge_function.h"
#include "node/base/limits.h"

namespace kv {
namespace {

constexpr std::size_t kThreads = 2;
constexpr std::size_t kMaxQueued = 4096;

absl::Status in_bucket(const std::string& bucket, const absl::Status& status) {
  return absl::InvalidArgumentError(absl::StrCat(
      "bucket \"", bucket,
      "\" takes no such value; its merge function says: ", std::string(status.message())));
}

}  // namespace

struct Merging::Impl {
  std::atomic<std::size_t> queued = 0;
  std::atomic<std::uint64_t> merged = 0;
  std::atomic<std::uint64_t> refused = 0;
  std::atomic<std::uint64_t> broken = 0;
  boost::asio::thread_pool threads{kThreads};
};

Merging::Merging() : impl_(std::make_unique<Impl>()) {}

Merging::~Merging() { impl_->threads.join(); }

bool Merging::submit(std::function<void()> work) const {
  if (impl_->queued.fetch_add(1) >= kMaxQueued) {
    --impl_->queued;
    return false;
  }
  boost::asio::post(impl_->threads, [this, work = std::move(work)] {
    work();
    --impl_->queued;
  });
  return true;
}

absl::Status Merging::check(const std::string& source, const std::vector<std::string>& samples) {
  return lua::check_laws(source, samples);
}

std::vector<std::string> Merging::show(const std::string& bucket, const std::string& source,
                                       std::vector<std::string> values) const {
  if (values.size() < 2) return values;
  auto all = lua::merge_all(source, values);
  if (!all.ok()) {
    report_broken(bucket, all.status());
    return values;
  }
  ++impl_->merged;
  return {*std::move(all)};
}

absl::StatusOr<std::optional<std::string>> Merging::put(const std::string& bucket,
                                                        const std::string& source,
                                                        const std::string& value,
                                                        std::vector<std::string> present) const {
  if (value.size() > kMaxMergeValueBytes)
    return absl::InvalidArgumentError(
        absl::StrCat("value of ", value.size(), " bytes in bucket \"", bucket,
                     "\", whose values are merged; the limit is ", kMaxMergeValueBytes));
  lua::Merges merges(source);
  if (const absl::Status taken = merges.check_value(value); !taken.ok()) {
    ++impl_->refused;
    return in_bucket(bucket, taken);
  }
  if (const absl::Status lawful = merges.check_idempotent(value); !lawful.ok()) {
    report_broken(bucket, lawful);
    return std::nullopt;
  }
  if (present.empty()) return value;
  present.push_back(value);
  auto all = lua::merge_all(source, std::move(present));
  if (all.ok()) {
    ++impl_->merged;
    return *std::move(all);
  }
  if (all.status().code() == absl::StatusCode::kInvalidArgument) {
    ++impl_->refused;
    return in_bucket(bucket, all.status());
  }
  report_broken(bucket, all.status());
  return std::nullopt;
}

// Each time twice as often has passed: what is wrong with a function is so again and again.
void Merging::report_broken(const std::string& bucket, const absl::Status& status) const {
  const std::uint64_t times = ++impl_->broken;
  if (!std::has_single_bit(times)) return;
  log::error(absl::StrCat("bucket \"", bucket, "\": siblings are shown unmerged (", times,
                          " times since the start): ", std::string(status.message())));
}

MergeCounters Merging::counters() const { return {impl_->merged, impl_->refused, impl_->broken}; }

}  // namespace kv

#include "node/adapters/lua/laws.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "node/adapters/lua/merge_function.h"
#include "node/adapters/lua/sandbox.h"
#include "node/base/limits.h"
#include "node/base/rng.h"

namespace kv::lua {
namespace {

constexpr std::size_t kMaxGiven = 24;  // all pairs are tried of these, and so many
constexpr std::size_t kMaxDerived = 8;
constexpr std::size_t kMaxGenerated = 16;
constexpr std::size_t kLeastValues = 3;  // different ones, or associativity has not been tried
constexpr std::size_t kMaxResults = 8;   // of merges, which are values, too
constexpr std::size_t kAllTriplesOf = 7;
constexpr int kTriples = 400;
constexpr std::int64_t kMaxStepsOfAll = 60'000'000;

bool is_smaller(const std::string& a, const std::string& b) {
  return std::pair(a.size(), a) < std::pair(b.size(), b);
}

class Trial {
 public:
  Trial(std::string_view source, const std::vector<std::string>& samples)
      : merges_(source), samples_(samples) {}

  absl::Status run() {
    choose_values();
    absl::Status status = check_enough();
    if (status.ok()) status = each_alone();
    if (status.ok()) status = pairs();
    if (status.ok()) status = triples();
    if (status.ok() || status.code() == absl::StatusCode::kInvalidArgument) return status;
    return absl::InvalidArgumentError(absl::StrCat(
        status.message(),
        "\nIf one of these is no value of the bucket, let the function raise an error for "
        "it (assert, error)"));
  }

 private:
  // Smaller ones first: they make the better counter-examples.
  void choose_values() {
    const Candidates candidates = make_candidates(samples_);
    take(candidates.given, kMaxGiven);
    is_lost_ = !samples_.empty() && values_.empty();
    take(candidates.derived, kMaxDerived);
    take(candidates.generated, kMaxGenerated);
    std::sort(values_.begin(), values_.end(), is_smaller);
  }

  void take(const std::vector<std::string>& candidates, std::size_t most) {
    const std::size_t before = values_.size();
    for (const std::string& value : candidates) {
      if (values_.size() - before == most || is_exhausted()) break;
      const absl::Status taken = merges_.check_value(value);
      const bool is_other = std::none_of(values_.begin(), values_.end(),
                                         [&](const auto& known) { return is_same(known, value); });
      if (taken.ok() && is_other) values_.push_back(value);
      if (!taken.ok() && !refused_.has_value()) refused_ = {value, taken};
    }
  }

  absl::Status check_enough() const {
    if (is_exhausted()) return too_slow();
    if (values_.size() >= kLeastValues && !is_lost_) return absl::OkStatus();
    std::string text =
        is_lost_
            ? "the merge function takes none of the samples:"
            : absl::StrCat("the merge function takes only ", values_.size(),
                           " of the values that it was tried on; at least ", kLeastValues,
                           " different ones are needed for its laws to be tried: give samples of "
                           "what the bucket is to hold (kv bucket create --samples FILE)");
    if (refused_.has_value())
      absl::StrAppend(&text, "\n  a = ", shown(refused_->first),
                      "\n  merge(a, a) = error: ", refused_->second.message());
    return absl::InvalidArgumentError(text);
  }

  absl::Status each_alone() {
    for (const std::string& value : values_)
      if (absl::Status lawful = merges_.check_idempotent(value); !lawful.ok()) return lawful;
    return absl::OkStatus();
  }

  absl::Status pairs() {
    std::vector<std::string> results;
    for (std::size_t a = 0; a < values_.size(); ++a)
      for (std::size_t b = a + 1; b < values_.size(); ++b) {
        if (is_exhausted()) return too_slow();
        absl::Status lawful = merges_.check_commutative_and_closed(values_[a], values_[b]);
        if (!lawful.ok()) return lawful;
        const std::string& result = *merges_.call(values_[a], values_[b]);
        if (results.size() < kMaxResults &&
            std::find(values_.begin(), values_.end(), result) == values_.end())
          results.push_back(result);
      }
    values_.insert(values_.end(), results.begin(), results.end());
    return absl::OkStatus();
  }

  absl::Status triples() {
    const std::size_t few = std::min(kAllTriplesOf, values_.size());
    for (std::size_t i = 0; i < few * few * few; ++i) {
      absl::Status lawful = triple(i / few / few, i / few % few, i % few);
      if (!lawful.ok()) return lawful;
    }
    Rng rng(1);
    const auto any = [&] { return static_cast<std::size_t>(rng.below(values_.size())); };
    for (int i = 0; i < kTriples; ++i) {
      const std::size_t a = any(), b = any(), c = any();
      absl::Status lawful = triple(a, b, c);
      if (!lawful.ok()) return lawful;
    }
    return absl::OkStatus();
  }

  absl::Status triple(std::size_t a, std::size_t b, std::size_t c) {
    if (is_exhausted()) return too_slow();
    return merges_.check_associative(values_[a], values_[b], values_[c]);
  }

  bool is_exhausted() const { return merges_.steps() > kMaxStepsOfAll; }

  static absl::Status too_slow() {
    return absl::InvalidArgumentError(
        absl::StrCat("trying the merge function's laws takes more than ", kMaxStepsOfAll,
                     " instructions, the limit: make it simpler, or give smaller samples"));
  }

  Merges merges_;
  const std::vector<std::string>& samples_;
  std::vector<std::string> values_;
  bool is_lost_ = false;  // samples were given, and none is a value
  std::optional<std::pair<std::string, absl::Status>> refused_;
};

absl::Status check_sizes(std::string_view source, const std::vector<std::string>& samples) {
  const auto refused = [](const auto&... text) {
    return absl::InvalidArgumentError(absl::StrCat(text...));
  };
  if (source.empty())
    return refused("a bucket of policy custom needs a merge function (--merge FILE)");
  if (source.size() > kMaxMergeSourceBytes)
    return refused("merge function of ", source.size(), " bytes; the limit is ",
                   kMaxMergeSourceBytes);
  if (samples.size() > kMaxMergeSamples)
    return refused(samples.size(), " samples; the limit is ", kMaxMergeSamples);
  std::size_t bytes = 0;
  for (const std::string& sample : samples) bytes += sample.size();
  if (bytes > kMaxMergeSamplesBytes)
    return refused("samples of ", bytes, " bytes; the limit is ", kMaxMergeSamplesBytes);
  return absl::OkStatus();
}

}  // namespace

absl::Status check_laws(std::string_view source, const std::vector<std::string>& samples) {
  if (absl::Status sizes = check_sizes(source, samples); !sizes.ok()) return sizes;
  if (const absl::Status code = check_source(source); !code.ok())
    return absl::InvalidArgumentError(absl::StrCat("the merge function: ", code.message()));
  return Trial(source, samples).run();
}

}  // namespace kv::lua

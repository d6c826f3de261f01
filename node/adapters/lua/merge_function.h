// A merge function and what it owes: for any values a, b, c of its bucket
//
//   commutative   merge(a, b) and merge(b, a) are the same
//   associative   merge(merge(a, b), c) and merge(a, merge(b, c)) are the same
//   idempotent    merge(a, a) is the same as a
//   closed        merge(a, b) raises no error and is such a value again
//
// A value is one of the bucket if merge(value, value) raises no error. Two values are the same if they are the same bytes or the
// same JSON document: the order of fields, white space, and whether 1 is written 1.0 do not count.
//
// Thread-safe; immutable.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace kv::lua {

bool is_same(std::string_view a, std::string_view b);

// A value as an error shows it: on one line, cut where it is long.
std::string shown(std::string_view value);

// Calls of one function, each made once. What a law is broken by, or what a call raised, comes back as text for people.
// Not thread-safe.
class Merges {
 public:
  explicit Merges(std::string_view source) : source_(source) {}

  // Of all calls so far.
  std::int64_t steps() const { return steps_; }

  // merge(a, b). INVALID_ARGUMENT: what it raised. The reference lives as long as this.
  const absl::StatusOr<std::string>& call(const std::string& a, const std::string& b);

  // INVALID_ARGUMENT: not a value of the bucket, and why.
  absl::Status check_value(const std::string& value);

  // FAILED_PRECONDITION with a counter-example. All arguments are values of the bucket.
  absl::Status check_idempotent(const std::string& a);
  absl::Status check_commutative_and_closed(const std::string& a, const std::string& b);
  absl::Status check_associative(const std::string& a, const std::string& b, const std::string& c);

 private:
  const std::string source_;
  std::int64_t steps_ = 0;
  std::map<std::pair<std::string, std::string>, absl::StatusOr<std::string>> made_;
};

// What a reader is shown of the values that writers left beside each other: all of them merged, in the order of their bytes.
// On the way the laws are held against these very values. At least one value. FAILED_PRECONDITION: a law is broken, with the
// counter-example; INVALID_ARGUMENT: the function raised an error.
absl::StatusOr<std::string> merge_all(std::string_view source, std::vector<std::string> values);

}  // namespace kv::lua

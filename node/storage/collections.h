// Storage keys of what collections hold. A set or a map has no record of its own: each element of a set, and each leaf of a map,
// is stored under a key of its own, beside the others of its collection in one partition. Adding the hundred-thousandth element
// thus costs what the first did, and concurrent changes of different elements never meet.
//
//   set  policy 't', bucket, 0, user key, 0 1, element
//   map  policy 'm', bucket, 0, user key, 0 1, field, (0 1, field)..., 0 0, policy of the leaf, element (of a set leaf only)
//
// In a user key or field followed by a separator a zero byte stands as 0 255, so that byte order is the order of user keys and
// paths, and everything below a path is one range.
// A leaf is named by its path and its policy: two clients that use one field for different things do not meet. A map exists as
// long as it has a leaf.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/storage/keys.h"

namespace kv::storage {

using Path = std::vector<std::string>;  // of fields, the outermost first

// What one storage key of a collection names, apart from bucket and user key.
struct Leaf {
  Path path{};  // in a map: at least one field
  PolicyKind policy = PolicyKind::kSet;
  std::string element{};  // of a set, or of a set in a map
  bool operator==(const Leaf&) const = default;
};

bool is_collection(PolicyKind policy);  // whether its buckets hold collections

// Whether a map may hold it as a leaf.
bool is_leaf_policy(PolicyKind policy);

// Preconditions: the bucket is of policy set and `leaf` has no path, or it is of policy map and the leaf's policy is one that maps
// hold.
std::string leaf_key(const Bucket& bucket, std::string_view user_key, const Leaf& leaf);

// The storage keys [from, end) of all that a collection holds at or below a path; an empty path: of all of it.
struct KeyRange {
  std::string from;
  std::string end;
};
KeyRange leaves_under(const Bucket& bucket, std::string_view user_key, const Path& path);

// The leaf that a storage key names; none if it is not made as above, or a size is out of range.
std::optional<Leaf> leaf_of(std::string_view storage_key);

// The policy by which a map's leaf is resolved, or none: as leaf_of, without copying.
std::optional<PolicyKind> leaf_policy(std::string_view storage_key);

// The user key of the collection that a storage key belongs to. Precondition: leaf_of() finds a leaf.
std::string collection_of(std::string_view storage_key);

// The storage keys of all user keys that begin with `prefix`, and of one: in any bucket.
KeyRange keys_with_prefix(const Bucket& bucket, std::string_view prefix);
KeyRange keys_of(const Bucket& bucket, std::string_view user_key);

// The part of a storage key that decides on its partition: the same for all that a collection holds.
std::string_view placement_of(std::string_view storage_key);

}  // namespace kv::storage

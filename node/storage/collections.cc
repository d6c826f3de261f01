#include "node/storage/collections.h"

#include "node/base/check.h"
#include "node/base/limits.h"

namespace kv::storage {
namespace {

constexpr char kZero = '\0';
constexpr char kEscaped = '\xff';  // after a zero byte: it is part of the component
constexpr char kNext = '\1';       // another component follows
constexpr char kEnd = '\0';        // the path ends

void append_escaped(std::string& out, std::string_view component) {
  for (const char c : component) {
    out.push_back(c);
    if (c == kZero) out.push_back(kEscaped);
  }
}

void append_component(std::string& out, std::string_view component, char separator) {
  append_escaped(out, component);
  out.push_back(kZero);
  out.push_back(separator);
}

// Takes the component at the start of `rest` off it, with its separator, which it returns; none if there is no whole one.
// `component`: receives it, or null.
std::optional<char> take_component(std::string_view& rest, std::string* component) {
  for (std::size_t at = 0; at + 1 < rest.size(); ++at) {
    if (rest[at] != kZero) {
      if (component != nullptr) component->push_back(rest[at]);
      continue;
    }
    const char separator = rest[at + 1];
    if (separator == kEscaped) {
      if (component != nullptr) component->push_back(kZero);
      ++at;
      continue;
    }
    rest.remove_prefix(at + 2);
    return separator;
  }
  return std::nullopt;
}

// What follows bucket and user key; none if there is no whole user key.
std::optional<std::string_view> after_user_key(std::string_view storage_key,
                                               std::string* user_key) {
  const std::size_t zero = storage_key.find(kZero, 1);
  if (zero == std::string_view::npos) return std::nullopt;
  std::string_view rest = storage_key.substr(zero + 1);
  if (take_component(rest, user_key) != kNext) return std::nullopt;
  return rest;
}

std::string prefix_of(const Bucket& bucket, std::string_view user_key) {
  std::string out = storage_key(bucket, "");
  append_component(out, user_key, kNext);
  return out;
}

bool is_size(std::size_t bytes, std::size_t limit) { return bytes >= 1 && bytes <= limit; }

std::optional<Leaf> leaf_in_map(std::string_view rest) {
  Leaf leaf;
  for (std::optional<char> separator = kNext; separator != kEnd;) {
    separator = take_component(rest, &leaf.path.emplace_back());
    const char found = separator.value_or(kEscaped);  // which no component ends with
    if (found != kNext && found != kEnd) return std::nullopt;
    if (!is_size(leaf.path.back().size(), kMaxFieldBytes) || leaf.path.size() > kMaxPathFields)
      return std::nullopt;
  }
  if (rest.empty() || !is_policy(rest.front())) return std::nullopt;
  leaf.policy = PolicyKind{rest.front()};
  leaf.element = rest.substr(1);
  const bool sized = leaf.policy == PolicyKind::kSet ? is_size(leaf.element.size(), kMaxKeyBytes)
                                                     : leaf.element.empty();
  return is_leaf_policy(leaf.policy) && sized ? std::optional(std::move(leaf)) : std::nullopt;
}

}  // namespace

bool is_collection(PolicyKind policy) {
  return policy == PolicyKind::kSet || policy == PolicyKind::kMap;
}

bool is_leaf_policy(PolicyKind policy) {
  return policy == PolicyKind::kRegister || policy == PolicyKind::kCounter ||
         policy == PolicyKind::kFlag || policy == PolicyKind::kSet;
}

std::string leaf_key(const Bucket& bucket, std::string_view user_key, const Leaf& leaf) {
  std::string out = prefix_of(bucket, user_key);
  if (bucket.policy == PolicyKind::kSet) {
    KV_CHECK(leaf.path.empty() && leaf.policy == PolicyKind::kSet, "a set holds elements");
    return out.append(leaf.element);
  }
  KV_CHECK(bucket.policy == PolicyKind::kMap && !leaf.path.empty() && is_leaf_policy(leaf.policy),
           "a map holds leaves");
  for (std::size_t i = 0; i < leaf.path.size(); ++i)
    append_component(out, leaf.path[i], i + 1 < leaf.path.size() ? kNext : kEnd);
  out.push_back(static_cast<char>(leaf.policy));
  return out.append(leaf.element);
}

KeyRange leaves_under(const Bucket& bucket, std::string_view user_key, const Path& path) {
  std::string prefix = prefix_of(bucket, user_key);
  if (path.empty()) return {prefix, prefix_end(prefix)};
  for (std::size_t i = 0; i < path.size(); ++i)
    append_component(prefix, path[i], i + 1 < path.size() ? kNext : kEnd);
  std::string end = prefix;
  end.back() = kNext + 1;
  return {std::move(prefix), std::move(end)};
}

std::optional<Leaf> leaf_of(std::string_view storage_key) {
  if (storage_key.empty()) return std::nullopt;
  std::string user_key;
  const auto rest = after_user_key(storage_key, &user_key);
  if (!rest.has_value() || !is_size(user_key.size(), kMaxKeyBytes)) return std::nullopt;
  if (PolicyKind{storage_key.front()} == PolicyKind::kMap) return leaf_in_map(*rest);
  if (!is_size(rest->size(), kMaxKeyBytes)) return std::nullopt;
  return Leaf{{}, PolicyKind::kSet, std::string(*rest)};
}

std::optional<PolicyKind> leaf_policy(std::string_view storage_key) {
  auto rest = after_user_key(storage_key, nullptr);
  if (!rest.has_value()) return std::nullopt;
  std::optional<char> separator = kNext;
  while (separator == kNext) separator = take_component(*rest, nullptr);
  if (separator != kEnd || rest->empty() || !is_policy(rest->front())) return std::nullopt;
  return PolicyKind{rest->front()};
}

std::string collection_of(std::string_view storage_key) {
  std::string user_key;
  const bool is_whole = after_user_key(storage_key, &user_key).has_value();
  KV_CHECK(is_whole, "what is stored was checked");
  return user_key;
}

KeyRange keys_with_prefix(const Bucket& bucket, std::string_view prefix) {
  std::string from = storage_key(bucket, "");
  if (is_collection(bucket.policy))
    append_escaped(from, prefix);
  else
    from.append(prefix);
  return {from, prefix_end(from)};
}

KeyRange keys_of(const Bucket& bucket, std::string_view user_key) {
  if (is_collection(bucket.policy)) return leaves_under(bucket, user_key, {});
  std::string from = storage_key(bucket, user_key);
  return {from, next_key(from)};
}

std::string_view placement_of(std::string_view storage_key) {
  if (!is_collection(PolicyKind{storage_key.front()})) return storage_key;
  const auto rest = after_user_key(storage_key, nullptr);
  return rest.has_value() ? storage_key.substr(0, storage_key.size() - rest->size()) : storage_key;
}

}  // namespace kv::storage

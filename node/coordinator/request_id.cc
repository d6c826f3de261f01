#include "node/coordinator/request_id.h"

#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "node/base/hash.h"
#include "node/base/limits.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

// So that no two lists of fields look alike.
void append_field(std::string& out, std::string_view field) {
  absl::StrAppend(&out, field.size(), ":");
  out += field;
}

}  // namespace

absl::StatusOr<std::optional<RequestId>> checked_request_id(std::string_view id,
                                                            const ClientWrite& write) {
  if (id.empty()) return std::nullopt;
  if (id.size() > kMaxRequestIdBytes)
    return absl::InvalidArgumentError(
        absl::StrCat("request id of ", id.size(), " bytes; the limit is ", kMaxRequestIdBytes));
  static const std::string kLeast = absl::StrCat(std::numeric_limits<std::int64_t>::min());
  if (write.value == kLeast && storage::policy_of(write.key).adds())
    return absl::InvalidArgumentError(
        absl::StrCat("a request id with ", kLeast,
                     ", which could not be taken back if both sides "
                     "of a partition added it; add it without one, or in two parts"));
  std::string asked;
  append_field(asked, write.key);
  append_field(asked, id);
  const std::uint64_t name = stable_hash(asked);
  append_field(asked, absl::StrCat(write.value.has_value() ? stable_hash(*write.value) : 0));
  append_field(asked, write.value.has_value() ? "value" : "delete");
  append_field(asked, absl::StrCat(write.ttl_ms));
  append_field(asked, absl::StrCat(static_cast<int>(write.condition)));
  return RequestId{name, stable_hash(asked)};
}

}  // namespace kv

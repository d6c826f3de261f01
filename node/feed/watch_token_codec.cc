#include "node/feed/watch_token_codec.h"

#include "absl/strings/str_cat.h"
#include "kv/v1/record.pb.h"
#include "node/base/limits.h"
#include "node/base/sealed.h"
#include "node/causality/scratch.h"

namespace kv {

std::string encode_watch_token(const WatchToken& token) {
  Scratch<v1::WatchRecord> record;
  record->set_feed(token.feed);
  record->set_binding(token.binding);
  record->set_commit(token.next.commit);
  record->set_event(token.next.event);
  return record.sealed();
}

absl::StatusOr<WatchToken> decode_watch_token(std::string_view bytes, std::uint64_t binding) {
  if (bytes.size() > kMaxTokenBytes)
    return absl::InvalidArgumentError(
        absl::StrCat("token of ", bytes.size(), " bytes; the limit is ", kMaxTokenBytes));
  const auto body = unseal(bytes);
  if (!body.ok())
    return absl::InvalidArgumentError(absl::StrCat("token: ", body.status().message()));
  Scratch<v1::WatchRecord> record;
  if (!record.parse(*body) || record->commit() == 0)
    return absl::InvalidArgumentError("token: not one of a watch");
  if (record->binding() != binding)
    return absl::InvalidArgumentError(
        "token: of a watch of something else; watch the same bucket and key, or prefix");
  return WatchToken{record->feed(), record->binding(), {record->commit(), record->event()}};
}

}  // namespace kv

// Any bytes are a record or are DATA_LOSS; what is accepted survives encoding and decoding.
//
// The input is tried as it is and, because hardly any mutation gets past the checksum, as the
// contents under a right one.
#include <cstdint>
#include <string_view>

#include "node/base/check.h"
#include "node/base/sealed.h"
#include "node/storage/record_codec.h"

namespace {

template <typename Decode, typename Encode>
void round_trip(std::string_view bytes, Decode decode, Encode encode) {
  const auto record = decode(bytes);
  if (!record.ok()) {
    KV_CHECK(record.status().code() == absl::StatusCode::kDataLoss, "damage is named as such");
    return;
  }
  const auto again = decode(encode(*record));
  KV_CHECK(again.ok() && *again == *record, "an accepted record round trips");
}

void decode_all(std::string_view bytes) {
  round_trip(bytes, kv::storage::decode_object, kv::storage::encode_object);
  round_trip(bytes, kv::storage::decode_replica, kv::storage::encode_replica);
  round_trip(bytes, kv::storage::decode_request, kv::storage::encode_request);
  round_trip(bytes, kv::storage::decode_node, kv::storage::encode_node);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  decode_all(bytes);
  decode_all(kv::seal(bytes));
  return 0;
}

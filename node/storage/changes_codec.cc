#include "node/storage/changes.h"

#include "google/protobuf/arena.h"
#include "kv/v1/record.pb.h"
#include "node/causality/clock_codec.h"

namespace kv::storage {

std::string encode_announced(const Announced& announced) {
  alignas(8) char room[kRecordRoomBytes];
  google::protobuf::Arena arena(room, sizeof room);
  auto& record = *google::protobuf::Arena::CreateMessage<v1::AnnouncedRecord>(&arena);
  for (const auto& [key, dots] : announced) {
    auto* object = record.add_objects();
    object->set_key(key);
    encode_clock(dots, object->mutable_dots());
  }
  return record.SerializeAsString();
}

absl::StatusOr<Announced> decode_announced(std::string_view bytes) {
  v1::AnnouncedRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return absl::DataLossError("the log of changes: not an announcement");
  Announced announced;
  for (const auto& object : record.objects()) {
    auto dots = decode_clock(object.dots());
    if (!dots.ok()) return absl::DataLossError("the log of changes: not a set of dots");
    announced[object.key()] = *std::move(dots);
  }
  return announced;
}

}  // namespace kv::storage

#include "node/storage/changes.h"

#include "kv/v1/record.pb.h"
#include "node/causality/clock_codec.h"
#include "node/causality/scratch.h"

namespace kv::storage {

std::string encode_announced(const Announced& announced) {
  Scratch<v1::AnnouncedRecord> record;
  for (const auto& [key, dots] : announced) {
    auto* object = record->add_objects();
    object->set_key(key);
    encode_clock(dots, object->mutable_dots());
  }
  return record.bytes();
}

absl::StatusOr<Announced> decode_announced(std::string_view bytes) {
  Scratch<v1::AnnouncedRecord> record;
  if (!record.parse(bytes)) return absl::DataLossError("the log of changes: not an announcement");
  Announced announced;
  for (const auto& object : record->objects()) {
    auto dots = decode_clock(object.dots());
    if (!dots.ok()) return absl::DataLossError("the log of changes: not a set of dots");
    announced[object.key()] = *std::move(dots);
  }
  return announced;
}

}  // namespace kv::storage

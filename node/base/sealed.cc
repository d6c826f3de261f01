#include "node/base/sealed.h"

#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/hash.h"

namespace kv {
namespace {

std::uint32_t checksum(std::string_view body) {
  return static_cast<std::uint32_t>(stable_hash(body));
}

}  // namespace

std::string seal(std::string_view body) {
  std::string out;
  out.reserve(kSealBytes + body.size());
  out.append(kSealBytes, '\0').append(body);
  seal_in_place(out, 0);
  return out;
}

void seal_in_place(std::string& out, std::size_t at) {
  KV_CHECK(at + kSealBytes <= out.size(), "there is room for the header");
  std::uint32_t sum = checksum(std::string_view(out).substr(at + kSealBytes));
  out[at] = kSealFormat;
  for (std::size_t i = 1; i < kSealBytes; ++i, sum >>= 8) out[at + i] = static_cast<char>(sum);
}

absl::StatusOr<std::string_view> unseal(std::string_view bytes) {
  if (bytes.size() < kSealBytes)
    return absl::DataLossError(
        absl::StrCat("only ", bytes.size(), " bytes, shorter than its header"));
  if (bytes[0] != kSealFormat)
    return absl::DataLossError(
        absl::StrCat("format ", static_cast<int>(static_cast<unsigned char>(bytes[0])),
                     "; this release knows format ", static_cast<int>(kSealFormat)));
  std::uint32_t stored = 0;
  for (int i = 0; i < 4; ++i)
    stored |= std::uint32_t{static_cast<unsigned char>(bytes[static_cast<std::size_t>(1 + i)])}
              << (8 * i);
  const std::string_view body = bytes.substr(kSealBytes);
  if (stored != checksum(body)) return absl::DataLossError("checksum does not match: damaged");
  return body;
}

}  // namespace kv

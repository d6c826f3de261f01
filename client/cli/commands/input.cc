#include "client/cli/commands/input.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "kv/codec.h"
#include "kv/limits.h"

namespace kv::cli {
namespace {

absl::Status cannot_read(const std::string& path, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("cannot read ", path == "-" ? "standard input" : path, ": ", why));
}

// At most `limit` bytes and one more.
absl::StatusOr<std::string> read_some(std::istream& in, std::size_t limit,
                                      const std::string& path) {
  std::string bytes(limit + 1, '\0');
  try {
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  } catch (const std::ios_base::failure& failure) {
    return cannot_read(path, failure.what());
  }
  if (in.bad()) return cannot_read(path, "it breaks off");
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return bytes;
}

// How long a value is of which `read` bytes have been read: the rest is counted, not kept. Counting
// has an end, for there are inputs that have none.
std::string count_bytes(std::istream& in, std::uint64_t read) {
  constexpr std::uint64_t kMostCounted = std::uint64_t{1} << 30;
  std::array<char, 64 * 1024> buffer;
  try {
    while (in.good() && read <= kMostCounted) {
      in.read(buffer.data(), buffer.size());
      read += static_cast<std::uint64_t>(in.gcount());
    }
  } catch (const std::ios_base::failure&) {
    return absl::StrCat("at least ", read);
  }
  if (in.bad()) return absl::StrCat("at least ", read);
  return read > kMostCounted ? absl::StrCat("more than ", kMostCounted) : absl::StrCat(read);
}

}  // namespace

absl::StatusOr<Input> open_input(const std::string& path, Console& console) {
  Input input;
  if (path == "-") {
    input.stream = &console.in;
    return input;
  }
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return cannot_read(path, "it is a directory");
  auto file = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!file->is_open()) return cannot_read(path, std::strerror(errno));
  if (std::filesystem::is_regular_file(path, error))
    input.size = std::filesystem::file_size(path, error);
  input.file = std::move(file);
  input.stream = input.file.get();
  return input;
}

absl::StatusOr<std::string> read_session(const std::string& path) {
  constexpr std::size_t kLimit = (client::kMaxTokenBytes + 2) / 3 * 4 + 1;  // base64 and a newline
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return cannot_read(path, std::strerror(errno));
  absl::StatusOr<std::string> text = read_some(file, kLimit, path);
  if (text.ok() && text->size() > kLimit)
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is larger than a session can be, which is ", kLimit, " bytes"));
  return text;
}

absl::StatusOr<std::string> read_value(const std::string& path, bool base64, Console& console) {
  absl::StatusOr<Input> input = open_input(path, console);
  if (!input.ok()) return input.status();
  const std::size_t limit =
      base64 ? (client::kMaxValueBytes + 2) / 3 * 4 + 2 : client::kMaxValueBytes;
  absl::StatusOr<std::string> bytes = read_some(*input->stream, limit, path);
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() > limit) {
    const std::string size = input->size.has_value() ? absl::StrCat(*input->size)
                                                     : count_bytes(*input->stream, bytes->size());
    return absl::InvalidArgumentError(absl::StrCat(base64 ? "base64 value has " : "value has ",
                                                   size, " bytes; the limit is ", limit));
  }
  if (!base64) return bytes;
  absl::string_view text = *bytes;
  if (absl::ConsumeSuffix(&text, "\n")) absl::ConsumeSuffix(&text, "\r");
  absl::StatusOr<std::string> value = client::decode_base64(text);
  if (!value.ok())
    return absl::InvalidArgumentError(absl::StrCat("value: ", value.status().message()));
  return value;
}

}  // namespace kv::cli

#include "client/cli/records/line_reader.h"

#include <algorithm>
#include <exception>

namespace kv::cli {
namespace {

constexpr std::size_t kChunk = 64 * 1024;

}  // namespace

bool LineReader::next(Line* line) {
  while (true) {
    const std::size_t newline = buffer_.find('\n', scanned_);
    if (newline != std::string::npos) return take(line, newline - start_, 1);
    scanned_ = buffer_.size();
    if (buffer_.size() - start_ > max_line_) {
      skipping_ = true;
      buffer_.resize(start_);
      scanned_ = start_;
    }
    if (ended_ || !fill()) {
      const bool rest = buffer_.size() > start_ || skipping_;
      return rest && !failed_ && take(line, buffer_.size() - start_, 0);
    }
  }
}

bool LineReader::take(Line* line, std::size_t size, std::size_t newline) {
  line->number = ++number_;
  line->too_long = skipping_ || size > max_line_;
  line->text =
      line->too_long ? absl::string_view() : absl::string_view(buffer_).substr(start_, size);
  start_ += size + newline;
  scanned_ = start_;
  skipping_ = false;
  return true;
}

bool LineReader::fill() {
  buffer_.erase(0, start_);
  scanned_ -= start_;
  start_ = 0;
  std::streambuf& source = *in_.rdbuf();
  try {
    if (source.sgetc() == std::char_traits<char>::eof()) {
      ended_ = true;
      return false;
    }
    const std::streamsize ready = std::clamp<std::streamsize>(source.in_avail(), 1, kChunk);
    const std::size_t old_size = buffer_.size();
    buffer_.resize(old_size + static_cast<std::size_t>(ready));
    const std::streamsize got = source.sgetn(buffer_.data() + old_size, ready);
    buffer_.resize(old_size + static_cast<std::size_t>(got));
    bytes_read_ += static_cast<std::uint64_t>(got);
  } catch (const std::exception&) {
    ended_ = true;
    failed_ = true;
    return false;
  }
  return true;
}

}  // namespace kv::cli

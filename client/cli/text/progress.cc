#include "client/cli/text/progress.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>

#include "client/cli/text/human.h"

namespace kv::cli {
namespace {

constexpr std::size_t kMaxBar = 30;
constexpr std::size_t kMinBar = 5;

// "[=====>    ]", `width` columns with its brackets.
std::string bar(double done, std::size_t width) {
  const std::size_t inside = width - 2;
  const auto filled = static_cast<std::size_t>(done * static_cast<double>(inside));
  std::string text(inside, ' ');
  std::fill_n(text.begin(), filled, '=');
  if (filled < inside) text[filled] = '>';
  return "[" + text + "]";
}

std::string time_left(const Progress& progress, double done) {
  if (progress.bytes == 0 || progress.elapsed.count() == 0) return "";
  const double left_ms = static_cast<double>(progress.elapsed.count()) * (1 - done) / done;
  // Beyond a few days an estimate says nothing, and might not fit.
  if (left_ms > 1000.0 * 3600 * 100) return "";
  return absl::StrCat(
      "  ", human_duration(std::chrono::milliseconds(static_cast<std::int64_t>(left_ms))), " left");
}

}  // namespace

std::uint64_t rate(std::uint64_t records, std::chrono::milliseconds elapsed) {
  if (elapsed.count() <= 0) return 0;
  return static_cast<std::uint64_t>(static_cast<double>(records) * 1000 /
                                    static_cast<double>(elapsed.count()));
}

std::string format_progress(const Progress& progress, std::size_t width) {
  std::string counts = absl::StrCat(with_commas(progress.records), " records  ",
                                    with_commas(rate(progress.records, progress.elapsed)), "/s");
  if (!progress.total_bytes.has_value()) {
    absl::StrAppend(&counts, "  ", human_bytes(progress.bytes), " read");
    return counts.substr(0, width);
  }
  const double total = static_cast<double>(std::max<std::uint64_t>(*progress.total_bytes, 1));
  // A file may grow while it is read.
  const double done =
      std::min(1.0, *progress.total_bytes == 0 ? 1.0 : static_cast<double>(progress.bytes) / total);
  const std::string percent = absl::StrFormat("%3d%%", static_cast<int>(done * 100));
  absl::StrAppend(&counts, time_left(progress, done));
  const std::size_t taken = percent.size() + counts.size() + 4;
  if (taken + kMinBar > width) return absl::StrCat(percent, "  ", counts).substr(0, width);
  return absl::StrCat(percent, "  ", bar(done, std::min(kMaxBar, width - taken)), "  ", counts);
}

}  // namespace kv::cli

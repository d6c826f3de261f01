#include "jepsen-style-tests/process/jepsen/plot.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

namespace kv::jepsen {
namespace {

using history::Operation;
using history::Outcome;

constexpr double kLeft = 60;
constexpr double kWidth = 1100;
constexpr double kTop = 30;
constexpr double kLatencyHeight = 300;
constexpr double kShareTop = kTop + kLatencyHeight + 40;
constexpr double kShareHeight = 120;
constexpr double kFaultsTop = kShareTop + kShareHeight + 40;
constexpr double kFaultHeight = 16;
// More points than this are thinned out: the picture shows no more, and stays small.
constexpr std::size_t kMostPoints = 20'000;

const char* color_of(Outcome outcome) {
  return outcome == Outcome::kOk ? "#3b7dd8" : outcome == Outcome::kUnknown ? "#e8a33d" : "#d64545";
}

class Picture {
 public:
  explicit Picture(const history::History& history) : history_(history) {
    for (const Operation& op : history.operations) end_us_ = std::max(end_us_, op.end_us);
    for (const history::Fault& fault : history.faults) {
      end_us_ = std::max(end_us_, fault.end_us);
      rows_.try_emplace(fault.name, rows_.size());
    }
  }

  std::string draw() {
    const double height = kFaultsTop + kFaultHeight * static_cast<double>(rows_.size()) + 40;
    absl::StrAppendFormat(
        &svg_,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
        "font-family=\"sans-serif\" font-size=\"11\">\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
        kLeft + kWidth + 40, height);
    text(kLeft, 18,
         absl::StrCat(
             history_.setup.workload, ", seed ", history_.setup.seed,
             ": latency (blue ok, orange unknown, red failed), share that succeeded, faults"));
    faults();
    latencies();
    shares();
    axis();
    return svg_ + "</svg>\n";
  }

 private:
  double x(std::int64_t us) const {
    return kLeft + kWidth * static_cast<double>(us) / static_cast<double>(end_us_);
  }
  // From 0.1 ms to 10 s, logarithmic.
  static double y(std::int64_t latency_us) {
    const double decades = std::log10(std::clamp(static_cast<double>(latency_us), 1e2, 1e7)) - 2;
    return kTop + kLatencyHeight * (1 - decades / 5);
  }

  void text(double at_x, double at_y, const std::string& what) {
    absl::StrAppendFormat(&svg_, "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", at_x, at_y, what);
  }
  void line(double x1, double y1, double x2, double y2, const char* color) {
    absl::StrAppendFormat(&svg_,
                          "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n",
                          x1, y1, x2, y2, color);
  }

  // Each as a bar in its nemesis's row, and as a shade behind everything.
  void faults() {
    for (const history::Fault& fault : history_.faults) {
      const double from = x(fault.start_us);
      const double width = std::max(1.0, x(fault.end_us) - from);
      const double row = kFaultsTop + kFaultHeight * static_cast<double>(rows_.at(fault.name));
      absl::StrAppendFormat(
          &svg_,
          "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#888\" "
          "fill-opacity=\"0.12\"/>\n<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
          "fill=\"#7a5195\"><title>%s</title></rect>\n",
          from, kTop, width, kShareTop + kShareHeight - kTop, from, row, width, kFaultHeight - 4,
          absl::StrCat(fault.name, ": ", escaped(fault.text)));
    }
    for (const auto& [name, row] : rows_)
      text(2, kFaultsTop + kFaultHeight * static_cast<double>(row) + 10, name);
  }

  static std::string escaped(const std::string& plain) {
    std::string result;
    for (const char c : plain)
      result += c == '>' ? "&gt;" : c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
    return result;
  }

  void latencies() {
    const std::size_t step = history_.operations.size() / kMostPoints + 1;
    for (std::size_t i = 0; i < history_.operations.size(); ++i) {
      const Operation& op = history_.operations[i];
      // What failed is rare and tells most: all of it is shown.
      if (op.outcome == Outcome::kOk && i % step != 0) continue;
      absl::StrAppendFormat(
          &svg_, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"1.3\" fill=\"%s\" fill-opacity=\"0.5\"/>\n",
          x(op.start_us), y(op.end_us - op.start_us), color_of(op.outcome));
    }
  }

  // In each half second, of the operations that began in it.
  void shares() {
    constexpr std::int64_t kStepUs = 500'000;
    struct Share {
      double ok = 0;
      double all = 0;
    };
    std::vector<Share> shares(static_cast<std::size_t>(end_us_ / kStepUs) + 1);
    for (const Operation& op : history_.operations) {
      Share& share = shares[static_cast<std::size_t>(op.start_us / kStepUs)];
      share.all += 1;
      share.ok += op.outcome == Outcome::kOk ? 1 : 0;
    }
    std::string points;
    for (std::size_t i = 0; i < shares.size(); ++i)
      if (shares[i].all > 0)
        absl::StrAppendFormat(&points, "%.1f,%.1f ", x(static_cast<std::int64_t>(i) * kStepUs),
                              kShareTop + kShareHeight * (1 - shares[i].ok / shares[i].all));
    absl::StrAppendFormat(&svg_, "<polyline fill=\"none\" stroke=\"#2a9d5c\" points=\"%s\"/>\n",
                          points);
  }

  void axis() {
    for (int decade = 0; decade <= 5; ++decade) {
      const auto latency_us = static_cast<std::int64_t>(std::pow(10, decade + 2));
      line(kLeft, y(latency_us), kLeft + kWidth, y(latency_us), "#ddd");
      text(8, y(latency_us) + 4, absl::StrFormat("%g ms", static_cast<double>(latency_us) / 1000));
    }
    for (const int percent : {0, 50, 100}) {
      const double at = kShareTop + kShareHeight * (1 - percent / 100.0);
      line(kLeft, at, kLeft + kWidth, at, "#ddd");
      text(8, at + 4, absl::StrCat(percent, "%"));
    }
    for (std::int64_t us = 0; us <= end_us_; us += 10'000'000)
      text(x(us), kShareTop + kShareHeight + 16, absl::StrCat(us / 1'000'000, " s"));
  }

  const history::History& history_;
  std::int64_t end_us_ = 1;
  std::map<std::string, std::size_t> rows_;  // of nemeses
  std::string svg_;
};

}  // namespace

std::string plot(const history::History& history) { return Picture(history).draw(); }

}  // namespace kv::jepsen

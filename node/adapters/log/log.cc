#include "node/adapters/log/log.h"

#include <spdlog/formatter.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace kv::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view level_name(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
      return "debug";
    case spdlog::level::warn:
      return "warn";
    case spdlog::level::err:
      return "error";
    default:
      return "info";
  }
}

std::string rfc3339(spdlog::log_clock::time_point time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromChrono(time), absl::UTCTimeZone());
}

// Tabs stay, and so do bytes from 0x80: they are UTF-8, or a terminal shows that they are not. But
// 0xc2 before 0x80 to 0x9f is the UTF-8 of a control character, too.
std::string without_control_characters(std::string_view message) {
  std::string line;
  line.reserve(message.size());
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto byte = static_cast<unsigned char>(message[i]);
    const auto next = static_cast<unsigned char>(i + 1 < message.size() ? message[i + 1] : 0);
    if (byte == '\n') {
      line += "\\n";
    } else if (byte == '\r') {
      line += "\\r";
    } else if ((byte < 0x20 && byte != '\t') || byte == 0x7f ||
               (byte == 0xc2 && next >= 0x80 && next < 0xa0)) {
      absl::StrAppendFormat(&line, "\\x%02x", byte);
    } else {
      line += message[i];
    }
  }
  return line;
}

std::string human_line(std::string_view time, std::string_view level, std::string_view node,
                       std::string_view message) {
  std::string name(level);
  for (char& c : name) c = static_cast<char>(c - 'a' + 'A');
  return absl::StrFormat("%s %-5s %s%s%s\n", time, name, node, node.empty() ? "" : " ",
                         without_control_characters(message));
}

std::string json_line(std::string_view time, std::string_view level, std::string_view node,
                      std::string_view message) {
  nlohmann::ordered_json record;
  record["time"] = time;
  record["level"] = level;
  record["node"] = node;
  record["message"] = message;
  return record.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

class LineFormatter final : public spdlog::formatter {
 public:
  LineFormatter(Format format, std::string node) : format_(format), node_(std::move(node)) {}

  void format(const spdlog::details::log_msg& record, spdlog::memory_buf_t& out) override {
    const std::string time = rfc3339(record.time);
    const std::string_view level = level_name(record.level);
    const std::string_view message(record.payload.data(), record.payload.size());
    const std::string line = format_ == Format::kJson ? json_line(time, level, node_, message)
                                                      : human_line(time, level, node_, message);
    out.append(line.data(), line.data() + line.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(format_, node_);
  }

 private:
  const Format format_;
  const std::string node_;
};

std::shared_ptr<spdlog::logger> make_logger(const Options& options) {
  spdlog::sink_ptr sink;
  if (options.file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
  }
  auto logger = std::make_shared<spdlog::logger>("kv", std::move(sink));
  logger->set_formatter(std::make_unique<LineFormatter>(options.format, options.node));
  logger->set_level(to_spdlog(options.level));
  logger->flush_on(spdlog::level::info);
  return logger;
}

// Never destroyed: what other static objects log while the process ends still arrives.
std::shared_ptr<spdlog::logger>& logger() {
  static auto* const instance = new std::shared_ptr<spdlog::logger>(make_logger({}));
  return *instance;
}

void write(spdlog::level::level_enum level, std::string_view message) {
  logger()->log(level, spdlog::string_view_t(message.data(), message.size()));
}

}  // namespace

absl::Status init(const Options& options) {
  try {
    logger() = make_logger(options);  // closes the old file, which writes what it held back
    return absl::OkStatus();
  } catch (const std::exception& error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot write the log to ", options.file, ": ", error.what()));
  }
}

void debug(std::string_view message) { write(spdlog::level::debug, message); }
void info(std::string_view message) { write(spdlog::level::info, message); }
void warn(std::string_view message) { write(spdlog::level::warn, message); }
void error(std::string_view message) { write(spdlog::level::err, message); }

bool enabled(Level level) { return logger()->should_log(to_spdlog(level)); }

void flush() { logger()->flush(); }

}  // namespace kv::log

// What commands print: results on standard output in the format asked for, everything else on
// standard error.
#pragma once

#include <absl/status/status.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/cli/commands/console.h"
#include "client/cli/commands/exit_code.h"
#include "client/cli/commands/options.h"
#include "client/cli/text/human.h"
#include "kv/types.h"

namespace kv::cli {

using Json = nlohmann::ordered_json;

// One line, with its newline. Bytes that are no text are replaced; results never hold any.
std::string to_line(const Json& json);

// `{"key": ...}`, or `{"key_base64": ...}` where it is no UTF-8 or base64 was asked for.
void add_bytes(Json& json, const std::string& name, const std::string& bytes, bool base64);
// The same for a list: all of them in base64 as soon as one is no UTF-8.
void add_bytes_list(Json& json, const std::string& name, const std::vector<std::string>& list,
                    bool base64);

Json write_json(const std::string& key, const client::WriteResult& result, bool base64);
// "ok dot=... acks=...", with a newline.
std::string write_line(const client::WriteResult& result);
Table write_table();
std::vector<std::string> write_row(const std::string& key, const client::WriteResult& result,
                                   bool base64);
Json get_json(const std::string& key, const client::GetResult& result, bool base64);
Json scan_json(const client::ScanEntry& entry, bool base64);
// path, policy and element, as far as it has them.
Json leaf_json(const client::Leaf& leaf, bool base64);
// What a person calls it: its path, and an element of a set after that, with tabs between.
std::string leaf_line(const client::Leaf& leaf, bool base64);
Json watch_json(const client::WatchUpdate& update, bool base64);
Json status_json(const std::vector<client::NodeStatus>& nodes);
Json failure_json(const client::Failure& failure, bool is_write);

// "a, b, c"
std::string joined(const std::vector<std::string>& list);

// Bytes in a line or a table: escaped, or in base64.
std::string shown(const std::string& bytes, bool base64);

// Why one of several writes failed: "refused: ..." or "outcome unknown (dot ...): ...".
std::string failure_text(const client::Failure& failure);

// Prints what became of the only write of a command, and returns its exit code.
ExitCode print_write(const Options& options, const std::string& key,
                     const client::Result<client::WriteResult>& result, Console& console);

// Prints on standard error why a command failed, and returns its exit code.
ExitCode report(const client::Failure& failure, bool is_write, OutputFormat output,
                Console& console);
// The same for what was found wrong before anything was sent.
ExitCode report_usage(const absl::Status& status, OutputFormat output, Console& console);

// Passes on `code`, unless standard output could not take everything: then says so and returns
// kUsage.
ExitCode finish_output(ExitCode code, OutputFormat output, Console& console);

}  // namespace kv::cli

// What the command line says beyond single flags: which go together, and what bytes they stand for.
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <utility>

#include "client/cli/command_line.h"
#include "kv/codec.h"
#include "kv/limits.h"

namespace kv::cli {
namespace {

absl::Status named(absl::string_view name, const absl::Status& status) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", status.message()));
}

}  // namespace

absl::Status CommandLine::finish() {
  options_.command = app_.get_subcommands().front()->get_name();
  options_.endpoints = absl::StrSplit(endpoints_, ',');
  options_.level_given = !level_option_->empty();
  if (absl::Status status = client::check_timeout(options_.timeout); !status.ok()) return status;
  if (options_.command == "put") {
    if (absl::Status status = finish_put(); !status.ok()) return status;
  }
  if (absl::Status status = finish_request_id(); !status.ok()) return status;
  if (absl::Status status = finish_del(); !status.ok()) return status;
  if (absl::Status status = finish_set(); !status.ok()) return status;
  if (absl::Status status = finish_map(); !status.ok()) return status;
  if (absl::Status status = finish_bucket(); !status.ok()) return status;
  if (absl::Status status = finish_conflicts(); !status.ok()) return status;
  if (absl::Status status = finish_watch(); !status.ok()) return status;
  if (absl::Status status = finish_condition(); !status.ok()) return status;
  absl::StatusOr<std::string> token = client::decode_token(token_);
  if (!token.ok()) return named(options_.command == "watch" ? "--from" : "--token", token.status());
  options_.token = *std::move(token);
  return options_.base64 ? decode_bytes() : absl::OkStatus();
}

// An id that is empty, as a variable of a script may be, must not quietly be none.
absl::Status CommandLine::finish_request_id() const {
  const bool given = std::any_of(request_id_options_.begin(), request_id_options_.end(),
                                 [](const CLI::Option* option) { return !option->empty(); });
  if (given && options_.request_id.empty())
    return absl::InvalidArgumentError("--request-id is empty; it has 1 to 64 bytes");
  const bool reads = (options_.command == "set" && options_.action == "ls") ||
                     (options_.command == "map" && options_.action == "get");
  if (given && reads)
    return absl::InvalidArgumentError("--request-id is of a write; what only reads needs none");
  const absl::Status size = client::check_request_id(options_.request_id);
  return size.ok() ? size : named("--request-id", size);
}

absl::Status CommandLine::finish_put() {
  if (ttl_option_->count() > 0 && options_.ttl.count() == 0)
    return absl::InvalidArgumentError("--ttl must be longer than 0");
  const bool has_value = !value_option_->empty();
  if (has_value == !file_option_->empty()) {
    return absl::InvalidArgumentError("put takes exactly one of VALUE, - and --file FILE");
  }
  if (value_ == "-") {
    options_.file = "-";
  } else if (has_value) {
    options_.value = value_;
  }
  return absl::OkStatus();
}

absl::Status CommandLine::finish_del() {
  if (options_.keys.size() > 1 && !token_.empty())
    return absl::InvalidArgumentError("--token is of one key; del takes it with one KEY only");
  if (options_.keys.size() > 1 && !options_.session_file.empty())
    return absl::InvalidArgumentError(
        "--session is of requests one after another; del takes it with one KEY only");
  return absl::OkStatus();
}

absl::Status CommandLine::finish_set() {
  if (options_.command != "set") return absl::OkStatus();
  if (options_.action == "add" && options_.elements.empty())
    return absl::InvalidArgumentError("set add takes at least one ELEM");
  if (options_.action == "ls" && !options_.elements.empty())
    return absl::InvalidArgumentError("set ls takes no ELEM");
  if (options_.action != "add" && options_.ttl.count() > 0)
    return absl::InvalidArgumentError("--ttl goes with set add only");
  return absl::OkStatus();
}

absl::Status CommandLine::finish_map() {
  if (options_.command != "map") return absl::OkStatus();
  const bool put = options_.action == "put";
  if (!map_value_.empty() || put) options_.value = map_value_;
  if (options_.field.empty() && (put || options_.value.has_value() || !options_.inside.empty()))
    return absl::InvalidArgumentError(
        "map put takes a FIELD and a VALUE, and --in goes with a FIELD");
  if (!put && options_.value.has_value() &&
      (options_.action == "get" || options_.leaf_policy != "set"))
    return absl::InvalidArgumentError("only map put, and map rm --type set, take a VALUE");
  if (!put && options_.ttl.count() > 0)
    return absl::InvalidArgumentError("--ttl goes with map put only");
  if (put && options_.leaf_policy == "flag" && map_value_ != "true" && map_value_ != "false")
    return absl::InvalidArgumentError("a flag is put to true or false");
  if (put && options_.leaf_policy == "counter" && !absl::SimpleAtoi(map_value_, &options_.amount))
    return absl::InvalidArgumentError(
        absl::StrCat("VALUE: \"", map_value_, "\" is no whole number of 64 bits to add"));
  return absl::OkStatus();
}

absl::Status CommandLine::finish_condition() {
  if (if_absent_ && if_current_)
    return absl::InvalidArgumentError("either --if-absent or --if-current, not both");
  if (if_current_ && token_.empty())
    return absl::InvalidArgumentError("--if-current needs --token");
  if (if_absent_) options_.condition = client::Condition::kIfAbsent;
  if (if_current_) options_.condition = client::Condition::kIfCurrent;
  return absl::OkStatus();
}

absl::Status CommandLine::finish_bucket() {
  const bool create = options_.bucket_action == "create";
  const bool takes_name = create || options_.bucket_action == "show";
  if (options_.command != "bucket") return absl::OkStatus();
  if (takes_name == options_.bucket_name.empty())
    return absl::InvalidArgumentError(absl::StrCat(
        "bucket ", options_.bucket_action, takes_name ? " takes a NAME" : " takes no NAME"));
  if (create == options_.policy.empty())
    return absl::InvalidArgumentError(create ? "bucket create takes --policy POLICY"
                                             : "--policy goes with bucket create only");
  if (!create && options_.ttl.count() > 0)
    return absl::InvalidArgumentError("--ttl goes with bucket create only");
  if (!create && options_.n > 0)
    return absl::InvalidArgumentError("--n goes with bucket create only");
  const bool custom = options_.policy == "custom";
  if (custom && options_.merge_file.empty())
    return absl::InvalidArgumentError("--policy custom takes --merge FILE");
  if (!custom && !(options_.merge_file.empty() && options_.samples_file.empty() &&
                   options_.samples_from.empty()))
    return absl::InvalidArgumentError(
        "--merge, --samples and --samples-from go with --policy custom only");
  return absl::OkStatus();
}

absl::Status CommandLine::take_dot(const std::string& text) {
  const absl::StatusOr<client::Dot> dot = client::parse_dot(text);
  if (dot.ok()) options_.dot = *dot;
  return dot.status();
}

absl::Status CommandLine::finish_conflicts() {
  if (options_.command != "conflicts") return absl::OkStatus();
  const bool list = options_.action == "list";
  if (!list && (options_.all_buckets || options_.limit > 0))
    return absl::InvalidArgumentError("--all-buckets and --limit go with conflicts list only");
  if (list && options_.all_buckets && !subject_.empty())
    return absl::InvalidArgumentError("either a KEY or --all-buckets, not both");
  if (list) options_.key = subject_;
  return list ? absl::OkStatus() : take_dot(subject_);
}

absl::Status CommandLine::finish_watch() {
  if (options_.command != "watch") return absl::OkStatus();
  options_.prefix_given = watched_prefix_->count() > 0;
  if (options_.prefix_given == (watched_key_->count() > 0))
    return absl::InvalidArgumentError("watch takes exactly one of KEY and --prefix PREFIX");
  return absl::OkStatus();
}

absl::Status CommandLine::decode_bytes() {
  const auto decode = [](absl::string_view name, std::string& bytes) {
    absl::StatusOr<std::string> decoded = client::decode_base64(bytes);
    if (!decoded.ok()) return named(name, decoded.status());
    bytes = *std::move(decoded);
    return absl::OkStatus();
  };
  std::vector<std::pair<absl::string_view, std::string*>> fields = {{"KEY", &options_.key},
                                                                    {"--prefix", &options_.prefix},
                                                                    {"--start", &options_.start},
                                                                    {"--end", &options_.end}};
  for (std::string& key : options_.keys) fields.emplace_back("KEY", &key);
  for (std::string& element : options_.elements) fields.emplace_back("ELEM", &element);
  for (std::string& field : options_.inside) fields.emplace_back("--in", &field);
  fields.emplace_back("FIELD", &options_.field);
  if (options_.value.has_value()) fields.emplace_back("VALUE", &*options_.value);
  for (const auto& [name, bytes] : fields) {
    if (absl::Status status = decode(name, *bytes); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace kv::cli

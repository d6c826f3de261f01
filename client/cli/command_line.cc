#include "client/cli/command_line.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <limits>
#include <utility>

#include "client/cli/help.h"
#include "client/cli/text/duration.h"
#include "kv/limits.h"

#ifndef KV_VERSION
#error "KV_VERSION comes from the build"
#endif

namespace kv::cli {
namespace {

// The names of an option's values, in the order in which they are shown.
template <typename T>
using Choices = std::vector<std::pair<std::string, T>>;

const Choices<client::Level> kLevels = {
    {"one", client::Level::kOne}, {"quorum", client::Level::kQuorum}, {"all", client::Level::kAll}};
const Choices<OutputFormat> kOutputs = {
    {"raw", OutputFormat::kRaw}, {"json", OutputFormat::kJson}, {"table", OutputFormat::kTable}};
const Choices<client::Durability> kDurabilities = {{"os", client::Durability::kOs},
                                                   {"disk", client::Durability::kDisk}};
const Choices<RecordFormat> kFormats = {{"json", RecordFormat::kJson}, {"tsv", RecordFormat::kTsv}};

// CLI11 reads "++" as the end of a command and "[a,b]" as two values. A zero byte, which no argument
// that comes from outside holds, hides them from it.
std::string hide(std::string argument) {
  const bool list = argument.size() > 1 && argument.front() == '[' && argument.back() == ']';
  if (argument == "++" || list) argument.push_back('\0');
  return argument;
}

void reveal(std::string& argument) {
  if (!argument.empty() && argument.back() == '\0') argument.pop_back();
}

std::string one_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) absl::StrAppend(&text, text.empty() ? "" : "|", name);
  return text;
}

// A flag whose value is one of `choices`. Its type is shown as "one|quorum|all", which is also
// where the completion scripts find them. `target` keeps its value when the flag is not given.
template <typename T, typename Target>
CLI::Option* add_choice(CLI::App* app, const std::string& flag, Target& target,
                        const Choices<T>& choices, const std::string& description) {
  std::vector<std::string> names;
  for (const auto& choice : choices) names.push_back(choice.first);
  const auto set = [&target, choices, names, flag](std::string text) {
    reveal(text);
    for (const auto& [name, value] : choices) {
      if (name != text) continue;
      target = value;
      return;
    }
    throw CLI::ValidationError(flag.substr(flag.find(',') + 1),
                               absl::StrCat("\"", text, "\" is not one of ", one_of(names)));
  };
  CLI::Option* option = app->add_option_function<std::string>(flag, set, description);
  return option->type_name(one_of(names));
}

CLI::Option* add_duration(CLI::App* app, const std::string& flag, std::chrono::milliseconds& target,
                          const std::string& description) {
  const auto set = [&target, flag](std::string text) {
    reveal(text);
    const absl::StatusOr<std::chrono::milliseconds> duration = parse_duration(text);
    if (!duration.ok()) throw CLI::ValidationError(flag, std::string(duration.status().message()));
    target = *duration;
  };
  return app->add_option_function<std::string>(flag, set, description)->type_name("DURATION");
}

CLI::Option* add_number(CLI::App* app, const std::string& flag, std::uint64_t& target,
                        std::uint64_t least, std::uint64_t most, const std::string& description) {
  const auto set = [&target, flag, least, most](std::string text) {
    reveal(text);
    std::uint64_t number = 0;
    if (!absl::SimpleAtoi(text, &number) || number < least || number > most) {
      throw CLI::ValidationError(
          flag, absl::StrCat("\"", text, "\" is no number from ", least, " to ", most));
    }
    target = number;
  };
  return app->add_option_function<std::string>(flag, set, description)->type_name("N");
}

}  // namespace

CommandLine::CommandLine()
    : app_("The command line of Dunlin, a leaderless replicated key-value store.", "kv") {
  options_.bucket = "default";
  options_.timeout = client::kDefaultTimeout;
  app_.get_formatter()->column_width(36);
  app_.set_version_flag("--version", "kv " KV_VERSION, "Print the version and exit");
  app_.require_subcommand(1);
  app_.footer(kAppFooter);
  add_global_flags();
  add_key_commands();
  add_scan_commands();
  add_import();
  add_bucket();
  add_collections();
  add_inspection();
  add_others();
}

void CommandLine::add_global_flags() {
  app_.add_option("--endpoints", endpoints_,
                  absl::StrCat("Nodes to talk to, tried in this order [", endpoints_, "]"))
      ->type_name("HOST:PORT,...")
      ->envname("KV_ENDPOINTS");
  app_.add_option("--bucket", options_.bucket, "Bucket of the keys [default]")
      ->type_name("BUCKET")
      ->envname("KV_BUCKET");
  level_option_ = add_choice(&app_, "--level", options_.level, kLevels,
                             "How many replicas must answer [quorum]");
  level_option_->envname("KV_LEVEL");
  add_duration(&app_, "--timeout", options_.timeout, "Time for each request, at most 60s [2s]")
      ->envname("KV_TIMEOUT");
  add_choice(&app_, "-o,--output", options_.output, kOutputs, "Output format [raw]")
      ->envname("KV_OUTPUT");
}

CLI::App* CommandLine::add_command(const std::string& name, const std::string& description) {
  CLI::App* command = app_.add_subcommand(name, description);
  // Global flags may follow the command.
  command->fallthrough();
  command->footer("Global flags, environment and exit codes: kv --help\n" + command_footer(name));
  return command;
}

void CommandLine::add_key(CLI::App* command) {
  command->add_option("KEY", options_.key, "1 byte to 4 KiB")->required()->type_name("");
}

void CommandLine::add_keys(CLI::App* command) {
  command->add_option("KEY", options_.keys, "1 byte to 4 KiB; one or more")
      ->required()
      ->type_name("");
}

void CommandLine::add_token(CLI::App* command) {
  command->add_option("--token", token_, "Causal token from a get of this key")->type_name("TOKEN");
}

void CommandLine::add_session(CLI::App* command) {
  command
      ->add_option("--session", options_.session_file,
                   "See what earlier requests with this file have written and read")
      ->type_name("FILE");
}

void CommandLine::add_request_id(CLI::App* command) {
  request_id_options_.push_back(
      command
          ->add_option("--request-id", options_.request_id,
                       "1 to 64 bytes: sent again within 10 minutes, at any node, it is one write")
          ->type_name("ID"));
}

void CommandLine::add_durability(CLI::App* command) {
  add_choice(command, "--durability", options_.durability, kDurabilities,
             "What the write survives: the process, or power loss [os]");
}

void CommandLine::add_base64(CLI::App* command, const std::string& what) {
  command->add_flag("--base64", options_.base64, what);
}

void CommandLine::add_format(CLI::App* command, const std::string& fallback) {
  add_choice(command, "--format", options_.format, kFormats,
             "Format of the records [" + fallback + "]");
}

void CommandLine::add_key_commands() {
  CLI::App* put = add_command("put", "Store a value under a key");
  add_key(put);
  value_option_ =
      put->add_option("VALUE", value_, "The value, or - for standard input")->type_name("");
  file_option_ =
      put->add_option("--file", options_.file, "Take the value from a file")->type_name("FILE");
  add_token(put);
  add_session(put);
  add_request_id(put);
  add_durability(put);
  ttl_option_ =
      add_duration(put, "--ttl", options_.ttl, "How long the value is there [as the bucket says]");
  put->add_flag("--if-absent", if_absent_, "Only if the key has no value");
  put->add_flag("--if-current", if_current_,
                "Only if the key has not changed since --token was read");
  add_base64(put, "Key and value are given as base64");

  CLI::App* get = add_command("get", "Print the value of a key");
  add_key(get);
  get->add_flag("--token-only", options_.token_only, "Print the causal token instead of the value");
  add_session(get);
  add_base64(get, "The key is given, and the value printed, as base64");

  CLI::App* del = add_command("del", "Delete keys");
  add_keys(del);
  add_token(del);
  add_session(del);
  add_request_id(del);
  add_durability(del);
  del->add_flag("--if-current", if_current_,
                "Only if the key has not changed since --token was read");
  add_base64(del, "Keys are given as base64");
}

void CommandLine::add_scan_commands() {
  CLI::App* scan = add_command("scan", "List keys with their values");
  scan->add_option("--prefix", options_.prefix, "Only keys that begin with this")
      ->type_name("PREFIX");
  scan->add_option("--start", options_.start, "First key, inclusive")->type_name("KEY");
  scan->add_option("--end", options_.end, "Last key, exclusive")->type_name("KEY");
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  add_number(scan, "--limit", options_.limit, 0, kMost, "At most so many keys; 0: all [0]");
  add_base64(scan, "Keys are given, and keys and values printed, as base64");

  CLI::App* watch = add_command("watch", "Print changes as they become visible at a node");
  watched_key_ = watch->add_option("KEY", options_.key, "1 byte to 4 KiB")->type_name("");
  watched_prefix_ = watch->add_option("--prefix", options_.prefix, "All keys that begin with this");
  watched_prefix_->type_name("PREFIX");
  watch->add_option("--from", token_, "Go on after this token of an earlier watch [from now on]")
      ->type_name("TOKEN");
  add_base64(watch, "The key or prefix is given, and keys and values printed, as base64");

  CLI::App* exporting = add_command("export", "Print every record, for import");
  add_format(exporting, "json");
  add_base64(exporting, "Print keys and values as base64, also where they are text");
}

void CommandLine::add_import() {
  CLI::App* command = add_command("import", "Store records from JSON lines or TSV");
  command->add_option("FILE", options_.file, "The records, or - for standard input")
      ->required()
      ->type_name("");
  add_format(command, "by FILE's name or the first line");
  add_durability(command);
  add_number(command, "--batch", options_.batch, 1, client::kMaxBatchOperations,
             "Records sent in one request [200]");
  add_number(command, "--in-flight", options_.in_flight, 1, 256, "Requests at the same time [8]");
  add_duration(command, "--retry-for", options_.retry_for, "How long to repeat what fails [30s]");
  add_base64(command, "The columns of TSV are base64");
}

void CommandLine::add_bucket() {
  CLI::App* bucket = add_command("bucket", "Make and list buckets");
  const Choices<std::string> actions = {{"create", "create"}, {"ls", "ls"}, {"show", "show"}};
  add_choice(bucket, "ACTION", options_.bucket_action, actions, "What to do")->required();
  bucket->add_option("NAME", options_.bucket_name, "Of create and show")->type_name("");
  const Choices<std::string> policies = {
      {"lww", "lww"}, {"siblings", "siblings"}, {"fww", "fww"},           {"max", "max"},
      {"min", "min"}, {"counter", "counter"},   {"register", "register"}, {"flag", "flag"},
      {"set", "set"}, {"map", "map"},           {"custom", "custom"}};
  add_choice(bucket, "--policy", options_.policy, policies,
             "What becomes of concurrent writes; create needs it");
  add_duration(bucket, "--ttl", options_.ttl,
               "Of create: how long values are there that are put without --ttl [for ever]");
  add_number(bucket, "--n", options_.n, 1, 7,
             "Of create: replicas of each key, a number that the configuration lists [as the "
             "cluster has]");
  bucket
      ->add_option("--merge", options_.merge_file,
                   "Of policy custom: Lua that defines function merge(a, b)")
      ->type_name("FILE");
  bucket
      ->add_option("--samples", options_.samples_file,
                   "Values to try --merge on, a line each, beside generated ones")
      ->type_name("FILE");
  bucket
      ->add_option("--samples-from", options_.samples_from,
                   "A bucket whose values are samples, too")
      ->type_name("BUCKET");
}

void CommandLine::add_collections() {
  CLI::App* set = add_command("set", "Add, remove and list the elements of a set");
  const Choices<std::string> on_sets = {{"add", "add"}, {"rm", "rm"}, {"ls", "ls"}};
  add_choice(set, "ACTION", options_.action, on_sets, "What to do")->required();
  add_key(set);
  set->add_option("ELEM", options_.elements, "1 byte to 4 KiB each; rm without any removes all")
      ->type_name("");

  CLI::App* map = add_command("map", "Write, read and remove the fields of a map");
  const Choices<std::string> on_maps = {{"put", "put"}, {"get", "get"}, {"rm", "rm"}};
  add_choice(map, "ACTION", options_.action, on_maps, "What to do")->required();
  add_key(map);
  map->add_option("FIELD", options_.field, "1 byte to 1 KiB")->type_name("");
  map->add_option("VALUE", map_value_, "Of put; of rm an element of a set")->type_name("");
  map->add_option("--in", options_.inside, "A map that the field is in; several: ever further in")
      ->type_name("FIELD")
      ->allow_extra_args(false);
  const Choices<std::string> leaves = {
      {"register", "register"}, {"counter", "counter"}, {"flag", "flag"}, {"set", "set"}};
  add_choice(map, "--type", options_.leaf_policy, leaves, "What the field holds [register]");
  for (CLI::App* command : {set, map}) {
    add_request_id(command);
    add_duration(command, "--ttl", options_.ttl, "How long it is there [as the bucket says]");
    add_durability(command);
    add_base64(command, "Keys, elements, fields and values are given and printed as base64");
  }
}

void CommandLine::add_inspection() {
  CLI::App* wait = add_command("wait", "Wait until replicas have a write");
  const auto set_dot = [this](std::string text) {
    reveal(text);
    const absl::Status status = take_dot(text);
    if (!status.ok()) throw CLI::ValidationError("DOT", std::string(status.message()));
  };
  wait->add_option_function<std::string>("DOT", set_dot, "ACTORHEX:COUNTER, as a write prints it")
      ->required()
      ->type_name("");
  add_choice(wait, "--durability", options_.durability, kDurabilities,
             "What counts: that a replica has it, or that its disk has [os]");

  CLI::App* converged = add_command("converged", "Tell whether all replicas are equal");
  converged->add_flag("--wait", options_.wait, "Until they are, or --timeout has passed");

  CLI::App* explain = add_command("explain", "Show what each replica of a key holds, and why");
  add_key(explain);
  add_base64(explain, "The key is given, and values are printed, as base64");

  CLI::App* conflicts = add_command("conflicts", "Show what was lost unseen, and put it back");
  const Choices<std::string> actions = {
      {"list", "list"}, {"ls", "list"}, {"show", "show"}, {"restore", "restore"}};
  add_choice(conflicts, "ACTION", options_.action, actions, "What to do")->required();
  conflicts
      ->add_option("WHAT", subject_, "Of list: a KEY; of show and restore: the DOT that was lost")
      ->type_name("");
  add_number(conflicts, "--limit", options_.limit, 0, 1'000'000, "At most so many; 0: all [0]");
  conflicts->add_flag("--all-buckets", options_.all_buckets, "List those of every bucket");
  add_base64(conflicts, "The key is given, and keys and values are printed, as base64");
}

void CommandLine::add_others() {
  CLI::App* incr = add_command("incr", "Add to a counter");
  add_key(incr);
  const auto set_amount = [this](std::string text) {
    reveal(text);
    if (!absl::SimpleAtoi(text, &options_.amount))
      throw CLI::ValidationError("BY",
                                 absl::StrCat("\"", text, "\" is no whole number of 64 bits"));
  };
  incr->add_option_function<std::string>("BY", set_amount, "How much; may be negative [1]")
      ->type_name("");
  add_session(incr);
  add_request_id(incr);
  add_durability(incr);
  add_base64(incr, "The key is given as base64");
  add_command("status", "Show the nodes and what they owe each other");
  CLI::App* completion = add_command("completion", "Print a completion script for a shell");
  const Choices<std::string> shells = {{"bash", "bash"}, {"zsh", "zsh"}, {"fish", "fish"}};
  add_choice(completion, "SHELL", options_.shell, shells, "The shell")->required();
}

void CommandLine::parse(int argc, const char* const* argv) {
  std::vector<std::string> reversed;
  for (int i = argc - 1; i > 0; --i) reversed.push_back(hide(argv[i]));
  app_.parse(std::move(reversed));
  for (std::string* text :
       {&options_.key, &value_, &options_.file, &options_.prefix, &options_.start, &options_.end,
        &options_.bucket, &options_.bucket_name, &subject_, &options_.field, &map_value_,
        &endpoints_, &token_, &options_.session_file, &options_.request_id, &options_.merge_file,
        &options_.samples_file, &options_.samples_from})
    reveal(*text);
  for (std::vector<std::string>* list : {&options_.keys, &options_.elements, &options_.inside})
    for (std::string& each : *list) reveal(each);
}

}  // namespace kv::cli

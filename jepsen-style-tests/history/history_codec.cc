#include "jepsen-style-tests/history/history_codec.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include <array>
#include <istream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <stdexcept>

namespace kv::history {
namespace {

using Json = nlohmann::json;

constexpr std::array<const char*, 7> kKinds{"get",    "put",   "delete",  "add",
                                            "insert", "erase", "elements"};
constexpr std::array<const char*, 3> kLevels{"one", "quorum", "all"};
constexpr std::array<const char*, 2> kDurabilities{"os", "disk"};
constexpr std::array<const char*, 3> kOutcomes{"ok", "not-applied", "unknown"};

std::string dump(const char* name, Json fields) {
  return Json{{name, std::move(fields)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Left out when it is what an absent field means.
template <typename T>
void put(Json& json, const char* name, const T& value, const T& absent = {}) {
  if (value != absent) json[name] = value;
}

template <typename T>
void get(const Json& json, const char* name, T& value) {
  const auto it = json.find(name);
  if (it != json.end()) it->get_to(value);
}

template <typename Enum, std::size_t size>
void get_name(const Json& json, const char* field, const std::array<const char*, size>& names,
              Enum& value) {
  const auto it = json.find(field);
  if (it == json.end()) return;
  const auto& text = it->get_ref<const std::string&>();
  for (std::size_t i = 0; i < size; ++i)
    if (names[i] == text) {
      value = static_cast<Enum>(i);
      return;
    }
  throw std::invalid_argument(
      absl::StrCat(field, " is \"", text, "\"; expected one of ", absl::StrJoin(names, ", ")));
}

Dot dot_of(const Json& json) {
  const auto& text = json.get_ref<const std::string&>();
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) throw std::invalid_argument("\"" + text + "\" is no dot");
  return {std::stoull(text.substr(0, colon), nullptr, 16), std::stoull(text.substr(colon + 1))};
}

void get_dots(const Json& json, const char* name, std::vector<Dot>& dots) {
  const auto it = json.find(name);
  if (it == json.end()) return;
  for (const Json& dot : *it) dots.push_back(dot_of(dot));
}

void put_dots(Json& json, const char* name, const std::vector<Dot>& dots) {
  for (const Dot& dot : dots) json[name].push_back(to_string(dot));
}

Setup setup_of(const Json& json) {
  Setup setup;
  get(json, "workload", setup.workload);
  get(json, "nemeses", setup.nemeses);
  get(json, "seed", setup.seed);
  get(json, "nodes", setup.nodes);
  get(json, "replicas", setup.replicas);
  get(json, "policies", setup.policies);
  get(json, "memory_bytes", setup.memory_bytes);
  get(json, "places", setup.places);
  get(json, "watched", setup.watched);
  if (setup.nodes.empty() || setup.replicas == 0)
    throw std::invalid_argument("the setup names no nodes or no number of replicas");
  return setup;
}

Operation operation_of(const Json& json) {
  Operation op;
  get_name(json, "kind", kKinds, op.kind);
  get(json, "client", op.client);
  get(json, "node", op.node);
  get(json, "bucket", op.bucket);
  get(json, "key", op.key);
  get(json, "value", op.value);
  get(json, "amount", op.amount);
  get_name(json, "level", kLevels, op.level);
  get_name(json, "durability", kDurabilities, op.durability);
  get_dots(json, "seen", op.seen);
  get(json, "ttl_us", op.ttl_us);
  get(json, "session", op.session);
  get(json, "request", op.request);
  get(json, "start_us", op.start_us);
  get(json, "end_us", op.end_us);
  get(json, "timeout_us", op.timeout_us);
  get(json, "final", op.final);
  get_name(json, "outcome", kOutcomes, op.outcome);
  get(json, "error", op.error);
  get(json, "reached", op.reached);
  if (json.contains("dot")) op.dot = dot_of(json.at("dot"));
  get(json, "hlc", op.hlc);
  get(json, "acks", op.acks);
  get(json, "coordinator", op.coordinator);
  get(json, "values", op.values);
  get_dots(json, "dots", op.dots);
  get(json, "replicas", op.replicas);
  get(json, "agreed", op.agreed);
  return op;
}

Told told_of(const Json& json) {
  Told told;
  get(json, "at_us", told.at_us);
  get(json, "node", told.node);
  get(json, "bucket", told.bucket);
  get(json, "begins", told.begins);
  get(json, "why", told.why);
  get(json, "knows_state", told.knows_state);
  get(json, "state", told.state);
  get(json, "key", told.key);
  get_dots(json, "dots", told.dots);
  get(json, "values", told.values);
  get_dots(json, "shown", told.shown);
  return told;
}

Condition condition_of(const Json& json) {
  Condition condition;
  get(json, "at_us", condition.at_us);
  get(json, "out", condition.out);
  get(json, "cuts", condition.cuts);
  get(json, "clocks_off", condition.clocks_off);
  get(json, "late_ms", condition.late_ms);
  get(json, "broken", condition.broken);
  return condition;
}

void add_line(const Json& json, History& history) {
  if (!json.is_object() || json.size() != 1)
    throw std::invalid_argument("expected an object with one field");
  const std::string& name = json.begin().key();
  const Json& fields = json.begin().value();
  if (name == "op") {
    history.operations.push_back(operation_of(fields));
  } else if (name == "told") {
    history.told.push_back(told_of(fields));
  } else if (name == "setup") {
    history.setup = setup_of(fields);
  } else if (name == "condition") {
    history.conditions.push_back(condition_of(fields));
  } else if (name == "disk_loss") {
    history.disk_losses.push_back(
        {fields.at("at_us"), fields.at("node"), fields.value("unsynced_only", false)});
  } else if (name == "memory") {
    history.memory.push_back({fields.at("at_us"), fields.at("node"), fields.at("bytes")});
  } else if (name == "stall") {
    history.stalls.push_back({fields.at("start_us"), fields.at("end_us")});
  } else if (name == "rest") {
    history.rests.push_back(
        {fields.at("at_us"), fields.at("converged"), fields.value("text", std::string())});
  } else if (name == "fault") {
    history.faults.push_back({fields.at("start_us"), fields.at("end_us"), fields.at("name"),
                              fields.value("text", std::string())});
  } else if (name == "death") {
    history.deaths.push_back(fields);
  } else if (name == "end") {
    history.complete = true;
  } else {
    throw std::invalid_argument("unknown field \"" + name + "\"");
  }
}

}  // namespace

const char* name_of(Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
const char* name_of(Level level) { return kLevels[static_cast<std::size_t>(level)]; }
const char* name_of(Durability durability) {
  return kDurabilities[static_cast<std::size_t>(durability)];
}
const char* name_of(Outcome outcome) { return kOutcomes[static_cast<std::size_t>(outcome)]; }
std::string to_string(const Dot& dot) {
  return absl::StrFormat("%016x:%d", dot.actor, dot.counter);
}

std::string to_line(const Setup& setup) {
  Json json = {{"workload", setup.workload}, {"nemeses", setup.nemeses},
               {"seed", setup.seed},         {"nodes", setup.nodes},
               {"replicas", setup.replicas}, {"policies", setup.policies}};
  put(json, "memory_bytes", setup.memory_bytes);
  put(json, "places", setup.places);
  put(json, "watched", setup.watched);
  return dump("setup", std::move(json));
}

std::string to_line(const Operation& op) {
  Json json = {
      {"kind", name_of(op.kind)},   {"client", op.client}, {"node", op.node},
      {"bucket", op.bucket},        {"key", op.key},       {"level", name_of(op.level)},
      {"start_us", op.start_us},    {"end_us", op.end_us}, {"outcome", name_of(op.outcome)},
      {"timeout_us", op.timeout_us}};
  put(json, "value", op.value);
  put(json, "amount", op.amount);
  if (op.durability != Durability::kOs) json["durability"] = name_of(op.durability);
  put_dots(json, "seen", op.seen);
  put(json, "ttl_us", op.ttl_us);
  put(json, "session", op.session);
  put(json, "request", op.request);
  put(json, "final", op.final);
  put(json, "error", op.error);
  put(json, "reached", op.reached, true);
  if (op.dot) json["dot"] = to_string(op.dot);
  put(json, "hlc", op.hlc);
  put(json, "acks", op.acks);
  put(json, "coordinator", op.coordinator);
  put(json, "values", op.values);
  put_dots(json, "dots", op.dots);
  put(json, "replicas", op.replicas);
  put(json, "agreed", op.agreed);
  return dump("op", std::move(json));
}

std::string to_line(const Told& told) {
  Json json = {{"at_us", told.at_us}, {"node", told.node}, {"bucket", told.bucket}};
  put(json, "begins", told.begins);
  put(json, "why", told.why);
  put(json, "knows_state", told.knows_state);
  put(json, "state", told.state);
  put(json, "key", told.key);
  put_dots(json, "dots", told.dots);
  put(json, "values", told.values);
  put_dots(json, "shown", told.shown);
  return dump("told", std::move(json));
}

std::string to_line(const Condition& condition) {
  Json json = {{"at_us", condition.at_us}, {"out", condition.out}, {"cuts", condition.cuts}};
  put(json, "clocks_off", condition.clocks_off);
  put(json, "late_ms", condition.late_ms);
  put(json, "broken", condition.broken);
  return dump("condition", std::move(json));
}

std::string to_line(const DiskLoss& loss) {
  Json json = {{"at_us", loss.at_us}, {"node", loss.node}};
  put(json, "unsynced_only", loss.unsynced_only);
  return dump("disk_loss", std::move(json));
}

std::string to_line(const Memory& memory) {
  return dump("memory", {{"at_us", memory.at_us}, {"node", memory.node}, {"bytes", memory.bytes}});
}

std::string to_line(const Stall& stall) {
  return dump("stall", {{"start_us", stall.start_us}, {"end_us", stall.end_us}});
}

std::string to_line(const Rest& rest) {
  return dump("rest", {{"at_us", rest.at_us}, {"converged", rest.converged}, {"text", rest.text}});
}

std::string to_line(const Fault& fault) {
  return dump("fault", {{"start_us", fault.start_us},
                        {"end_us", fault.end_us},
                        {"name", fault.name},
                        {"text", fault.text}});
}

std::string death_line(const std::string& death) { return dump("death", death); }
std::string end_line() { return dump("end", true); }

void write(const History& history, std::ostream& stream) {
  stream << to_line(history.setup) << '\n';
  const auto all = [&stream](const auto& items) {
    for (const auto& item : items) stream << to_line(item) << '\n';
  };
  all(history.operations);
  all(history.told);
  all(history.conditions);
  all(history.disk_losses);
  all(history.memory);
  all(history.stalls);
  all(history.rests);
  all(history.faults);
  for (const std::string& death : history.deaths) stream << death_line(death) << '\n';
  if (history.complete) stream << end_line() << '\n';
}

absl::StatusOr<History> read(std::istream& stream) {
  History history;
  std::string line;
  for (std::size_t number = 1; std::getline(stream, line); ++number) {
    if (line.empty()) continue;
    try {
      add_line(Json::parse(line), history);
    } catch (const std::exception& problem) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, " is not of a history: ", problem.what()));
    }
  }
  if (history.setup.nodes.empty()) return absl::InvalidArgumentError("no line with the setup");
  return history;
}

namespace {

std::string quoted(const std::vector<std::string>& values) {
  const auto quote = [](std::string* out, const std::string& value) {
    absl::StrAppend(out, "\"", value.substr(0, 40), "\"");
  };
  return absl::StrCat("[", absl::StrJoin(values, ", ", quote), "]");
}

}  // namespace

std::string describe(const Told& told) {
  std::string text =
      absl::StrFormat("[%.6f s] watcher of %s at %s", told.at_us / 1e6, told.bucket, told.node);
  if (told.begins)
    return absl::StrCat(text, " begins", told.why.empty() ? "" : " anew (" + told.why + ")");
  const auto name = [](std::string* out, const Dot& dot) { out->append(to_string(dot)); };
  return absl::StrCat(text, ": ", told.key, ", dots [", absl::StrJoin(told.dots, ", ", name),
                      "], values ", quoted(told.values));
}

std::string describe(const Operation& op) {
  std::string text = absl::StrFormat("[%.6f-%.6f s] client %d at %s: %s", op.start_us / 1e6,
                                     op.end_us / 1e6, op.client, op.node, name_of(op.kind));
  absl::StrAppend(&text, " ", op.bucket, "/", op.key);
  if (!op.value.empty()) absl::StrAppend(&text, " \"", op.value.substr(0, 40), "\"");
  if (op.ttl_us > 0) absl::StrAppend(&text, " for ", op.ttl_us / 1000, " ms");
  if (op.kind == Kind::kAdd) absl::StrAppend(&text, " ", op.amount);
  absl::StrAppend(&text, " at ", name_of(op.level),
                  op.durability == Durability::kDisk ? " on disk" : "",
                  op.final ? " in the end" : "", ": ", name_of(op.outcome));
  if (op.session > 0) absl::StrAppend(&text, ", session ", op.session);
  if (!op.request.empty()) absl::StrAppend(&text, ", request ", op.request);
  if (!op.error.empty()) absl::StrAppend(&text, " (", op.error, ")");
  if (op.dot) absl::StrAppend(&text, ", dot ", to_string(op.dot));
  if (op.hlc > 0) absl::StrAppend(&text, ", time ", op.hlc >> 16, ".", op.hlc & 0xffff);
  if (op.acks > 0) absl::StrAppend(&text, ", acks ", op.acks);
  if (is_write(op) || op.outcome != Outcome::kOk) return text;
  return absl::StrCat(text, ", values ", quoted(op.values));
}

}  // namespace kv::history

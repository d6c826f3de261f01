// Histories as text: one JSON object a line, in the order in which things were noted. The first is {"setup": ...}; then come
// {"op": ...}, {"told": ...}, {"condition": ...}, {"disk_loss": ...}, {"memory": ...}, {"stall": ...}, {"rest": ...}, {"fault": ...},
// {"death": ...}; the last is {"end": true}. Fields at their default are left out.
//
// Values and keys are text: a value that a broken node made up may hold bytes that are none, which are then replaced.
// Pure functions; thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <iosfwd>
#include <string>

#include "jepsen-style-tests/history/history.h"

namespace kv::history {

std::string to_line(const Setup& setup);
std::string to_line(const Operation& operation);
std::string to_line(const Told& told);
std::string to_line(const Condition& condition);
std::string to_line(const DiskLoss& loss);
std::string to_line(const Memory& memory);
std::string to_line(const Stall& stall);
std::string to_line(const Rest& rest);
std::string to_line(const Fault& fault);
std::string death_line(const std::string& death);
std::string end_line();

// All of a history, without its last line if it is not complete.
void write(const History& history, std::ostream& stream);

// kInvalidArgument names the line and what is wrong with it.
absl::StatusOr<History> read(std::istream& stream);

const char* name_of(Kind kind);
const char* name_of(Level level);
const char* name_of(Durability durability);
const char* name_of(Outcome outcome);
std::string to_string(const Dot& dot);  // as kv prints it
// For a verdict's evidence, in one line.
std::string describe(const Operation& operation);
std::string describe(const Told& told);

}  // namespace kv::history

// Carries out spells, and keeps the history told of what state the cluster is in.
//
// Spells overlap: a node is down, frozen or cut off as long as any spell wants it so. Faults that change a node's data are left
// out while another spell has it down, for they need it whole. Not thread-safe; see Nodes. Errors are thrown.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "jepsen-style-tests/faults/schedule.h"
#include "jepsen-style-tests/process/jepsen/machine.h"
#include "jepsen-style-tests/process/jepsen/nodes.h"
#include "jepsen-style-tests/process/jepsen/recorder.h"

namespace kv::jepsen {

class Injector {
 public:
  Injector(Machine& machine, Nodes& nodes, Recorder& recorder);

  // `id`: of the spell, to find it again.
  void begin(std::size_t id, const fault::Spell& spell);
  void end(std::size_t id);
  // Looks for nodes that have ended by themselves; starts those whose disk was full again.
  void look_after();
  // Ends every spell that has begun.
  void mend();

 private:
  struct State {
    std::uint32_t down = 0;  // spells that want it so, as all of these
    std::uint32_t paused = 0;
    std::uint32_t unsound = 0;  // runs, but nothing can be expected of it
    std::uint32_t disk_full = 0;
    bool meddled = false;  // its data is in somebody's hands
    bool may_end = false;  // for what it could not write when its disk was full
  };
  struct Begun {
    fault::Spell spell;
    std::int64_t at_us = 0;
    bool left_out = false;
  };

  void begin_at(const std::string& node, const fault::Spell& spell, Begun& begun);
  void end_at(const std::string& node, const fault::Spell& spell);
  void hold_down(const std::string& node);
  void let_up(const std::string& node);
  void lose_disk(const std::string& node);
  void meddle(const std::string& node, const fault::Spell& spell, Begun& begun);
  void give_back(const std::string& node, const fault::Spell& spell);
  void apply_cuts();
  // Before something is done to nodes, and after it: what they do meanwhile proves nothing.
  void note_condition(const std::set<std::string>& in_our_hands = {});

  Machine& machine_;
  Nodes& nodes_;
  Recorder& recorder_;
  std::map<std::string, State> states_;
  std::map<std::size_t, Begun> begun_;
};

}  // namespace kv::jepsen

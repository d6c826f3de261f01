// Carries out spells, and keeps the history told of what state the cluster is in.
//
// Spells overlap: a node is down, frozen or cut off as long as any spell wants it so. Faults that change a node's data are left
// out while another spell has it down, for they need it whole. Not thread-safe; see Nodes. Errors are thrown.
#pragma once

#include <functional>
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

  // Who makes clients send so many times as much, or with 1 as usual. None: surges are spells without effect.
  void on_surge(std::function<void(std::int64_t times)> surge) { surge_ = std::move(surge); }

  // `id`: of the spell, to find it again.
  void begin(std::size_t id, const fault::Spell& spell);
  void end(std::size_t id);
  // To be called every few hundredths of a second. Looks for nodes that have ended by themselves, and starts those again whose
  // disk was full or failed; notes how much memory each takes; moves clocks that drift.
  void look_after();
  // Ends every spell that has begun.
  void mend();
  // To be called when all replicas were found equal after that.
  void all_equal();

 private:
  struct State {
    std::uint32_t down = 0;  // spells that want it so, as all of these
    std::uint32_t paused = 0;
    std::uint32_t unsound = 0;  // runs, but nothing can be expected of it
    std::uint32_t disk_full = 0;
    std::uint32_t held_back = 0;  // if it has ended, starting it is for the end of these spells
    std::uint32_t clock_off = 0;
    bool meddled = false;         // its data is in somebody's hands
    bool may_end = false;         // for what it could not write or read meanwhile
    bool unwell = false;          // bits were flipped, or met, since all were equal
    std::string flipped{};        // where bits were, and may still be, wrong
    std::size_t damage_told = 0;  // lines of its log
    std::size_t put_aside = 0;    // the same
  };
  struct Begun {
    fault::Spell spell;
    std::int64_t at_us = 0;
    std::set<std::string> left_out{};  // nodes that another spell had
  };

  void begin_at(const std::string& node, const fault::Spell& spell, Begun& begun);
  void end_at(const std::string& node, const fault::Spell& spell);
  void hold_down(const std::string& node);
  void let_up(const std::string& node);
  void lose_disk(const std::string& node, bool unsynced_only = false);
  void spoil(const std::string& node, const fault::Spell& spell, bool begins);
  void spoil_disk(const std::string& node, const fault::Spell& spell, bool begins);
  void limit(const std::string& node, const fault::Spell& spell, bool begins);
  bool is_taken(const std::string& node) const;
  void cut_power(const fault::Spell& spell);
  void check_refused(const std::string& node);
  void check_flipped(const std::string& node);
  void note_damage();
  void move_clocks();
  void note_memory();
  void meddle(const std::string& node, const fault::Spell& spell, Begun& begun);
  void take_foreign_data(const std::string& node, const fault::Spell& spell, Begun& begun);
  void give_back(const std::string& node, const fault::Spell& spell);
  // Before something is done to nodes, and after it: what they do meanwhile proves nothing. `broken`: connections that broke now.
  void note_condition(const std::set<std::string>& in_our_hands = {},
                      const Directions& broken = {});

  Machine& machine_;
  Nodes& nodes_;
  Recorder& recorder_;
  std::map<std::string, State> states_;
  std::map<std::size_t, Begun> begun_;
  std::function<void(std::int64_t)> surge_;
  std::int64_t clocks_moved_us_ = 0;
  std::int64_t memory_noted_us_ = 0;
};

}  // namespace kv::jepsen

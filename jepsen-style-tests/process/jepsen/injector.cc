#include "jepsen-style-tests/process/jepsen/injector.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

namespace kv::jepsen {

using fault::Kind;
using fault::Spell;

Injector::Injector(Machine& machine, Nodes& nodes, Recorder& recorder)
    : machine_(machine), nodes_(nodes), recorder_(recorder) {
  for (const std::string& node : nodes_.names()) states_[node] = {};
  note_condition();
}

void Injector::begin(std::size_t id, const Spell& spell) {
  Begun& begun = begun_[id] = {spell, recorder_.now_us()};
  note_condition(spell.nodes);
  for (const std::string& node : spell.nodes) begin_at(node, spell, begun);
  if (spell.kind == Kind::kCut) apply_cuts();
  note_condition();
}

void Injector::end(std::size_t id) {
  const auto it = begun_.find(id);
  if (it == begun_.end()) return;
  const Begun begun = it->second;
  begun_.erase(it);
  if (begun.left_out) return;
  note_condition(begun.spell.nodes);
  for (const std::string& node : begun.spell.nodes) end_at(node, begun.spell);
  if (begun.spell.kind == Kind::kCut) apply_cuts();
  note_condition();
  recorder_.add(history::Fault{begun.at_us, recorder_.now_us(), begun.spell.nemesis,
                               fault::describe(begun.spell)});
}

void Injector::mend() {
  while (!begun_.empty()) end(begun_.begin()->first);
}

void Injector::begin_at(const std::string& node, const Spell& spell, Begun& begun) {
  State& state = states_.at(node);
  switch (spell.kind) {
    case Kind::kCut:
      break;
    case Kind::kKill:
      ++state.down;
      nodes_.kill(node);
      break;
    case Kind::kStop:
      ++state.down;
      if (state.paused > 0) nodes_.resume(node);
      nodes_.stop(node);
      break;
    case Kind::kPause:
      ++state.paused;
      nodes_.pause(node);
      break;
    case Kind::kWipe:
    case Kind::kRollBack:
    case Kind::kSwap:
      meddle(node, spell, begun);
      break;
    case Kind::kDiskFull:
      ++state.unsound;
      if (state.disk_full++ == 0) nodes_.fill_disk(node);
      break;
    case Kind::kClock:
      ++state.unsound;
      nodes_.set_clock(node, spell.amount);
      break;
    case Kind::kSlow:
      ++state.unsound;
      machine_.slow(node, spell.amount);
      break;
  }
}

// Faults of data need the node to themselves.
void Injector::meddle(const std::string& node, const Spell& spell, Begun& begun) {
  State& state = states_.at(node);
  if (state.down > 0 || state.meddled || state.disk_full > 0) {
    begun.left_out = true;
    return;
  }
  state.meddled = true;
  hold_down(node);
  switch (spell.kind) {
    case Kind::kWipe:
      lose_disk(node);
      nodes_.wipe(node);
      break;
    case Kind::kRollBack:
      nodes_.copy_data(node, "earlier");
      let_up(node);
      break;
    default:
      nodes_.copy_data(node, "own");
      nodes_.take_data_of(
          node, nodes_.names().front() == node ? nodes_.names().back() : nodes_.names().front());
      nodes_.start(node);
  }
}

void Injector::end_at(const std::string& node, const Spell& spell) {
  State& state = states_.at(node);
  switch (spell.kind) {
    case Kind::kCut:
      break;
    case Kind::kKill:
    case Kind::kStop:
      let_up(node);
      break;
    case Kind::kPause:
      if (--state.paused == 0) nodes_.resume(node);
      break;
    case Kind::kWipe:
    case Kind::kRollBack:
    case Kind::kSwap:
      give_back(node, spell);
      break;
    case Kind::kDiskFull:
      --state.unsound;
      state.may_end = true;
      if (--state.disk_full == 0) nodes_.free_disk(node);
      break;
    case Kind::kClock:
      --state.unsound;
      nodes_.set_clock(node, 0);
      break;
    case Kind::kSlow:
      --state.unsound;
      machine_.slow(node, 0);
      break;
  }
}

void Injector::give_back(const std::string& node, const Spell& spell) {
  if (spell.kind == Kind::kSwap) {
    // That it has not ended by now means that it serves, or would, from a disk that is not its own.
    if (nodes_.is_running(node)) recorder_.death(node + " runs on the data of another node");
    nodes_.kill(node);
    nodes_.restore_data(node, "own");
  } else if (spell.kind == Kind::kRollBack) {
    hold_down(node);
    lose_disk(node);
    nodes_.restore_data(node, "earlier");
  }
  states_.at(node).meddled = false;
  let_up(node);
}

void Injector::hold_down(const std::string& node) {
  ++states_.at(node).down;
  nodes_.kill(node);
}

void Injector::let_up(const std::string& node) {
  State& state = states_.at(node);
  if (--state.down > 0) return;
  nodes_.start(node);
  if (state.paused > 0) nodes_.pause(node);
}

void Injector::lose_disk(const std::string& node) {
  recorder_.add(history::DiskLoss{recorder_.now_us(), node});
}

void Injector::look_after() {
  for (auto& [node, state] : states_) {
    // On a full disk it would only end again.
    if (state.down > 0 || state.disk_full > 0 || nodes_.is_running(node)) continue;
    if (!state.may_end)
      recorder_.death(absl::StrCat(node, " ended by itself, ", recorder_.now_us() / 1'000'000,
                                   " s after the begin; see its log"));
    state.may_end = false;
    nodes_.start(node);
    note_condition();
  }
}

void Injector::apply_cuts() {
  Cuts cuts;
  for (const auto& [id, begun] : begun_)
    cuts.insert(begun.spell.cuts.begin(), begun.spell.cuts.end());
  machine_.cut(cuts);
}

void Injector::note_condition(const std::set<std::string>& in_our_hands) {
  history::Condition condition{.at_us = recorder_.now_us(), .out = in_our_hands};
  for (const auto& [node, state] : states_)
    if (state.down + state.paused + state.unsound > 0) condition.out.insert(node);
  for (const auto& [id, begun] : begun_)
    condition.cuts.insert(begun.spell.cuts.begin(), begun.spell.cuts.end());
  recorder_.add(std::move(condition));
}

}  // namespace kv::jepsen

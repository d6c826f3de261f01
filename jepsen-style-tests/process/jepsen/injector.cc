#include "jepsen-style-tests/process/jepsen/injector.h"

#include <absl/strings/str_cat.h>

#include <signal.h>

#include <algorithm>
#include <utility>

namespace kv::jepsen {

using fault::Kind;
using fault::Spell;

namespace {

bool is_of_network(const Spell& spell) {
  return spell.kind == Kind::kCut || spell.kind == Kind::kLink;
}

// What the spell means for who reaches whom.
void add_links(const Spell& spell, history::Condition& condition) {
  condition.cuts.insert(spell.cuts.begin(), spell.cuts.end());
  const std::int64_t late_ms = fault::lateness_ms(spell.link);
  for (const auto& link : spell.links) {
    if (spell.link.service == fault::Service::kAny)
      condition.late_ms[link] += late_ms;
    else
      // What is said to the node goes by connections to it, which do not last without its answers.
      condition.cuts.emplace(link.second == spell.link.server ? link.first : link.second,
                             spell.link.server);
  }
}

}  // namespace

Injector::Injector(Machine& machine, Nodes& nodes, Recorder& recorder)
    : machine_(machine), nodes_(nodes), recorder_(recorder) {
  for (const std::string& node : nodes_.names()) states_[node] = {};
  note_condition();
}

void Injector::begin(std::size_t id, const Spell& spell) {
  Begun& begun = begun_[id] = {spell, recorder_.now_us()};
  const Directions broken = spell.link.resets || spell.link.silences ? spell.links : Directions{};
  note_condition(spell.nodes, broken);
  for (const std::string& node : spell.nodes) begin_at(node, spell, begun);
  if (spell.kind == Kind::kCut) machine_.hurt(id, spell.cuts, {.loss_percent = 100});
  if (spell.kind == Kind::kLink) machine_.hurt(id, spell.links, spell.link);
  if (spell.kind == Kind::kSurge && surge_) surge_(spell.amount);
  note_condition({}, broken);
}

void Injector::end(std::size_t id) {
  const auto it = begun_.find(id);
  if (it == begun_.end()) return;
  const Begun begun = it->second;
  begun_.erase(it);
  std::set<std::string> nodes;
  for (const std::string& node : begun.spell.nodes)
    if (!begun.left_out.contains(node)) nodes.insert(node);
  if (nodes.empty() && !is_of_network(begun.spell)) return;
  note_condition(nodes);
  for (const std::string& node : nodes) end_at(node, begun.spell);
  if (is_of_network(begun.spell)) machine_.heal(id);
  if (begun.spell.kind == Kind::kSurge && surge_) surge_(1);
  note_condition({}, begun.spell.link.resets ? begun.spell.links : Directions{});
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
    case Kind::kLink:
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
    case Kind::kCopy:
    case Kind::kSwap:
    case Kind::kPowerLoss:
    case Kind::kBitFlip:
      meddle(node, spell, begun);
      break;
    default:
      ++state.unsound;
      spoil(node, spell, true);
      break;
  }
}

// What leaves the node running, though nothing is expected of it.
void Injector::spoil(const std::string& node, const Spell& spell, bool begins) {
  State& state = states_.at(node);
  switch (spell.kind) {
    case Kind::kDiskFull:
      state.may_end = true;
      if (begins && state.disk_full++ == 0) nodes_.fill_disk(node);
      if (!begins && --state.disk_full == 0) nodes_.free_disk(node);
      state.held_back += begins ? 1 : -1;
      break;
    case Kind::kClock:
    case Kind::kDrift:
      state.clock_off += begins ? 1 : -1;
      nodes_.set_clock(node, begins && spell.kind == Kind::kClock ? spell.amount : 0);
      break;
    case Kind::kReadErrors:
    case Kind::kSyncErrors:
    case Kind::kSlowDisk:
      spoil_disk(node, spell, begins);
      break;
    case Kind::kMemoryLimit:
    case Kind::kFileLimit:
      limit(node, spell, begins);
      break;
    default:
      break;
  }
}

void Injector::spoil_disk(const std::string& node, const Spell& spell, bool begins) {
  State& state = states_.at(node);
  bad_disk::Control& disk = nodes_.disk_control(node);
  if (spell.kind == Kind::kSlowDisk) {
    disk.delay_ms = begins ? static_cast<std::uint32_t>(spell.amount) : 0;
    return;
  }
  state.may_end = true;
  state.held_back += begins ? 1 : -1;
  if (spell.kind == Kind::kReadErrors) {
    disk.reads_fail = begins ? 1 : 0;
    return;
  }
  if (begins) disk.failed_syncs = 0;
  disk.syncs_fail = begins ? 1 : 0;
  // The first failure was about a sync interval after the begin, which is long ago.
  if (!begins && disk.failed_syncs > 0 && nodes_.is_running(node) && state.paused == 0)
    recorder_.death(node + " goes on although a sync of its disk failed");
}

void Injector::limit(const std::string& node, const Spell& spell, bool begins) {
  State& state = states_.at(node);
  if (!begins) {
    nodes_.lift_limits(node);
  } else if (spell.kind == Kind::kMemoryLimit) {
    nodes_.limit_memory(node, static_cast<std::uint64_t>(spell.amount) << 20);
  } else {
    nodes_.limit_files(node, static_cast<std::uint64_t>(spell.amount));
  }
  // Of memory it must take no more. Without files it may be unable to write, and then must not go on.
  if (spell.kind == Kind::kFileLimit) {
    state.may_end = true;
    state.held_back += begins ? 1 : -1;
  }
}

bool Injector::is_taken(const std::string& node) const {
  const State& state = states_.at(node);
  return state.down > 0 || state.meddled || state.disk_full > 0;
}

// From all at the same moment: what one of them syncs after the others are gone would hide what they have not.
void Injector::cut_power(const Spell& spell) {
  std::set<std::string> nodes;
  for (const std::string& node : spell.nodes)
    if (!is_taken(node)) nodes.insert(node);
  nodes_.kill_at_once(nodes);
}

// Faults of data need the node to themselves.
void Injector::meddle(const std::string& node, const Spell& spell, Begun& begun) {
  State& state = states_.at(node);
  if (is_taken(node)) {
    begun.left_out.insert(node);
    return;
  }
  if (spell.kind == Kind::kPowerLoss) cut_power(spell);
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
    case Kind::kPowerLoss:
      lose_disk(node, true);
      nodes_.lose_power(node);
      break;
    case Kind::kBitFlip:
      lose_disk(node);
      state.flipped = nodes_.flip_bits(node, static_cast<std::uint64_t>(spell.amount));
      state.unwell = true;
      let_up(node);
      break;
    default:
      take_foreign_data(node, spell, begun);
  }
}

// Of a copy, one of another node that goes on with the original; of a swap, each other's, once both are in our hands.
void Injector::take_foreign_data(const std::string& node, const Spell& spell, Begun& begun) {
  nodes_.copy_data(node, "own");
  if (spell.kind == Kind::kCopy) {
    const std::string& other =
        nodes_.names().front() == node ? nodes_.names().back() : nodes_.names().front();
    nodes_.copy_data(other, "lent");
    nodes_.take_data(node, other, "lent");
    nodes_.drop_copy(other, "lent");
    nodes_.start(node);
    return;
  }
  const std::string& first = *spell.nodes.begin();
  if (node == first) return;
  if (begun.left_out.contains(first)) return;
  nodes_.take_data(node, first, "own");
  nodes_.take_data(first, node, "own");
  nodes_.start(node);
  nodes_.start(first);
}

void Injector::end_at(const std::string& node, const Spell& spell) {
  State& state = states_.at(node);
  switch (spell.kind) {
    case Kind::kCut:
    case Kind::kLink:
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
    case Kind::kCopy:
    case Kind::kSwap:
    case Kind::kPowerLoss:
    case Kind::kBitFlip:
      give_back(node, spell);
      break;
    default:
      --state.unsound;
      spoil(node, spell, false);
      break;
  }
}

void Injector::give_back(const std::string& node, const Spell& spell) {
  switch (spell.kind) {
    case Kind::kCopy:
    case Kind::kSwap:
      check_refused(node);
      nodes_.kill(node);
      nodes_.restore_data(node, "own");
      break;
    case Kind::kRollBack:
      hold_down(node);
      lose_disk(node);
      nodes_.restore_data(node, "earlier");
      break;
    case Kind::kBitFlip:
      states_.at(node).meddled = false;
      return;  // nobody helps it
    default:
      break;
  }
  states_.at(node).meddled = false;
  let_up(node);
}

// That it has not ended by now means that it serves, or would, from a disk that is not its own.
void Injector::check_refused(const std::string& node) {
  if (nodes_.is_running(node) && states_.at(node).paused == 0)
    recorder_.death(node + " runs on the data of another node");
}

// It may have met the damage in the midst of its work, and then must say so. After that it has to start by itself.
void Injector::check_flipped(const std::string& node) {
  constexpr int kAborted = 128 + SIGABRT;
  const int code = nodes_.exit_code(node);
  if (code != kAborted ||
      !(nodes_.has_logged(node, "damaged") || nodes_.has_logged(node, "DATA_LOSS")))
    recorder_.death(absl::StrCat(node, " ended with code ", code,
                                 " and without a clear word, bits of ", states_.at(node).flipped,
                                 " being wrong"));
}

// Bits that are wrong may be met at any later time. Until all are equal again nothing is expected of who has met them.
void Injector::note_damage() {
  for (auto& [node, state] : states_) {
    if (state.flipped.empty()) continue;
    const std::size_t told = nodes_.times_logged(node, "DAMAGE: ");
    const std::size_t put_aside = nodes_.times_logged(node, "It has been moved to");
    if (put_aside > std::exchange(state.put_aside, put_aside)) lose_disk(node);
    if (told == std::exchange(state.damage_told, told)) continue;
    state.unwell = true;
    note_condition();
  }
}

void Injector::all_equal() {
  for (auto& [node, state] : states_) state.unwell = false;
  note_condition();
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

void Injector::lose_disk(const std::string& node, bool unsynced_only) {
  recorder_.add(history::DiskLoss{recorder_.now_us(), node, unsynced_only});
}

void Injector::look_after() {
  move_clocks();
  note_memory();
  note_damage();
  for (auto& [node, state] : states_) {
    // While what ended it lasts, it would only end again.
    if (state.down > 0 || state.held_back > 0 || nodes_.is_running(node)) continue;
    if (!state.flipped.empty())
      check_flipped(node);
    else if (!state.may_end)
      recorder_.death(absl::StrCat(node, " ended by itself, ", recorder_.now_us() / 1'000'000,
                                   " s after the begin; see its log"));
    state.may_end = false;
    nodes_.start(node);
    note_condition();
  }
}

void Injector::move_clocks() {
  constexpr std::int64_t kEveryUs = 250'000;
  const std::int64_t now_us = recorder_.now_us();
  if (now_us - clocks_moved_us_ < kEveryUs) return;
  clocks_moved_us_ = now_us;
  for (const auto& [id, begun] : begun_)
    if (begun.spell.kind == Kind::kDrift)
      nodes_.set_clock(*begun.spell.nodes.begin(),
                       begun.spell.amount * (now_us - begun.at_us) / 1'000'000);
}

void Injector::note_memory() {
  constexpr std::int64_t kEveryUs = 500'000;
  const std::int64_t now_us = recorder_.now_us();
  if (now_us - memory_noted_us_ < kEveryUs) return;
  memory_noted_us_ = now_us;
  for (const std::string& node : nodes_.names())
    if (const std::uint64_t bytes = nodes_.resident_bytes(node); bytes > 0)
      recorder_.add(history::Memory{now_us, node, bytes});
}

void Injector::note_condition(const std::set<std::string>& in_our_hands, const Directions& broken) {
  history::Condition condition{.at_us = recorder_.now_us(), .out = in_our_hands, .broken = broken};
  for (const auto& [node, state] : states_) {
    if (state.down + state.paused + state.unsound > 0 || state.unwell) condition.out.insert(node);
    if (state.clock_off > 0) condition.clocks_off.insert(node);
  }
  for (const auto& [id, begun] : begun_) add_links(begun.spell, condition);
  recorder_.add(std::move(condition));
}

}  // namespace kv::jepsen

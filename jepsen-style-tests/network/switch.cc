#include "jepsen-style-tests/network/switch.h"

#include <algorithm>

#include "node/base/check.h"

namespace kv::network {

Switch::Switch(std::vector<End> ends, Ports ports, std::uint64_t seed)
    : ends_(std::move(ends)), ports_(ports), rng_(seed) {}

std::optional<std::size_t> Switch::end_of(std::string_view name) const {
  const auto it =
      std::find_if(ends_.begin(), ends_.end(), [&](const End& end) { return end.name == name; });
  if (it == ends_.end()) return std::nullopt;
  return static_cast<std::size_t>(it - ends_.begin());
}

void Switch::hurt(std::size_t id, const Directions& directions, const fault::Link& link) {
  Hurt hurt{.link = link, .wires = {}, .new_flows = {}};
  for (const auto& [from, to] : directions)
    hurt.wires.try_emplace({end_of(from).value(), end_of(to).value()});
  const bool added = hurts_.emplace(id, std::move(hurt)).second;
  KV_CHECK(added, "each hurt has a number of its own");
}

void Switch::heal(std::size_t id) { hurts_.erase(id); }

void Switch::take(std::string bytes, std::int64_t now_us) {
  const std::optional<Frame> frame = parse(bytes);
  if (!frame.has_value()) return;
  const auto from = std::find_if(ends_.begin(), ends_.end(),
                                 [&](const End& end) { return end.mac == frame->from; });
  const auto to = std::find_if(ends_.begin(), ends_.end(),
                               [&](const End& end) { return end.ip == frame->to_ip; });
  if (from == ends_.end() || to == ends_.end() || from == to) return;
  set_destination(bytes, to->mac);
  Frame addressed = *frame;
  addressed.to = to->mac;
  const Direction direction{from - ends_.begin(), to - ends_.begin()};
  std::vector<std::int64_t> at_us{now_us};
  for (auto& [id, hurt] : hurts_) {
    const auto wire = hurt.wires.find(direction);
    if (wire == hurt.wires.end() || !concerns(hurt, direction, addressed)) continue;
    if (breaks(hurt, direction, addressed, now_us)) return;
    at_us = pass(hurt, wire->second, at_us, bytes.size());
  }
  for (const std::int64_t at : at_us) send(at, bytes);
}

bool Switch::concerns(const Hurt& hurt, Direction direction, const Frame& frame) const {
  const fault::Link& link = hurt.link;
  if (link.service == fault::Service::kAny) return true;
  if (!frame.tcp.has_value()) return false;
  const std::uint16_t port = link.service == fault::Service::kPeers ? ports_.peers : ports_.clients;
  const bool answers = ends_[direction.first].name == link.server && frame.tcp->from_port == port;
  if (link.answers_only) return answers && frame.tcp->payload_bytes > 0;
  return answers || (ends_[direction.second].name == link.server && frame.tcp->to_port == port);
}

bool Switch::is_new(Hurt& hurt, Direction direction, const Tcp& tcp) const {
  const std::pair from(direction.first, tcp.from_port);
  const std::pair to(direction.second, tcp.to_port);
  const Flow flow = std::minmax(from, to);
  if (tcp.syn && !tcp.ack) hurt.new_flows.insert(flow);
  return hurt.new_flows.contains(flow);
}

// A connection that was there before falls silent; or both its ends are told that the other has reset it.
bool Switch::breaks(Hurt& hurt, Direction direction, const Frame& frame, std::int64_t now_us) {
  if (!frame.tcp.has_value() || !(hurt.link.resets || hurt.link.silences)) return false;
  if (is_new(hurt, direction, *frame.tcp)) return false;
  if (hurt.link.resets && frame.tcp->ack && !frame.tcp->rst) {
    send(now_us, reset_of_sender(frame));
    send(now_us, reset_of_receiver(frame));
  }
  return true;
}

std::vector<std::int64_t> Switch::pass(Hurt& hurt, Wire& wire,
                                       const std::vector<std::int64_t>& at_us, std::size_t bytes) {
  const fault::Link& link = hurt.link;
  std::vector<std::int64_t> result;
  for (const std::int64_t came_us : at_us) {
    if (drawn(link.loss_percent)) continue;
    for (int copies = drawn(link.duplicate_percent) ? 2 : 1; copies > 0; --copies) {
      const std::optional<std::int64_t> left_us = squeeze(link, wire, came_us, bytes);
      if (!left_us.has_value()) continue;
      std::int64_t due_us = std::max(
          wire.last_us,
          *left_us +
              1000 * (link.delay_ms + (link.jitter_ms > 0 ? rng_.between(0, link.jitter_ms) : 0)));
      if (drawn(link.reorder_percent))
        due_us += 1000 * link.held_back_ms;
      else
        wire.last_us = due_us;
      result.push_back(due_us);
    }
  }
  return result;
}

// A narrow part with a buffer before it. Empty: the buffer is full.
std::optional<std::int64_t> Switch::squeeze(const fault::Link& link, Wire& wire, std::int64_t at_us,
                                            std::size_t bytes) const {
  if (link.bytes_per_second == 0) return at_us;
  const std::int64_t begin_us = std::max(at_us, wire.free_us);
  if (begin_us - at_us > 1000 * fault::kBufferMs) return std::nullopt;
  wire.free_us = begin_us + static_cast<std::int64_t>(bytes) * 1'000'000 / link.bytes_per_second;
  return wire.free_us;
}

bool Switch::drawn(std::int64_t percent) {
  return percent > 0 && rng_.below(100) < static_cast<std::uint64_t>(percent);
}

void Switch::send(std::int64_t at_us, std::string bytes) {
  under_way_.emplace(at_us, std::move(bytes));
}

std::optional<std::int64_t> Switch::next_us() const {
  if (under_way_.empty()) return std::nullopt;
  return under_way_.begin()->first;
}

std::vector<std::string> Switch::due(std::int64_t now_us) {
  std::vector<std::string> result;
  while (!under_way_.empty() && under_way_.begin()->first <= now_us)
    result.push_back(std::move(under_way_.extract(under_way_.begin()).mapped()));
  return result;
}

}  // namespace kv::network

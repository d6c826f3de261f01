// How one direction between two ends of a network is hurt: what a frame may meet with on its way.
//
// A plain value. Several that hurt the same direction do so one after the other.
#pragma once

#include <cstdint>
#include <string>

namespace kv::fault {

// A service that listens at a node.
enum class Service : std::uint8_t { kAny, kPeers, kClients };

struct Link {
  std::int64_t loss_percent = 0;  // 100: a cut
  std::int64_t delay_ms = 0;
  std::int64_t jitter_ms = 0;  // at most so much more, drawn anew for each frame; their order stays
  std::int64_t reorder_percent = 0;  // so many are held back while others overtake them
  std::int64_t held_back_ms = 0;
  std::int64_t duplicate_percent = 0;
  std::int64_t bytes_per_second =
      0;  // 0: no limit. What would wait for longer than kBufferMs is lost.

  bool resets = false;  // connections that exist when it begins are reset
  bool silences =
      false;  // connections that exist when it begins fall silent; new ones are let through

  // Only connections to this service of this node are hurt; kAny: everything.
  Service service = Service::kAny;
  std::string server{};
  bool answers_only = false;  // of these, only what the node says, and not that it has heard
};

constexpr std::int64_t kBufferMs = 200;

// What does not arrive by any time that could be named.
constexpr std::int64_t kNoTime = 1'000'000;

// By how much later, at worst, what is sent arrives; "at worst" leaves aside what happens to one in a million. A lost frame is
// sent again after 200 ms, then after 400, and so on, as TCP does. Whether a narrow link can carry what it is given is for its
// users to know: kNoTime. What becomes of existing connections is not counted.
std::int64_t lateness_ms(const Link& link);

// "5 % lost, 50 to 100 ms late"
std::string describe(const Link& link);

}  // namespace kv::fault

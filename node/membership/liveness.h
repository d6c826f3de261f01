// Whether one peer can be reached, and how its wall clock compares with ours: a state machine for
// the connection to it.
//
// Intuition: a peer is alive while a handshaken connection to it exists and it answers. Silence on
// a connection that looks healthy (a cut cable, a stopped process) is found by heartbeats; a
// connection that breaks needs none. Not alive is declared at once, without a grace period:
// messages given to a broken connection are lost, so whoever would count on that peer must know.
// The way back is as quick, with the next connection.
//
// Silence is counted in time that this process was awake for: a gap between two ticks counts as at
// most two heartbeat intervals. A process that was stopped for a minute would otherwise find, on
// waking, that all its peers are dead, while their answers wait in its own receive buffers.
//
// Does no I/O and reads no clock: inputs come with the current time, outputs are returned as
// Actions. Not thread-safe. A *session* is one connection to the peer; the caller numbers them in
// ascending order. What concerns a session other than the current one comes too late and is
// ignored.
//
// Rejected: an accrual failure detector (phi): its estimate needs regular arrivals, and a stream
// that carries pages of data gives it none; a plain limit is explained in one sentence.
#pragma once

#include <cstdint>
#include <optional>

#include "node/base/time.h"
#include "node/membership/peer_wall.h"

namespace kv {

struct LivenessOptions {
  std::int64_t heartbeat_interval_ms = 250;  // at least 1
  std::int64_t failure_timeout_ms = 2000;    // at least twice the interval
};

// What the caller has to do now, in the order of the fields.
struct LivenessActions {
  bool became_not_alive = false;  // the session ended: what was in flight is lost
  bool reset_connection = false;  // close its connection; the next one needs a new number
  bool became_alive = false;      // a session began: start to catch up

  // Send a heartbeat that carries this number in `sent_us`.
  std::optional<std::uint64_t> send_heartbeat_sent_us;

  // Call tick() then, or at once if this is past. Each call of anything here replaces it. kNever
  // while not alive.
  Instant wake_at = kNever;
};

class Liveness {
 public:
  explicit Liveness(LivenessOptions options);

  // The handshake of a new session is done. A session that was open until now is taken for lost.
  LivenessActions on_connected(Instant now, std::uint64_t session);

  // The peer returned our heartbeat. `echoed_sent_us`: the number it carried; an answer that names
  // a heartbeat which this session cannot have sent is ignored. `peer_wall`: what the peer says the
  // date is, any value.
  LivenessActions on_heartbeat_reply(Instant now, std::uint64_t session,
                                     std::uint64_t echoed_sent_us, WallMs peer_wall);

  LivenessActions on_disconnected(Instant now, std::uint64_t session);

  // Time has passed. May come early, late or often.
  LivenessActions tick(Instant now);

  bool alive() const { return alive_; }
  std::uint64_t session() const { return session_; }  // the latest; 0 before the first

  // The peer's wall clock, as this session's answers tell. Empty when not alive or not yet known.
  std::optional<WallBounds> wall() const { return wall_.bounds(); }

  // Round trips of this session, smoothed as TCP does (RFC 6298: an eighth of each new one).
  std::optional<std::int64_t> smoothed_rtt_us() const { return smoothed_rtt_us_; }

 private:
  LivenessActions next(Instant now, LivenessActions actions);
  void count_silence(Instant now);
  void end_session();

  const LivenessOptions options_;
  bool alive_ = false;
  std::uint64_t session_ = 0;
  Instant connected_at_;
  Instant next_heartbeat_;
  Instant counted_until_;       // silence up to here is in silent_us_
  std::int64_t silent_us_ = 0;  // since the peer was last heard

  PeerWall wall_;
  std::optional<std::int64_t> smoothed_rtt_us_;
};

}  // namespace kv

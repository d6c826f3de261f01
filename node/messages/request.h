// What clients ask of a shard, and what it answers. Requests arrive checked (node/coordinator/validate.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "node/base/time.h"
#include "node/messages/message.h"

namespace kv {

// `id` is chosen by whoever asks, unique among its requests under way, and comes back with the reply.

struct ClientWrite {
  std::uint64_t id = 0;
  Partition partition;
  std::string key;
  std::optional<std::string> value;  // none: a delete
  std::optional<Token> token;
  Level level = Level::kQuorum;
  Durability durability = Durability::kOs;
  Instant deadline;
  Condition condition = Condition::kAlways;
  std::int64_t ttl_ms = 0;  // of a value; 0: it does not expire
  Hlc after{};              // what the client's session has seen: the write is ordered after it
  std::optional<RequestId> request{};  // if the client may send it again
};

struct ClientGet {
  std::uint64_t id = 0;
  Partition partition;
  std::string key;
  Level level = Level::kQuorum;
  Instant deadline;
  // Of a client with a session: dots of the partition that the replicas asked must have processed.
  std::optional<Clock> session{};
};

// The keys of one partition in [from, end); node/coordinator/scan.h makes an ordered scan of all of them from these.
struct ClientScan {
  std::uint64_t id = 0;
  Partition partition;
  std::string from;
  std::string end;  // empty: none
  std::uint32_t max_items = 0;
  std::uint32_t max_bytes = 0;
  Level level = Level::kQuorum;
  Instant deadline;
};

struct ClientWriteReply {
  std::uint64_t id = 0;
  NodeIndex coordinator;  // the replica that issued the dot
  WriteResult result;
};

// A key as a reader sees it: joined over the replicas asked, and resolved.
struct ReadItem {
  std::string key;
  std::vector<Version> versions;  // markers included
  Token token;
};

struct ClientReadReply {
  std::uint64_t id = 0;
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string message;          // for people; empty when ok
  std::vector<ReadItem> items;  // a get: exactly one
  bool more = false;            // a scan: there may be keys after the last one looked at
  std::string last;  // a scan with more: the last key looked at; the next page starts after it
  std::vector<NodeIndex> replicas;
  bool agreed = true;
  Clock session{};  // of a get with a session: what that needs of the partition from now on
};

using ClientReply = std::variant<ClientWriteReply, ClientReadReply>;

}  // namespace kv

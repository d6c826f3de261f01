// What the core wants done after a step, in the order in which it must be done:
//   1. commit `batch`; if that fails, nothing of the rest may happen and the process must end;
//   2. if `sync`, start a sync of everything committed so far, and feed back Synced when it has succeeded;
//   3. send `messages`; 4. answer `replies`; 5. step again at `wake_at` at the latest.
// There is one place that orders them (whoever runs the core), so nobody can acknowledge before the commit.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "node/base/time.h"
#include "node/messages/message.h"
#include "node/messages/request.h"
#include "node/storage/engine.h"

namespace kv {

struct Envelope {
  NodeIndex to;
  Message message;
};

struct Effects {
  storage::WriteBatch batch;
  bool sync = false;
  std::vector<Envelope> messages;
  std::vector<ClientReply> replies;
  std::vector<std::string> warnings;  // for the log: things that an operator should know
  Instant wake_at = kNever;

  void send(NodeIndex to, Partition partition, decltype(Message::body) body) {
    if (messages.empty()) messages.reserve(4);  // or most of them would move
    messages.push_back({to, {partition, std::move(body)}});
  }

  // All of them; none is left.
  Effects take() {
    Effects all;
    all.batch.swap(batch);
    all.sync = std::exchange(sync, false);
    all.messages.swap(messages);
    all.replies.swap(replies);
    all.warnings.swap(warnings);
    all.wake_at = std::exchange(wake_at, kNever);
    return all;
  }
};

}  // namespace kv

#include "node/adapters/grpc/peer/service.h"

#include <atomic>
#include <optional>

#include "absl/strings/str_cat.h"
#include "node/adapters/asio/clock.h"
#include "node/adapters/log/log.h"

namespace kv {

// Owned by gRPC from construction until OnDone.
class PeerStream final : public grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerFrame> {
 public:
  PeerStream(PeerService& service, grpc::CallbackServerContext* context)
      : service_(service), context_(context) {
    StartRead(&incoming_);
  }

  void cut() {
    is_cut_ = true;
    context_->TryCancel();
  }

  void OnReadDone(bool ok) override {
    if (!ok || is_cut_) return finish(grpc::Status::OK);
    if (!peer_.has_value()) {
      if (!accept()) return;
    } else {
      for (const std::string& message : incoming_.messages()) service_.receive_(*peer_, message);
      if (incoming_.has_heartbeat()) answer_heartbeat();
    }
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (ok) write_next();
  }

  void OnCancel() override {
    finish(grpc::Status(grpc::StatusCode::CANCELLED, "the stream was cut"));
  }

  void OnDone() override {
    if (peer_.has_value()) service_.leave(*peer_, this);
    delete this;
  }

 private:
  bool accept() {
    const auto peer = service_.check(incoming_.hello());
    if (!peer.ok()) {
      log::warn(absl::StrCat("refused a peer: ", std::string(peer.status().message())));
      finish(grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                          std::string(peer.status().message())));
      return false;
    }
    peer_ = *peer;
    service_.enter(*peer_, this);
    const std::lock_guard lock(mutex_);
    auto* hello = writing_.mutable_hello();
    hello->set_cluster(service_.self_.cluster);
    hello->set_node(service_.self_.node);
    hello->set_incarnation(service_.self_.incarnation);
    hello->set_ring(service_.self_.ring_digest);
    is_writing_ = true;
    StartWrite(&writing_);
    return true;
  }

  void answer_heartbeat() {
    const std::lock_guard lock(mutex_);
    heartbeat_ = incoming_.heartbeat().sent_us();
    write_next();
  }

  // With the mutex held. Of several heartbeats that wait only the latest needs an answer.
  void write_next() {
    if (is_writing_ || is_finished_ || !heartbeat_.has_value()) return;
    writing_.Clear();
    writing_.mutable_heartbeat()->set_sent_us(*heartbeat_);
    writing_.mutable_heartbeat()->set_wall_ms(wall_now().ms);
    heartbeat_.reset();
    is_writing_ = true;
    StartWrite(&writing_);
  }

  void finish(const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    if (is_finished_) return;
    is_finished_ = true;
    Finish(status);
  }

  PeerService& service_;
  grpc::CallbackServerContext* const context_;
  v1::PeerFrame incoming_;
  std::optional<NodeIndex> peer_;
  std::atomic<bool> is_cut_ = false;

  std::mutex mutex_;
  v1::PeerFrame writing_;
  bool is_writing_ = false;
  bool is_finished_ = false;
  std::optional<std::uint64_t> heartbeat_;
};

grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerFrame>* PeerService::Connect(
    grpc::CallbackServerContext* context) {
  return new PeerStream(*this, context);
}

absl::StatusOr<NodeIndex> PeerService::check(const v1::Hello& hello) const {
  if (hello.cluster() != self_.cluster)
    return absl::FailedPreconditionError(absl::StrCat(self_.node, " belongs to cluster \"",
                                                      self_.cluster, "\" and ", hello.node(),
                                                      " to \"", hello.cluster(), "\""));
  const auto peer = ring_.find(hello.node());
  if (!peer.has_value() || hello.node() == self_.node)
    return absl::FailedPreconditionError(absl::StrCat("node \"", hello.node(),
                                                      "\" is not among the peers that ", self_.node,
                                                      "'s configuration names"));
  if (hello.ring() != self_.ring_digest)
    return absl::FailedPreconditionError(
        absl::StrCat("the configurations of ", self_.node, " and ", hello.node(),
                     " differ in nodes, zones, partitions or replicas"));
  return *peer;
}

void PeerService::enter(NodeIndex peer, PeerStream* stream) {
  const std::lock_guard lock(mutex_);
  PeerStream*& current = streams_[peer];
  if (current != nullptr) current->cut();
  current = stream;
}

void PeerService::leave(NodeIndex peer, PeerStream* stream) {
  const std::lock_guard lock(mutex_);
  const auto it = streams_.find(peer);
  if (it != streams_.end() && it->second == stream) streams_.erase(it);
}

}  // namespace kv

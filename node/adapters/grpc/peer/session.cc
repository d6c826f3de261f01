#include "node/adapters/grpc/peer/session.h"

#include <grpcpp/grpcpp.h>

#include <mutex>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kv/v1/peer.grpc.pb.h"
#include "node/adapters/asio/clock.h"
#include "node/adapters/grpc/peer/limits.h"

namespace kv {
namespace {

std::shared_ptr<grpc::Channel> make_channel(const std::string& address, std::int64_t silence_ms) {
  grpc::ChannelArguments arguments;
  // A connection of its own each time: one that a partition has silenced must not be picked up again.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, kMaxFrameBytes);
  arguments.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, kMaxFrameBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // By itself this sends no ping. It is what gRPC gives to TCP as the longest time that bytes may stay unacknowledged. A call
  // ends only when the kernel has taken its last bytes: into a full buffer, and a partition, not for as long as TCP goes on
  // trying, at ever longer intervals.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 3'600'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(silence_ms));
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

class OpenSession final : public PeerSession,
                          public grpc::ClientBidiReactor<v1::PeerFrame, v1::PeerFrame> {
 public:
  OpenSession(const std::string& address, std::string peer_id, std::int64_t silence_ms,
              Handlers handlers)
      : channel_(make_channel(address, silence_ms)),
        stub_(v1::Peer::NewStub(channel_)),
        peer_id_(std::move(peer_id)),
        handlers_(std::move(handlers)) {}

  void start(const PeerIdentity& self, std::shared_ptr<OpenSession> me) {
    me_ = std::move(me);
    auto* hello = writing_.mutable_hello();
    hello->set_cluster(self.cluster);
    hello->set_node(self.node);
    hello->set_incarnation(self.incarnation);
    hello->set_ring(self.ring_digest);
    stub_->async()->Connect(&context_, this);
    StartRead(&incoming_);
    StartWrite(&writing_);
    AddHold();  // others start writes: the call must not end under them
    StartCall();
  }

  void send(std::string message) override {
    const std::lock_guard lock(mutex_);
    waiting_bytes_ += message.size();
    waiting_.push_back(std::move(message));
    if (waiting_bytes_ > kMaxWaitingBytes) context_.TryCancel();
    write_next();
  }

  void send_heartbeat(std::uint64_t sent_us) override {
    const std::lock_guard lock(mutex_);
    heartbeat_ = sent_us;
    write_next();
  }

  void close() override { context_.TryCancel(); }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (ok) write_next();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      {
        const std::lock_guard lock(mutex_);
        is_broken_ = true;
      }
      RemoveHold();
      return;
    }
    if (!is_accepted_) {
      if (incoming_.hello().node() != peer_id_) {
        wrong_peer_ = incoming_.hello().node();
        context_.TryCancel();
      } else {
        is_accepted_ = true;
        handlers_.on_accepted();
      }
    } else if (incoming_.has_heartbeat()) {
      handlers_.on_heartbeat(incoming_.heartbeat().sent_us(),
                             WallMs{incoming_.heartbeat().wall_ms()});
    }
    StartRead(&incoming_);
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<OpenSession> me = std::move(me_);  // the last reference may be this one
    handlers_.on_closed(wrong_peer_.has_value() ? absl::StrCat("node \"", *wrong_peer_,
                                                               "\" answers there, not ", peer_id_)
                                                : status.error_message());
  }

 private:
  // With the mutex held.
  void write_next() {
    if (is_writing_ || is_broken_ || (waiting_.empty() && !heartbeat_.has_value())) return;
    writing_.Clear();
    if (heartbeat_.has_value()) {
      writing_.mutable_heartbeat()->set_sent_us(*heartbeat_);
      writing_.mutable_heartbeat()->set_wall_ms(wall_now().ms);
      heartbeat_.reset();
    }
    std::size_t bytes = 0;
    std::size_t taken = 0;
    while (taken < waiting_.size() &&
           (taken == 0 || bytes + waiting_[taken].size() <= kFrameBytes)) {
      bytes += waiting_[taken].size();
      writing_.add_messages(std::move(waiting_[taken]));
      ++taken;
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(taken));
    waiting_bytes_ -= bytes;
    is_writing_ = true;
    StartWrite(&writing_);
  }

  grpc::ClientContext context_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Peer::Stub> stub_;
  const std::string peer_id_;
  const Handlers handlers_;
  std::shared_ptr<OpenSession> me_;  // until OnDone

  v1::PeerFrame incoming_;  // gRPC calls one at a time
  bool is_accepted_ = false;
  std::optional<std::string> wrong_peer_;

  std::mutex mutex_;
  bool is_writing_ = true;  // the hello; under mutex_, with all below
  bool is_broken_ = false;
  v1::PeerFrame writing_;
  std::vector<std::string> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::optional<std::uint64_t> heartbeat_;
};

}  // namespace

std::shared_ptr<PeerSession> PeerSession::open(const std::string& address,
                                               const std::string& peer_id, const PeerIdentity& self,
                                               std::int64_t silence_ms, Handlers handlers) {
  auto session = std::make_shared<OpenSession>(address, peer_id, silence_ms, std::move(handlers));
  session->start(self, session);
  return session;
}

}  // namespace kv

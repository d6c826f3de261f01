// The stream to a peer and what it says on the wire: against our own PeerService, and against a peer that a test plays.
#include "node/adapters/grpc/peer/session.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "node/adapters/asio/clock.h"
#include "node/adapters/grpc/peer/limits.h"
#include "node/adapters/grpc/peer/links.h"
#include "node/adapters/grpc/peer/service.h"

namespace kv {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr NodeIndex kN1{0}, kN2{1};

// A list that one thread fills while another waits for it.
template <typename T>
class Notes {
 public:
  void add(T note) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(std::move(note));
    changed_.notify_all();
  }
  // What was noted once there are as many; what there is if that does not come true in time.
  std::vector<T> await(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return notes_.size() >= count; });
    return notes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<T> notes_;
};

// A gRPC server on a free port of 127.0.0.1.
class LocalServer {
 public:
  explicit LocalServer(grpc::Service* service) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.SetMaxReceiveMessageSize(kMaxFrameBytes);
    builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~LocalServer() {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }
  const std::string& address() const { return address_; }

 private:
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

// A session, and what it was told; ends with the object.
struct Observed {
  Observed() = default;
  ~Observed() { close(); }
  Observed(const Observed&) = delete;
  Observed& operator=(const Observed&) = delete;

  Notes<std::string> events;  // "accepted", "heartbeat N", "closed"
  Notes<std::string> reasons;
  std::shared_ptr<PeerSession> session;

  void open(const std::string& address, const std::string& peer, const PeerIdentity& self) {
    session = PeerSession::open(
        address, peer, self, 30'000,
        {[this] { events.add("accepted"); },
         [this](std::uint64_t echoed, WallMs wall) {
           const std::int64_t off_ms = wall.ms - wall_now().ms;
           events.add("heartbeat " + std::to_string(echoed) +
                      (off_ms > -60'000 && off_ms <= 0 ? "" : " with a wrong time"));
         },
         [this](const std::string& reason) {
           events.add("closed");
           reasons.add(reason);
         }});
  }
  void close() {
    session->close();
    reasons.await(1);  // the last thing that it is told
  }
};

// ---- With our own service ---------------------------------------------------------------------------------------------

class PeerServiceTest : public testing::Test {
 protected:
  PeerIdentity identity(const std::string& node, std::uint64_t incarnation = 1) const {
    return {"c", node, incarnation, ring_.digest()};
  }

  const Ring ring_ = Ring::make({{"n1", ""}, {"n2", ""}, {"n3", ""}}, 4, 3).value();
  Notes<std::pair<NodeIndex, std::string>> received_;
  PeerService service_{identity("n1"), ring_, [this](NodeIndex from, const std::string& message) {
                         received_.add({from, message});
                       }};
  LocalServer server_{&service_};
};

TEST_F(PeerServiceTest, MessagesArriveInOrderFromWhoSentThem) {
  Observed n2;
  n2.open(server_.address(), "n1", identity("n2"));
  std::vector<std::pair<NodeIndex, std::string>> expected;
  for (int i = 0; i < 1000; ++i) {
    n2.session->send("message " + std::to_string(i));
    expected.push_back({kN2, "message " + std::to_string(i)});
  }
  EXPECT_EQ(received_.await(1000), expected);
  EXPECT_THAT(n2.events.await(1), ElementsAre("accepted"));
  n2.close();
  EXPECT_THAT(n2.events.await(2), ElementsAre("accepted", "closed"));
}

TEST_F(PeerServiceTest, HeartbeatsComeBackWithTheTimeOverThere) {
  Observed n2;
  n2.open(server_.address(), "n1", identity("n2"));
  ASSERT_THAT(n2.events.await(1), ElementsAre("accepted"));
  n2.session->send_heartbeat(41);
  EXPECT_THAT(n2.events.await(2), ElementsAre("accepted", "heartbeat 41"));
  n2.session->send_heartbeat(42);
  EXPECT_THAT(n2.events.await(3), ElementsAre("accepted", "heartbeat 41", "heartbeat 42"));
}

TEST_F(PeerServiceTest, StrangersAreRefusedWithTheReason) {
  PeerIdentity other_cluster = identity("n2");
  other_cluster.cluster = "d";
  PeerIdentity other_ring = identity("n2");
  ++other_ring.ring_digest;
  const std::vector<std::pair<PeerIdentity, std::string>> strangers = {
      {other_cluster, "n1 belongs to cluster \"c\" and n2 to \"d\""},
      {identity("n9"), "node \"n9\" is not among the peers that n1's configuration names"},
      {identity("n1"), "node \"n1\" is not among the peers"},
      {other_ring,
       "the configurations of n1 and n2 differ in nodes, zones, partitions or replicas"}};
  for (const auto& [stranger, reason] : strangers) {
    Observed session;
    session.open(server_.address(), "n1", stranger);
    session.session->send("hello?");
    EXPECT_THAT(session.reasons.await(1), ElementsAre(HasSubstr(reason)));
    EXPECT_THAT(session.events.await(1), ElementsAre("closed")) << reason;
  }
  EXPECT_THAT(received_.await(0), IsEmpty());
}

TEST_F(PeerServiceTest, WhoeverAnswersInsteadOfThePeerIsRefused) {
  Observed session;
  session.open(server_.address(), "n3", identity("n2"));
  EXPECT_THAT(session.reasons.await(1), ElementsAre("node \"n1\" answers there, not n3"));
  EXPECT_THAT(session.events.await(1), ElementsAre("closed"));
}

TEST_F(PeerServiceTest, ALaterStreamOfAPeerCutsTheEarlierOne) {
  Observed before;
  before.open(server_.address(), "n1", identity("n2", 1));
  Observed other;
  other.open(server_.address(), "n1", identity("n3", 1));
  ASSERT_THAT(before.events.await(1), ElementsAre("accepted"));
  ASSERT_THAT(other.events.await(1), ElementsAre("accepted"));
  Observed after;
  after.open(server_.address(), "n1", identity("n2", 2));
  EXPECT_THAT(before.events.await(2), ElementsAre("accepted", "closed"));
  before.session->send("of an incarnation that is no more");
  after.session->send("of the new one");
  other.session->send("of another node");
  const auto received = received_.await(2);
  EXPECT_THAT(received,
              testing::UnorderedElementsAre(testing::Pair(kN2, "of the new one"),
                                            testing::Pair(NodeIndex{2}, "of another node")));
}

TEST(PeerSession, WhoeverCannotBeReachedIsNamedByGrpc) {
  Observed session;
  {
    PeerService service({}, Ring::make({{"n1", ""}}, 1, 1).value(), {});
    const LocalServer gone(&service);
    session.open(gone.address(), "n1", {"c", "n2", 1, 1});
  }
  EXPECT_THAT(session.reasons.await(1), ElementsAre(testing::Not(IsEmpty())));
  session.session->send("into the void");  // harmless
  session.session->send_heartbeat(1);
  session.session->close();
}

// ---- On the wire ------------------------------------------------------------------------------------------------------

// A peer that says hello and takes frames when the test lets it.
class PlayedPeer final : public v1::Peer::Service {
 public:
  explicit PlayedPeer(bool reads) : reads_(reads) {}

  grpc::Status Connect(grpc::ServerContext* context,
                       grpc::ServerReaderWriter<v1::PeerFrame, v1::PeerFrame>* stream) override {
    v1::PeerFrame frame;
    if (!stream->Read(&frame)) return grpc::Status::CANCELLED;
    frames.add(frame);
    frame.mutable_hello()->set_node("n1");
    stream->Write(frame);
    while (go_on.await(1).empty() && !context->IsCancelled()) continue;
    if (!reads_) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "told to end");
    while (!context->IsCancelled() && stream->Read(&frame)) frames.add(frame);
    return grpc::Status::OK;
  }

  Notes<v1::PeerFrame> frames;
  Notes<bool> go_on;

 private:
  const bool reads_;
};

TEST(PeerSession, FramesAreFilledAndBounded) {
  PlayedPeer peer(true);
  const LocalServer server(&peer);
  Observed n2;
  n2.open(server.address(), "n1", {"c", "n2", 77, 99});
  ASSERT_THAT(n2.events.await(1), ElementsAre("accepted"));
  const v1::Hello hello = peer.frames.await(1).at(0).hello();
  EXPECT_EQ(hello.cluster(), "c");
  EXPECT_EQ(hello.node(), "n2");
  EXPECT_EQ(hello.incarnation(), 77U);
  EXPECT_EQ(hello.ring(), 99U);

  // While nobody reads, the transport's own buffers fill, and then messages wait.
  const std::string some(100'000, 's');
  const std::string large(3 * kFrameBytes, 'l');
  constexpr std::size_t kSome = 150;
  for (std::size_t i = 0; i < kSome; ++i) n2.session->send(some);
  n2.session->send(large);
  n2.session->send(some);
  n2.session->send_heartbeat(5);
  peer.go_on.add(true);

  std::size_t messages = 0;
  std::size_t fullest = 0;
  bool with_heartbeat = false;
  bool alone = false;
  for (std::size_t known = 1; messages < kSome + 2;) {
    const auto frames = peer.frames.await(known + 1);
    ASSERT_GT(frames.size(), known) << "after " << messages << " messages";
    for (; known < frames.size(); ++known) {
      const v1::PeerFrame& frame = frames[known];
      EXPECT_FALSE(frame.has_hello()) << "said once";
      std::size_t bytes = 0;
      for (const std::string& message : frame.messages()) bytes += message.size();
      EXPECT_TRUE(bytes <= kFrameBytes || frame.messages_size() == 1) << bytes;
      with_heartbeat |= frame.has_heartbeat() && frame.heartbeat().sent_us() == 5;
      alone |= frame.messages_size() == 1 && frame.messages(0) == large;
      fullest = std::max(fullest, bytes > kFrameBytes ? 0 : bytes);
      messages += static_cast<std::size_t>(frame.messages_size());
    }
  }
  EXPECT_EQ(messages, kSome + 2);
  EXPECT_TRUE(alone) << "a message larger than a frame travels by itself";
  EXPECT_TRUE(with_heartbeat) << "heartbeats do not wait for messages";
  EXPECT_GT(fullest, kFrameBytes - some.size()) << "what waits shares frames";
}

TEST(PeerSession, APeerThatTakesNothingIsGivenUpBeforeMemoryIsFull) {
  PlayedPeer peer(false);
  const LocalServer server(&peer);
  Observed n2;
  n2.open(server.address(), "n1", {"c", "n2", 1, 1});
  ASSERT_THAT(n2.events.await(1), ElementsAre("accepted"));
  const std::string message(kFrameBytes, 'm');
  for (std::size_t sent = 0; sent < kMaxWaitingBytes / 2; sent += message.size())
    n2.session->send(message);
  EXPECT_THAT(n2.events.await(1), ElementsAre("accepted")) << "half of the bound";
  for (std::size_t sent = 0; sent < kMaxWaitingBytes; sent += message.size())
    n2.session->send(message);
  EXPECT_THAT(n2.events.await(2), ElementsAre("accepted", "closed"));
  peer.go_on.add(true);
}

// ---- A network that swallows -----------------------------------------------------------------------------------------

// Passes bytes on to a server. freeze() lets the connections that exist stand still, neither broken nor served, as a
// partition does; later ones are served again.
class FreezingTunnel {
 public:
  explicit FreezingTunnel(const std::string& target)
      : port_(std::stoi(target.substr(target.find(':') + 1))) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = local(0);
    socklen_t size = sizeof address;
    bind(listener_, as_generic(address), size);
    listen(listener_, 16);
    getsockname(listener_, as_generic(address), &size);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { run(); });
  }
  ~FreezingTunnel() {
    ends_ = true;
    thread_.join();
    for (const int fd : fds_) ::close(fd);
    ::close(listener_);
  }
  const std::string& address() const { return address_; }
  void freeze() { frozen_ = true; }

 private:
  static sockaddr_in local(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
  }
  static sockaddr* as_generic(sockaddr_in& address) {
    return reinterpret_cast<sockaddr*>(&address);
  }

  void run() {
    std::size_t first = 0;  // what is served: the descriptors from here on, in pairs
    while (!ends_) {
      if (frozen_.exchange(false)) first = fds_.size();
      std::vector<pollfd> ready{{listener_, POLLIN, 0}};
      for (std::size_t i = first; i < fds_.size(); ++i) ready.push_back({fds_[i], POLLIN, 0});
      poll(ready.data(), ready.size(), 10);
      for (std::size_t i = 1; i < ready.size(); ++i)
        if (ready[i].revents != 0) pass(ready[i].fd, fds_[(first + i - 1) ^ 1U]);
      if (ready[0].revents != 0) accept_one();
    }
  }
  void accept_one() {
    sockaddr_in address = local(port_);
    fds_.push_back(accept(listener_, nullptr, nullptr));
    fds_.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    connect(fds_.back(), as_generic(address), sizeof address);
  }
  static void pass(int from, int to) {
    std::array<char, 65536> bytes{};
    const ssize_t got = recv(from, bytes.data(), bytes.size(), 0);
    if (got <= 0 || send(to, bytes.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) != got)
      shutdown(to, SHUT_RDWR);
  }

  const int port_;
  int listener_ = -1;
  std::string address_;
  std::vector<int> fds_;
  std::atomic<bool> frozen_{false};
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

// ---- Links ------------------------------------------------------------------------------------------------------------

class PeerLinksTest : public PeerServiceTest {
 protected:
  PeerLinksTest() {
    handlers_.on_up = [this](NodeIndex node) { changes_.add({node, "up"}); };
    handlers_.on_down = [this](NodeIndex node) { changes_.add({node, "down"}); };
  }

  // n2's links: to n1, which is real, and to n3, at whose address another n1 answers.
  PeerLinks links() {
    return PeerLinks(identity("n2"), ring_, {server_.address(), "", wrong_server_.address()}, {},
                     handlers_);
  }

  PeerService wrong_service_{identity("n1"), ring_, {}};
  LocalServer wrong_server_{&wrong_service_};
  Notes<std::pair<NodeIndex, std::string>> changes_;
  PeerLinks::Handlers handlers_;
};

TEST_F(PeerLinksTest, ALinkComesUpCarriesMessagesAndComesUpAgain) {
  PeerLinks links = this->links();
  links.send(kN1, "before there is a link");
  links.start();
  using Change = std::pair<NodeIndex, std::string>;
  ASSERT_THAT(changes_.await(1), ElementsAre(Change(kN1, "up")));
  links.send(kN1, "first");
  EXPECT_THAT(received_.await(1), ElementsAre(testing::Pair(kN2, "first")));

  // Another stream in n2's name cuts the link, which is restored and cuts that stream in turn.
  Observed thief;
  thief.open(server_.address(), "n1", identity("n2", 9));
  ASSERT_THAT(changes_.await(3),
              ElementsAre(Change(kN1, "up"), Change(kN1, "down"), Change(kN1, "up")));
  EXPECT_THAT(thief.events.await(2), ElementsAre("accepted", "closed"));
  links.send(kN1, "second");
  EXPECT_EQ(received_.await(2).back().second, "second");
  links.stop();
}

// gRPC tells of the end of a call only once it has handed its last bytes to the kernel, which takes none while the peer
// acknowledges none. Who waited for that would find its peer again minutes after the network is whole.
TEST_F(PeerLinksTest, ALinkWhoseConnectionTakesNoMoreBytesIsOpenedAnew) {
  FreezingTunnel tunnel(server_.address());
  PeerLinks links(identity("n2"), ring_, {tunnel.address(), "", wrong_server_.address()},
                  {.heartbeat_interval_ms = 50, .failure_timeout_ms = 500}, handlers_);
  links.start();
  using Change = std::pair<NodeIndex, std::string>;
  ASSERT_THAT(changes_.await(1), ElementsAre(Change(kN1, "up")));
  tunnel.freeze();
  for (std::size_t sent = 0; sent < kMaxWaitingBytes / 2; sent += kFrameBytes)
    links.send(kN1, std::string(kFrameBytes, 'x'));  // more than all buffers on the way hold
  EXPECT_THAT(changes_.await(3),
              ElementsAre(Change(kN1, "up"), Change(kN1, "down"), Change(kN1, "up")));
  links.stop();
}

TEST_F(PeerLinksTest, StatusTellsWhoIsThereAndHowWrongItsClockIs) {
  PeerLinks links = this->links();
  EXPECT_FALSE(links.status()[0].alive);
  links.start();
  changes_.await(1);
  LinkStatus n1;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  do {
    std::this_thread::yield();
    n1 = links.status()[0];
  } while (!n1.wall.has_value() && std::chrono::steady_clock::now() < end);
  EXPECT_TRUE(n1.alive);
  ASSERT_TRUE(n1.wall.has_value());
  EXPECT_THAT(offset_ms(*n1.wall, now()), AllOf(testing::Ge(-10'000), testing::Le(10'000)));
  EXPECT_TRUE(links.status()[1].alive) << "itself";
  EXPECT_FALSE(links.status()[2].alive) << "somebody else answers there";
  links.stop();
}

TEST_F(PeerLinksTest, StoppingClosesEverySessionAndMayBeRepeated) {
  PeerLinks links = this->links();
  links.start();
  changes_.await(1);
  links.stop();
  links.send(kN1, "after the end");
  links.stop();
  EXPECT_THAT(received_.await(0), IsEmpty());
}

}  // namespace
}  // namespace kv

#include "node/adapters/grpc/watch/watch_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node/adapters/asio/clock.h"
#include "node/adapters/grpc/convert.h"
#include "node/coordinator/validate.h"

namespace kv {
namespace {

// At each moment exactly one of these is so: the bucket is being looked up, the hub has been asked, a message is being
// written, it is finished. Whoever ends one begins the next.
class WatchCall final : public grpc::ServerWriteReactor<v1::WatchResponse> {
 public:
  WatchCall(const Watching& watching, const v1::WatchRequest& request)
      : watching_(watching), request_(request), id_(watching.hub.new_id()) {
    watching_.buckets.find(request_.bucket(), after_ms(monotonic_now(), kDefaultDeadlineMs),
                           [this](const storage::Bucket& bucket, const v1::Failure& failure) {
                             if (failure.code() != 0) return Finish(to_grpc(failure));
                             open(bucket);
                           });
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the client is gone"));
    watching_.hub.next(id_, [this](auto response) { write(std::move(response)); });
  }

  void OnCancel() override {
    *gone_ = true;
    watching_.hub.look_for_gone();
  }

  void OnDone() override {
    watching_.hub.close(id_);
    delete this;
  }

 private:
  void open(const storage::Bucket& bucket) {
    auto range = range_in(bucket);
    if (!range.ok()) return Finish(to_grpc(not_applied(range.status())));
    std::optional<std::string> token;
    if (!request_.token().empty()) token = request_.token();
    watching_.hub.open(id_, *std::move(range), std::move(token), gone_,
                       [this, n = bucket.n](auto response) {
                         if (response.ok()) add_partitions(n, *response);
                         write(std::move(response));
                       });
  }

  absl::StatusOr<storage::KeyRange> range_in(const storage::Bucket& bucket) const {
    if (request_.what_case() == v1::WatchRequest::kPrefix)
      return checked_watch_of_prefix(bucket, request_.prefix());
    auto range = checked_watch(bucket, request_.key());
    if (!range.ok()) return range;
    const Partition partition =
        watching_.ring.partition_of(storage::placement_of(range->from), bucket.n);
    if (watching_.ring.is_replica(partition, watching_.self)) return range;
    std::vector<std::string> holders;
    for (const NodeIndex node : watching_.ring.replicas(partition))
      holders.push_back(watching_.ring.node_id(node));
    return absl::UnavailableError(
        absl::StrCat("node ", watching_.ring.node_id(watching_.self),
                     " holds no replica of this key and cannot tell of its changes; watch at ",
                     absl::StrJoin(holders, " or ")));
  }

  void add_partitions(std::uint32_t bucket_n, v1::WatchResponse& first) const {
    const std::uint32_t from = watching_.ring.first_partition(bucket_n).value;
    std::uint32_t held = 0;
    for (std::uint32_t p = from; p < from + watching_.ring.partitions(); ++p)
      if (watching_.ring.is_replica(Partition{static_cast<std::uint16_t>(p)}, watching_.self))
        ++held;
    first.set_partitions(held);
    first.set_partitions_total(watching_.ring.partitions());
  }

  void write(absl::StatusOr<v1::WatchResponse> response) {
    if (!response.ok()) return Finish(to_grpc(not_applied(response.status())));
    response_ = *std::move(response);
    StartWrite(&response_);
  }

  const Watching& watching_;
  const v1::WatchRequest request_;
  const std::uint64_t id_;
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  v1::WatchResponse response_;
};

}  // namespace

grpc::ServerWriteReactor<v1::WatchResponse>* start_watch(const Watching& watching,
                                                         const v1::WatchRequest& request) {
  return new WatchCall(watching, request);
}

}  // namespace kv

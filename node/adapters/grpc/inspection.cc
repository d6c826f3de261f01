#include "node/adapters/grpc/inspection.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/adapters/asio/clock.h"
#include "node/adapters/grpc/convert.h"
#include "node/base/limits.h"
#include "node/coordinator/validate.h"

namespace kv {
namespace {

// One response that all shards fill, one after the other.
template <typename Response>
struct Gather {
  Gather(std::size_t shards, InspectionDone<Response> when_all)
      : left(shards), done(std::move(when_all)) {}

  // Called on the shard's thread with what it has to add.
  template <typename Add>
  void add(const Add& adds) {
    {
      const std::lock_guard lock(mutex);
      adds(response);
      if (--left > 0) return;
    }
    done(std::move(response), {});
  }

  std::mutex mutex;
  Response response;
  std::size_t left;
  const InspectionDone<Response> done;
};

void to_proto(const Version& version, v1::ExplainResponse::Version* out) {
  *out->mutable_dot() = kv::to_proto(version.dot);
  out->set_hlc(version.hlc.bits);
  out->set_marker(!version.value.has_value());
  out->set_expires_ms(version.expires.ms);
  if (version.value.has_value()) out->set_value(*version.value);
}

}  // namespace

void Inspection::add_replicas(Partition partition,
                              google::protobuf::RepeatedPtrField<std::string>* out) const {
  for (const NodeIndex node : ring_.replicas(partition)) *out->Add() = ring_.node_id(node);
}

void Inspection::clocks(InspectionDone<v1::ClocksResponse> done) const {
  const auto sorted = [done = std::move(done)](v1::ClocksResponse response,
                                               const v1::Failure& failure) {
    std::sort(response.mutable_replicas()->begin(), response.mutable_replicas()->end(),
              [](const auto& a, const auto& b) { return a.partition() < b.partition(); });
    done(std::move(response), failure);
  };
  const auto gather = std::make_shared<Gather<v1::ClocksResponse>>(shards_.all().size(), sorted);
  gather->response.set_id(ring_.node_id(self_));
  for (const auto& shard : shards_.all())
    shard->look([this, gather](const Core& core) {
      gather->add([&](v1::ClocksResponse& response) {
        for (const ReplicaClocks& clocks : core.clocks()) {
          auto* replica = response.add_replicas();
          replica->set_partition(clocks.partition.value);
          replica->set_applied(clocks.applied);
          replica->set_durable(clocks.durable);
          add_replicas(clocks.partition, replica->mutable_replicas());
        }
      });
    });
}

void Inspection::holds(const v1::HoldsRequest& request,
                       InspectionDone<v1::HoldsResponse> done) const {
  if (static_cast<std::size_t>(request.dots_size()) > kMaxBatchOperations)
    return done({}, not_applied(absl::InvalidArgumentError(absl::StrCat(
                        request.dots_size(), " dots; the limit is ", kMaxBatchOperations))));
  const auto gather =
      std::make_shared<Gather<v1::HoldsResponse>>(shards_.all().size(), std::move(done));
  gather->response.set_id(ring_.node_id(self_));
  std::vector<Dot> dots;
  for (const v1::Dot& dot : request.dots()) {
    dots.push_back({Actor{dot.actor()}, dot.counter()});
    gather->response.add_held();
  }
  for (const auto& shard : shards_.all())
    shard->look([this, gather, dots](const Core& core) {
      gather->add([&](v1::HoldsResponse& response) {
        for (std::size_t i = 0; i < dots.size(); ++i) {
          const auto found = core.find(dots[i]);
          if (!found.has_value()) continue;
          auto* held = response.mutable_held(static_cast<int>(i));
          held->set_applied(true);
          held->set_durable(found->durable);
          held->set_partition(found->partition.value);
          add_replicas(found->partition, held->mutable_replicas());
        }
      });
    });
}

void Inspection::explain(const v1::ExplainRequest& request, Instant deadline,
                         InspectionDone<v1::ExplainResponse> done) const {
  buckets_.find(request.bucket(), deadline,
                [=, this, &request](const storage::Bucket& bucket, const v1::Failure& unknown) {
                  if (unknown.code() != 0) return done({}, unknown);
                  auto key = checked_key(bucket, request.key());
                  if (!key.ok()) return done({}, not_applied(key.status()));
                  const Partition partition = ring_.partition_of(*key);
                  v1::ExplainResponse response;
                  response.set_id(ring_.node_id(self_));
                  response.set_policy(std::string(policy(bucket.policy).name()));
                  response.set_partition(partition.value);
                  add_replicas(partition, response.mutable_replicas());
                  if (!ring_.is_replica(partition, self_)) return done(std::move(response), {});
                  shards_.of(partition).look([=, key = *std::move(key)](const Core& core) mutable {
                    const auto object = core.object(partition, key);
                    if (!object.ok()) return done({}, not_applied(object.status()));
                    response.set_is_replica(true);
                    response.set_context_dots(object->context.count());
                    for (const Version& version : object->versions)
                      to_proto(version, response.add_versions());
                    const auto left = without_expired(object->versions, now().wall);
                    for (const Version& version : policy(bucket.policy).shown(left))
                      to_proto(version, response.add_shown());
                    done(std::move(response), {});
                  });
                });
}

}  // namespace kv

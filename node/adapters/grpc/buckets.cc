#include "node/adapters/grpc/buckets.h"

#include <algorithm>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node/adapters/grpc/convert.h"
#include "node/base/limits.h"
#include "node/coordinator/validate.h"

namespace kv {
namespace {

std::string key_of(std::string_view name) {
  return storage::storage_key({PolicyKind::kSiblings, "catalog"}, name);
}

std::optional<storage::Bucket> decode(const Version& version) {
  v1::Bucket bucket;
  if (!version.value.has_value() || !bucket.ParseFromString(*version.value)) return std::nullopt;
  const auto policy = find_policy(bucket.policy());
  if (!policy.has_value()) return std::nullopt;
  return storage::Bucket{*policy, bucket.name(), static_cast<std::int64_t>(bucket.ttl_ms())};
}

// The earliest of them, should there be several.
std::optional<storage::Bucket> definition_in(const ReadItem& item) {
  std::vector<Version> versions = item.versions;
  std::sort(versions.begin(), versions.end(), is_earlier);
  for (const Version& version : versions)
    if (auto bucket = decode(version); bucket.has_value()) return bucket;
  return std::nullopt;
}

absl::Status exists_with(const storage::Bucket& bucket) {
  return absl::AlreadyExistsError(absl::StrCat(
      "there is a bucket \"", bucket.name, "\" of policy ",
      std::string(policy(bucket.policy).name()),
      bucket.ttl_ms > 0 ? absl::StrCat(" and a time to live of ", bucket.ttl_ms, " ms") : "",
      ", and a bucket never changes"));
}

absl::StatusOr<storage::Bucket> checked(const v1::Bucket& bucket) {
  const absl::Status name = check_bucket_name(bucket.name());
  if (!name.ok()) return name;
  const auto policy = find_policy(bucket.policy());
  if (!policy.has_value())
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no policy \"", bucket.policy(), "\"; it is one of ",
        absl::StrJoin(policy_names(), ", ",
                      [](std::string* out, std::string_view each) { out->append(each); })));
  const absl::Status ttl = check_ttl(bucket.ttl_ms(), *policy);
  if (!ttl.ok()) return ttl;
  return storage::Bucket{*policy, bucket.name(), static_cast<std::int64_t>(bucket.ttl_ms())};
}

bool is_ok(const ClientReadReply& reply) { return reply.code == absl::StatusCode::kOk; }

}  // namespace

v1::Bucket to_proto(const storage::Bucket& bucket) {
  v1::Bucket out;
  out.set_name(bucket.name);
  out.set_policy(std::string(policy(bucket.policy).name()));
  out.set_ttl_ms(static_cast<std::uint64_t>(bucket.ttl_ms));
  return out;
}

std::optional<storage::Bucket> Buckets::known(const std::string& name) const {
  if (name.empty() || name == storage::default_bucket().name) return storage::default_bucket();
  const std::shared_lock lock(mutex_);
  const auto it = known_.find(name);
  return it == known_.end() ? std::nullopt : std::optional(it->second);
}

void Buckets::remember(const storage::Bucket& bucket) const {
  const std::unique_lock lock(mutex_);
  known_.insert_or_assign(bucket.name, bucket);
}

void Buckets::find(const std::string& name, Instant deadline, BucketDone done) const {
  if (const auto bucket = known(name); bucket.has_value()) return done(*bucket, {});
  const absl::Status checked = check_bucket_name(name);
  if (!checked.ok()) return done({}, not_applied(checked));
  read(name, Level::kQuorum, deadline, [=, this](const ClientReadReply& asked) {
    const auto bucket = is_ok(asked) ? definition_in(asked.items.at(0)) : std::nullopt;
    if (bucket.has_value()) {
      if (asked.items.at(0).versions.size() == 1) remember(*bucket);
      return done(*bucket, {});
    }
    if (is_ok(asked))
      return done({}, not_applied(absl::NotFoundError(absl::StrCat(
                          "there is no bucket \"", name, "\"; `kv bucket ls` lists them"))));
    // On the small side of a partition this node's own copy has to do: definitions do not change.
    read(name, Level::kOne, deadline, [=](const ClientReadReply& here) {
      const auto own = is_ok(here) ? definition_in(here.items.at(0)) : std::nullopt;
      if (own.has_value()) return done(*own, {});
      done({}, not_applied(absl::Status(asked.code,
                                        absl::StrCat("bucket \"", name, "\": ", asked.message))));
    });
  });
}

void Buckets::create(const v1::Bucket& bucket, Instant deadline, BucketDone done) const {
  const auto wanted = checked(bucket);
  if (!wanted.ok()) return done({}, not_applied(wanted.status()));
  find(wanted->name, deadline,
       [=, this, wanted = *wanted](const storage::Bucket& found, const v1::Failure& failure) {
         if (failure.code() == 0)
           return found == wanted ? done(found, {}) : done({}, not_applied(exists_with(found)));
         if (failure.code() != static_cast<int>(absl::StatusCode::kNotFound))
           return done({}, failure);
         define(wanted, deadline, done);
       });
}

void Buckets::define(const storage::Bucket& bucket, Instant deadline, BucketDone done) const {
  write(bucket.name, to_proto(bucket).SerializeAsString(), std::nullopt, deadline,
        [=, this](const ClientWriteReply& written) {
          if (written.result.outcome != Outcome::kApplied)
            return done({}, to_failure(written.result, ""));
          confirm(bucket, written.result.dot, deadline, done);
        });
}

// Whoever sees another definition beside its own withdraws.
void Buckets::confirm(const storage::Bucket& bucket, Dot own, Instant deadline,
                      BucketDone done) const {
  read(bucket.name, Level::kQuorum, deadline, [=, this](const ClientReadReply& reply) {
    if (!is_ok(reply)) {
      v1::Failure failure = to_failure(reply);
      failure.set_outcome(v1::Failure::UNKNOWN);
      return done({}, failure);
    }
    for (const Version& version : reply.items.at(0).versions) {
      const auto other = decode(version);
      if (!other.has_value() || *other == bucket) continue;
      return write(bucket.name, std::nullopt, Token{Clock{own}, Hlc{}}, deadline,
                   [done, other = *other](const ClientWriteReply&) {
                     done({}, not_applied(exists_with(other)));
                   });
    }
    remember(bucket);
    done(bucket, {});
  });
}

void Buckets::list(Instant deadline, BucketsDone done) const {
  list_from(key_of(""), {storage::default_bucket()}, deadline, std::move(done));
}

void Buckets::list_from(std::string from, std::vector<storage::Bucket> found, Instant deadline,
                        BucketsDone done) const {
  ClientScan scan{0,
                  ring_.catalog(),
                  std::move(from),
                  storage::prefix_end(key_of("")),
                  static_cast<std::uint32_t>(kMaxScanPageItems),
                  static_cast<std::uint32_t>(kMaxScanPageBytes),
                  Level::kQuorum,
                  deadline};
  const auto answer = [=, this](const ClientReadReply& reply) {
    if (!is_ok(reply)) return done({}, to_failure(reply));
    std::vector<storage::Bucket> all = found;
    for (const ReadItem& item : reply.items)
      if (auto bucket = definition_in(item); bucket.has_value()) all.push_back(*bucket);
    if (reply.more) return list_from(storage::next_key(reply.last), all, deadline, done);
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    done(all, {});
  };
  if (!shards_.of(ring_.catalog()).submit(std::move(scan), answer))
    done({}, not_applied(queue_full()));
}

void Buckets::read(const std::string& name, Level level, Instant deadline, ReadDone done) const {
  const auto refused = [&] {
    ClientReadReply reply;
    reply.code = queue_full().code();
    reply.message = std::string(queue_full().message());
    return reply;
  };
  ClientGet get{0, ring_.catalog(), key_of(name), level, deadline};
  if (!shards_.of(ring_.catalog()).submit(std::move(get), done)) done(refused());
}

void Buckets::write(const std::string& name, std::optional<std::string> value,
                    std::optional<Token> token, Instant deadline, WriteDone done) const {
  ClientWrite write{0,
                    ring_.catalog(),
                    key_of(name),
                    std::move(value),
                    std::move(token),
                    Level::kQuorum,
                    Durability::kDisk,
                    deadline};
  ClientWriteReply refused;
  refused.result.code = queue_full().code();
  refused.result.message = std::string(queue_full().message());
  if (!shards_.of(ring_.catalog()).submit(std::move(write), done)) done(refused);
}

}  // namespace kv

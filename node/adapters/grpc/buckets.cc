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

struct Definition {
  storage::Bucket bucket;
  bool proposed = false;  // not made yet, if ever
};

std::optional<Definition> decode(const Version& version) {
  v1::Bucket bucket;
  if (!version.value.has_value() || !bucket.ParseFromString(*version.value)) return std::nullopt;
  const auto policy = find_policy(bucket.policy());
  if (!policy.has_value()) return std::nullopt;
  return Definition{{*policy, bucket.name(), static_cast<std::int64_t>(bucket.ttl_ms()),
                     bucket.merge(), bucket.n()},
                    bucket.proposed()};
}

std::string encode(const storage::Bucket& bucket, bool proposed) {
  v1::Bucket out = to_proto(bucket);
  out.set_proposed(proposed);
  return out.SerializeAsString();
}

// The earliest of them, should disks that went back in time have brought several.
std::optional<storage::Bucket> definition_in(const ReadItem& item) {
  std::vector<Version> versions = item.versions;
  std::sort(versions.begin(), versions.end(), is_earlier);
  for (const Version& version : versions)
    if (auto found = decode(version); found.has_value() && !found->proposed) return found->bucket;
  return std::nullopt;
}

std::string in_words(const storage::Bucket& bucket) {
  return absl::StrCat(
      "a bucket \"", bucket.name, "\" of policy ", std::string(policy(bucket.policy).name()),
      bucket.ttl_ms > 0 ? absl::StrCat(" and a time to live of ", bucket.ttl_ms, " ms") : "",
      bucket.n > 0 ? absl::StrCat(" and ", bucket.n, " replicas") : "",
      bucket.merge.empty()
          ? ""
          : absl::StrCat(" with a merge function of ", bucket.merge.size(), " bytes"));
}

absl::Status stands_in_the_way(const Definition& other) {
  if (!other.proposed)
    return absl::AlreadyExistsError(
        absl::StrCat("there is ", in_words(other.bucket), ", and a bucket never changes"));
  return absl::AbortedError(absl::StrCat(
      in_words(other.bucket),
      " is being made at the same time, or was left half made; try again, or make that one, or "
      "take another name"));
}

absl::Status check_replicas(const Ring& ring, std::uint32_t n) {
  if (n == 0 || ring.offers(n)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("a bucket of ", n, " replicas; in this cluster a bucket has ",
                   absl::StrJoin(ring.offered(), " or "), ": list ", n,
                   " under bucket_replicas in the configuration of every node"));
}

absl::StatusOr<storage::Bucket> checked(const Ring& ring, const v1::Bucket& bucket) {
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
  if (*policy != PolicyKind::kCustom && (!bucket.merge().empty() || !bucket.samples().empty()))
    return absl::InvalidArgumentError("a merge function and samples go with policy custom only");
  if (const absl::Status replicas = check_replicas(ring, bucket.n()); !replicas.ok())
    return absl::InvalidArgumentError(replicas.message());
  return storage::Bucket{*policy, bucket.name(), static_cast<std::int64_t>(bucket.ttl_ms()),
                         bucket.merge(), bucket.n() == ring.n() ? 0 : bucket.n()};
}

bool is_ok(const ClientReadReply& reply) { return reply.code == absl::StatusCode::kOk; }

}  // namespace

v1::Bucket to_proto(const storage::Bucket& bucket) {
  v1::Bucket out;
  out.set_name(bucket.name);
  out.set_policy(std::string(policy(bucket.policy).name()));
  out.set_ttl_ms(static_cast<std::uint64_t>(bucket.ttl_ms));
  out.set_merge(bucket.merge);
  out.set_n(bucket.n);
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
      const absl::Status held = check_replicas(ring_, bucket->n);
      if (!held.ok()) return done({}, not_applied(held));
      remember(*bucket);
      return done(*bucket, {});
    }
    if (is_ok(asked))
      return done({}, not_applied(absl::NotFoundError(absl::StrCat(
                          "there is no bucket \"", name, "\"; `kv bucket ls` lists them"))));
    // On the small side of a partition this node's own copy has to do: definitions do not change.
    read(name, Level::kOne, deadline, [=, this](const ClientReadReply& here) {
      const auto own = is_ok(here) ? definition_in(here.items.at(0)) : std::nullopt;
      if (own.has_value() && check_replicas(ring_, own->n).ok()) return done(*own, {});
      done({}, not_applied(absl::Status(asked.code,
                                        absl::StrCat("bucket \"", name, "\": ", asked.message))));
    });
  });
}

void Buckets::create(const v1::Bucket& bucket, Instant deadline, BucketDone done) const {
  const auto wanted = checked(ring_, bucket);
  if (!wanted.ok()) return done({}, not_applied(wanted.status()));
  const std::vector<std::string> samples(bucket.samples().begin(), bucket.samples().end());
  find(wanted->name, deadline,
       [=, this, wanted = *wanted](const storage::Bucket& found, const v1::Failure& failure) {
         if (failure.code() == 0)
           return found == wanted ? done(found, {})
                                  : done({}, not_applied(stands_in_the_way({found})));
         if (failure.code() != static_cast<int>(absl::StatusCode::kNotFound))
           return done({}, failure);
         if (wanted.policy != PolicyKind::kCustom) return propose(wanted, deadline, done);
         const auto work = [=, this] {
           const absl::Status lawful = Merging::check(wanted.merge, samples);
           if (!lawful.ok()) return done({}, not_applied(lawful));
           propose(wanted, deadline, done);
         };
         if (!merging_.submit(work)) done({}, not_applied(queue_full()));
       });
}

void Buckets::propose(const storage::Bucket& bucket, Instant deadline, BucketDone done) const {
  write(bucket.name, encode(bucket, true), std::nullopt, deadline,
        [=, this](const ClientWriteReply& written) {
          if (written.result.outcome != Outcome::kApplied)
            return done({}, to_failure(written.result, ""));
          confirm(bucket, written.result.dot, deadline, done);
        });
}

// Whoever sees another one beside its own withdraws.
void Buckets::confirm(const storage::Bucket& bucket, Dot own, Instant deadline,
                      BucketDone done) const {
  read(bucket.name, Level::kQuorum, deadline, [=, this](const ClientReadReply& reply) {
    if (!is_ok(reply)) return done({}, to_failure(reply));
    const ReadItem& item = reply.items.at(0);
    for (const Version& version : item.versions) {
      const auto other = decode(version);
      if (!other.has_value() || other->bucket == bucket) continue;
      return write(bucket.name, std::nullopt, Token{Clock{own}, Hlc{}}, deadline,
                   [done, other = *other](const ClientWriteReply&) {
                     done({}, not_applied(stands_in_the_way(other)));
                   });
    }
    define(bucket, item.token, deadline, done);
  });
}

void Buckets::define(const storage::Bucket& bucket, Token seen, Instant deadline,
                     BucketDone done) const {
  write(bucket.name, encode(bucket, false), std::move(seen), deadline,
        [=, this](const ClientWriteReply& written) {
          if (written.result.outcome != Outcome::kApplied)
            return done({}, to_failure(written.result, ""));
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

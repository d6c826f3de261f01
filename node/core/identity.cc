#include "node/core/identity.h"

#include "absl/strings/str_cat.h"
#include "node/base/simulation.h"
#include "node/storage/keys.h"
#include "node/storage/record_codec.h"

namespace kv {
namespace {

absl::Status write(storage::Engine& engine, const Identity& identity, const std::string& boot_id,
                   bool clean) {
  storage::WriteBatch batch;
  batch.put(storage::Family::kMeta, storage::node_key(),
            storage::encode_node({identity.cluster, identity.node, identity.partitions, boot_id,
                                  clean, identity.directory}));
  const absl::Status status = engine.commit(batch);
  return status.ok() ? engine.sync() : status;
}

absl::Status check_owner(const storage::NodeState& state, const Identity& identity) {
  if (state.cluster != identity.cluster)
    return absl::FailedPreconditionError(absl::StrCat("the data directory belongs to cluster \"",
                                                      state.cluster, "\", not to \"",
                                                      identity.cluster, "\""));
  if (state.id != identity.node && !KV_PLANTED(kForeignDisk))
    return absl::FailedPreconditionError(absl::StrCat("the data directory belongs to node ",
                                                      state.id, ", not to ", identity.node,
                                                      "; give each node a directory of its own"));
  if (state.partitions != identity.partitions)
    return absl::FailedPreconditionError(
        absl::StrCat("the data directory was made for ", state.partitions,
                     " partitions and the configuration says ", identity.partitions,
                     "; the number is fixed when a cluster is created"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Claim> claim(storage::Engine& engine, const Identity& identity) {
  auto bytes = engine.get(storage::Family::kMeta, storage::node_key());
  if (!bytes.ok()) return bytes.status();
  Claim claim{!bytes->has_value(), false};
  if (bytes->has_value()) {
    const auto state = storage::decode_node(**bytes);
    if (!state.ok()) return state.status();
    const absl::Status owner = check_owner(*state, identity);
    if (!owner.ok()) return owner;
    const bool same_boot = !identity.boot_id.empty() && state->boot_id == identity.boot_id;
    claim.keep_actors =
        (state->clean_shutdown || same_boot) && state->directory == identity.directory_found;
  }
  const absl::Status written =
      write(engine, identity, claim.keep_actors ? identity.boot_id : "", false);
  if (!written.ok()) return written;
  return claim;
}

absl::Status record_recovered(storage::Engine& engine, const Identity& identity) {
  return write(engine, identity, identity.boot_id, false);
}

absl::Status record_clean_stop(storage::Engine& engine, const Identity& identity) {
  const absl::Status synced = engine.sync();
  return synced.ok() ? write(engine, identity, identity.boot_id, true) : synced;
}

}  // namespace kv

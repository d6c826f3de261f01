// The engine as it will be once a batch under construction is committed: what code that is building
// a batch must read.
//
// Not of a batch that erases ranges. Holds references to both; neither may die first. Not thread-safe with changes to the batch.
#pragma once

#include "node/storage/engine.h"

namespace kv::storage {

class View {
 public:
  View(const Engine& engine, const WriteBatch& pending) : engine_(engine), pending_(pending) {}

  absl::StatusOr<std::optional<std::string>> get(Family family, std::string_view key) const;

  // As Engine::scan, with the pending changes merged in.
  absl::Status scan(Family family, std::string_view from, std::string_view to,
                    const Visitor& visit) const;

 private:
  const Engine& engine_;
  const WriteBatch& pending_;
};

}  // namespace kv::storage

// What one step of the core works with.
#pragma once

#include "node/base/time.h"
#include "node/messages/effects.h"
#include "node/storage/view.h"

namespace kv {

// What is read and written: reads see the engine as it will be once the batch is committed.
struct Transaction {
  storage::View view;
  storage::WriteBatch& batch;
  WallMs wall{};  // when it happens
};

struct Step {
  Now now;
  Transaction tx;
  Effects& effects;
};

}  // namespace kv

#include "node/adapters/rocksdb/rocksdb_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/adapters/rocksdb/rocksdb_harness.h"
#include "node/storage/engine_contract.h"

namespace kv::storage {
namespace {

INSTANTIATE_TEST_SUITE_P(Rocksdb, EngineContract,
                         testing::Values([]() -> std::unique_ptr<EngineHarness> {
                           return std::make_unique<RocksdbHarness>();
                         }));

}  // namespace
}  // namespace kv::storage

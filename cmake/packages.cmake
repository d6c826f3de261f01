# Every outside library, found once. All come from Debian 12 (scripts/setup installs them); nothing is vendored.

find_package(Threads REQUIRED)
find_package(absl REQUIRED CONFIG)
find_package(Protobuf REQUIRED)
find_package(gRPC REQUIRED CONFIG)
find_package(RocksDB REQUIRED CONFIG)
find_package(spdlog REQUIRED CONFIG)
find_package(tomlplusplus REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
find_package(nlohmann_json REQUIRED CONFIG)
find_package(Boost 1.81 REQUIRED CONFIG COMPONENTS headers)
find_package(GTest REQUIRED CONFIG)
find_package(rapidcheck REQUIRED CONFIG)
find_package(benchmark REQUIRED CONFIG)

find_program(KV_GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

# xxHash, compiled into its users.
find_path(KV_XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
add_library(kv_xxhash INTERFACE)
target_include_directories(kv_xxhash SYSTEM INTERFACE "${KV_XXHASH_INCLUDE_DIR}")
target_compile_definitions(kv_xxhash INTERFACE XXH_INLINE_ALL)

# Boost.Asio and Beast without their compiled parts.
add_library(kv_asio INTERFACE)
target_link_libraries(kv_asio INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(kv_asio INTERFACE BOOST_ASIO_NO_DEPRECATED)

# Lua as built for C++: its errors are exceptions, so that destructors run.
find_library(KV_LUA_LIBRARY lua5.4-c++ REQUIRED)
find_path(KV_LUA_INCLUDE_DIR lua5.4/lua.hpp REQUIRED)
add_library(kv_lua INTERFACE)
target_link_libraries(kv_lua INTERFACE "${KV_LUA_LIBRARY}")
target_include_directories(kv_lua SYSTEM INTERFACE "${KV_LUA_INCLUDE_DIR}")

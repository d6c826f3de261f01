# How this project's targets are declared. A folder's CMakeLists.txt is its dependency list and little else:
#
#   kv_library(kv_storage SRCS codec.cc memory_engine.cc DEPS kv_base absl::status PRIVATE_DEPS kv_proto_records)
#   kv_test(storage_test SRCS codec_test.cc DEPS kv_storage)        label "unit"; E2E makes it "e2e"
#   kv_fuzz(record_fuzz SRCS record_fuzz.cc DEPS kv_storage)        corpus in <folder>/corpus/record_fuzz/
#   kv_binary(kvnode SRCS main.cc DEPS kv_core)                     <build>/bin/kvnode
#
# DEPS of a library are what its headers include; PRIVATE_DEPS what only its .cc files do.

set(KV_SANITIZE "" CACHE STRING "Value of -fsanitize=, empty for none")
set(KV_PROFILE "" CACHE STRING "\"collect\", or the profile to optimise by; clang only")
option(KV_FUZZ "Build fuzz targets with libFuzzer (clang)" OFF)
set(KV_FUZZ_RUNS 20000 CACHE STRING "Inputs that ctest gives to each fuzz target under KV_FUZZ")
option(KV_UNITE "Compile each library and each test as one file: headers are most of what is compiled" OFF)
option(KV_PCH "Precompile the headers of gRPC and GoogleTest" ON)

# --- Tools: each is used where it is installed --------------------------------------------------------------------

find_program(KV_CCACHE ccache)
if(KV_CCACHE)
  # The two kinds of sloppiness are what ccache needs to work with precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${KV_CCACHE}")
endif()

# Only the shared libraries that are used: a node starts faster.
add_link_options(-Wl,--as-needed)

find_program(KV_MOLD mold)
if(KV_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# --- Flags --------------------------------------------------------------------------------------------------------

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g1")
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # As g++ does: who frees says how much, and the allocator need not look it up.
  add_compile_options(-fsized-deallocation)
  # Under sanitizers most of the time is spent compiling: -O0 halves that. Fuzz targets run long enough to gain by more.
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
  if(KV_FUZZ)
    set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
  endif()
endif()

# Bounds of vectors, strings and optionals are checked in every build: the price is small, the alternative is not.
add_compile_definitions(_GLIBCXX_ASSERTIONS)
add_compile_options(-fno-omit-frame-pointer -fdiagnostics-color=auto)
# In every target, because a precompiled header fits only targets that agree on it, and some libraries bring it along.
add_compile_options(-pthread)

if(KV_SANITIZE)
  add_compile_options("-fsanitize=${KV_SANITIZE}" -fno-sanitize-recover=all)
  add_link_options("-fsanitize=${KV_SANITIZE}")
endif()
if(KV_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Counts how often each branch is taken, or compiles by what was counted (scripts/build trained).
if(KV_PROFILE STREQUAL "collect")
  add_compile_options(-fprofile-instr-generate)
  add_link_options(-fprofile-instr-generate)
elseif(KV_PROFILE)
  # The linker puts together what calls each other often. BOLT moves code about afterwards, and needs the relocations.
  add_compile_options("-fprofile-instr-use=${KV_PROFILE}" -ffunction-sections
                      -Wno-profile-instr-unprofiled -Wno-profile-instr-out-of-date)
  add_link_options(-fuse-ld=lld -Wl,--emit-relocs)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

set(KV_WARNINGS
    -Werror -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast -Wcast-qual
    -Wextra-semi -Wformat=2 -Wimplicit-fallthrough -Wunused)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND KV_WARNINGS -Wsuggest-override -Wduplicated-cond -Wlogical-op -Wredundant-move
       # g++ 12 reports both in correct uses of std::string and std::optional (GCC bugs 105329, 80635). Clang's own
       # check for uninitialised variables stays on in the fuzz build.
       -Wno-restrict -Wno-maybe-uninitialized)
else()
  list(APPEND KV_WARNINGS -Wno-gnu-zero-variadic-macro-arguments)
endif()

# What every target of ours has. Includes are from the root ("node/base/hlc.h"), the client's headers as "kv/client.h".
function(kv_target_defaults name)
  target_compile_options(${name} PRIVATE ${KV_WARNINGS})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/client/include")
endfunction()

# --- Precompiled headers ------------------------------------------------------------------------------------------

# A precompiled header is force-included, so it goes only where its headers are allowed: gRPC's into targets that
# themselves name kv_proto_api, GoogleTest's into tests.
function(kv_precompiled name deps)
  add_library(${name} OBJECT "${PROJECT_SOURCE_DIR}/cmake/precompiled.cc")
  target_link_libraries(${name} PRIVATE ${deps})
  kv_target_defaults(${name})
  target_precompile_headers(${name} PRIVATE ${ARGN})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND KV_CCACHE)
    target_compile_options(${name} PRIVATE -fpch-preprocess)
  endif()
  # A precompiled header differs from one folder to the next in its bytes only. What it was made of stands beside it, for
  # ccache to look at instead (scripts/build).
  foreach(made gch pch)
    file(WRITE "${CMAKE_BINARY_DIR}/CMakeFiles/${name}.dir/cmake_pch.hxx.${made}.sum"
         "${CMAKE_CXX_COMPILER_VERSION} ${CMAKE_BUILD_TYPE} ${KV_SANITIZE} ${gRPC_VERSION} ${GTest_VERSION} ${ARGN}")
  endforeach()
endfunction()

if(KV_PCH AND NOT KV_FUZZ)
  kv_precompiled(kv_precompiled_gtest "GTest::gmock" <gmock/gmock.h> <gtest/gtest.h> <string> <vector> <optional>)
  kv_precompiled(kv_precompiled_grpc "gRPC::grpc++" <grpcpp/grpcpp.h>)
endif()

function(kv_use_precompiled name precompiled)
  if(TARGET ${precompiled})
    target_precompile_headers(${name} REUSE_FROM ${precompiled})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND KV_CCACHE)
      target_compile_options(${name} PRIVATE -fpch-preprocess)
    endif()
  endif()
endfunction()

# --- Targets ------------------------------------------------------------------------------------------------------

function(kv_parse_arguments)
  cmake_parse_arguments(PARSE_ARGV 1 arg "E2E;NOT_TSAN" "TIMEOUT" "SRCS;DEPS;PRIVATE_DEPS;LABELS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${ARGV0}: unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  foreach(key E2E NOT_TSAN TIMEOUT SRCS DEPS PRIVATE_DEPS LABELS)
    set(arg_${key} "${arg_${key}}" PARENT_SCOPE)
  endforeach()
endfunction()

# The core is built a second time for simulation, with its marks and planted bugs (node/base/simulation.h): NAME_sim
# beside each NAME. Nothing that serves data links it.
set(KV_SIMULATED "base|causality|resolution|storage|feed|ring|membership|messages|replica|coordinator|replication|core")
function(kv_simulated_twin name)
  add_library(${name}_sim STATIC EXCLUDE_FROM_ALL ${arg_SRCS})
  kv_target_defaults(${name}_sim)
  target_compile_definitions(${name}_sim PUBLIC KV_SIMULATION)
  foreach(scope DEPS PRIVATE_DEPS)
    foreach(dep IN LISTS arg_${scope})
      string(REPLACE "PRIVATE_DEPS" "PRIVATE" visibility ${scope})
      string(REPLACE "DEPS" "PUBLIC" visibility ${visibility})
      target_link_libraries(${name}_sim ${visibility} $<IF:$<TARGET_EXISTS:${dep}_sim>,${dep}_sim,${dep}>)
    endforeach()
  endforeach()
endfunction()

# For the caller's targets: a macro, so that what it sets holds there, and only there.
macro(kv_unite)
  if(KV_UNITE)
    set(CMAKE_UNITY_BUILD ON)
    set(CMAKE_UNITY_BUILD_BATCH_SIZE 0)
  endif()
endmacro()

function(kv_library name)
  kv_parse_arguments(${ARGV})
  kv_unite()
  if(NOT arg_SRCS)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${arg_DEPS})
    return()
  endif()
  add_library(${name} STATIC ${arg_SRCS})
  kv_target_defaults(${name})
  target_link_libraries(${name} PUBLIC ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS})
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "/node/(${KV_SIMULATED})$")
    kv_simulated_twin(${name})
  endif()
  if("kv_proto_api" IN_LIST arg_DEPS OR "kv_proto_api" IN_LIST arg_PRIVATE_DEPS)
    kv_use_precompiled(${name} kv_precompiled_grpc)
  endif()
endfunction()

function(kv_binary name)
  kv_parse_arguments(${ARGV})
  add_executable(${name} ${arg_SRCS})
  kv_target_defaults(${name})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} ${arg_PRIVATE_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
endfunction()

# Names of the targets that the sanitizer builds make, instead of everything.
add_custom_target(kv_tests_unit)
add_custom_target(kv_tests_threaded)
add_custom_target(kv_fuzz_targets)

function(kv_register_test name)
  set(scale 1)
  if(KV_SANITIZE)
    set(scale 5)
  endif()
  set(timeout 60)
  if(arg_TIMEOUT)
    set(timeout ${arg_TIMEOUT})
  endif()
  math(EXPR timeout "${timeout} * ${scale}")
  # Those that may take long begin first.
  set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} COST ${timeout})
  set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT
      "KV_BIN_DIR=${PROJECT_BINARY_DIR}/bin"
      "KV_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
      "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1"
      "UBSAN_OPTIONS=print_stacktrace=1"
      # The packaged libraries are not instrumented: what orders their threads is invisible, so what is reported inside
      # them says nothing.
      "TSAN_OPTIONS=ignore_noninstrumented_modules=1:second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan_suppressions.txt")
endfunction()

# One ctest entry per binary. E2E: starts the real binaries, found in $KV_BIN_DIR. TIMEOUT: seconds, default 60. NOT_TSAN: the
# thread sanitizer cannot judge it: what orders the callbacks of gRPC's servers is inside the packaged library, in whose
# headers it then finds races.
function(kv_test name)
  kv_parse_arguments(${ARGV})
  kv_unite()
  add_executable(${name} ${arg_SRCS})
  kv_target_defaults(${name})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} ${arg_PRIVATE_DEPS} GTest::gmock GTest::gtest_main)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Long string literals added to strings, which tests do, are reported when optimised (GCC bug 105651).
    target_compile_options(${name} PRIVATE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
  kv_use_precompiled(${name} kv_precompiled_gtest)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  kv_register_test(${name})
  if(arg_E2E)
    set_property(TEST ${name} APPEND PROPERTY LABELS e2e ${arg_LABELS})
    return()
  endif()
  set_property(TEST ${name} APPEND PROPERTY LABELS unit ${arg_LABELS})
  add_dependencies(kv_tests_unit ${name})
  # Threads live in the adapters and the client, and read the storage port; the rest is single-threaded by construction.
  if(NOT arg_NOT_TSAN AND CMAKE_CURRENT_SOURCE_DIR MATCHES "/(node/adapters|node/storage|client)(/|$)")
    set_property(TEST ${name} APPEND PROPERTY LABELS threaded)
    add_dependencies(kv_tests_threaded ${name})
  endif()
endfunction()

# Under KV_FUZZ a libFuzzer binary that ctest runs for KV_FUZZ_RUNS inputs from a fixed seed. Otherwise the same target
# is run once over its corpus, so that every input that once broke a parser is a unit test in every build.
function(kv_fuzz name)
  kv_parse_arguments(${ARGV})
  set(corpus "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name}")
  if(KV_FUZZ)
    add_executable(${name} ${arg_SRCS})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    # libFuzzer adds what it finds to the first folder: a new one each time, so that runs repeat and the tree stays clean.
    add_test(NAME ${name} COMMAND "${PROJECT_SOURCE_DIR}/cmake/run_fuzz" $<TARGET_FILE:${name}> "${corpus}" ${KV_FUZZ_RUNS})
    set(arg_TIMEOUT 120)
  else()
    add_executable(${name} ${arg_SRCS} "${PROJECT_SOURCE_DIR}/cmake/fuzz_corpus_main.cc")
    add_test(NAME ${name} COMMAND ${name} "${corpus}")
  endif()
  kv_target_defaults(${name})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} ${arg_PRIVATE_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
  kv_register_test(${name})
  if(KV_FUZZ)
    set_property(TEST ${name} APPEND PROPERTY LABELS fuzz)
  else()
    set_property(TEST ${name} APPEND PROPERTY LABELS unit)
    add_dependencies(kv_tests_unit ${name})
  endif()
  add_dependencies(kv_fuzz_targets ${name})
endfunction()

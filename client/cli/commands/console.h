// Where a command reads and writes. The three streams outlive the command; nothing else is shared
// with the process, so that tests can run commands on streams of their own.
#pragma once

#include <cstddef>
#include <istream>
#include <ostream>

namespace kv::cli {

struct Console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::size_t width = 80;  // columns of the terminal behind `err`
};

}  // namespace kv::cli

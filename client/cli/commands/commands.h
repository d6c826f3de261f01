// The commands. Each prints its results and its errors, and returns the exit code.
// Preconditions: `options` are those of this command.
#pragma once

#include "client/cli/commands/console.h"
#include "client/cli/commands/exit_code.h"
#include "client/cli/commands/options.h"
#include "kv/client.h"

namespace kv::cli {

ExitCode run_put(const Options& options, client::Client& client, Console& console);
ExitCode run_get(const Options& options, client::Client& client, Console& console);
ExitCode run_del(const Options& options, client::Client& client, Console& console);
ExitCode run_incr(const Options& options, client::Client& client, Console& console);
ExitCode run_set(const Options& options, client::Client& client, Console& console);
ExitCode run_map(const Options& options, client::Client& client, Console& console);
ExitCode run_bucket(const Options& options, client::Client& client, Console& console);
ExitCode run_scan(const Options& options, client::Client& client, Console& console);
ExitCode run_import(const Options& options, client::Client& client, Console& console);
ExitCode run_export(const Options& options, client::Client& client, Console& console);
ExitCode run_watch(const Options& options, client::Client& client, Console& console);
ExitCode run_wait(const Options& options, client::Client& client, Console& console);
ExitCode run_converged(const Options& options, client::Client& client, Console& console);
ExitCode run_explain(const Options& options, client::Client& client, Console& console);
ExitCode run_conflicts(const Options& options, client::Client& client, Console& console);
ExitCode run_status(const Options& options, client::Client& client, Console& console);

}  // namespace kv::cli

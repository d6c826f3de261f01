#include "client/cli/completion.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <set>
#include <vector>

namespace kv::cli {
namespace {

// What may stand where a value is expected.
struct Value {
  std::string name{};
  std::vector<std::string> choices{};
  bool is_file = false;
  bool repeated = false;
};

struct Flag {
  std::vector<std::string> names{};  // with their dashes
  std::string description{};
  bool takes_value = false;
  Value value{};
};

struct Command {
  std::string name{};  // empty: what holds for all commands
  std::string description{};
  std::vector<Flag> flags{};
  std::vector<Value> positionals{};
};

Value value_of(const CLI::Option& option) {
  Value value;
  const std::string type = option.get_type_name();
  value.name = option.get_positional() ? option.get_single_name() : type;
  value.is_file = value.name == "FILE";
  value.repeated = option.get_items_expected_max() > 1;
  if (type.find('|') != std::string::npos) value.choices = absl::StrSplit(type, '|');
  return value;
}

Flag flag_of(const CLI::Option& option) {
  Flag flag;
  for (const std::string& name : option.get_snames()) flag.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) flag.names.push_back("--" + name);
  flag.description = option.get_description();
  flag.takes_value = option.get_items_expected_max() > 0;
  if (flag.takes_value) flag.value = value_of(option);
  return flag;
}

Command command_of(const CLI::App& app) {
  Command command{.name = app.get_name(), .description = app.get_description()};
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) {
    if (option->get_positional()) {
      command.positionals.push_back(value_of(*option));
    } else {
      command.flags.push_back(flag_of(*option));
    }
  }
  return command;
}

// The commands, each with the global flags that it inherits.
std::vector<Command> commands_of(const CLI::App& app, const Command& global) {
  std::vector<Command> commands;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    Command command = command_of(*sub);
    // Every command has --help as well.
    command.flags.erase(std::remove_if(command.flags.begin(), command.flags.end(),
                                       [&](const Flag& flag) {
                                         return std::any_of(
                                             global.flags.begin(), global.flags.end(),
                                             [&](const Flag& g) { return g.names == flag.names; });
                                       }),
                        command.flags.end());
    commands.push_back(std::move(command));
  }
  return commands;
}

std::string flag_words(const std::vector<Flag>& flags) {
  std::vector<std::string> words;
  for (const Flag& flag : flags) words.insert(words.end(), flag.names.begin(), flag.names.end());
  return absl::StrJoin(words, " ");
}

std::string command_words(const std::vector<Command>& commands) {
  return absl::StrJoin(commands, " ", [](std::string* out, const Command& command) {
    absl::StrAppend(out, command.name);
  });
}

// In single quotes, for any of the three shells.
std::string quoted(const std::string& text) {
  return "'" + absl::StrReplaceAll(text, {{"'", "'\\''"}}) + "'";
}

// --- bash ---

std::string bash_reply(const Value& value) {
  if (value.is_file)
    return "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")";
  if (value.choices.empty()) return "COMPREPLY=()";
  return absl::StrCat("mapfile -t COMPREPLY < <(compgen -W ",
                      quoted(absl::StrJoin(value.choices, " ")), " -- \"$cur\")");
}

// Cases for what follows each flag of `command`.
std::string bash_value_cases(const Command& command) {
  std::string text;
  for (const Flag& flag : command.flags) {
    if (!flag.takes_value) continue;
    const std::string pattern =
        absl::StrJoin(flag.names, "|", [&](std::string* out, const std::string& name) {
          absl::StrAppend(out, command.name.empty() ? "*" : command.name, ":", name);
        });
    absl::StrAppend(&text, "    ", pattern, ") ", bash_reply(flag.value), "; return ;;\n");
  }
  return text;
}

std::string bash_script(const Command& global, const std::vector<Command>& commands) {
  std::set<std::string> with_value;
  std::string value_cases;
  std::string flag_cases;
  std::string positional_cases =
      absl::StrCat("    :0) mapfile -t COMPREPLY < <(compgen -W ", quoted(command_words(commands)),
                   " -- \"$cur\") ;;\n");
  std::vector<Command> all = commands;
  all.push_back(global);
  all.back().name = "";
  for (const Command& command : all) {
    absl::StrAppend(&value_cases, bash_value_cases(command));
    if (!command.name.empty()) {
      absl::StrAppend(&flag_cases, "      ", command.name,
                      ") words=", quoted(flag_words(command.flags)), " ;;\n");
    }
    for (std::size_t i = 0; i < command.positionals.size(); ++i) {
      const Value& value = command.positionals[i];
      absl::StrAppend(&positional_cases, "    ", command.name, ":", i, ") ", bash_reply(value),
                      " ;;\n");
    }
    for (const Flag& flag : command.flags) {
      if (flag.takes_value) with_value.insert(flag.names.begin(), flag.names.end());
    }
  }
  return absl::StrCat(R"(# bash completion for kv; made by "kv completion bash"
_kv() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= position=0 words= i
  # "--flag=value" arrives as three words.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      )",
                      absl::StrJoin(with_value, "|"), R"()
        [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
        ((i++)) ;;
      -?*) ;;
      *) if [[ -z $command ]]; then command=${COMP_WORDS[i]}; else ((position++)); fi ;;
    esac
  done
  case $command:$prev in
)",
                      value_cases, R"(  esac
  if [[ $cur == -* ]]; then
    case $command in
)",
                      flag_cases, "    esac\n    mapfile -t COMPREPLY < <(compgen -W \"$words ",
                      flag_words(global.flags),
                      R"(" -- "$cur")
    return
  fi
  case $command:$position in
)",
                      positional_cases, R"(    *) COMPREPLY=() ;;
  esac
}
complete -F _kv kv
)");
}

// --- zsh ---

std::string zsh_value(const Value& value) {
  const std::string action = value.is_file ? "_files"
                             : value.choices.empty()
                                 ? " "
                                 : absl::StrCat("(", absl::StrJoin(value.choices, " "), ")");
  return absl::StrCat(":", absl::StrReplaceAll(value.name, {{":", "\\:"}}), ":", action);
}

std::string zsh_flag(const Flag& flag) {
  const std::string description =
      absl::StrReplaceAll(flag.description, {{"[", "\\["}, {"]", "\\]"}, {":", "\\:"}});
  std::string text;
  for (const std::string& name : flag.names) {
    // Of several names one may stand; and a long one takes "=value" as well.
    const std::string excluded = absl::StrCat("(", absl::StrJoin(flag.names, " "), ")");
    const std::string attached = flag.takes_value && name.size() > 2 ? "=" : "";
    absl::StrAppend(&text, " ",
                    quoted(absl::StrCat(excluded, name, attached, "[", description, "]",
                                        flag.takes_value ? zsh_value(flag.value) : "")));
  }
  return text;
}

std::string zsh_script(const Command& global, const std::vector<Command>& commands) {
  std::string flags;
  for (const Flag& flag : global.flags) absl::StrAppend(&flags, "\n   ", zsh_flag(flag));
  std::string names;
  std::string cases;
  for (const Command& command : commands) {
    absl::StrAppend(&names, "\n        ",
                    quoted(absl::StrCat(command.name, ":",
                                        absl::StrReplaceAll(command.description, {{":", "\\:"}}))));
    absl::StrAppend(&cases, "        ", command.name, ") _arguments \"${global[@]}\"");
    for (const Flag& flag : command.flags)
      absl::StrAppend(&cases, " \\\n         ", zsh_flag(flag));
    for (std::size_t i = 0; i < command.positionals.size(); ++i) {
      const Value& value = command.positionals[i];
      const std::string place = value.repeated ? "*" : absl::StrCat(i + 1);
      absl::StrAppend(&cases, " \\\n          ", quoted(place + zsh_value(value)));
    }
    absl::StrAppend(&cases, " ;;\n");
  }
  return absl::StrCat(R"(#compdef kv
# zsh completion for kv; made by "kv completion zsh"
_kv() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  local -a global commands
  global=()",
                      flags, R"()
  _arguments -C "${global[@]}" '1:command:->command' '*::argument:->arguments'
  case $state in
    command)
      commands=()",
                      names, R"()
      _describe command commands ;;
    arguments)
      case $words[1] in
)",
                      cases, R"(      esac ;;
  esac
}
if [[ ${funcstack[1]} == _kv ]]; then
  _kv "$@"
else
  compdef _kv kv
fi
)");
}

// --- fish ---

std::string fish_value(const Value& value) {
  if (value.is_file) return " -r -F";
  if (value.choices.empty()) return " -x";
  return absl::StrCat(" -x -a ", quoted(absl::StrJoin(value.choices, " ")));
}

std::string fish_flag(const std::string& condition, const Flag& flag) {
  std::string text = "complete -c kv" + condition;
  for (const std::string& name : flag.names) {
    absl::StrAppend(&text, name.size() > 2 ? " -l " + name.substr(2) : " -s " + name.substr(1));
  }
  if (flag.takes_value) absl::StrAppend(&text, fish_value(flag.value));
  return absl::StrCat(text, " -d ", quoted(flag.description), "\n");
}

std::string fish_script(const Command& global, const std::vector<Command>& commands) {
  std::string text =
      "# fish completion for kv; made by \"kv completion fish\"\ncomplete -c kv -f\n";
  for (const Flag& flag : global.flags) absl::StrAppend(&text, fish_flag("", flag));
  for (const Command& command : commands) {
    absl::StrAppend(&text, "complete -c kv -n __fish_use_subcommand -a ", command.name, " -d ",
                    quoted(command.description), "\n");
    const std::string condition =
        absl::StrCat(" -n '__fish_seen_subcommand_from ", command.name, "'");
    for (const Flag& flag : command.flags) absl::StrAppend(&text, fish_flag(condition, flag));
    for (const Value& value : command.positionals) {
      if (value.is_file) absl::StrAppend(&text, "complete -c kv", condition, " -F\n");
      if (value.choices.empty()) continue;
      absl::StrAppend(&text, "complete -c kv", condition, " -a ",
                      quoted(absl::StrJoin(value.choices, " ")), "\n");
    }
  }
  return text;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  const Command global = command_of(app);
  const std::vector<Command> commands = commands_of(app, global);
  if (shell == "bash") return bash_script(global, commands);
  if (shell == "zsh") return zsh_script(global, commands);
  return fish_script(global, commands);
}

}  // namespace kv::cli

// config check, explain, print-defaults, convert.
#include <algorithm>

#include "cli/handlers.h"
#include "cli/key_text.h"
#include "cli/node_settings.h"

namespace moldau::cli {
namespace {

Answer<std::string> file_word(const Session& session, std::string_view usage) {
  if (session.arguments.words().size() != 1) return usage_trouble(std::string(usage));
  return session.arguments.words().front();
}

}  // namespace

Answer<Exit> config_check(Session& session) {
  const auto file = file_word(session, "moldau config check FILE");
  if (!file) return std::unexpected(file.error());
  const config::Loaded loaded = load_settings(session, *file, session.arguments.all("set"));
  for (const config::Problem& problem : loaded.problems) {
    if (problem.severity == config::Severity::debug) continue;
    const std::string_view word = problem.severity == config::Severity::error     ? "error: "
                                  : problem.severity == config::Severity::warning ? "warning: "
                                                                                  : "info: ";
    session.out.line(std::string(word) + problem.to_string());
  }
  if (!loaded.usable()) return Exit::bad_file;
  session.out.line(*file + ": usable");
  return Exit::done;
}

Answer<Exit> config_explain(Session& session) {
  if (session.arguments.words().empty()) return usage_trouble("which key?", "moldau config explain KEY");
  for (const std::string& word : session.arguments.words()) {
    const std::string text = explain_key(word);
    if (!text.empty()) {
      session.out.put(text);
      continue;
    }
    std::string near;
    for (const auto keys : {config::own_keys(), config::topic_keys(), config::broker_keys()}) {
      if (const auto found = config::nearest(word, keys); found && near.empty()) near = *found;
    }
    return trouble(Exit::not_found, "no configuration key " + word, {},
                   near.empty() ? "" : "did you mean " + near + "?");
  }
  return Exit::done;
}

Answer<Exit> config_print_defaults(Session& session) {
  session.out.put(config::annotated_yaml());
  return Exit::done;
}

Answer<Exit> config_convert(Session& session) {
  const auto file = file_word(session, "moldau config convert server.properties > moldau.yaml");
  if (!file) return std::unexpected(file.error());
  config::Loaded loaded = load_settings(session, *file, {}, kafka_file_kind(*file));
  for (const config::Problem& problem : loaded.problems) {
    if (problem.severity == config::Severity::warning) session.note("warning: " + problem.to_string());
  }
  auto settings = usable_settings(session, std::move(loaded));
  if (!settings) {
    Trouble why = std::move(settings).error();
    why.exit = Exit::bad_file;
    return trouble(std::move(why));
  }
  session.out.put(config::effective_yaml(*settings));
  return Exit::done;
}

}  // namespace moldau::cli

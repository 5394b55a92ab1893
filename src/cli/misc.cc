// version, install-links.
#include "cli/handlers.h"
#include "cli/json.h"
#include "cli/version_text.h"

namespace moldau::cli {

std::string version_line() { return std::string(kKafkaVersion) + " (moldau " + kVersion + ")"; }

Answer<Exit> version(Session& session) {
  if (session.arguments.has("json") || session.arguments.text("format").starts_with("json")) {
    session.out.line(Json(Json::Object{{"version", kVersion}, {"kafka", kKafkaVersion}}).to_line());
  } else {
    session.out.line(std::string("moldau ") + kVersion + " (protocol and tools of Kafka " + kKafkaVersion +
                     ")");
  }
  return Exit::done;
}

Answer<Exit> install_links(Session& session) {
  const std::string target = session.environment.executable_path();
  std::string directory = session.arguments.text("dir", target.substr(0, target.rfind('/')));
  if (!directory.starts_with('/')) directory = session.invocation.process.working_directory + "/" + directory;
  for (const std::string& name : kafka_names()) {
    for (const std::string_view ending : {"", ".sh"}) {
      if (!ending.empty() && !session.arguments.has("sh")) continue;
      const std::string link = directory + "/" + name + std::string(ending);
      if (const Status made = session.environment.make_link(target, link); !made)
        return trouble(trouble_of(made.error(), "cannot make the link " + link));
      session.out.line(link);
    }
  }
  return Exit::done;
}

}  // namespace moldau::cli

#include "cli/diagnostics.h"

#include "cli/json.h"

namespace moldau::cli {
namespace {

using Kind = client::ConnectionEvent::Kind;

std::string json_line(std::string_view level, std::string_view message, Json::Object more = {}) {
  Json::Object object{{"level", level},
                      {"message", is_utf8(message) ? Json(message) : Json(base64_of(message))}};
  for (auto& member : more) object.push_back(std::move(member));
  return Json(std::move(object)).to_line();
}

std::string milliseconds_text(runtime::Duration took) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  return std::to_string(us / 1000) + "." + std::to_string(us / 100 % 10) + " ms";
}

std::string text_of(const client::ConnectionEvent& event) {
  std::string out(event.address);
  if (event.request)
    out += ": " + std::string(wire::name_of(*event.request)) + " v" + std::to_string(event.version);
  switch (event.kind) {
    case Kind::connected:
      return out + ": connected in " + milliseconds_text(event.took);
    case Kind::answered:
      return out + ": " + std::to_string(event.bytes) + " bytes in " + milliseconds_text(event.took);
    case Kind::failed:
      return out + ": failed: " + std::string(event.why);
    case Kind::closed:
      return out + ": closed: " + std::string(event.why);
  }
  return out;
}

}  // namespace

void Session::note(std::string_view line) {
  out.flush();
  err.line(arguments.has("log-json") ? json_line("info", line) : std::string(line));
  err.flush();
}

void Session::tell(const Trouble& trouble) {
  out.flush();
  if (arguments.has("log-json")) {
    Json::Object more;
    if (!trouble.cause.empty()) more.emplace_back("cause", trouble.cause);
    if (!trouble.hint.empty()) more.emplace_back("hint", trouble.hint);
    more.emplace_back("exit", static_cast<std::int32_t>(trouble.exit));
    err.line(json_line("error", trouble.what, std::move(more)));
  } else {
    err.put(trouble.to_string());
  }
  err.flush();
}

std::function<void(const client::ConnectionEvent&)> observer_of(Session& session) {
  const std::size_t level = session.arguments.count("verbose");
  if (level == 0) return {};
  return [&session, level](const client::ConnectionEvent& event) {
    if (event.kind == Kind::answered && level < 2) return;
    const std::string text = text_of(event);
    session.err.line(session.arguments.has("log-json") ? json_line("debug", text) : text);
    session.err.flush();
  };
}

}  // namespace moldau::cli

#include "admin/routes.h"

#include <array>

namespace moldau::admin {
namespace {

constexpr std::string_view kHelp =
    "Moldau, admin port\n"
    "\n"
    "  /v1/live     200 while the process runs\n"
    "  /v1/ready    200 when produce and fetch are served, else 503\n"
    "  /v1/health   state and details as JSON\n"
    "  /metrics     Prometheus metrics\n"
    "\n"
    "Kafka clients connect to another port (listeners in the configuration).\n";

Answer failure(unsigned status, std::string_view code, std::string_view message) {
  return {.status = status,
          .body = "{\"code\":" + json_quoted(code) + ",\"message\":" + json_quoted(message) + "}\n"};
}

Answer live(const Sources&) { return {.body = "{\"status\":\"live\"}\n"}; }

Answer ready(const Sources& sources) {
  const ReadyState state = sources.ready();
  if (state.ready) return {.body = "{\"status\":\"ready\"}\n"};
  return {.status = 503, .body = "{\"status\":\"not_ready\",\"reason\":" + json_quoted(state.reason) + "}\n"};
}

Answer health(const Sources& sources) {
  const ReadyState state = sources.ready();
  std::string body = state.ready ? "{\"status\":\"ready\""
                                 : "{\"status\":\"not_ready\",\"reason\":" + json_quoted(state.reason);
  for (const auto& [name, value] : sources.health())
    body += "," + json_quoted(name) + ":" + json_quoted(value);
  return {.body = body + "}\n"};
}

Answer metrics(const Sources& sources) {
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = sources.metrics()};
}

Answer help(const Sources&) {
  return {.content_type = "text/plain; charset=utf-8", .body = std::string(kHelp)};
}

struct Route {
  std::string_view path;
  Answer (*answer)(const Sources&);
};
constexpr std::array<Route, 5> kRoutes{
    {{"/", help}, {"/metrics", metrics}, {"/v1/health", health}, {"/v1/live", live}, {"/v1/ready", ready}}};

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

}  // namespace

Answer answer(std::string_view method, std::string_view target, const Sources& sources) {
  for (const Route& route : kRoutes) {
    if (route.path != path_of(target)) continue;
    if (method == "GET" || method == "HEAD") return route.answer(sources);
    Answer refused = failure(405, "method_not_allowed", "only GET and HEAD are served here");
    refused.allow_get = true;
    return refused;
  }
  return failure(404, "not_found", "there is nothing at " + std::string(path_of(target).substr(0, 200)));
}

Speaker recognise(std::string_view first_bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(first_bytes[i]); };
  if (byte(0) >= 'A' && byte(0) <= 'Z') return Speaker::http;
  if (byte(0) == 0x16) return Speaker::tls;
  // Size below 100 MiB, API key below 128: both leave their high bytes small.
  const bool size = byte(0) <= 0x06;
  const bool key = first_bytes.size() < 6 || (byte(4) == 0 && byte(5) < 128);
  return size && key ? Speaker::kafka : Speaker::unknown;
}

std::string json_quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (byte < 0x20 || byte >= 0x7f)
      out += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    else
      out += c;
  }
  return out + "\"";
}

}  // namespace moldau::admin

#include "start_checks.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "platform/address.h"
#include "platform/port_owner.h"

namespace moldau {
namespace {

std::string key_of(const config::Listener& listener, std::string_view property) {
  std::string key = "listeners.";
  for (const char c : listener.name) key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return key.append(".").append(property);
}

void add_if_taken(std::vector<std::string>& lines, const std::string& key, const runtime::Endpoint& at) {
  if (at.port == 0) return;
  const auto owner = platform::owner_of_port(at.port);
  if (!owner || owner->pid == getpid()) return;
  lines.push_back(key + " is " + at.to_string() + ", where process " + std::to_string(owner->pid) + " (" +
                  owner->program + ") listens");
}

}  // namespace

std::vector<std::string> taken_addresses(const config::Settings& settings) {
  std::vector<std::string> lines;
  for (const config::Listener& listener : settings.listeners)
    add_if_taken(lines, key_of(listener, "bind"), listener.bind);
  if (settings.admin_enabled) add_if_taken(lines, "admin.bind", settings.admin_bind);
  return lines;
}

std::vector<std::string> unknown_hosts(const config::Settings& settings) {
  std::vector<std::string> lines;
  for (const config::Listener& listener : settings.listeners) {
    const auto found = platform::resolve(listener.advertise, platform::Resolve::name);
    if (found || found.error().code != Errc::not_found) continue;
    lines.push_back("listener " + listener.name + " tells " +
                    (listener.controller ? std::string("controllers") : std::string("clients")) +
                    " to connect to " + listener.advertise.to_string() +
                    ", a name that this machine does not " + "know: set " + key_of(listener, "advertise") +
                    " (advertised.listeners) unless they do");
  }
  return lines;
}

}  // namespace moldau

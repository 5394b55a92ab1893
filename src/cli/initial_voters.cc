#include "cli/initial_voters.h"

#include <algorithm>
#include <charconv>

namespace moldau::cli {
namespace {

// A whole text that is a number of this type.
template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::unexpected<Trouble> refused(std::string_view text, std::string why) {
  return trouble(Exit::failed, std::move(why), "--initial-controllers: " + std::string(text),
                 "a list of id@host:port:directory-id, separated by commas");
}

// Kafka cuts from the left: id@, then the host, in brackets if it is an IPv6 address, then port and
// directory.
Answer<raft::Voter> parse_voter(std::string_view text, const std::string& listener) {
  raft::Voter voter;
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) return refused(text, "No @ found in dynamic voter string.");
  const auto id = number<NodeId>(text.substr(0, at));
  if (!id) return refused(text, "Failed to parse node id in dynamic voter string.");
  if (*id < 0)
    return refused(text, "Invalid negative node id " + std::to_string(*id) + " in dynamic voter string.");
  std::string_view rest = text.substr(at + 1);
  std::string_view host;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find("]:");
    if (end == std::string_view::npos)
      return refused(text, "Hostname began with left bracket, but no right bracket was found.");
    host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 2);
  } else {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return refused(text, "No colon following hostname could be found.");
    host = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  if (host.empty()) return refused(text, "there is no host in front of the port");
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos) return refused(text, "No colon following port could be found.");
  const auto port = number<std::int64_t>(rest.substr(0, colon));
  if (!port) return refused(text, "Failed to parse port in dynamic voter string.");
  if (*port < 0 || *port > 65535)
    return refused(text, "Invalid port " + std::to_string(*port) + " in dynamic voter string.");
  const auto directory = Uuid::parse(rest.substr(colon + 1));
  if (!directory || directory->is_zero())
    return refused(text, "Failed to parse directory ID in dynamic voter string.");
  voter.key = {*id, *directory};
  voter.endpoints = {{listener, std::string(host), static_cast<std::uint16_t>(*port)}};
  return voter;
}

}  // namespace

Answer<raft::VoterSet> parse_initial_controllers(std::string_view spec, const std::string& listener) {
  std::vector<raft::Voter> voters;
  for (const std::string& text : config::split_list(spec)) {
    auto voter = parse_voter(text, listener);
    if (!voter) return std::unexpected(std::move(voter).error());
    const auto same = [&](const raft::Voter& other) { return other.key.id == voter->key.id; };
    if (std::ranges::any_of(voters, same))
      return refused(text, "node id " + std::to_string(voter->key.id) + " is there twice");
    voters.push_back(std::move(*voter));
  }
  if (voters.empty()) return refused(spec, "no initial controllers were named");
  return raft::VoterSet(std::move(voters));
}

raft::VoterSet standalone_voters(const config::Settings& settings, NodeId node_id, DirectoryId directory) {
  raft::Voter self;
  self.key = {node_id, directory};
  for (const config::Listener& listener : settings.listeners)
    if (listener.controller)
      self.endpoints.push_back({listener.name, listener.advertise.host, listener.advertise.port});
  return raft::VoterSet({std::move(self)});
}

const config::Listener* controller_listener(const config::Settings& settings) {
  const auto at = std::ranges::find_if(settings.listeners, &config::Listener::controller);
  return at == settings.listeners.end() ? nullptr : &*at;
}

}  // namespace moldau::cli

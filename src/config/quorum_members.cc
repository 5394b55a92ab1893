#include "config/quorum_members.h"

#include <algorithm>
#include <set>

#include "config/listeners.h"
#include "config/text.h"

namespace moldau::config {
namespace {

using runtime::Endpoint;

constexpr std::int64_t kMaxNodeId = 2'147'483'647;

// id@host:port, or host:port where no id is needed.
std::optional<Voter> parse_member(Resolved& resolved, const Entry& entry, const std::string& text,
                                  bool needs_id) {
  Voter member;
  std::string_view address = text;
  if (const std::size_t at = text.find('@'); at != std::string::npos || needs_id) {
    const auto id = parse_integer(std::string_view(text).substr(0, at));
    if (at == std::string::npos || !id || *id < 0 || *id > kMaxNodeId) {
      resolved.error(entry, "\"" + text + "\" is not of the form id@host:port");
      return std::nullopt;
    }
    member.id = static_cast<NodeId>(*id);
    address.remove_prefix(at + 1);
  }
  auto endpoint = parse_address(address);
  if (!endpoint) {
    resolved.error(entry, endpoint.error().message);
    return std::nullopt;
  }
  member.address = *endpoint;
  return member;
}

std::vector<Voter> read_members(Resolved& resolved, const Entry* entry, bool needs_id) {
  std::vector<Voter> members;
  for (const std::string& text : split_list(entry != nullptr ? entry->value : "")) {
    const auto member = parse_member(resolved, *entry, text, needs_id);
    if (!member) continue;
    const auto same = [&](const Voter& other) {
      return (other.id != kNoNode && other.id == member->id) || other.address == member->address;
    };
    if (std::ranges::any_of(members, same))
      resolved.error(*entry, "\"" + text + "\": another entry has the same id or address");
    else
      members.push_back(*member);
  }
  return members;
}

std::string ids_of(const std::vector<Voter>& voters) {
  std::set<NodeId> ids;
  for (const Voter& voter : voters) ids.insert(voter.id);
  std::string text;
  for (const NodeId id : ids) text += (text.empty() ? "[" : ", ") + std::to_string(id);
  return text + "]";
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// Members counted by their places, where they have no ids of their own.
std::vector<Voter> with_ids(std::vector<Voter> members) {
  for (std::size_t i = 0; i < members.size(); ++i)
    if (members[i].id == kNoNode) members[i].id = static_cast<NodeId>(i + 1);
  return members;
}

class Settler {
 public:
  Settler(const QuorumLists& lists, const Sources& sources, Settings& settings, Resolved& resolved)
      : lists_(lists), sources_(sources), settings_(settings), resolved_(resolved) {}

  void settle() {
    if (!lists_.voters.empty())
      settle_static();
    else if (!lists_.seeds.empty())
      settle_seeds();
    warn_of_even_numbers();
    warn_of_loopback();
  }

 private:
  // Kafka's rules and words.
  void settle_static() {
    settings_.voters = lists_.voters;
    const Entry& entry = *lists_.voters_entry;
    adopt_id();
    if (!settings_.node_id) return;
    const bool is_voter = voter(*settings_.node_id) != nullptr;
    const std::string set = "the set of voters controller.quorum.voters=" + ids_of(settings_.voters);
    const std::string id = "the node id " + std::to_string(*settings_.node_id);
    if (settings_.controller_role && !is_voter)
      resolved_.error(
          entry, "If process.roles contains the 'controller' role, " + id + " must be included in " + set);
    if (!settings_.controller_role && is_voter)
      resolved_.error(entry, "If process.roles contains just the 'broker' role, " + id +
                                 " must not be included in " + set);
    if (settings_.controller_role && is_voter) check_own_port(entry);
  }

  // The port that others will knock on.
  void check_own_port(const Entry& entry) {
    const Voter& own = *voter(*settings_.node_id);
    const auto at_port = [&](const Listener& listener) {
      return listener.controller && (listener.bind.port == 0 || listener.bind.port == own.address.port ||
                                     listener.advertise.port == own.address.port);
    };
    const auto controller = std::ranges::find_if(settings_.listeners, &Listener::controller);
    if (controller == settings_.listeners.end() || std::ranges::any_of(settings_.listeners, at_port)) return;
    resolved_.problem(Severity::warning, entry,
                      "the other voters look for this node at " + own.address.to_string() +
                          ", but listener " + controller->name + " is bound to " +
                          controller->bind.to_string());
  }

  void settle_seeds() {
    for (const Voter& seed : lists_.seeds) settings_.seeds.push_back(seed.address);
    const Entry& entry = *lists_.seeds_entry;
    const auto size = static_cast<std::size_t>(lists_.initial_size);
    if (lists_.seeds.size() < size && !settings_.controller_role) return;  // enough to find the quorum by
    if (lists_.seeds.size() < size)
      return resolved_.error(entry, std::to_string(size) + " controllers form the cluster " +
                                        "(cluster.initial_size), but only " +
                                        std::to_string(lists_.seeds.size()) + " are named");
    if (size > 1) return settle_formation(entry, size);
    // Nobody else is named: a cluster of this node alone, which others may join.
    if (settings_.controller_role && lists_.seeds.size() == 1 && is_own(lists_.seeds.front().address))
      return settings_.seeds.clear();
    const auto own = std::ranges::find_if(lists_.seeds, [&](const Voter& s) { return is_own(s.address); });
    if (settings_.controller_role && own != lists_.seeds.end() && !lists_.initial_size_is_set)
      resolved_.problem(Severity::info, entry,
                        "a new cluster of these controllers needs cluster.initial_size: " +
                            std::to_string(lists_.seeds.size()) +
                            " on each of them (or kafka-storage format --initial-controllers); without it " +
                            "this node waits for a cluster to join");
  }

  void settle_formation(const Entry& entry, std::size_t size) {
    settings_.voters =
        with_ids({lists_.seeds.begin(), lists_.seeds.begin() + static_cast<std::ptrdiff_t>(size)});
    adopt_id();
    if (!settings_.controller_role || !settings_.node_id) return;
    const Voter* own = own_voter();
    if (own != nullptr && own->id != *settings_.node_id)
      resolved_.error(entry, "node.id is " + std::to_string(*settings_.node_id) +
                                 ", but this node's address " + own->address.to_string() +
                                 " is that of node " + std::to_string(own->id) +
                                 ": seeds are nodes 1, 2, … in their order, the same on every node; " +
                                 "name other ids as id@host:port");
  }

  // A node that was not given an id has that of the voter at its address.
  void adopt_id() {
    if (settings_.node_id || !settings_.controller_role) return;
    if (const Voter* own = own_voter()) settings_.node_id = own->id;
  }

  const Voter* voter(NodeId id) const {
    const auto at = std::ranges::find(settings_.voters, id, &Voter::id);
    return at == settings_.voters.end() ? nullptr : &*at;
  }
  // The one voter at an address of this node; null when there are none or several. The host name tells more
  // than a listener, which may be at a voter's address only because the node's id says so.
  const Voter* own_voter() const {
    const Voter* by_name = the_one([&](const Voter& voter) {
      return equal_ignoring_case(voter.address.host, sources_.hostname) && is_own(voter.address);
    });
    return by_name != nullptr ? by_name : the_one([&](const Voter& voter) { return is_own(voter.address); });
  }
  template <class Is>
  const Voter* the_one(Is is) const {
    const Voter* found = nullptr;
    for (const Voter& voter : settings_.voters) {
      if (!is(voter)) continue;
      if (found != nullptr) return nullptr;
      found = &voter;
    }
    return found;
  }
  bool is_own(const Endpoint& address) const {
    return std::ranges::any_of(settings_.listeners, [&](const Listener& listener) {
      if (!listener.controller) return false;
      if (address == listener.advertise || address == listener.bind) return true;
      return address.port == listener.bind.port &&
             (is_loopback(address.host) || equal_ignoring_case(address.host, sources_.hostname));
    });
  }

  void warn_of_even_numbers() {
    const std::size_t count = settings_.voters.size();
    if (count < 2 || count % 2 != 0 || !settings_.controller_role) return;
    const Entry& entry = lists_.voters.empty() ? *lists_.seeds_entry : *lists_.voters_entry;
    resolved_.problem(Severity::warning, entry,
                      count == 2 ? "two voters tolerate no failure: when one is down, so is the cluster; "
                                   "have one or three"
                                 : std::to_string(count) + " voters tolerate no more failures than " +
                                       std::to_string(count - 1));
  }

  // Other machines would connect to themselves.
  void warn_of_loopback() {
    if (!settings_.broker_role) return;
    const auto elsewhere = [](const Voter& voter) { return !is_loopback(voter.address.host); };
    const auto& named = lists_.voters.empty() ? lists_.seeds : lists_.voters;
    if (named.size() < 2 || !std::ranges::any_of(named, elsewhere)) return;
    const auto inter = std::ranges::find_if(settings_.listeners, &Listener::inter_broker);
    if (inter == settings_.listeners.end() || !is_loopback(inter->advertise.host)) return;
    resolved_.problem(
        Severity::warning,
        "listener " + inter->name + " is for the other brokers, but they are told to connect to " +
            inter->advertise.to_string() + ", their own machine: set listeners." + lower(inter->name) +
            ".bind and .advertise, or choose another listener by " + "inter.broker.listener.name");
  }

  const QuorumLists& lists_;
  const Sources& sources_;
  Settings& settings_;
  Resolved& resolved_;
};

}  // namespace

std::optional<Endpoint> QuorumLists::address_of(NodeId id) const {
  const auto& named = voters.empty() ? with_ids(seeds) : voters;
  const auto at = std::ranges::find(named, id, &Voter::id);
  return at == named.end() ? std::nullopt : std::optional(at->address);
}

QuorumLists read_quorum_lists(Resolved& resolved) {
  QuorumLists lists;
  lists.voters_entry = resolved.find("kafka." + std::string("controller.quorum.voters"));
  lists.seeds_entry = resolved.find("cluster.seeds");
  lists.voters = read_members(resolved, lists.voters_entry, true);
  lists.seeds = read_members(resolved, lists.seeds_entry, false);
  const std::string size = resolved.text("cluster.initial_size");
  lists.initial_size = static_cast<std::int32_t>(*parse_integer(size));
  lists.initial_size_is_set = resolved.find("cluster.initial_size") != nullptr;
  return lists;
}

void settle_quorum(const QuorumLists& lists, const Sources& sources, Settings& settings, Resolved& resolved) {
  Settler(lists, sources, settings, resolved).settle();
}

}  // namespace moldau::config

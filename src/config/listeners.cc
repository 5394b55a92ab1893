#include "config/listeners.h"

#include <algorithm>

#include "config/text.h"

namespace moldau::config {
namespace {

using runtime::Endpoint;

std::optional<SecurityProtocol> parse_security(std::string_view text) {
  for (const auto protocol : {SecurityProtocol::plaintext, SecurityProtocol::ssl,
                              SecurityProtocol::sasl_plaintext, SecurityProtocol::sasl_ssl})
    if (equal_ignoring_case(name_of(protocol), text)) return protocol;
  return std::nullopt;
}

bool is_wildcard(const Endpoint& at) { return at.host == "0.0.0.0" || at.host == "::"; }

// One listener while it is put together.
struct Draft {
  std::string name;
  const Entry* entry = nullptr;  // what named it last
  std::optional<Endpoint> bind, advertise;
  std::optional<SecurityProtocol> security;
  std::optional<bool> inter_broker, controller;
};

class ListenerBuilder {
 public:
  ListenerBuilder(Resolved& resolved, const Sources& sources, const ListenerContext& context)
      : resolved_(resolved), sources_(sources), context_(context) {}

  std::vector<Listener> build() {
    read_kafka_listeners();
    read_own_listeners();
    add_default();
    add_default_controller();
    read_kafka_advertised();
    read_security_map();
    read_controller_names();
    std::vector<Listener> listeners = finish();
    choose_inter_broker(listeners);
    check_roles(listeners);
    check_ports(listeners);
    for (const Listener& listener : listeners) warn_of_advertised(listener);
    return listeners;
  }

 private:
  const Entry* kafka(const std::string& name) const { return resolved_.find("kafka." + name); }

  Draft* find(std::string_view name) {
    const auto at = std::ranges::find(drafts_, upper(name), &Draft::name);
    return at == drafts_.end() ? nullptr : &*at;
  }
  Draft& find_or_add(std::string_view name, const Entry& entry) {
    if (Draft* there = find(name)) return *there;
    return drafts_.emplace_back(Draft{upper(name), &entry});
  }
  std::string known_names() const {
    std::string names;
    for (const Draft& draft : drafts_) names += (names.empty() ? "" : ", ") + draft.name;
    return names.empty() ? "none" : names;
  }

  // NAME://host:port, separated by commas. An empty host is `empty_host`.
  template <class Visit>
  void read_urls(const Entry& entry, std::string_view empty_host, Visit visit) {
    for (const std::string& url : split_list(entry.value)) {
      const std::size_t mark = url.find("://");
      std::string text =
          mark == std::string::npos || !is_name(url.substr(0, mark)) ? "" : url.substr(mark + 3);
      if (text.starts_with(':')) text.insert(0, empty_host);
      const auto address = parse_address(text);
      if (address)
        visit(url.substr(0, mark), *address);
      else
        resolved_.error(entry, "\"" + url + "\" is not of the form NAME://host:port");
    }
  }

  void read_kafka_listeners() {
    const Entry* entry = kafka("listeners");
    if (entry == nullptr) return;
    read_urls(*entry, "0.0.0.0", [&](const std::string& name, const Endpoint& address) {
      if (find(name)) return resolved_.error(*entry, "listener " + upper(name) + " is there twice");
      find_or_add(name, *entry).bind = address;
    });
  }

  void read_kafka_advertised() {
    const Entry* entry = kafka("advertised.listeners");
    if (entry == nullptr) return;
    read_urls(*entry, sources_.hostname, [&](const std::string& name, const Endpoint& address) {
      Draft* draft = find(name);
      if (draft == nullptr) return resolved_.error(*entry, no_listener(name));
      if (is_wildcard(address)) return resolved_.error(*entry, not_routable(*draft, address));
      if (!draft->advertise) draft->advertise = address;
    });
  }

  std::string not_routable(const Draft& draft, const Endpoint& address) const {
    return "clients cannot connect to " + address.to_string() +
           ": advertise the name or address by which they reach this machine, for example " + draft.name +
           "://" + sources_.hostname + ":" + std::to_string(address.port);
  }
  std::string no_listener(std::string_view name) const {
    std::string text = "there is no listener " + upper(name) + "; listeners: " + known_names();
    if (const auto near = nearest_name(name)) text += "; did you mean " + *near + "?";
    return text;
  }
  std::optional<std::string> nearest_name(std::string_view name) const {
    std::vector<Key> known;
    for (const Draft& draft : drafts_) known.push_back({.name = draft.name, .doc = "", .unit = Unit::none});
    const auto near = nearest(upper(name), known);
    return near ? std::optional(std::string(*near)) : std::nullopt;
  }

  void read_own_listeners() {
    for (const auto& [path, entry] : resolved_.entries()) {
      if (!path.starts_with("listeners.")) continue;
      const std::size_t dot = path.rfind('.');
      const std::string name = path.substr(10, dot - 10);
      if (!is_name(name)) {
        resolved_.error(entry, "the name of a listener is of letters, digits, '_', '-' and '.'");
        continue;
      }
      read_own(find_or_add(name, entry), path.substr(dot + 1), entry);
    }
  }
  void read_own(Draft& draft, std::string_view property, const Entry& entry) {
    draft.entry = &entry;
    if (property == "bind") draft.bind = address_of(entry);
    if (property == "advertise") draft.advertise = address_of(entry);
    if (property == "security") draft.security = parse_security(entry.value);
    if (property == "inter_broker") draft.inter_broker = equal_ignoring_case(entry.value, "true");
    if (property == "controller") draft.controller = equal_ignoring_case(entry.value, "true");
  }
  std::optional<Endpoint> address_of(const Entry& entry) {
    auto address = parse_address(entry.value);
    if (address) return *address;
    resolved_.error(entry, address.error().message);
    return Endpoint{"127.0.0.1", 0};
  }

  // PLAINTEXT on the loopback address, unless somebody binds another listener for clients.
  void add_default() {
    const bool bound =
        std::ranges::any_of(drafts_, [](const Draft& d) { return d.bind && d.name != "CONTROLLER"; });
    if (bound || kafka("listeners") != nullptr) return;
    Draft* plaintext = find("PLAINTEXT");
    if (plaintext == nullptr) plaintext = &drafts_.emplace_back(Draft{"PLAINTEXT"});
    plaintext->bind = Endpoint{"127.0.0.1", 9092};
  }

  // A member of a quorum listens where the others look for it.
  void add_default_controller() {
    if (!context_.controller || !context_.controller_role || kafka("listeners") != nullptr) return;
    if (kafka("controller.listener.names") != nullptr) return;
    const auto is_controller = [](const Draft& d) { return d.controller.value_or(d.name == "CONTROLLER"); };
    if (std::ranges::any_of(drafts_, is_controller)) return;
    Draft& draft = drafts_.emplace_back(Draft{"CONTROLLER"});
    const bool here = context_.controller->host == "localhost" || context_.controller->host == "127.0.0.1";
    draft.bind = Endpoint{here ? "127.0.0.1" : "0.0.0.0", context_.controller->port};
    draft.advertise = context_.controller;
  }

  void read_security_map() {
    const Entry* entry = kafka("listener.security.protocol.map");
    for (const std::string& pair : split_list(entry ? entry->value : "")) {
      const std::size_t colon = pair.find(':');
      const auto protocol = colon == std::string::npos
                                ? std::nullopt
                                : parse_security(trimmed(std::string_view(pair).substr(colon + 1)));
      if (!protocol) {
        resolved_.error(
            *entry,
            "\"" + pair + "\" is not of the form NAME:PROTOCOL (PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL)");
        continue;
      }
      Draft* draft = find(trimmed(std::string_view(pair).substr(0, colon)));
      if (draft != nullptr && !draft->security) draft->security = protocol;
    }
    for (Draft& draft : drafts_) {
      if (draft.security) continue;
      const auto by_name = parse_security(draft.name);
      if (entry != nullptr && !by_name)
        resolved_.error(*entry, "no security protocol for listener " + draft.name);
      draft.security = by_name.value_or(SecurityProtocol::plaintext);
    }
  }

  void read_controller_names() {
    const Entry* entry = kafka("controller.listener.names");
    const auto names = split_list(entry ? entry->value : "");
    for (const std::string& name : names) {
      if (Draft* draft = find(name))
        draft->controller = true;
      else if (context_.controller_role)
        resolved_.error(*entry, no_listener(name));
    }
  }

  std::vector<Listener> finish() {
    std::vector<Listener> listeners;
    std::ranges::sort(drafts_, {}, &Draft::name);
    for (const Draft& draft : drafts_) {
      if (!draft.bind) {
        resolved_.error(*draft.entry, "listener " + lower(draft.name) + " has no bind");
        continue;
      }
      if (*draft.security != SecurityProtocol::plaintext) {
        const Entry whole{.written = "listener " + draft.name};
        resolved_.error(draft.entry ? *draft.entry : whole,
                        "listener " + draft.name + ": " + std::string(name_of(*draft.security)) +
                            " is not supported by this version; use plaintext on a trusted network");
      }
      Listener listener{.name = draft.name, .bind = *draft.bind, .advertise = advertised(draft)};
      listener.security = *draft.security;
      listener.inter_broker = draft.inter_broker.value_or(false);
      listener.controller = draft.controller.value_or(draft.name == "CONTROLLER");
      listeners.push_back(std::move(listener));
    }
    return listeners;
  }

  Endpoint advertised(const Draft& draft) {
    if (draft.advertise) {
      Endpoint address = *draft.advertise;
      if (is_wildcard(address)) resolved_.error(*draft.entry, not_routable(draft, address));
      return address;
    }
    if (!is_wildcard(*draft.bind)) return *draft.bind;
    const Endpoint address{sources_.hostname, draft.bind->port};
    const bool controller = draft.controller.value_or(draft.name == "CONTROLLER");
    if (!controller && draft.entry != nullptr)
      resolved_.problem(Severity::info, *draft.entry,
                        "listener " + draft.name + " tells clients to connect to " + address.to_string() +
                            "; if they cannot resolve that, set listeners." + lower(draft.name) +
                            ".advertise");
    return address;
  }

  void choose_inter_broker(std::vector<Listener>& listeners) {
    Listener* chosen = nullptr;
    if (const Entry* entry = kafka("inter.broker.listener.name")) {
      chosen = named(listeners, entry->value);
      if (chosen == nullptr)
        resolved_.error(*entry, no_listener(entry->value));
      else if (chosen->controller)
        resolved_.error(*entry, "listener " + chosen->name + " is the controller's (controller.listener." +
                                    "names); brokers need another one");
      if (const Entry* protocol = kafka("security.inter.broker.protocol"))
        resolved_.error(*protocol,
                        "Only one of inter.broker.listener.name and "
                        "security.inter.broker.protocol should be set.");
    }
    if (chosen == nullptr) chosen = first_that(listeners, [](const Listener& l) { return l.inter_broker; });
    if (chosen == nullptr) chosen = with_security(listeners);
    if (chosen == nullptr) chosen = first_that(listeners, [](const Listener& l) { return !l.controller; });
    for (Listener& listener : listeners) {
      if (listener.inter_broker && &listener != chosen)
        resolved_.problem(Severity::error,
                          "listeners " + chosen->name + " and " + listener.name + " both are for brokers");
      listener.inter_broker = &listener == chosen;
    }
  }
  template <class Is>
  static Listener* first_that(std::vector<Listener>& listeners, Is is) {
    const auto at = std::ranges::find_if(listeners, is);
    return at == listeners.end() ? nullptr : &*at;
  }
  static Listener* named(std::vector<Listener>& listeners, std::string_view name) {
    return first_that(listeners, [&](const Listener& l) { return l.name == upper(name); });
  }
  Listener* with_security(std::vector<Listener>& listeners) const {
    const Entry* entry = kafka("security.inter.broker.protocol");
    if (entry == nullptr) return nullptr;
    return first_that(
        listeners, [&](const Listener& l) { return !l.controller && name_of(l.security) == entry->value; });
  }

  void check_roles(const std::vector<Listener>& listeners) {
    const bool serves = std::ranges::any_of(listeners, [](const Listener& l) { return !l.controller; });
    if (context_.broker_role && !serves)
      resolved_.problem(Severity::error, "a broker needs a listener for clients");
    const bool rules = std::ranges::any_of(listeners, &Listener::controller);
    if (rules || !context_.controller_role) return;
    constexpr std::string_view kKafkasWords =
        "controller.listener.names must contain at least one value appearing in the 'listeners' "
        "configuration "
        "when running the KRaft controller role";
    if (context_.controller)
      resolved_.problem(Severity::error, std::string(kKafkasWords) +
                                             ": the other controllers look for this " + "node at " +
                                             context_.controller->to_string());
    else if (!context_.broker_role)
      resolved_.problem(Severity::error, std::string(kKafkasWords));
  }

  void check_ports(const std::vector<Listener>& listeners) {
    for (std::size_t i = 0; i < listeners.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (overlap(listeners[i].bind, listeners[j].bind))
          resolved_.problem(Severity::error, "listeners " + listeners[j].name + " and " + listeners[i].name +
                                                 " are both bound to " + listeners[i].bind.to_string());
  }

  // A container whose host name nobody has set: it is another one after each start.
  void warn_of_advertised(const Listener& listener) {
    const std::string& host = listener.advertise.host;
    const bool hex = host.find_first_not_of("0123456789abcdef") == std::string::npos;
    constexpr std::size_t kContainerIdSize = 12;
    if (listener.controller || host.size() != kContainerIdSize || !hex) return;
    resolved_.problem(Severity::warning,
                      "listener " + listener.name + " tells clients to connect to " +
                          listener.advertise.to_string() + ", which looks like the id of a container: only " +
                          "containers of its network can resolve it; set advertised.listeners, or the " +
                          "container's hostname");
  }

  Resolved& resolved_;
  const Sources& sources_;
  const ListenerContext& context_;
  std::vector<Draft> drafts_;
};

}  // namespace

Result<Endpoint> parse_address(std::string_view text) {
  text = trimmed(text);
  ASSIGN_OR_RETURN(Endpoint address, Endpoint::parse(text));
  const auto fits = [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
  };
  if (!std::ranges::all_of(address.host, fits))
    return fail(Errc::invalid_argument,
                "\"" + std::string(text) + "\" is not an address of the form host:port or [ipv6]:port");
  if (address.host.empty()) address.host = "0.0.0.0";
  return address;
}

bool overlap(const Endpoint& a, const Endpoint& b) {
  return a.port != 0 && a.port == b.port && (a.host == b.host || is_wildcard(a) || is_wildcard(b));
}

std::vector<Listener> build_listeners(Resolved& resolved, const Sources& sources,
                                      const ListenerContext& context) {
  return ListenerBuilder(resolved, sources, context).build();
}

}  // namespace moldau::config

#include "platform/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>

namespace moldau::platform {

using runtime::Endpoint;

namespace {

Error error_from_resolver(int code, const std::string& host) {
  const Errc kind =
      code == EAI_NONAME || code == EAI_NODATA || code == EAI_FAMILY ? Errc::not_found : Errc::unavailable;
  return Error{kind, "resolve host \"" + host + "\": " + ::gai_strerror(code)};
}

Result<std::vector<SocketAddress>> look_up(const Endpoint& endpoint, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const char* host = endpoint.host.empty() ? nullptr : endpoint.host.c_str();
  const int code = ::getaddrinfo(host, std::to_string(endpoint.port).c_str(), &hints, &found);
  if (code != 0) return fail(error_from_resolver(code, endpoint.host));

  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    SocketAddress& address = addresses.emplace_back();
    address.size = std::min<socklen_t>(entry->ai_addrlen, sizeof address.storage);
    std::memcpy(&address.storage, entry->ai_addr, address.size);
  }
  return addresses;
}

template <class Address>
Address address_as(const sockaddr_storage& storage) {
  Address address;
  std::memcpy(&address, &storage, sizeof address);
  return address;
}

}  // namespace

bool operator==(const SocketAddress& a, const SocketAddress& b) {
  return a.size == b.size && std::memcmp(&a.storage, &b.storage, a.size) == 0;
}

Endpoint SocketAddress::to_endpoint() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family() == AF_INET) {
    const auto v4 = address_as<sockaddr_in>(storage);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return {text.data(), ntohs(v4.sin_port)};
  }
  if (family() == AF_INET6) {
    const auto v6 = address_as<sockaddr_in6>(storage);
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
    const void* bytes = mapped ? &v6.sin6_addr.s6_addr[12] : &v6.sin6_addr.s6_addr[0];
    ::inet_ntop(mapped ? AF_INET : AF_INET6, bytes, text.data(), text.size());
    return {text.data(), ntohs(v6.sin6_port)};
  }
  return {};
}

Result<std::vector<SocketAddress>> resolve(const Endpoint& endpoint, Resolve how) {
  return look_up(endpoint, how == Resolve::numeric ? AI_NUMERICHOST : 0);
}

Result<std::vector<SocketAddress>> resolve_local(const Endpoint& endpoint) {
  ASSIGN_OR_RETURN(auto addresses, look_up(endpoint, AI_PASSIVE));
  if (endpoint.host.empty()) std::ranges::sort(addresses, std::greater(), &SocketAddress::family);
  return addresses;
}

SocketAddress local_address(int socket) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0)
    address.size = 0;
  return address;
}

}  // namespace moldau::platform

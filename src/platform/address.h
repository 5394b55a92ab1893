// Socket addresses and their text.
#pragma once

#include <sys/socket.h>

#include <vector>

#include "base/result.h"
#include "runtime/network.h"

namespace moldau::platform {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  // An IPv4 address that arrived on an IPv6 socket is written as IPv4.
  runtime::Endpoint to_endpoint() const;
  friend bool operator==(const SocketAddress& a, const SocketAddress& b);
};

enum class Resolve {
  numeric,  // literal addresses only, never blocks; Errc::not_found for a name
  name,     // may ask name servers: for a thread that may wait
};

// At least one address. Errc::not_found when the host is unknown, Errc::unavailable when nobody could be
// asked.
Result<std::vector<SocketAddress>> resolve(const runtime::Endpoint& endpoint, Resolve how);

// The addresses to try for listening: an empty host means all interfaces, IPv6 with IPv4 first.
Result<std::vector<SocketAddress>> resolve_local(const runtime::Endpoint& endpoint);

SocketAddress local_address(int socket);

}  // namespace moldau::platform

// Who listens on a TCP port of this machine, as far as /proc tells: for the message that a port is in use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moldau::platform {

// The inodes of the sockets that listen on `port` in a table of the form of /proc/net/tcp and tcp6. Lines
// that are not of that form are passed over.
std::vector<std::uint64_t> listening_inodes(std::string_view table, std::uint16_t port);

struct PortOwner {
  std::int64_t pid = 0;
  std::string program;  // its short name
  friend bool operator==(const PortOwner&, const PortOwner&) = default;
};
// Nothing when nobody listens, or when it is a process that this one may not look into. Blocks.
std::optional<PortOwner> owner_of_port(std::uint16_t port);

}  // namespace moldau::platform

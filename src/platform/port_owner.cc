#include "platform/port_owner.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace moldau::platform {
namespace {

namespace fs = std::filesystem;

template <class Number>
std::optional<Number> number(std::string_view text, int base) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Of one line: its inode, when it listens on the port. Fields: number, local address, remote address, state,
// …, inode as the tenth.
std::optional<std::uint64_t> listening_inode(const std::string& line, std::uint16_t port) {
  constexpr std::size_t kLocal = 1, kState = 3, kInode = 9;
  constexpr int kHex = 16, kDecimal = 10;
  constexpr std::string_view kListen = "0A";
  std::istringstream in(line);
  const std::vector<std::string> fields{std::istream_iterator<std::string>(in), {}};
  if (fields.size() <= kInode || fields[kState] != kListen) return std::nullopt;
  const std::string_view local = fields[kLocal];
  const std::size_t colon = local.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  if (number<std::uint16_t>(local.substr(colon + 1), kHex) != port) return std::nullopt;
  return number<std::uint64_t>(fields[kInode], kDecimal);
}

std::string contents_of(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

bool has_open(const fs::path& process, const std::vector<std::string>& sockets) {
  std::error_code error;
  for (const auto& descriptor : fs::directory_iterator(process / "fd", error)) {
    const auto target = fs::read_symlink(descriptor.path(), error);
    if (!error && std::ranges::find(sockets, target.string()) != sockets.end()) return true;
  }
  return false;
}

}  // namespace

std::vector<std::uint64_t> listening_inodes(std::string_view table, std::uint16_t port) {
  std::vector<std::uint64_t> inodes;
  std::istringstream lines{std::string(table)};
  for (std::string line; std::getline(lines, line);)
    if (const auto inode = listening_inode(line, port)) inodes.push_back(*inode);
  return inodes;
}

std::optional<PortOwner> owner_of_port(std::uint16_t port) {
  std::vector<std::string> sockets;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"})
    for (const std::uint64_t inode : listening_inodes(contents_of(table), port))
      sockets.push_back("socket:[" + std::to_string(inode) + "]");
  if (sockets.empty()) return std::nullopt;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto pid = number<std::int64_t>(entry.path().filename().string(), 10);
    if (!pid || !has_open(entry.path(), sockets)) continue;
    std::string program = contents_of(entry.path() / "comm");
    std::erase(program, '\n');
    return PortOwner{*pid, std::move(program)};
  }
  return std::nullopt;
}

}  // namespace moldau::platform

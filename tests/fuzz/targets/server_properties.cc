// server.properties: its form as java.util.Properties takes it, and the settings that come of it.
#include "fuzz/settings_checks.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 256;

// The simplest form of a key or value that needs no rule but "a backslash before every character".
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += "\\n";
    if (c == '\r') out += "\\r";
    if (c == '\t') out += "\\t";
    if (c == '\f') out += "\\f";
    if (std::string_view("\n\r\t\f").contains(c)) continue;
    // A backslash before u, t, n, r and f means something else.
    if (!std::string_view("utnrf").contains(c)) out += '\\';
    out += c;
  }
  return out;
}

void check_form(std::string_view text) {
  const auto properties = config::parse_properties(text);
  if (!properties) {
    MOLDAU_ASSERT(properties.error().code == Errc::invalid_argument);
    return;
  }
  std::string again;
  int line = 0;
  for (const config::Property& property : *properties) {
    MOLDAU_ASSERT(property.line > line, "lines do not rise");
    line = property.line;
    again += escaped(property.key) + "=" + escaped(property.value) + "\n";
  }
  const auto read = config::parse_properties(again);
  MOLDAU_ASSERT(read && read->size() == properties->size(), "properties are lost by being written");
  for (std::size_t i = 0; i < read->size(); ++i)
    MOLDAU_ASSERT((*read)[i].key == (*properties)[i].key && (*read)[i].value == (*properties)[i].value);
}

void run(ByteView bytes) {
  check_form(as_text(bytes));
  fuzz_settings(as_text(bytes), config::FileKind::properties);
}

void seeds(Seeds& seeds) {
  seeds.add("process.roles=broker,controller\nnode.id=1\nlog.dirs=/tmp/x\n");
  seeds.add("listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n");
  seeds.add("advertised.listeners=PLAINTEXT://localhost:9092\ninter.broker.listener.name=PLAINTEXT\n");
  seeds.add("# c\n! c\nnum.partitions: 3\nlog.retention.\\\n   hours 168\nk\\u00e9y=v\\ual\n");
  seeds.add("controller.quorum.voters=1@localhost:9093\nlog.segment.bytes=1073741824\r\n");
  seeds.add("listener.security.protocol.map=A:PLAINTEXT,B:SSL\nlisteners=A://[::1]:1,B://h:2\n");
}

MOLDAU_FUZZ_TARGET(server_properties, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz

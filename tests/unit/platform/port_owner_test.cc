#include "platform/port_owner.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace moldau::platform {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 "
    "0\n"
    "   1: 0100007F:2384 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0 20 "
    "4\n"
    "   2: 00000000:25AC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 "
    "0\n"
    "   3: 00000000000000000000000000000000:2384 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 "
    "4714 1\n";

TEST(ListeningInodes, AreThoseOfThePortThatListen) {
  EXPECT_THAT(listening_inodes(kTable, 9092), ElementsAre(4711, 4714));
  EXPECT_THAT(listening_inodes(kTable, 9644), ElementsAre(4713));
  EXPECT_THAT(listening_inodes(kTable, 9093), IsEmpty());
}

TEST(ListeningInodes, OtherTextIsPassedOver) {
  for (const std::string_view text :
       {"", "\n", "no table", "0: x y 0A 1 2 3 4 5 6", "0: :2384 y 0A 1 2 3 4 5 x"})
    EXPECT_THAT(listening_inodes(text, 9092), IsEmpty()) << text;
}

TEST(OwnerOfPort, IsTheProcessThatListens) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(listener, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* at = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(listener, at, size), 0);
  ASSERT_EQ(getsockname(listener, at, &size), 0);
  const std::uint16_t port = ntohs(address.sin_port);
  EXPECT_EQ(owner_of_port(port), std::nullopt) << "bound, and does not listen";
  ASSERT_EQ(listen(listener, 1), 0);
  const auto owner = owner_of_port(port);
  ASSERT_TRUE(owner.has_value());
  EXPECT_EQ(owner->pid, getpid());
  EXPECT_EQ(owner->program, "platform_test");
  close(listener);
  EXPECT_EQ(owner_of_port(port), std::nullopt);
}

}  // namespace
}  // namespace moldau::platform

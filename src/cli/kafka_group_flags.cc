#include "cli/kafka_flags.h"

namespace moldau::cli {

std::vector<Flag> groups_flags() {
  return with_common({{"--bootstrap-server", "HOST:PORT", "the servers to connect to"},
                      {"--list", "", "list groups of every kind"},
                      {"--group-type", "TYPE", "classic, consumer, share or streams"},
                      {"--protocol", "TYPE", "of this protocol type"},
                      {"--consumer", "", "consumer groups, classic and simple ones too"},
                      {"--share", "", "share groups"},
                      {"--streams", "", "streams groups"}});
}

std::vector<Flag> consumer_groups_flags() {
  return with_common({{"--bootstrap-server", "HOST:PORT", "the servers to connect to"},
                      {"--list", "", "list groups"},
                      {"--describe", "", "show groups, their offsets and lag"},
                      {"--delete", "", "delete groups without members, and their offsets"},
                      {"--reset-offsets", "", "give a group without members other offsets"},
                      {"--delete-offsets", "", "delete offsets of topics"},
                      {"--validate-regex", "RE", "check a pattern of topics (RE2)"},
                      {"--group", "GROUP", "the group", {}, Complete::none, true},
                      {"--all-groups", "", "all groups"},
                      {"--topic", "T:0,1", "the topic, or partitions of it", {}, Complete::none, true},
                      {"--all-topics", "", "all topics of the group"},
                      {"--offsets", "", "show offsets (default)"},
                      {"--members", "", "show members"},
                      {"--state", "[S,S]", "show states; with --list of these alone"},
                      {"--type", "[T,T]", "show types; with --list of these alone"},
                      {"--verbose", "", "show more"},
                      {"--timeout", "MS", "how long to try (default 5000)"},
                      {"--dry-run", "", "show the new offsets only (default)"},
                      {"--execute", "", "set them"},
                      {"--export", "", "print them as CSV"},
                      {"--to-offset", "N", "to this offset"},
                      {"--to-datetime", "TIME", "to the first record since YYYY-MM-DDTHH:mm:SS.sss"},
                      {"--by-duration", "PnDTnHnMnS", "to the first record since so long ago"},
                      {"--to-earliest", "", "to the start"},
                      {"--to-latest", "", "to the end"},
                      {"--to-current", "", "to what is committed"},
                      {"--shift-by", "N", "by so many records"},
                      {"--from-file", "FILE", "to the offsets of a CSV"}});
}

}  // namespace moldau::cli

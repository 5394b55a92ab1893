// The table of `moldau group …`.
#include "cli/command.h"
#include "cli/handlers.h"

namespace moldau::cli {

std::vector<Command> group_commands() {
  const Flag regex{"-r,--regex", "", "the words are patterns (RE2); a whole name must match"};
  const Flag dry_run{"--dry-run", "", "check only, change nothing"};
  const Flag yes{"-y,--yes", "", "do not ask"};
  return {
      {"group list",
       "List consumer groups, and groups of other kinds",
       "",
       Complete::none,
       {{"--state", "S,S", "only groups in these states: stable, empty, …"},
        {"--type", "T,T", "only groups of these types: classic, consumer, …"}},
       &group_list},
      {"group describe",
       "Show members, offsets and lag of groups, and why they lag",
       "GROUP...",
       Complete::none,
       {{"-s,--summary", "", "the summary"},
        {"-m,--members", "", "the members"},
        {"-p,--partitions", "", "the partitions"},
        {"--lag-only", "", "only partitions that lag"},
        regex},
       &group_describe},
      {"group seek",
       "Give a group without members other offsets",
       "GROUP",
       Complete::none,
       {{"--to", "WHERE", "start, end, OFFSET, +N, -N, @TIME or @-1h"},
        {"--to-group", "GROUP", "where this group is"},
        {"--to-file",
         "FILE",
         "lines: TOPIC PARTITION OFFSET; or a CSV of kafka-consumer-groups",
         {},
         Complete::file},
        {"--topics",
         "T:0,1",
         "only these topics or partitions (default: all that it has committed)",
         {},
         Complete::topic,
         true},
        {"--allow-new-topics", "", "topics too that it has not committed for"},
        {"--export", "FILE", "write the offsets that it has into this file first"},
        yes,
        dry_run},
       &group_seek},
      {"group delete",
       "Delete groups without members, and their offsets",
       "GROUP...",
       Complete::none,
       {regex, yes, dry_run},
       &group_delete},
      {"group offset-delete",
       "Delete offsets that a group has committed",
       "GROUP",
       Complete::none,
       {{"--topics", "T:0,1", "of these topics or partitions", {}, Complete::topic, true}, yes, dry_run},
       &group_offset_delete},
      {"group remove-member",
       "Put members out of a group",
       "GROUP [MEMBER...]",
       Complete::none,
       {{"-i,--instance", "ID", "static members, by their instance ids", {}, Complete::none, true},
        {"--all", "", "all of them"},
        yes,
        dry_run},
       &group_remove_member},
  };
}

}  // namespace moldau::cli

#include "cli/kafka_flags.h"

namespace moldau::cli {

std::vector<Flag> dump_log_flags() {
  return {
      {"--files", "A,B", "segments and indexes"},
      {"--print-data-log", "", "the records too"},
      {"--deep-iteration", "", "each record of each batch"},
      {"--index-sanity-check", "", "the form of index files"},
      {"--verify-index-only", "", "index files against their segments"},
      {"--max-bytes", "N", "read no more of each segment"},
      {"--max-message-size", "N", "accepted"},
      {"--skip-record-metadata", "", "only keys and values of records"},
      {"--offsets-decoder", "", "records of __consumer_offsets"},
      {"--transaction-log-decoder", "", "records of __transaction_state"},
      {"--cluster-metadata-decoder", "", "records of the metadata log"},
      {"--remote-log-metadata-decoder", "", "records of __remote_log_metadata"},
      {"--share-group-state-decoder", "", "records of __share_group_state"},
      {"--key-decoder-class", "CLASS", "of keys"},
      {"--value-decoder-class", "CLASS", "of values"},
      kHelp,
      kVersionFlag,
  };
}

std::vector<Flag> storage_flags() {
  return {{"-c,--config", "FILE", "server.properties"}, kHelp, kVersionFlag};
}

std::vector<Flag> storage_format_flags() {
  return {
      {"-t,--cluster-id", "ID", "the cluster's id"},
      {"-c,--config", "FILE", "server.properties"},
      {"-g,--ignore-formatted", "", "a folder that is formatted is no error"},
      {"-S,--add-scram", "SPEC", "credentials", {}, Complete::none, true},
      {"-r,--release-version", "VERSION", "metadata version"},
      {"-f,--feature", "K=V", "feature level", {}, Complete::none, true},
      {"-s,--standalone", "", "a quorum of this node alone; others may be added later"},
      {"-N,--no-initial-controllers", "", "this controller joins a quorum that is there"},
      {"-I,--initial-controllers", "SPEC", "the quorum's first voters: id@host:port:directory-id,…"},
      kHelp,
      kVersionFlag,
  };
}

}  // namespace moldau::cli

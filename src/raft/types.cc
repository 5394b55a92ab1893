#include "raft/types.h"

#include <charconv>
#include <map>

namespace moldau::raft {

std::string_view name_of(RaftError error) {
  switch (error) {
    case RaftError::none:
      return "NONE";
    case RaftError::fenced_leader_epoch:
      return "FENCED_LEADER_EPOCH";
    case RaftError::unknown_leader_epoch:
      return "UNKNOWN_LEADER_EPOCH";
    case RaftError::not_leader_or_follower:
      return "NOT_LEADER_OR_FOLLOWER";
    case RaftError::inconsistent_voter_set:
      return "INCONSISTENT_VOTER_SET";
    case RaftError::invalid_voter_key:
      return "INVALID_VOTER_KEY";
    case RaftError::invalid_request:
      return "INVALID_REQUEST";
    case RaftError::snapshot_not_found:
      return "SNAPSHOT_NOT_FOUND";
    case RaftError::position_out_of_range:
      return "POSITION_OUT_OF_RANGE";
    case RaftError::duplicate_voter:
      return "DUPLICATE_VOTER";
    case RaftError::voter_not_found:
      return "VOTER_NOT_FOUND";
    case RaftError::request_timed_out:
      return "REQUEST_TIMED_OUT";
    case RaftError::unsupported_version:
      return "UNSUPPORTED_VERSION";
  }
  MOLDAU_UNREACHABLE();
}

std::string to_json(const QuorumState& state) {
  return "{\"leaderId\":" + std::to_string(state.leader_id) +
         ",\"leaderEpoch\":" + std::to_string(state.epoch) +
         ",\"votedId\":" + std::to_string(state.voted.id) + ",\"votedDirectoryId\":\"" +
         state.voted.directory.to_string() + "\",\"data_version\":1}";
}

namespace {

// One flat JSON object of integers and strings without escapes: all that the file may hold.
class FlatObject {
 public:
  static Result<FlatObject> parse(std::string_view json) {
    FlatObject out;
    Scanner in{json};
    if (!in.take('{')) return malformed();
    while (!in.take('}')) {
      if (!out.members_.empty() && !in.take(',')) return malformed();
      std::string_view key, value;
      if (!in.string(key) || !in.take(':') || !(in.string(value) || in.number(value))) return malformed();
      if (!out.members_.emplace(key, value).second) return malformed();
    }
    if (!in.at_end()) return malformed();
    return out;
  }

  Result<std::int32_t> number(std::string_view key) const {
    const auto found = members_.find(key);
    std::int32_t value = 0;
    if (found != members_.end()) {
      const std::string_view text = found->second;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc() && end == text.data() + text.size()) return value;
    }
    return fail(Errc::corrupt, "quorum-state has no number " + std::string(key));
  }
  Result<Uuid> uuid(std::string_view key) const {
    const auto found = members_.find(key);
    if (found != members_.end())
      if (const auto id = Uuid::parse(found->second)) return *id;
    return fail(Errc::corrupt, "quorum-state has no id " + std::string(key));
  }

 private:
  struct Scanner {
    std::string_view rest;
    void skip_blanks() { rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size())); }
    bool at_end() {
      skip_blanks();
      return rest.empty();
    }
    bool take(char c) {
      skip_blanks();
      if (!rest.starts_with(c)) return false;
      rest.remove_prefix(1);
      return true;
    }
    bool string(std::string_view& out) {
      if (!take('"')) return false;
      const std::size_t end = rest.find_first_of("\"\\");
      if (end == std::string_view::npos || rest[end] == '\\') return false;
      out = rest.substr(0, end);
      rest.remove_prefix(end + 1);
      return true;
    }
    bool number(std::string_view& out) {
      skip_blanks();
      out = rest.substr(0, rest.find_first_not_of("-0123456789"));
      rest.remove_prefix(out.size());
      return !out.empty();
    }
  };
  static std::unexpected<Error> malformed() {
    return fail(Errc::corrupt, "quorum-state is not the JSON object that it must be");
  }

  std::map<std::string_view, std::string_view> members_;
};

}  // namespace

Result<QuorumState> quorum_state_from_json(std::string_view json) {
  ASSIGN_OR_RETURN(const FlatObject object, FlatObject::parse(json));
  ASSIGN_OR_RETURN(const std::int32_t version, object.number("data_version"));
  if (version != 1)
    return fail(Errc::unsupported, "quorum-state has version " + std::to_string(version) + ", known is 1");
  QuorumState out;
  ASSIGN_OR_RETURN(out.leader_id, object.number("leaderId"));
  ASSIGN_OR_RETURN(out.epoch, object.number("leaderEpoch"));
  ASSIGN_OR_RETURN(out.voted.id, object.number("votedId"));
  ASSIGN_OR_RETURN(out.voted.directory, object.uuid("votedDirectoryId"));
  if (out.epoch < 0 || out.leader_id < kNoNode || out.voted.id < kNoNode)
    return fail(Errc::corrupt, "quorum-state has a negative epoch or id");
  return out;
}

}  // namespace moldau::raft

// Groups on the command line, against a model of one group and its topic: `moldau group …`, kafka-groups and
// kafka-consumer-groups.
#include "unit/cli/scripted_cluster.h"
#include "wire/messages/consumer_protocol.h"
#include "wire/messages/delete_groups.h"
#include "wire/messages/describe_groups.h"
#include "wire/messages/find_coordinator.h"
#include "wire/messages/leave_group.h"
#include "wire/messages/list_groups.h"
#include "wire/messages/list_offsets.h"
#include "wire/messages/offset_commit.h"
#include "wire/messages/offset_delete.h"
#include "wire/messages/offset_fetch.h"
#include "wire/writer.h"

namespace moldau::cli {
namespace {

using wire::ErrorCode;

::testing::AssertionResult shows(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "not in: " << text;
}

Slice assignment_of(const std::vector<PartitionIndex>& partitions) {
  wire::ConsumerProtocolAssignment assignment;
  assignment.assigned_partitions.push_back({"t", partitions});
  wire::Writer out;
  out.number<std::int16_t>(1);
  assignment.encode(out, 1);
  return std::move(out).finish_contiguous();
}

// Topic t has two partitions, of 10 to 100; group g has committed 40 for the first one.
class GroupTest : public ScriptedCluster {
 protected:
  GroupTest() {
    committed[{"t", 0}] = 40;
    broker.serves<wire::FindCoordinatorRequest, wire::FindCoordinatorResponse>([this](const auto& request) {
      wire::FindCoordinatorResponse response;
      if (lookups_refused > 0) {
        --lookups_refused;
        response.coordinators.push_back({.key = request.coordinator_keys.front(),
                                         .node_id = -1,
                                         .port = -1,
                                         .error_code = ErrorCode::coordinator_not_available});
      } else {
        response.coordinators.push_back({.key = request.coordinator_keys.front(),
                                         .node_id = 1,
                                         .host = "127.0.0.1",
                                         .port = broker.endpoint().port});
      }
      return response;
    });
    broker.serves<wire::ListGroupsRequest, wire::ListGroupsResponse>([](const auto&) {
      wire::ListGroupsResponse response;
      response.groups.push_back({"g", "consumer", "Stable", "classic"});
      response.groups.push_back({"connectors", "connect", "Empty", "Classic"});
      return response;
    });
    broker.serves<wire::DescribeGroupsRequest, wire::DescribeGroupsResponse>([this](const auto& request) {
      wire::DescribeGroupsResponse response;
      auto& group = response.groups.emplace_back();
      group.group_id = request.groups.front();
      if (group.group_id != "g") {
        group.error_code = ErrorCode::group_id_not_found;
        group.error_message = "Group " + group.group_id + " not found.";
        group.group_state = "Dead";
        return response;
      }
      group.group_state = members.empty() ? "Empty" : "Stable";
      group.protocol_type = "consumer";
      group.protocol_data = members.empty() ? "" : "range";
      for (const auto& [id, partitions] : members) {
        auto& member = group.members.emplace_back();
        member.member_id = id;
        member.client_id = "app";
        member.client_host = "/10.0.0.9";
        member.member_assignment = assignment_of(partitions);
      }
      return response;
    });
    serve_offsets();
    broker.serves<wire::DeleteGroupsRequest, wire::DeleteGroupsResponse>([this](const auto& request) {
      wire::DeleteGroupsResponse response;
      response.results.push_back({.group_id = request.groups_names.front(),
                                  .error_code = request.groups_names.front() != "g"
                                                    ? ErrorCode::group_id_not_found
                                                : members.empty() ? ErrorCode::none
                                                                  : ErrorCode::non_empty_group});
      return response;
    });
    broker.serves<wire::LeaveGroupRequest, wire::LeaveGroupResponse>([this](const auto& request) {
      wire::LeaveGroupResponse response;
      for (const auto& member : request.members) {
        response.members.push_back(
            {member.member_id, member.group_instance_id,
             members.erase(member.member_id) > 0 ? ErrorCode::none : ErrorCode::unknown_member_id});
      }
      return response;
    });
  }

  std::map<TopicPartition, Offset> committed;
  std::map<std::string, std::vector<PartitionIndex>> members;
  Offset first_since = 55;  // what any timestamp finds
  int lookups_refused = 0;

 private:
  void serve_offsets() {
    broker.serves<wire::ListOffsetsRequest, wire::ListOffsetsResponse>([this](const auto& request) {
      wire::ListOffsetsResponse response;
      for (const auto& topic : request.topics) {
        auto& out = response.topics.emplace_back();
        out.name = topic.name;
        for (const auto& partition : topic.partitions)
          out.partitions.push_back({.partition_index = partition.partition_index,
                                    .timestamp = partition.timestamp >= 0 ? 1 : -1,
                                    .offset = partition.timestamp == -2   ? 10
                                              : partition.timestamp == -1 ? 100
                                                                          : first_since});
      }
      return response;
    });
    broker.serves<wire::OffsetFetchRequest, wire::OffsetFetchResponse>([this](const auto& request) {
      wire::OffsetFetchResponse response;
      auto& group = response.groups.emplace_back();
      group.group_id = request.groups.front().group_id;
      if (group.group_id != "g") return response;
      for (const auto& [partition, offset] : committed) {
        auto& topic = group.topics.emplace_back();
        topic.name = partition.topic;
        topic.partitions.push_back({.partition_index = partition.partition,
                                    .committed_offset = offset,
                                    .committed_leader_epoch = 3,
                                    .metadata = ""});
      }
      return response;
    });
    broker.serves<wire::OffsetCommitRequest, wire::OffsetCommitResponse>([this](const auto& request) {
      wire::OffsetCommitResponse response;
      for (const auto& topic : request.topics) {
        auto& out = response.topics.emplace_back();
        out.name = topic.name;
        for (const auto& partition : topic.partitions) {
          committed[{topic.name, partition.partition_index}] = partition.committed_offset;
          out.partitions.push_back({partition.partition_index, refusal});
        }
      }
      return response;
    });
    broker.serves<wire::OffsetDeleteRequest, wire::OffsetDeleteResponse>([this](const auto& request) {
      wire::OffsetDeleteResponse response;
      if (request.group_id != "g") response.error_code = ErrorCode::group_id_not_found;
      for (const auto& topic : request.topics) {
        auto& out = response.topics.emplace_back();
        out.name = topic.name;
        for (const auto& partition : topic.partitions) {
          if (refusal == ErrorCode::none) committed.erase({topic.name, partition.partition_index});
          out.partitions.push_back({partition.partition_index, refusal});
        }
      }
      return response;
    });
  }
};

TEST_F(GroupTest, KafkaListsConsumerGroupsAlone) {
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--list"}), 0);
  EXPECT_EQ(out.text, "g\n");
  out.text.clear();
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--list", "--state", "stable"}), 0);
  EXPECT_EQ(out.text,
            "GROUP                     STATE               \n"
            "g                         Stable              \n");
  out.text.clear();
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--list", "--type", "--state", "empty"}), 0);
  EXPECT_EQ(out.text, "GROUP                     TYPE                 STATE               \n");
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--list", "--state", "nonsense"}), 1);
  EXPECT_TRUE(shows(err.text, "Invalid state list 'nonsense'"));
}

TEST_F(GroupTest, KafkaGroupsListsAllKinds) {
  EXPECT_EQ(kafka({"kafka-groups", "--list"}), 0);
  EXPECT_EQ(out.text,
            "GROUP                TYPE                 PROTOCOL            \n"
            "connectors           Classic              connect              \n"
            "g                    Classic              consumer             \n");
  out.text.clear();
  EXPECT_EQ(kafka({"kafka-groups", "--list", "--consumer"}), 0);
  EXPECT_FALSE(shows(out.text, "connectors"));
  EXPECT_EQ(kafka({"kafka-groups", "--list", "--group-type", "no-such"}), 1);
}

TEST_F(GroupTest, KafkaDescribesOffsetsOfMembersAndOfNobody) {
  members["m-1"] = {1};
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--describe", "--group", "g"}), 0);
  EXPECT_EQ(out.text,
            "\nGROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             "
            "CONSUMER-ID     HOST            CLIENT-ID"
            "\ng               t               1          -               100             -               "
            "m-1             /10.0.0.9       app"
            "\ng               t               0          40              100             60              "
            "-               -               -\n");
  out.text.clear();
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--describe", "--group", "g", "--verbose"}), 0);
  EXPECT_TRUE(shows(out.text, "PARTITION  LEADER-EPOCH    CURRENT-OFFSET"));
  EXPECT_TRUE(shows(out.text, "0          3               40"));
}

TEST_F(GroupTest, KafkaDescribesMembersAndState) {
  members["m-1"] = {0, 1};
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--describe", "--group", "g", "--members", "--verbose"}), 0);
  EXPECT_EQ(
      out.text,
      "\nGROUP           CONSUMER-ID     HOST            CLIENT-ID       #PARTITIONS     CURRENT-EPOCH   "
      "CURRENT-ASSIGNMENT   TARGET-EPOCH    TARGET-ASSIGNMENT   \n"
      "g               m-1             /10.0.0.9       app             2               -               "
      "t:0,1                -               -                   \n");
  out.text.clear();
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--describe", "--all-groups", "--state"}), 0);
  EXPECT_TRUE(shows(out.text, "range                Stable               1\n"));
}

TEST_F(GroupTest, KafkaSaysOfAGroupWithoutMembersSoAndOfNoneThatItIsNotThere) {
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--describe", "--group", "g"}), 0);
  EXPECT_TRUE(shows(err.text, "Consumer group 'g' has no active members."));
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--describe", "--group", "other"}), 1);
  EXPECT_TRUE(shows(out.text,
                    "\nError: Executing consumer group command failed due to "
                    "org.apache.kafka.common.errors.GroupIdNotFoundException: Group other not found."));
}

TEST_F(GroupTest, KafkaResetsOnlyWithExecute) {
  EXPECT_EQ(
      kafka({"kafka-consumer-groups", "--reset-offsets", "--group", "g", "--topic", "t:0", "--to-earliest"}),
      0);
  EXPECT_EQ(out.text,
            "\nGROUP           TOPIC           PARTITION  NEW-OFFSET"
            "\ng               t               0          10\n");
  EXPECT_EQ((committed[{"t", 0}]), 40);
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--reset-offsets", "--group", "g", "--topic", "t",
                   "--to-earliest", "--execute"}),
            0);
  EXPECT_EQ((committed[{"t", 0}]), 10);
  EXPECT_EQ((committed[{"t", 1}]), 10);
}

TEST_F(GroupTest, KafkaResetsToEveryPlace) {
  const auto reset = [this](std::vector<std::string> to) {
    committed = {{{"t", 0}, 40}};
    out.text.clear();
    to.insert(to.begin(),
              {"kafka-consumer-groups", "--reset-offsets", "--group", "g", "--all-topics", "--execute"});
    return kafka(std::move(to)) == 0 ? committed[{"t", 0}] : kNoOffset;
  };
  EXPECT_EQ(reset({"--to-latest"}), 100);
  EXPECT_EQ(reset({"--to-offset", "50"}), 50);
  EXPECT_EQ(reset({"--to-offset", "5"}), 10);
  EXPECT_TRUE(shows(err.text,
                    "New offset (5) is lower than earliest offset for topic partition t-0. Value will "
                    "be set to 10."));
  EXPECT_EQ(reset({"--shift-by", "-20"}), 20);
  EXPECT_EQ(reset({"--shift-by", "1000"}), 100);
  EXPECT_EQ(reset({"--to-current"}), 40);
  EXPECT_EQ(reset({"--to-datetime", "2024-01-01T00:00:00.000"}), 55);
  EXPECT_EQ(reset({"--by-duration", "P1DT2H"}), 55);
  first_since = kNoOffset;
  EXPECT_EQ(reset({"--by-duration", "PT0S"}), 100);
  EXPECT_TRUE(
      shows(out.text, "\nWarn: Partition 0 from topic t is empty. Falling back to latest known offset."));
  EXPECT_EQ(reset({"--by-duration", "soon"}), kNoOffset);
  EXPECT_EQ(reset({"--to-datetime", "soon"}), kNoOffset);
}

TEST_F(GroupTest, KafkaExportsAPlanAndTakesItBack) {
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--reset-offsets", "--group", "g", "--topic", "t", "--to-latest",
                   "--export"}),
            0);
  EXPECT_EQ(out.text, "t,0,100\nt,1,100\n\n");
  files["/work/plan.csv"] = "t,0,70\n";
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--reset-offsets", "--group", "g", "--from-file",
                   "/work/plan.csv", "--execute"}),
            0);
  EXPECT_EQ((committed[{"t", 0}]), 70);
  files["/work/plan.csv"] = "\"g\",t,0,71\nother,t,0,1\n";
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--reset-offsets", "--all-groups", "--from-file",
                   "/work/plan.csv", "--execute"}),
            0);
  EXPECT_EQ((committed[{"t", 0}]), 71);
  files["/work/plan.csv"] = "t,zero,70\n";
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--reset-offsets", "--group", "g", "--from-file",
                   "/work/plan.csv", "--execute"}),
            1);
}

TEST_F(GroupTest, KafkaRefusesToResetAGroupInUseAndPartitionsThatAreNotThere) {
  EXPECT_EQ(
      kafka({"kafka-consumer-groups", "--reset-offsets", "--group", "g", "--topic", "t:7", "--to-latest"}),
      1);
  EXPECT_TRUE(shows(out.text, "The partitions \"t-7\" do not exist"));
  members["m-1"] = {0};
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--reset-offsets", "--group", "g", "--all-topics", "--to-latest",
                   "--execute"}),
            1);
  EXPECT_TRUE(shows(out.text,
                    "Error: Assignments can only be reset if the group 'g' is inactive, but the "
                    "current state is Stable."));
  EXPECT_EQ((committed[{"t", 0}]), 40);
}

TEST_F(GroupTest, KafkaDeletesGroupsAndOffsets) {
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--delete-offsets", "--group", "g", "--topic", "t:0"}), 0);
  EXPECT_EQ(out.text,
            "Request succeeded for deleting offsets from group g.\n"
            "\nTOPIC           PARTITION  STATUS         "
            "\nt               0          Successful     \n");
  EXPECT_TRUE(committed.empty());
  out.text.clear();
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--delete", "--group", "g"}), 0);
  EXPECT_EQ(out.text, "Deletion of requested consumer groups ('g') was successful.\n");
  out.text.clear();
  members["m-1"] = {0};
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--delete", "--group", "g"}), 1);
  EXPECT_TRUE(shows(out.text,
                    "\nError: Deletion of some consumer groups failed:\n* Group 'g' could not be "
                    "deleted due to: org.apache.kafka.common.errors.GroupNotEmptyException: "));
  refusal = ErrorCode::group_subscribed_to_topic;
  out.text.clear();
  EXPECT_EQ(kafka({"kafka-consumer-groups", "--delete-offsets", "--group", "g", "--topic", "t"}), 1);
  EXPECT_TRUE(shows(out.text, "Encountered some partition-level error, see the follow-up details."));
  EXPECT_TRUE(shows(out.text, "Error: org.apache.kafka.common.errors.GroupSubscribedToTopicException"));
}

TEST_F(GroupTest, KafkaChecksFlagsWithoutAsking) {
  EXPECT_EQ(run({"kafka-consumer-groups"}), 1);
  EXPECT_TRUE(shows(err.text, "exactly one action"));
  EXPECT_EQ(run({"kafka-consumer-groups", "--describe"}), 1);
  EXPECT_EQ(run({"kafka-consumer-groups", "--reset-offsets", "--group", "g", "--topic", "t"}), 1);
  EXPECT_EQ(run({"kafka-consumer-groups", "--reset-offsets", "--group", "g", "--topic", "t", "--to-latest",
                 "--to-earliest"}),
            1);
  EXPECT_EQ(run({"kafka-consumer-groups", "--describe", "--group", "g", "--members", "--state"}), 1);
  EXPECT_EQ(run({"kafka-consumer-groups", "--validate-regex", "a.*"}), 0);
  EXPECT_EQ(out.text, "The regular expression `a.*` is valid.\n");
  EXPECT_EQ(run({"kafka-consumer-groups", "--validate-regex", "["}), 1);
}

TEST_F(GroupTest, ListAndDescribe) {
  EXPECT_EQ(moldau({"group", "list"}), 0);
  EXPECT_TRUE(shows(out.text, "connectors"));
  out.text.clear();
  EXPECT_EQ(moldau({"groups", "ls", "--state", "stable", "--format", "name"}), 0);
  EXPECT_EQ(out.text, "g\n");
  members["m-1"] = {1};
  out.text.clear();
  EXPECT_EQ(moldau({"group", "describe", "g", "--format", "json"}), 0);
  EXPECT_TRUE(shows(out.text, "\"total_lag\": 60"));
  EXPECT_TRUE(shows(out.text, "\"why\": \"no member has this partition\""));
  EXPECT_TRUE(shows(out.text, "\"why\": \"nothing is committed yet\""));
  EXPECT_EQ(moldau({"group", "describe", "other"}), 5);
  EXPECT_TRUE(shows(err.text, "there is no group other"));
}

TEST_F(GroupTest, ACoordinatorThatIsNotThereYetIsWaitedFor) {
  lookups_refused = 3;
  EXPECT_EQ(moldau({"group", "describe", "g"}), 0);
  EXPECT_EQ(lookups_refused, 0);
}

TEST_F(GroupTest, SeekShowsThePlanAsksAndSets) {
  EXPECT_EQ(moldau({"group", "seek", "g", "--to", "+5", "--dry-run", "--format", "tsv"}), 0);
  EXPECT_TRUE(shows(out.text, "t\t0\t40\t45\t5\n"));
  EXPECT_EQ((committed[{"t", 0}]), 40);
  EXPECT_EQ(moldau({"group", "seek", "g", "--to", "end", "-y"}), 0);
  EXPECT_EQ((committed[{"t", 0}]), 100);
  EXPECT_EQ(moldau({"group", "seek", "g", "--to", "30", "--topics", "t:1", "-y"}), 0);
  EXPECT_EQ((committed[{"t", 1}]), 30);
  EXPECT_EQ(moldau({"group", "seek", "new", "--to-group", "g", "-y"}), 0);
  files["/work/places"] = "t 0 77\n";
  EXPECT_EQ(moldau({"group", "seek", "g", "--to-file", "/work/places", "-y"}), 0);
  EXPECT_EQ((committed[{"t", 0}]), 77);
  EXPECT_EQ(moldau({"group", "seek", "g", "--to", "nowhere", "-y"}), 2);
  EXPECT_EQ(moldau({"group", "seek", "g", "-y"}), 2);
  members["m-1"] = {0};
  EXPECT_EQ(moldau({"group", "seek", "g", "--to", "end", "-y"}), 6);
  EXPECT_TRUE(shows(err.text, "app at /10.0.0.9"));
}

TEST_F(GroupTest, MembersArePutOut) {
  members["m-1"] = {0};
  members["m-2"] = {1};
  EXPECT_EQ(moldau({"group", "remove-member", "g", "m-1", "-y"}), 0);
  EXPECT_EQ(members.size(), 1u);
  EXPECT_NE(moldau({"group", "remove-member", "g", "m-1", "-y"}), 0);
  EXPECT_EQ(moldau({"group", "remove-member", "g", "--all", "-y"}), 0);
  EXPECT_TRUE(members.empty());
  EXPECT_EQ(moldau({"group", "remove-member", "g", "-y"}), 2);
  EXPECT_EQ(moldau({"group", "delete", "g", "-y"}), 0);
  EXPECT_EQ(moldau({"group", "offset-delete", "g", "--topics", "t:0", "-y"}), 0);
  EXPECT_TRUE(committed.empty());
}

}  // namespace
}  // namespace moldau::cli

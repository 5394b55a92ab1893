package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (s *session) config(topic, key string) *kadm.Config {
	resource, err := must(s.admin.DescribeTopicConfigs(patience(), topic)).On(topic, nil)
	fine(err)
	fine(resource.Err)
	for _, config := range resource.Configs {
		if config.Key == key {
			return &config
		}
	}
	panic(unmet(topic + " has no config " + key))
}

func (s *session) awaitConfig(topic, key, wanted string) {
	soon(func() bool { return s.config(topic, key).MaybeValue() == wanted }, fmt.Sprint(key, " is not ", wanted))
}

func alterOne(op kadm.IncrementalOp, key, value string) kadm.AlterConfig {
	return kadm.AlterConfig{Op: op, Name: key, Value: kadm.StringPtr(value)}
}

func alterConfigs(s *session) {
	topic := s.create("alter", 1)
	alter := func(change kadm.AlterConfig) error {
		answers, err := s.admin.AlterTopicConfigs(patience(), []kadm.AlterConfig{change}, topic)
		fine(err)
		return answers[0].Err
	}
	fine(alter(alterOne(kadm.SetConfig, "retention.ms", "60000")))
	s.awaitConfig(topic, "retention.ms", "60000")
	equal(kmsg.ConfigSourceDynamicTopicConfig, s.config(topic, "retention.ms").Source, "source")
	fine(alter(alterOne(kadm.AppendConfig, "cleanup.policy", "compact")))
	s.awaitConfig(topic, "cleanup.policy", "delete,compact")
	fine(alter(alterOne(kadm.SubtractConfig, "cleanup.policy", "delete")))
	s.awaitConfig(topic, "cleanup.policy", "compact")
	fine(alter(alterOne(kadm.DeleteConfig, "retention.ms", "")))
	s.awaitConfig(topic, "retention.ms", "604800000")
	refused(kerr.InvalidConfig, alter(alterOne(kadm.SetConfig, "retention.ms", "soon")), "value")
	refused(kerr.InvalidConfig, alter(alterOne(kadm.SetConfig, "no.such.key", "1")), "key")
}

// alterConfigsWhole is the old AlterConfigs: what it does not name goes back to its default.
func alterConfigsWhole(s *session) {
	topic := s.create("alter-whole", 1, "segment.ms=600000")
	answers := must(s.admin.AlterTopicConfigsState(patience(), []kadm.AlterConfig{alterOne(kadm.SetConfig, "retention.ms", "60000")}, topic))
	fine(answers[0].Err)
	s.awaitConfig(topic, "retention.ms", "60000")
	equal("604800000", s.config(topic, "segment.ms").MaybeValue(), "segment.ms")
}

func listOffsets(s *session) {
	topic := s.create("list-offsets", 1)
	sent := records(topic, 3, 9)
	for i, millis := range []int64{1000, 5000, 3000} {
		sent[i].Timestamp = time.UnixMilli(millis)
	}
	fine(s.produce(sent))
	at := func(listed kadm.ListedOffsets, err error) int64 {
		fine(err)
		offset, _ := listed.Lookup(topic, 0)
		fine(offset.Err)
		return offset.Offset
	}
	equal(0, at(s.admin.ListStartOffsets(patience(), topic)), "start")
	equal(3, at(s.admin.ListEndOffsets(patience(), topic)), "end")
	equal(3, at(s.admin.ListCommittedOffsets(patience(), topic)), "committed")
	equal(1, at(s.admin.ListMaxTimestampOffsets(patience(), topic)), "max timestamp")
	equal(1, at(s.admin.ListOffsetsAfterMilli(patience(), 1001, topic)), "after 1001")
	equal(3, at(s.admin.ListOffsetsAfterMilli(patience(), 5001, topic)), "after 5001: the end, by this client")
	equal(0, at(s.admin.ListLocalLogStartOffsets(patience(), topic)), "local start")
}

func metadata(s *session) {
	told := must(s.admin.BrokerMetadata(patience()))
	equal(replicas, len(told.Brokers), "brokers")
	that(slices.ContainsFunc(told.Brokers, func(one kadm.BrokerDetail) bool { return one.NodeID == told.Controller }), "no controller")
	that(told.Cluster != "", "no cluster id")
	none := must(s.admin.Metadata(patience(), s.prefix+"none")).Topics[s.prefix+"none"]
	refused(kerr.UnknownTopicOrPartition, none.Err, "an unknown topic")
}

func describeLogDirs(s *session) {
	topic := s.create("log-dirs", 1)
	fine(s.produce(records(topic, 100, 10)))
	set := kadm.TopicsSet{}
	set.Add(topic, 0)
	size := int64(0)
	for _, dirs := range must(s.admin.DescribeAllLogDirs(patience(), set)) {
		fine(dirs.Error())
		size += dirs.Size()
	}
	that(size > 3000, "size %d", size)
}

func describeProducers(s *session) {
	topic := s.create("producers", 1)
	fine(s.produce(records(topic, 10, 11)))
	set := kadm.TopicsSet{}
	set.Add(topic, 0)
	described := must(s.admin.DescribeProducers(patience(), set))[topic].Partitions[0]
	fine(described.Err)
	equal(1, len(described.ActiveProducers), "active producers")
	for _, producer := range described.ActiveProducers {
		equal(int32(9), producer.LastSequence, "last sequence")
	}
}

func offsetForLeaderEpoch(s *session) {
	topic := s.create("epochs", 1)
	fine(s.produce(records(topic, 10, 12)))
	wish := kadm.OffsetForLeaderEpochRequest{}
	wish.Add(topic, 0, 0)
	answer := must(s.admin.OffsetForLeaderEpoch(patience(), wish))[topic][0]
	fine(answer.Err)
	equal(10, answer.EndOffset, "end offset of epoch 0")
}

func apiVersions(s *session) {
	for _, broker := range must(s.admin.ApiVersions(patience())) {
		fine(broker.Err)
		low, high, known := broker.KeyVersions(kmsg.Fetch.Int16())
		that(known && low == 4 && high == 18, "Fetch %d to %d", low, high)
	}
}

// rawAdminCalls are those that the admin package has no verb for: the newest version that both sides know is spoken.
func rawAdminCalls(s *session) {
	cluster := must(kmsg.NewPtrDescribeClusterRequest().RequestWith(patience(), s.client))
	fine(kerr.ErrorForCode(cluster.ErrorCode))
	equal(replicas, len(cluster.Brokers), "brokers of DescribeCluster")
	topic := s.create("raw", 2)
	s.awaitTopic(topic)
	partitions := kmsg.NewPtrDescribeTopicPartitionsRequest()
	partitions.ResponsePartitionLimit = 2000
	partitions.Topics = append(partitions.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: topic})
	described := must(partitions.RequestWith(patience(), s.client))
	fine(kerr.ErrorForCode(described.Topics[0].ErrorCode))
	equal(2, len(described.Topics[0].Partitions), "partitions of DescribeTopicPartitions")
	fine(kerr.ErrorForCode(must(kmsg.NewPtrInitProducerIDRequest().RequestWith(patience(), s.client)).ErrorCode))
	quorum := kmsg.NewPtrDescribeQuorumRequest()
	quorum.Topics = append(quorum.Topics, kmsg.DescribeQuorumRequestTopic{
		Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{Partition: 0}}})
	told := must(quorum.RequestWith(patience(), s.client))
	fine(kerr.ErrorForCode(told.ErrorCode))
	equal(replicas, len(told.Topics[0].Partitions[0].CurrentVoters), "voters")
	_, err := s.client.Request(patience(), kmsg.NewPtrDescribeClientQuotasRequest())
	that(err != nil, "a request that is not served was answered")
}

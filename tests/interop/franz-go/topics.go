package main

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func (s *session) createError(name string, partitions int32, replicas int16, configs map[string]*string) error {
	answers := must(s.admin.CreateTopics(patience(), partitions, replicas, configs, name))
	return answers[name].Err
}

func (s *session) awaitTopic(topic string) {
	soon(func() bool { return must(s.admin.ListTopics(patience())).Has(topic) }, topic+" is not listed")
}

func createTopic(s *session) {
	topic := s.create("create", 3, "retention.ms=3600000")
	s.awaitTopic(topic)
	detail := must(s.admin.ListTopics(patience(), topic))[topic]
	fine(detail.Err)
	equal(3, len(detail.Partitions), "partitions")
	that(detail.ID != kadm.TopicID{}, "no topic id")
	refused(kerr.TopicAlreadyExists, s.createError(topic, 3, 1, nil), "twice")
	validated := must(s.admin.ValidateCreateTopics(patience(), 1, 1, nil, s.prefix+"validated"))
	fine(validated[s.prefix+"validated"].Err)
	that(!must(s.admin.ListTopics(patience())).Has(s.prefix+"validated"), "validating created the topic")
}

func createTopicRefused(s *session) {
	long := "long"
	refused(kerr.InvalidTopicException, s.createError("what/is this", 1, 1, nil), "name")
	refused(kerr.InvalidTopicException, s.createError(strings.Repeat("x", 250), 1, 1, nil), "long name")
	refused(kerr.InvalidPartitions, s.createError(s.prefix+"no", 0, 1, nil), "no partitions")
	refused(kerr.InvalidReplicationFactor, s.createError(s.prefix+"no", 1, 4, nil), "more replicas than brokers")
	refused(kerr.InvalidConfig, s.createError(s.prefix+"no", 1, 1, map[string]*string{"retention.ms": &long}), "value")
}

func createPartitions(s *session) {
	topic := s.create("grow", 2)
	fine(must(s.admin.CreatePartitions(patience(), 2, topic)).Error())
	soon(func() bool { return len(must(s.admin.ListTopics(patience(), topic))[topic].Partitions) == 4 }, "not four partitions")
	refused(kerr.InvalidPartitions, must(s.admin.UpdatePartitions(patience(), 3, topic)).Error(), "fewer")
}

func deleteRecords(s *session) {
	topic := s.create("delete-records", 1)
	sent := records(topic, 100, 7)
	fine(s.produce(sent, kgo.ProducerBatchMaxBytes(2000)))
	before := func(offset int64) kadm.DeleteRecordsResponse {
		wish := kadm.Offsets{}
		wish.AddOffset(topic, 0, offset, -1)
		return must(s.admin.DeleteRecords(patience(), wish))[topic][0]
	}
	equal(int64(47), before(47).LowWatermark, "low watermark")
	compare(sent[47:], s.read(topic, kgo.NewOffset().AtStart(), 53), 47)
	refused(kerr.OffsetOutOfRange, before(101).Err, "beyond the end")
	equal(int64(100), before(-1).LowWatermark, "low watermark after all")
}

func deleteTopic(s *session) {
	topic := s.create("delete", 1)
	fine(s.produce(records(topic, 10, 8)))
	fine(must(s.admin.DeleteTopics(patience(), topic)).Error())
	soon(func() bool { return !must(s.admin.ListTopics(patience())).Has(topic) }, "the topic is still listed")
	refused(kerr.UnknownTopicOrPartition, must(s.admin.DeleteTopics(patience(), topic)).Error(), "twice")
	equal(int64(0), s.end(s.create("delete", 1)), "end of the new topic of this name")
}

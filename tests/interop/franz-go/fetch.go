package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func fetchFromBeginning(s *session) {
	topic := s.create("beginning", 1)
	sent := records(topic, 3000, 3)
	fine(s.produce(sent, kgo.ProducerBatchMaxBytes(4000)))
	compare(sent, s.read(topic, kgo.NewOffset().AtStart(), 3000), 0)
	compare(sent, s.read(topic, kgo.NewOffset().AtStart(), 3000, kgo.FetchIsolationLevel(kgo.ReadCommitted())), 0)
	compare(sent, s.read(topic, kgo.NewOffset().AtStart(), 3000, kgo.DisableFetchSessions()), 0)
}

func fetchByOffset(s *session) {
	topic := s.create("offset", 1)
	sent := records(topic, 400, 4)
	fine(s.produce(sent, kgo.ProducerBatchMaxBytes(3000)))
	for _, from := range []int64{0, 1, 137, 399} {
		compare(sent[from:], s.read(topic, kgo.NewOffset().At(from), int(400-from)), from)
	}
	compare(sent[390:], s.read(topic, kgo.NewOffset().AtEnd().Relative(-10), 10), 390)
}

func fetchByTimestamp(s *session) {
	topic := s.create("timestamp", 1)
	base := time.Now().Add(-500 * time.Second).Truncate(time.Millisecond)
	sent := records(topic, 200, 5)
	for i, record := range sent {
		record.Timestamp = base.Add(time.Duration(i) * time.Second)
	}
	for part := 0; part < 4; part++ {
		fine(s.produce(sent[50*part : 50*part+50]))
	}
	for millis, from := range map[int64]int64{0: 0, 120_000: 120, 120_001: 121, 199_000: 199} {
		got := s.read(topic, kgo.NewOffset().AfterMilli(base.UnixMilli()+millis), int(200-from))
		compare(sent[from:], got, from)
		equal(sent[from].Timestamp.UnixMilli(), got[0].Timestamp.UnixMilli(), "timestamp")
	}
}

// fetchAfterEnd: a poll waits at the end and is answered soon after a record has come.
func fetchAfterEnd(s *session) {
	topic := s.create("after-end", 1)
	client := s.newClient(kgo.FetchMaxWait(10*time.Second),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	defer client.Close()
	short, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	equal(0, client.PollFetches(short).NumRecords(), "records of an empty topic")
	began := time.Now()
	fine(s.produce(records(topic, 1, 6)))
	equal(1, client.PollFetches(patience()).NumRecords(), "records")
	that(time.Since(began) < 5*time.Second, "the record came late")
}

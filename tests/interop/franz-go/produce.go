package main

import (
	"context"
	"fmt"
	"math/rand"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func produceWith(s *session, codec, acks string) {
	topic := s.create("produce-"+codec+"-"+acks, 1)
	sent := records(topic, 300, 1)
	needed := map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}[acks]
	fine(s.produce(sent, kgo.ProducerBatchCompression(codecOf[codec]), kgo.RequiredAcks(needed),
		kgo.DisableIdempotentWrite()))
	for tries := 0; tries < 500 && s.end(topic) < 300; tries++ { // acks=0: nothing tells when they have arrived
		time.Sleep(10 * time.Millisecond)
	}
	compare(sent, s.read(topic, kgo.NewOffset().AtStart(), 300), 0)
}

func idempotent(s *session) {
	topic := s.create("idempotent", 1)
	sent := records(topic, 5000, 2)
	fine(s.produce(sent, kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerBatchMaxBytes(8192)))
	compare(sent, s.read(topic, kgo.NewOffset().AtStart(), 5000), 0)
}

// leaderKilled: a producer goes on while its leader dies, over and over: nothing lost, nothing there twice.
func leaderKilled(s *session) {
	topic := s.create("leader-killed", 1, "min.insync.replicas=2")
	fmt.Println("faults", topic)
	count := func() int {
		defer fmt.Println("faults over")
		return s.produceFor(topic, time.Duration(faultSeconds)*time.Second)
	}()
	that(count > 100, "only %d records were sent", count)
	equal(int64(count), s.end(topic), "end offset")
	for i, one := range s.read(topic, kgo.NewOffset().AtStart(), count) {
		equal(fmt.Sprint(i), string(one.Value), "value")
	}
}

// produceFor sends "0", "1", … to partition 0; all are answered.
func (s *session) produceFor(topic string, duration time.Duration) int {
	client := s.newClient(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProduceRequestTimeout(5*time.Second), kgo.ProducerLinger(5*time.Millisecond))
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), duration+time.Minute)
	defer cancel()
	count, failures := 0, make(chan error, 1)
	for until := time.Now().Add(duration); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		for range 20 {
			client.Produce(ctx, &kgo.Record{Topic: topic, Value: fmt.Append(nil, count)}, func(_ *kgo.Record, err error) {
				if err != nil {
					select {
					case failures <- err:
					default:
					}
				}
			})
			count++
		}
	}
	fine(client.Flush(ctx))
	select {
	case err := <-failures:
		fine(err)
	default:
	}
	return count
}

func headers(s *session) {
	topic := s.create("headers", 1)
	var sent []*kgo.Record
	for i := range 20 {
		sent = append(sent, &kgo.Record{Topic: topic, Value: []byte("v"), Headers: []kgo.RecordHeader{
			{Key: "one", Value: []byte("1")}, {Key: "one", Value: []byte("2")}, {Key: "", Value: []byte("no name")},
			{Key: "null"}, {Key: "long", Value: make([]byte, 3000+i)}}})
	}
	fine(s.produce(sent))
	compare(sent, s.read(topic, kgo.NewOffset().AtStart(), 20), 0)
}

func nulls(s *session) {
	topic := s.create("nulls", 1)
	var sent []*kgo.Record
	for _, key := range [][]byte{nil, {}, []byte("text")} {
		for _, value := range [][]byte{nil, {}, []byte("text")} {
			sent = append(sent, &kgo.Record{Topic: topic, Key: key, Value: value})
		}
	}
	fine(s.produce(sent))
	compare(sent, s.read(topic, kgo.NewOffset().AtStart(), 9), 0)
}

func oneMibRecords(s *session) {
	topic := s.create("one-mib", 1, fmt.Sprint("max.message.bytes=", 2*mib))
	var sent []*kgo.Record
	for i, codec := range codecs {
		noise := make([]byte, mib)
		rand.New(rand.NewSource(int64(i))).Read(noise)
		part := []*kgo.Record{{Topic: topic, Value: noise}, {Topic: topic, Value: make([]byte, mib)}}
		// Twice the size of a record, and more than a batch of one: a batch for each.
		fine(s.produce(part, kgo.ProducerBatchCompression(codecOf[codec]), kgo.ProducerBatchMaxBytes(2*mib)))
		sent = append(sent, part...)
	}
	compare(sent, s.read(topic, kgo.NewOffset().AtStart(), len(sent)), 0)
	compare(sent, s.read(topic, kgo.NewOffset().AtStart(), len(sent), kgo.FetchMaxPartitionBytes(1), kgo.FetchMaxBytes(1)), 0)
}

func recordTooLarge(s *session) {
	topic := s.create("too-large", 1)
	noise := make([]byte, 3*mib/2)
	rand.New(rand.NewSource(1)).Read(noise)
	refused(kerr.MessageTooLarge, s.produce([]*kgo.Record{{Topic: topic, Value: noise}}), "1.5 MiB")
	fine(s.produce([]*kgo.Record{{Topic: topic, Value: noise[:10]}}))
	equal(1, s.end(topic), "end offset")
}

package main

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const mib = 1 << 20

// replicas of each topic: as many as there are nodes.
var replicas = number("MOLDAU_TEST_REPLICAS", 1)

// faultSeconds is how long leaders are killed; 0: they are not.
var faultSeconds = number("MOLDAU_TEST_FAULT_SECONDS", 0)

func number(variable string, otherwise int) int {
	if text := os.Getenv(variable); text != "" {
		return must(strconv.Atoi(text))
	}
	return otherwise
}

// soon is met within some time: several nodes do not hear of a change at the same moment, and the client's admin package
// remembers for a while what it has heard of topics.
func soon(met func() bool, demand string) {
	for until := time.Now().Add(10 * time.Second); !met() && time.Now().Before(until); {
		time.Sleep(50 * time.Millisecond)
	}
	that(met(), "%s", demand)
}

var codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

var codecOf = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// session is the broker under test and the few verbs that scenarios are made of.
type session struct {
	bootstrap, prefix string
	client            *kgo.Client
	admin             *kadm.Client
}

func newSession(bootstrap, prefix string) *session {
	s := &session{bootstrap: bootstrap, prefix: prefix}
	s.client = s.newClient()
	s.admin = kadm.NewClient(s.client)
	return s
}

func (s *session) close() { s.client.Close() }

func (s *session) seeds() []string { return strings.Split(s.bootstrap, ",") }

func (s *session) newClient(options ...kgo.Opt) *kgo.Client {
	all := append([]kgo.Opt{kgo.SeedBrokers(s.seeds()...), kgo.FetchMaxWait(50 * time.Millisecond),
		kgo.ProducerBatchMaxBytes(4 * mib)}, options...)
	return must(kgo.NewClient(all...))
}

func patience() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	time.AfterFunc(31*time.Second, cancel)
	return ctx
}

// create returns the fresh topic's whole name; configs are KEY=VALUE.
func (s *session) create(name string, partitions int32, configs ...string) string {
	values := map[string]*string{}
	for _, config := range configs {
		key, value, _ := strings.Cut(config, "=")
		values[key] = &value
	}
	made := must(s.admin.CreateTopic(patience(), partitions, -1, values, s.prefix+name))
	fine(made.Err)
	if replicas > 1 {
		time.Sleep(200 * time.Millisecond) // by then all nodes have heard of it
	}
	return s.prefix + name
}

// records whose values compress in part; the same seed gives the same records.
func records(topic string, count int, seed int64) []*kgo.Record {
	random := rand.New(rand.NewSource(seed))
	var made []*kgo.Record
	for i := range count {
		noise := make([]byte, 60)
		random.Read(noise)
		value := append([]byte(fmt.Sprint("value ", i, strings.Repeat("river ", 12))), noise...)
		made = append(made, &kgo.Record{Topic: topic, Key: fmt.Append(nil, "key ", i), Value: value})
	}
	return made
}

func (s *session) produce(sent []*kgo.Record, options ...kgo.Opt) error {
	client := s.newClient(append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...)
	defer client.Close()
	return client.ProduceSync(patience(), copies(sent)...).FirstErr()
}

// copies, because the client writes partition, offset and time into what it is given.
func copies(sent []*kgo.Record) []*kgo.Record {
	var made []*kgo.Record
	for _, record := range sent {
		copied := *record
		made = append(made, &copied)
	}
	return made
}

func (s *session) end(topic string) int64 {
	offset, found := must(s.admin.ListEndOffsets(patience(), topic)).Lookup(topic, 0)
	that(found, "no end offset of %s", topic)
	fine(offset.Err)
	return offset.Offset
}

// read is all of partition 0 from `start` to the end, which is `count` records away.
func (s *session) read(topic string, start kgo.Offset, count int, options ...kgo.Opt) []*kgo.Record {
	client := s.newClient(append([]kgo.Opt{
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: start}})}, options...)...)
	defer client.Close()
	var got []*kgo.Record
	ctx := patience()
	for len(got) < count {
		fetches := client.PollFetches(ctx)
		fine(fetches.Err0())
		for _, one := range fetches.Errors() {
			fine(one.Err)
		}
		got = append(got, fetches.Records()...)
	}
	return got
}

// compare: what was sent is what was read; offsets from `first` without a gap.
func compare(sent, got []*kgo.Record, first int64) {
	equal(len(sent), len(got), "records read")
	for i, one := range got {
		equal(first+int64(i), one.Offset, "offset")
		equalBytes(sent[i].Key, one.Key, fmt.Sprint("key of record ", i))
		equalBytes(sent[i].Value, one.Value, fmt.Sprint("value of record ", i))
		equal(len(sent[i].Headers), len(one.Headers), "number of headers")
		for h, header := range one.Headers {
			equal(sent[i].Headers[h].Key, header.Key, "header's name")
			equalBytes(sent[i].Headers[h].Value, header.Value, "header "+header.Key)
		}
	}
}

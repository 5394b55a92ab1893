package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Members of groups with both protocols, and transactions. Values are numbers here.

const (
	groupPartitions = 4
	batchRecords    = 10 // of a transaction
	faultRecords    = 1200
	movers          = 2
	groupPatience   = 60 * time.Second
)

var protocols = []string{"classic", "consumer"}

// memberOptions are those of a member that reads what is committed.
func (s *session) memberOptions(group, topic, protocol string) []kgo.Opt {
	options := []kgo.Opt{kgo.ConsumerGroup(s.prefix + group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.SessionTimeout(6 * time.Second), kgo.HeartbeatInterval(500 * time.Millisecond),
		kgo.MetadataMaxAge(time.Second), kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner())}
	if protocol == "consumer" {
		options = append(options, kgo.Balancers(kgo.StickyBalancer()), kgo.ServerSideBalancer())
	}
	return options
}

func numbered(topic string, partitions int32, from, until int) []*kgo.Record {
	var made []*kgo.Record
	for i := from; i < until; i++ {
		made = append(made, &kgo.Record{Topic: topic, Partition: int32(i) % partitions, Value: fmt.Append(nil, i)})
	}
	return made
}

func numbersOf(records []*kgo.Record) []int {
	var numbers []int
	for _, one := range records {
		numbers = append(numbers, must(strconv.Atoi(string(one.Value))))
	}
	slices.Sort(numbers)
	return numbers
}

func upTo(from, until int) []int {
	var numbers []int
	for i := from; i < until; i++ {
		numbers = append(numbers, i)
	}
	return numbers
}

func equalNumbers(wanted, got []int, what string) {
	that(slices.Equal(wanted, got), "%s: %.300s instead of %.300s", what, fmt.Sprint(got), fmt.Sprint(wanted))
}

// member is a client that knows of its partitions.
type member struct {
	*kgo.Client
	mutex sync.Mutex
	mine  map[int32]bool
}

func (s *session) join(group, topic, protocol string) *member {
	joined := &member{mine: map[int32]bool{}}
	change := func(has bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			joined.mutex.Lock()
			defer joined.mutex.Unlock()
			for _, partition := range partitions[topic] {
				joined.mine[partition] = has
			}
		}
	}
	joined.Client = s.newClient(append(s.memberOptions(group, topic, protocol), kgo.OnPartitionsAssigned(change(true)),
		kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false)))...)
	return joined
}

func (m *member) assigned() (count int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, has := range m.mine {
		if has {
			count++
		}
	}
	return count
}

func poll(client *kgo.Client, most int) []*kgo.Record {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	return client.PollRecords(ctx, most).Records()
}

// readNumbers has the members poll in turn until so many values have come.
func readNumbers(count int, members ...*member) []int {
	var records []*kgo.Record
	for until := time.Now().Add(groupPatience); len(records) < count; {
		that(time.Now().Before(until), "only %d of %d values came", len(records), count)
		for _, one := range members {
			records = append(records, poll(one.Client, 100)...)
		}
	}
	return numbersOf(records)
}

func groupSharesAndResumes(s *session, protocol string) {
	topic, group := s.create("shared-"+protocol, groupPartitions), "g-"+protocol
	fine(s.produce(numbered(topic, groupPartitions, 0, 100)))
	first := s.join(group, topic, protocol)
	defer first.Close()
	equalNumbers(upTo(0, 100), readNumbers(100, first), "values of one member")
	fine(first.CommitUncommittedOffsets(patience()))
	second := s.join(group, topic, protocol)
	defer second.Close()
	for until := time.Now().Add(groupPatience); first.assigned() != 2 || second.assigned() != 2; {
		that(time.Now().Before(until), "%d and %d partitions", first.assigned(), second.assigned())
		equal(0, len(poll(first.Client, 1))+len(poll(second.Client, 1)), "values that came again")
	}
	fine(s.produce(numbered(topic, groupPartitions, 100, 140)))
	equalNumbers(upTo(100, 140), readNumbers(40, first, second), "values of two members")
	for _, one := range []*member{first, second} {
		fine(one.CommitUncommittedOffsets(patience()))
		one.Close()
	}
	fine(s.produce(numbered(topic, groupPartitions, 140, 144)))
	third := s.join(group, topic, protocol)
	defer third.Close()
	equalNumbers(upTo(140, 144), readNumbers(4, third), "values since the last commit")
}

func (s *session) transactional(id string) *kgo.Client {
	return s.newClient(kgo.TransactionalID(s.prefix+id), kgo.TransactionTimeout(30*time.Second),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
}

func sendAndEnd(client *kgo.Client, records []*kgo.Record, end kgo.TransactionEndTry) error {
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	sent := client.ProduceSync(patience(), records...).FirstErr()
	return errors.Join(sent, client.EndTransaction(patience(), end))
}

// committed is what partition 0 has for who reads what is committed.
func (s *session) committed(topic string) []int {
	offset, found := must(s.admin.ListCommittedOffsets(patience(), topic)).Lookup(topic, 0)
	that(found, "no stable end of %s", topic)
	fine(offset.Err)
	client := s.newClient(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(0)}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	defer client.Close()
	var records []*kgo.Record
	ctx := patience()
	for next := int64(0); next < offset.Offset; {
		fetches := client.PollFetches(ctx)
		fine(fetches.Err0())
		for _, one := range fetches.Records() {
			next = one.Offset + 1
			if !one.Attrs.IsControl() {
				records = append(records, one)
			}
		}
	}
	return numbersOf(records)
}

// settle waits until no transaction is open in partition 0: markers are written after a commit is answered.
func (s *session) settle(topic string) {
	for ctx := patience(); ; time.Sleep(10 * time.Millisecond) {
		stable, _ := must(s.admin.ListCommittedOffsets(ctx, topic)).Lookup(topic, 0)
		end, found := must(s.admin.ListEndOffsets(ctx, topic)).Lookup(topic, 0)
		that(found, "no end of %s", topic)
		if stable.Offset == end.Offset {
			return
		}
	}
}

func transactions(s *session) {
	topic := s.create("transactions", 1)
	producer := s.transactional("transactions")
	defer producer.Close()
	var expected []int
	for turn := range 6 {
		end := kgo.TryCommit
		if turn%3 == 1 {
			end = kgo.TryAbort
		} else {
			expected = append(expected, upTo(100*turn, 100*turn+20)...)
		}
		fine(sendAndEnd(producer, numbered(topic, 1, 100*turn, 100*turn+20), end))
	}
	s.settle(topic)
	equalNumbers(expected, s.committed(topic), "committed values")
	successor := s.transactional("transactions")
	defer successor.Close()
	fine(sendAndEnd(successor, numbered(topic, 1, 2000, 2001), kgo.TryCommit))
	late := sendAndEnd(producer, numbered(topic, 1, 1000, 1001), kgo.TryCommit)
	that(errors.Is(late, kerr.ProducerFenced) || errors.Is(late, kerr.InvalidProducerEpoch), "who was replaced: %v", late)
	s.settle(topic)
	equalNumbers(append(expected, 2000), s.committed(topic), "committed values")
}

// move takes every record of one topic into two others, in transactions that commit the group's offsets. Movers begin anew
// after every error.
type move struct {
	s             *session
	source, group string
	sinks         []string
	protocol      string
	count         int
	pace          atomic.Int64 // a pause behind each transaction
	done          atomic.Bool
	deadline      time.Time
	ended         sync.WaitGroup
	mutex         sync.Mutex
	errors        []error
}

func beginMove(s *session, name, protocol string, count int, pace time.Duration) *move {
	m := &move{s: s, group: name, protocol: protocol, count: count}
	m.source = s.create(name+"-in", groupPartitions)
	m.sinks = []string{s.create(name+"-out", 1), s.create(name+"-copy", 1)}
	m.pace.Store(int64(pace))
	m.deadline = time.Now().Add(groupPatience + time.Duration(faultSeconds)*time.Second)
	fine(s.produce(numbered(m.source, groupPartitions, 0, count)))
	for mover := range movers {
		m.ended.Go(func() { m.run(fmt.Sprint(name, "-", mover)) })
	}
	m.ended.Go(m.watch)
	return m
}

// watch ends the movers as soon as all is moved.
func (m *move) watch() {
	for !m.done.Load() && time.Now().Before(m.deadline) {
		time.Sleep(300 * time.Millisecond)
		func() {
			defer func() {
				if reason := recover(); reason != nil {
					m.failed(fmt.Errorf("%v", reason)) // nodes may be dead just now
				}
			}()
			m.done.Store(len(m.s.committed(m.sinks[0])) >= m.count)
		}()
	}
}

func (m *move) failed(err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.errors = append(m.errors, err)
}

func (m *move) run(id string) {
	for !m.done.Load() && time.Now().Before(m.deadline) {
		options := append(m.s.memberOptions(m.group, m.source, m.protocol), kgo.SeedBrokers(m.s.seeds()...),
			kgo.TransactionalID(m.s.prefix+id), kgo.TransactionTimeout(30*time.Second), kgo.FetchMaxWait(50*time.Millisecond))
		mover, err := kgo.NewGroupTransactSession(options...)
		fine(err)
		if err := m.turns(mover); err != nil {
			m.failed(err)
		}
		mover.Close()
	}
}

func (m *move) turns(mover *kgo.GroupTransactSession) error {
	for turn := 1; !m.done.Load() && time.Now().Before(m.deadline); turn++ {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		records := mover.PollRecords(ctx, batchRecords).Records()
		cancel()
		if len(records) == 0 {
			continue
		}
		if err := mover.Begin(); err != nil {
			return err
		}
		sent := kgo.AbortingFirstErrPromise(mover.Client())
		for _, one := range records {
			for _, sink := range m.sinks {
				mover.Produce(patience(), &kgo.Record{Topic: sink, Value: one.Value}, sent.Promise())
			}
		}
		fault := sent.Err()
		// An abort takes the member back to what is committed: the records come again.
		end := kgo.TransactionEndTry(fault == nil && turn%7 != 0)
		if _, err := mover.End(patience(), end); err != nil {
			return errors.Join(fault, err)
		}
		time.Sleep(time.Duration(m.pace.Load()))
	}
	return nil
}

func (m *move) check() {
	m.ended.Wait()
	m.mutex.Lock()
	defer m.mutex.Unlock()
	that(m.done.Load(), "not all are moved; %d errors: %.500s", len(m.errors), fmt.Sprint(m.errors))
	for _, sink := range m.sinks {
		equalNumbers(upTo(0, m.count), m.s.committed(sink), "each number, once, in "+sink)
	}
}

func exactlyOnce(s *session, protocol string) {
	beginMove(s, "eos-"+protocol, protocol, 300, 0).check()
}

// exactlyOnceLeaderKilled is with both protocols at once.
func exactlyOnceLeaderKilled(s *session) {
	var moves []*move
	for _, protocol := range protocols {
		moves = append(moves, beginMove(s, "eos-killed-"+protocol, protocol, faultRecords, 50*time.Millisecond))
	}
	fmt.Println("faults", moves[0].source, groupPartitions)
	time.Sleep(time.Duration(faultSeconds) * time.Second)
	fmt.Println("faults over")
	for _, m := range moves {
		m.pace.Store(0)
	}
	for _, m := range moves {
		m.check()
	}
}

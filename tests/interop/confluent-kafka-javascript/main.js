'use strict'
// main.js HOST:PORT PREFIX: @confluentinc/kafka-javascript (librdkafka in Node) against one broker.

const assert = require('node:assert/strict')
const path = require('node:path')
const { promisify } = require('node:util')
const { AdminClient, CODES, KafkaConsumer, KafkaJS, Producer, OffsetSpec } = require('@confluentinc/kafka-javascript')
const { MIB, REPLICAS, main, refused, sleep, someRecords, soonEqual } = require(path.join(__dirname, '..', 'node', 'common.js'))

const SECONDS = 30

// The answer of client[method](...words, callback).
function ask(client, method, ...words) {
  return promisify(client[method]).apply(client, words)
}

class Confluent {
  lacks = { alterConfigs: 'it has no call for configurations' }
  protocols = ['classic', 'consumer']

  constructor(bootstrap) {
    this.bootstrap = bootstrap
    this.admin = AdminClient.create({ 'bootstrap.servers': bootstrap })
    this.kafka = new KafkaJS.Kafka({ kafkaJS: { brokers: bootstrap.split(','), logLevel: KafkaJS.logLevel.NOTHING } })
  }

  async close() {
    this.admin.disconnect()
  }

  // It hands an empty value or key over as null.
  cannotSend(record) {
    return record.value?.length === 0 || record.key?.length === 0
  }

  create(topic, partitions, configs) {
    return ask(this.admin, 'createTopic',
      { topic, num_partitions: partitions, replication_factor: REPLICAS, config: configs }, SECONDS * 1000)
  }

  delete(topic) {
    return ask(this.admin, 'deleteTopic', topic, SECONDS * 1000)
  }

  topics() {
    return ask(this.admin, 'listTopics', {})
  }

  async partitions(topic) {
    return (await this.describe(topic)).partitions.length
  }

  async describe(topic) {
    return (await ask(this.admin, 'describeTopics', [topic], {}))[0]
  }

  async produce(topic, records, { codec = 'none', acks = 'all', idempotent = false } = {}) {
    const producer = new Producer({ 'bootstrap.servers': this.bootstrap, 'compression.type': codec, 'linger.ms': 5,
      'enable.idempotence': idempotent, 'message.max.bytes': 8 * MIB, 'dr_cb': true, 'message.timeout.ms': 30000 },
    { 'acks': acks === 'all' ? -1 : Number(acks) })
    await ask(producer, 'connect', {})
    const answers = []
    producer.on('delivery-report', error => answers.push(error))
    producer.setPollInterval(10)
    try {
      for (const { key, value, headers = [], timestamp } of records)
        producer.produce(topic, 0, value, key, timestamp, null, headers.map(([name, text]) => ({ [name]: text })))
      await ask(producer, 'flush', SECONDS * 1000)
      for (let tries = 0; tries < 500 && answers.length < records.length; tries++)
        await new Promise(resolve => setTimeout(resolve, 10))
      assert.equal(answers.length, records.length, 'answers')
      const error = answers.find(Boolean)
      if (error) throw error
    } finally {
      await ask(producer, 'disconnect')
    }
  }

  async produceFor(topic, seconds) {
    const producer = new Producer({ 'bootstrap.servers': this.bootstrap, 'linger.ms': 5, 'enable.idempotence': true,
      'dr_cb': true, 'message.timeout.ms': 120000, 'socket.timeout.ms': 5000, 'reconnect.backoff.max.ms': 200 }, { acks: -1 })
    await ask(producer, 'connect', {})
    const answers = []
    producer.on('delivery-report', error => answers.push(error))
    producer.setPollInterval(10)
    let count = 0
    try {
      for (const until = Date.now() + seconds * 1000; Date.now() < until; await sleep(20))
        for (const end = count + 20; count < end;) producer.produce(topic, 0, Buffer.from(`${count++}`), null)
      await ask(producer, 'flush', 2 * SECONDS * 1000)
      for (let tries = 0; tries < 500 && answers.length < count; tries++) await sleep(10)
      assert.equal(answers.length, count, 'answers')
      const error = answers.find(Boolean)
      if (error) throw error
    } finally {
      await ask(producer, 'disconnect')
    }
    return count
  }

  async consumer(settings = {}) {
    const consumer = new KafkaConsumer({ 'bootstrap.servers': this.bootstrap, 'group.id': 'unused',
      'enable.auto.commit': false, 'check.crcs': true, 'fetch.wait.max.ms': 50, ...settings },
    { 'auto.offset.reset': 'error' })
    await ask(consumer, 'connect', {})
    consumer.setDefaultConsumeTimeout(500)
    return consumer
  }

  async read(topic, start, settings) {
    const end = await this.end(topic)
    const consumer = await this.consumer(settings)
    try {
      consumer.assign([{ topic, partition: 0, offset: start }])
      const records = []
      const deadline = Date.now() + SECONDS * 1000
      while (start + records.length < end) {
        assert.ok(Date.now() < deadline, `only ${records.length} records came`)
        for (const one of await ask(consumer, 'consume', 500)) {
          assert.equal(one.offset, start + records.length, 'offset')
          const headers = one.headers?.flatMap(Object.entries).map(([name, text]) => [name, Buffer.from(text)])
          records.push({ ...one, headers })
        }
      }
      return records
    } finally {
      await ask(consumer, 'disconnect')
    }
  }

  // --- groups and transactions, by its interface in the shape of kafkajs

  async join(group, topic, protocol) {
    const classic = protocol === 'classic' ? { 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 500 } : {}
    const consumer = this.kafka.consumer({ kafkaJS: { groupId: group, fromBeginning: true, autoCommit: false },
      'group.protocol': protocol, 'isolation.level': 'read_committed', 'fetch.wait.max.ms': 50,
      'topic.metadata.refresh.interval.ms': 1000, 'reconnect.backoff.max.ms': 200, ...classic })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic] })
    return { consumer, assigned: () => consumer.assignment().length, lost: new Promise(() => {}) }
  }

  run({ consumer }, handlers) {
    return consumer.run(handlers)
  }

  async transactional(id) {
    const producer = this.kafka.producer({ kafkaJS: { transactionalId: id, transactionTimeout: 30000 }, 'linger.ms': 2,
      'socket.timeout.ms': 5000, 'reconnect.backoff.max.ms': 200 })
    await producer.connect()
    return producer
  }

  offsets({ consumer }, _group, topics) {
    return { consumer, topics }
  }

  async committed(topic, count) {
    const consumer = await this.consumer({ 'isolation.level': 'read_committed' })
    try {
      consumer.assign([{ topic, partition: 0, offset: 0 }])
      const values = []
      // What comes behind the last one that is due would come soon.
      for (let last = Date.now(); Date.now() - last < (values.length >= count ? 500 : 3000);) {
        for (const one of await ask(consumer, 'consume', 500)) {
          values.push(Number(one.value.toString()))
          last = Date.now()
        }
      }
      return values
    } finally {
      await ask(consumer, 'disconnect')
    }
  }

  // Asks again while it is sent to who leads no longer, which it leaves to who calls it.
  async offset(topic, spec) {
    for (const until = Date.now() + SECONDS * 1000;; await sleep(200)) {
      const [told] = await ask(this.admin, 'listOffsets', [{ topic, partition: 0, offset: spec }], {})
      if (!told.error) return told.offset
      if (told.error.code !== CODES.ERRORS.ERR_NOT_LEADER_FOR_PARTITION || Date.now() > until) throw told.error
    }
  }

  end(topic) {
    return this.offset(topic, OffsetSpec.LATEST)
  }

  offsetAt(topic, millis) {
    return this.offset(topic, new OffsetSpec(millis))
  }

  async deleteRecords(topic, before) {
    const [told] = await ask(this.admin, 'deleteRecords', [{ topic, partition: 0, offset: before }], {})
    if (told.error) throw told.error
    return told.lowWatermark
  }
}

async function createPartitions(client, common) {
  const topic = await common.create('grow', 2)
  await ask(client.admin, 'createPartitions', topic, 4, SECONDS * 1000)
  await soonEqual(() => client.partitions(topic), 4, 'partitions')
  await refused('increase', () => ask(client.admin, 'createPartitions', topic, 3, SECONDS * 1000), 'fewer')
}

async function listOffsets(client, common) {
  const topic = await common.create('list-offsets')
  await client.produce(topic, [1000, 5000, 3000].map(timestamp => ({ key: null, value: Buffer.from('v'), timestamp })))
  assert.equal(await client.offset(topic, OffsetSpec.EARLIEST), 0, 'earliest')
  assert.equal(await client.offset(topic, OffsetSpec.LATEST), 3, 'latest')
  assert.equal(await client.offset(topic, OffsetSpec.MAX_TIMESTAMP), 1, 'max timestamp')
  assert.equal(await client.offsetAt(topic, 5001), -1, 'a time to come')
}

async function consumerCalls(client, common) {
  const topic = await common.create('consumer-calls')
  await client.produce(topic, someRecords(10, 7))
  const consumer = await client.consumer()
  try {
    const marks = await ask(consumer, 'queryWatermarkOffsets', topic, 0, SECONDS * 1000)
    assert.deepEqual([marks.lowOffset, marks.highOffset], [0, 10], 'watermarks')
    const told = await ask(consumer, 'getMetadata', { topic, timeout: SECONDS * 1000 })
    assert.equal(told.topics.find(one => one.name === topic).partitions.length, 1, 'partitions') // other topics are told, too
  } finally {
    await ask(consumer, 'disconnect')
  }
}

async function readCommitted(client, common) {
  const topic = await common.create('committed')
  await client.produce(topic, someRecords(100, 8))
  assert.equal((await client.read(topic, 0, { 'isolation.level': 'read_committed' })).length, 100, 'records')
}

main(new Confluent(process.argv[2]), process.argv[3], [createPartitions, listOffsets, consumerCalls, readCommitted])

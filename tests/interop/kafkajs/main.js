'use strict'
// main.js HOST:PORT PREFIX: kafkajs against one broker. Its consumer always joins a group: where that is not what a
// scenario is about, records are read by the client's own Fetch below the consumer.

const assert = require('node:assert/strict')
const path = require('node:path')
const kafkajs = require('kafkajs')
const { MIB, REPLICAS, main, refused, sleep, someRecords, soonEqual } = require(path.join(__dirname, '..', 'node', 'common.js'))

const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs
const Cluster = require('kafkajs/src/cluster')
const socketFactory = require('kafkajs/src/network/socketFactory')
const { createLogger } = require('kafkajs/src/loggers')
const consoleLogger = require('kafkajs/src/loggers/console')

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
const CODEC = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }
const ACKS = { 0: 0, 1: 1, all: -1 }
const RETRY = { retries: 5, initialRetryTime: 50 }

class KafkaJs {
  lacks = { lz4: 'kafkajs comes without lz4', zstd: 'kafkajs comes without zstd',
    exactlyOnceLeaderKilled: 'its consumer may spin without end when it has lost nodes' }
  protocols = ['classic']
  reads = 0

  static async connect(bootstrap) {
    const client = new KafkaJs()
    const brokers = bootstrap.split(',')
    client.brokers = brokers
    client.kafka = client.another()
    client.admin = client.kafka.admin()
    await client.admin.connect()
    client.cluster = new Cluster({
      brokers: () => brokers, clientId: 'interop', connectionTimeout: 5000, metadataMaxAge: 300000,
      logger: createLogger({ level: logLevel.NOTHING, logCreator: consoleLogger }), socketFactory: socketFactory(),
      allowAutoTopicCreation: false, retry: RETRY, isolationLevel: 0,
    })
    await client.cluster.connect()
    return client
  }

  // What consumers and producers of one Kafka know of a group's offsets they share: a producer tells of those that it sends
  // before its transaction is committed, and a consumer that begins anew then would skip them.
  another() {
    return new Kafka({ brokers: this.brokers, logLevel: logLevel.NOTHING, retry: RETRY })
  }

  async close() {
    await this.admin.disconnect()
    await this.cluster.disconnect()
  }

  cannotSend(record) {
    return record.value === undefined
  }

  async create(topic, partitions, configs) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    const made = await this.admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }] })
    if (!made) throw new Error('topic already exists') // createTopics says so by false
  }

  delete(topic) {
    return this.admin.deleteTopics({ topics: [topic] })
  }

  topics() {
    return this.admin.listTopics()
  }

  async partitions(topic) {
    return (await this.admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length
  }

  async produce(topic, records, { codec = 'none', acks = 'all', idempotent = false } = {}) {
    const producer = this.kafka.producer({ idempotent, maxInFlightRequests: 1, createPartitioner: () => () => 0 })
    await producer.connect()
    try {
      const messages = records.map(({ key, value, headers = [], timestamp }) =>
        ({ key, value, headers: Object.fromEntries(headers), timestamp: timestamp && `${timestamp}`, partition: 0 }))
      await producer.send({ topic, messages, acks: ACKS[acks], compression: CODEC[codec] })
    } finally {
      await producer.disconnect()
    }
  }

  async produceFor(topic, seconds) {
    const retry = { retries: 200, initialRetryTime: 50, maxRetryTime: 500 }
    const producer = this.kafka.producer({ idempotent: true, maxInFlightRequests: 1, retry, createPartitioner: () => () => 0 })
    await producer.connect()
    let count = 0
    try {
      for (const until = Date.now() + seconds * 1000; Date.now() < until;) {
        const messages = Array.from({ length: 20 }, () => ({ key: null, value: `${count++}`, partition: 0 }))
        await producer.send({ topic, messages, acks: -1, timeout: 5000 })
      }
    } finally {
      await producer.disconnect()
    }
    return count
  }

  async read(topic, start) {
    await this.cluster.addTargetTopic(topic)
    await this.cluster.refreshMetadata()
    const [{ leader }] = this.cluster.findTopicPartitionMetadata(topic)
    const broker = await this.cluster.findBroker({ nodeId: leader })
    const end = await this.end(topic)
    const records = []
    for (let at = start; at < end;) {
      const partitions = [{ partition: 0, fetchOffset: `${at}`, maxBytes: MIB }]
      const { responses } = await broker.fetch({ maxWaitTime: 1000, isolationLevel: 0, topics: [{ topic, partitions }] })
      const got = responses[0].partitions[0].messages.filter(one => Number(one.offset) >= at)
      assert.ok(got.length > 0, `nothing at offset ${at}`)
      for (const one of got) {
        assert.equal(Number(one.offset), at++, 'offset')
        records.push({ ...one, headers: Object.entries(one.headers) })
      }
    }
    return records
  }

  // --- groups and transactions

  async join(group, topic) {
    const consumer = this.another().consumer({ groupId: group, sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 50,
      metadataMaxAge: 1000, retry: RETRY })
    const member = { consumer, mine: 0, joins: 0, assigned: () => member.mine }
    // Where its offsets are fetched anew, those of a transaction that is ending may be missed (its OffsetFetch does not wait
    // for stable ones).
    member.lost = new Promise((_, reject) => {
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        member.mine = payload.memberAssignment[topic]?.length ?? 0
        if (++member.joins > 1) reject(new Error('joined again'))
      })
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    return member
  }

  run({ consumer }, handlers) {
    return consumer.run({ autoCommit: false, ...handlers })
  }

  async transactional(transactionalId) {
    const producer = this.another().producer({ transactionalId, transactionTimeout: 30000, idempotent: true,
      maxInFlightRequests: 1, retry: RETRY })
    await producer.connect()
    await (await producer.transaction()).abort() // it asks for its producer id only now
    return producer
  }

  offsets(_member, consumerGroupId, topics) {
    return { consumerGroupId, topics }
  }

  async committed(topic, count) {
    const member = await this.join(`${topic}-${this.reads++}`, topic)
    member.lost.catch(() => {})
    const values = []
    let last = Date.now()
    await this.run(member, {
      eachMessage: async ({ message }) => {
        values.push(Number(message.value.toString()))
        last = Date.now()
      },
    })
    // What comes behind the last one that is due would come soon.
    for (const until = Date.now() + 20_000; Date.now() < until; await sleep(50))
      if (member.joins > 0 && Date.now() - last > (values.length >= count ? 500 : 3000)) break
    await member.consumer.disconnect()
    return values
  }

  async end(topic) {
    const [told] = await this.admin.fetchTopicOffsets(topic)
    return Number(told.high)
  }

  async offsetAt(topic, millis) {
    const [told] = await this.admin.fetchTopicOffsetsByTimestamp(topic, millis)
    return Number(told.offset)
  }

  async deleteRecords(topic, before) {
    await this.end(topic) // deleteTopicRecords knows the leaders only of topics that were asked for before
    return this.admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: `${before}` }] })
  }

  alter(topic, name, value) {
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name, value }] }
    return this.admin.alterConfigs({ validateOnly: false, resources: [resource] })
  }

  async config(topic, name) {
    return (await this.configs({ type: ConfigResourceTypes.TOPIC, name: topic })).get(name)
  }

  async configs(resource) {
    const told = await this.admin.describeConfigs({ includeSynonyms: true, resources: [resource] })
    return new Map(told.resources[0].configEntries.map(one => [one.configName, one.configValue]))
  }
}

async function createPartitions(client, common) {
  const topic = await common.create('grow', 2)
  const grow = count => client.admin.createPartitions({ topicPartitions: [{ topic, count }] })
  await grow(4)
  await soonEqual(() => client.partitions(topic), 4, 'partitions')
  await refused('InvalidPartitions|Number of partitions', () => grow(3), 'fewer')
}

async function describeCluster(client) {
  const told = await client.admin.describeCluster()
  assert.equal(told.brokers.length, REPLICAS, 'brokers')
  assert.deepEqual(told.brokers.map(one => `${one.host}:${one.port}`).sort(), [...client.brokers].sort(), 'brokers')
  assert.ok(told.brokers.some(one => one.nodeId === told.controller), `controller ${told.controller}`)
  const node = `${told.controller}`
  const configs = await client.configs({ type: ConfigResourceTypes.BROKER, name: node })
  assert.equal(configs.get('message.max.bytes'), '1048588', 'message.max.bytes')
}

async function oneProducerForAll(client, common) {
  const topic = await common.create('many', 5)
  const producer = client.kafka.producer({ idempotent: true })
  await producer.connect()
  const sent = someRecords(500, 7)
  for (let part = 0; part < 500; part += 50) await producer.send({ topic, messages: sent.slice(part, part + 50) })
  await producer.disconnect()
  const told = await client.admin.fetchTopicOffsets(topic)
  assert.equal(told.reduce((sum, one) => sum + Number(one.high), 0), 500, 'sum of the end offsets')
}

KafkaJs.connect(process.argv[2])
  .then(client => main(client, process.argv[3], [createPartitions, describeCluster, oneProducerForAll]))

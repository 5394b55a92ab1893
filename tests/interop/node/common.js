'use strict'
// The scenarios that both Node clients play, by an adapter with these verbs (all return promises):
//   create(topic, partitions, configs)   delete(topic)   topics()   partitions(topic)
//   produce(topic, records, {codec, acks, idempotent})   waits until all is answered
//   read(topic, start)                records of partition 0 from an offset to the end
//   produceFor(topic, seconds)        records '0', '1', … to partition 0, idempotent, acks=all; how many, all answered
//   offsetAt(topic, millis)           first offset at or after this time, -1 when there is none
//   end(topic)   deleteRecords(topic, before)   alter(topic, key, value)   config(topic, key)
// `lacks`: scenario to reason, for what the client has no call or no code for; and the verbs of groups.js.
// A record is {key, value, headers: [[name, Buffer]], timestamp}; errors tell Kafka's name for them.

const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const util = require('node:util')
const groups = require('./groups.js')

const MIB = 1 << 20
const REPLICAS = Number(process.env.MOLDAU_TEST_REPLICAS ?? 1) // of each topic: as many as there are nodes
const FAULT_SECONDS = Number(process.env.MOLDAU_TEST_FAULT_SECONDS ?? 0) // how long leaders are killed; 0: they are not
const ONLY = (process.env.MOLDAU_TEST_ONLY ?? '').split(',').filter(Boolean) // scenarios to play; none: all
const SOON_MILLIS = REPLICAS > 1 ? 10_000 : 0 // several nodes do not hear of a change at the same moment
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

// The same seed gives the same bytes.
function noise(size, seed) {
  const cipher = crypto.createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16))
  return cipher.update(Buffer.alloc(size))
}

function someRecords(count, seed) {
  const bytes = noise(60 * count, seed)
  return Array.from({ length: count }, (_, place) => ({
    key: Buffer.from(`key ${place}`),
    value: Buffer.concat([Buffer.from(`value ${place} ${'river '.repeat(12)}`), bytes.subarray(60 * place, 60 * place + 60)]),
  }))
}

function sleep(millis) {
  return new Promise(resolve => setTimeout(resolve, millis))
}

// The first answer that is met; the last one when none was in time.
async function soon(ask, met) {
  const until = Date.now() + SOON_MILLIS
  let answer = await ask()
  while (!met(answer) && Date.now() < until) {
    await sleep(50)
    answer = await ask()
  }
  return answer
}

async function soonEqual(ask, wanted, what) {
  assert.equal(await soon(ask, answer => answer === wanted), wanted, what)
}

function equalRecords(wanted, got) {
  assert.equal(got.length, wanted.length, 'number of records')
  wanted.forEach((one, place) => {
    const other = got[place]
    for (const field of ['key', 'value']) {
      const same = one[field] == null || other[field] == null ? one[field] == other[field]
        : Buffer.compare(one[field], other[field]) === 0
      assert.ok(same, `${field} of record ${place}: ${other[field]?.length} instead of ${one[field]?.length} bytes`)
    }
    if (one.headers) assert.deepEqual(other.headers, one.headers, `headers of record ${place}`)
    if (one.timestamp) assert.equal(Number(other.timestamp), one.timestamp, `timestamp of record ${place}`)
  })
}

// The call must fail with an error that tells one of the words, in any case and without underscores.
async function refused(names, call, what) {
  const plain = text => text.replaceAll(/[_ ]/g, '').toLowerCase()
  let answer
  try {
    answer = await call()
  } catch (error) {
    const told = plain(util.inspect(error, { depth: 5 }))
    assert.ok(names.split('|').some(name => told.includes(plain(name))), `${what}: ${error} instead of ${names}`)
    return
  }
  assert.fail(`${what}: ${JSON.stringify(answer)} instead of ${names}`)
}

class Common {
  constructor(client, prefix) {
    this.client = client
    this.prefix = prefix
    this.faultSeconds = FAULT_SECONDS
  }

  async create(name, partitions = 1, configs = {}) {
    await this.client.create(this.prefix + name, partitions, configs)
    if (REPLICAS > 1) await sleep(200) // by then all nodes have heard of it
    return this.prefix + name
  }

  async check(topic, sent, start = 0) {
    equalRecords(sent, await this.client.read(topic, start))
  }

  async produce(codec, acks) {
    const topic = await this.create(`produce-${codec}-${acks}`)
    const sent = someRecords(300, 1)
    await this.client.produce(topic, sent, { codec, acks })
    for (let tries = 0; tries < 500 && (await this.client.end(topic)) < 300; tries++) await sleep(10) // acks=0
    await this.check(topic, sent)
  }

  async idempotent() {
    const topic = await this.create('idempotent')
    const sent = someRecords(3000, 2)
    for (let part = 0; part < 3000; part += 500)
      await this.client.produce(topic, sent.slice(part, part + 500), { idempotent: true })
    await this.check(topic, sent)
  }

  async headers() {
    const topic = await this.create('headers')
    const sent = Array.from({ length: 20 }, (_, place) => ({
      key: Buffer.from('k'),
      value: Buffer.from(`v${place}`),
      headers: [['one', Buffer.from('1')], ['two', Buffer.from('2')], ['long', Buffer.alloc(3000 + place, 'x')]],
    }))
    await this.client.produce(topic, sent)
    await this.check(topic, sent)
  }

  async nulls() {
    const topic = await this.create('nulls')
    const values = [null, Buffer.alloc(0), Buffer.from('text')]
    const sent = values.flatMap(key => values.map(value => ({ key, value }))).filter(one => !this.client.cannotSend(one))
    await this.client.produce(topic, sent)
    await this.check(topic, sent)
  }

  async oneMibRecords() {
    const topic = await this.create('one-mib', 1, { 'max.message.bytes': `${2 * MIB}` })
    const sent = []
    for (const codec of CODECS.filter(codec => !this.client.lacks[codec])) {
      const part = [{ key: null, value: noise(MIB, sent.length) }, { key: null, value: Buffer.alloc(MIB) }]
      for (const one of part) await this.client.produce(topic, [one], { codec })
      sent.push(...part)
    }
    await this.check(topic, sent)
  }

  async recordTooLarge() {
    const topic = await this.create('too-large')
    await refused('TooLarge', () => this.client.produce(topic, [{ key: null, value: noise(MIB * 1.5, 1) }]), '1.5 MiB')
    const small = [{ key: null, value: Buffer.from('small') }]
    await this.client.produce(topic, small)
    await this.check(topic, small)
  }

  async fetchFromBeginning() {
    const topic = await this.create('beginning')
    const sent = someRecords(3000, 3)
    for (let part = 0; part < 3000; part += 500) await this.client.produce(topic, sent.slice(part, part + 500))
    await this.check(topic, sent)
  }

  async fetchByOffset() {
    const topic = await this.create('offset')
    const sent = someRecords(400, 4)
    await this.client.produce(topic, sent.slice(0, 200))
    await this.client.produce(topic, sent.slice(200))
    for (const start of [0, 1, 137, 200, 399]) await this.check(topic, sent.slice(start), start)
  }

  async fetchByTimestamp() {
    const topic = await this.create('timestamp')
    const base = Date.now() - 500_000
    const sent = Array.from({ length: 200 }, (_, place) =>
      ({ key: null, value: Buffer.from(`v${place}`), timestamp: base + 1000 * place }))
    for (let part = 0; part < 200; part += 50) await this.client.produce(topic, sent.slice(part, part + 50))
    for (const [millis, wanted] of [[0, 0], [120_000, 120], [120_001, 121], [199_000, 199]])
      assert.equal(await this.client.offsetAt(topic, base + millis), wanted, `offset at +${millis}`)
    await this.check(topic, sent.slice(120), 120)
  }

  async createTopic() {
    const topic = await this.create('create', 3, { 'retention.ms': '3600000' })
    assert.ok((await soon(() => this.client.topics(), all => all.includes(topic))).includes(topic), 'the topic is not listed')
    assert.equal(await this.client.partitions(topic), 3, 'partitions')
    await refused('AlreadyExists', () => this.client.create(topic, 3, {}), 'the same topic twice')
    await refused('InvalidTopic|invalid', () => this.client.create('what/is this', 1, {}), 'an illegal name')
  }

  async deleteRecords() {
    const topic = await this.create('delete-records')
    const sent = someRecords(100, 5)
    await this.client.produce(topic, sent)
    await this.client.deleteRecords(topic, 47)
    await this.check(topic, sent.slice(47), 47)
    await refused('OutOfRange|outside the range', () => this.client.deleteRecords(topic, 101), 'beyond the end')
  }

  async alterConfigs() {
    const topic = await this.create('alter')
    await this.client.alter(topic, 'retention.ms', '60000')
    await soonEqual(() => this.client.config(topic, 'retention.ms'), '60000', 'retention.ms')
    await refused('InvalidConfig|Configuration is invalid', () => this.client.alter(topic, 'retention.ms', 'soon'), 'bad value')
  }

  async deleteTopic() {
    const topic = await this.create('delete')
    await this.client.produce(topic, someRecords(10, 6))
    await this.client.delete(topic)
    assert.ok(!(await soon(() => this.client.topics(), all => !all.includes(topic))).includes(topic), 'the topic is still listed')
    await refused('UnknownTopic|does not host', () => this.client.delete(topic), 'the same topic twice')
    await this.create('delete')
    assert.equal(await this.client.end(topic), 0, 'end of the new topic of this name')
  }

  // An idempotent producer goes on while its leader dies, over and over: nothing lost, nothing there twice.
  async leaderKilled() {
    const topic = await this.create('leader-killed', 1, { 'min.insync.replicas': '2' })
    console.log(`faults ${topic}`)
    let count
    try {
      count = await this.client.produceFor(topic, FAULT_SECONDS)
    } finally {
      console.log('faults over')
    }
    assert.ok(count > 100, `only ${count} records were sent`)
    const values = (await this.client.read(topic, 0)).map(one => one.value.toString())
    assert.deepEqual(values, Array.from({ length: count }, (_, place) => `${place}`), 'values')
  }
}

async function play(lacks, name, scenario) {
  if (ONLY.length > 0 && !ONLY.includes(name)) return
  if (lacks) return console.log(`lacks ${name}: ${lacks}`)
  try {
    await scenario()
    console.log(`pass ${name}`)
  } catch (error) {
    console.error(error)
    console.log(`fail ${name}: ${`${error.name} ${error.message}`.replaceAll(/\s+/g, ' ').slice(0, 400)}`)
  }
}

async function playGroups(client, common) {
  for (const protocol of client.protocols)
    await play(null, `group-shares-and-resumes-${protocol}`, () => groups.sharesAndResumes(client, common, protocol))
  await play(null, 'transactions', () => groups.transactions(client, common, refused))
  for (const protocol of client.protocols)
    await play(null, `exactly-once-${protocol}`, () => groups.exactlyOnce(client, common, protocol))
  if (FAULT_SECONDS) await play(client.lacks.exactlyOnceLeaderKilled, 'exactly-once-leader-killed', () => groups.exactlyOnceLeaderKilled(client, common))
}

// Plays the common scenarios, then the client's own: functions of (client, common).
async function main(client, prefix, more) {
  const common = new Common(client, prefix)
  const dashed = name => name.replaceAll(/[A-Z]/g, letter => '-' + letter.toLowerCase())
  for (const codec of CODECS)
    for (const acks of ['0', '1', 'all'])
      await play(client.lacks[codec], `produce-${codec}-acks-${acks}`, () => common.produce(codec, acks))
  for (const name of ['idempotent', 'headers', 'nulls', 'oneMibRecords', 'recordTooLarge', 'fetchFromBeginning',
    'fetchByOffset', 'fetchByTimestamp', 'createTopic', 'deleteRecords', 'alterConfigs', 'deleteTopic'])
    await play(client.lacks[name], dashed(name), () => common[name]())
  if (FAULT_SECONDS) await play(client.lacks.leaderKilled, 'leader-killed', () => common.leaderKilled())
  await playGroups(client, common)
  for (const scenario of more) await play(null, dashed(scenario.name), () => scenario(client, common))
  await groups.within(client.close(), 10, 'closing').catch(error => console.error(error))
  console.log('end')
  process.kill(process.pid, 'SIGKILL') // clients that lost their nodes may still be looking for them, in threads that exit() waits for
}

module.exports = { MIB, REPLICAS, equalRecords, main, refused, sleep, someRecords, soonEqual }

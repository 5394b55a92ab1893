'use strict'
// Groups and transactions that both Node clients play, by an adapter with these verbs:
//   protocols                         of groups, that it speaks
//   join(group, topic, protocol)      a member {consumer, assigned(), lost: promise that fails when it has lost its place}
//   run(member, handlers)             has it read: {eachMessage} or {eachBatch}, in the shape of kafkajs
//   transactional(id)                 a connected producer in the shape of kafkajs, whose last transaction is ended
//   offsets(member, group, topics)    what the producer's sendOffsets() wants
//   committed(topic, count)           values of a topic of one partition for who reads what is committed: `count`, or what
//                                     there is; more when there are more
// Values are numbers here.

const assert = require('node:assert/strict')

const PARTITIONS = 4
const SECONDS = 60
const BATCH = 10 // records of a transaction
const FAULT_RECORDS = 1000
// librdkafka's sendOffsets() may never end when the coordinator of the group it had asked is gone (its issues 5456 and 5511):
// such a producer is given up, so that a successor of the same id goes on.
const TRANSACTION_SECONDS = 8

const sleep = millis => new Promise(resolve => setTimeout(resolve, millis))
const numbers = (from, until) => Array.from({ length: until - from }, (_, place) => from + place)
const ascending = (one, other) => one - other

async function until(met, demand) {
  const deadline = Date.now() + SECONDS * 1000
  while (!met()) {
    assert.ok(Date.now() < deadline, `${demand}: not within ${SECONDS} s`)
    await sleep(20)
  }
}

async function within(promise, seconds, what) {
  let timer
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${what} took ${seconds} s`)), seconds * 1000) })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

async function inTransaction(producer, work, commits = true) {
  const transaction = await producer.transaction()
  await work(transaction)
  await (commits ? transaction.commit() : transaction.abort())
}

async function fill(client, topic, values, partitions = PARTITIONS) {
  const producer = await client.transactional(`fill-${topic}-${values[0]}`)
  const messages = values.map(value => ({ value: `${value}`, partition: value % partitions }))
  await inTransaction(producer, transaction => transaction.send({ topic, messages }))
  await producer.disconnect()
}

// Reads, and commits when it is asked to.
class Reader {
  values = []
  next = new Map() // partition to the offset behind what was read

  static async join(client, group, topic, protocol) {
    const reader = new Reader()
    reader.topic = topic
    reader.member = await client.join(group, topic, protocol)
    reader.member.lost.catch(() => {})
    await client.run(reader.member, {
      eachMessage: async ({ partition, message }) => {
        reader.values.push(Number(message.value.toString()))
        reader.next.set(partition, Number(message.offset) + 1)
      },
    })
    return reader
  }

  async commit() {
    await this.member.consumer.commitOffsets(
      [...this.next].map(([partition, offset]) => ({ topic: this.topic, partition, offset: `${offset}` })))
    this.next.clear()
  }

  close() {
    return this.member.consumer.disconnect()
  }
}

async function sharesAndResumes(client, common, protocol) {
  const topic = await common.create(`shared-${protocol}`, PARTITIONS)
  const group = `${common.prefix}g-${protocol}`
  await fill(client, topic, numbers(0, 100))
  const first = await Reader.join(client, group, topic, protocol)
  await until(() => first.values.length >= 100, 'values of one member')
  assert.deepEqual(first.values.sort(ascending), numbers(0, 100), 'values of one member')
  await first.commit()
  const second = await Reader.join(client, group, topic, protocol)
  await until(() => first.member.assigned() === 2 && second.member.assigned() === 2, 'half of the partitions for each')
  await fill(client, topic, numbers(100, 140))
  const both = () => [...first.values, ...second.values].sort(ascending)
  await until(() => both().length >= 140, 'values of two members')
  assert.deepEqual(both(), numbers(0, 140), 'values of two members')
  assert.equal(second.values.length, 20, 'values of the second')
  for (const each of [first, second]) await each.commit()
  for (const each of [first, second]) await each.close()
  await fill(client, topic, numbers(140, 144))
  const third = await Reader.join(client, group, topic, protocol)
  await until(() => third.values.length >= 4, 'values since the last commit')
  assert.deepEqual(third.values.sort(ascending), numbers(140, 144), 'values since the last commit')
  await third.close()
}

// Some tell at the end of the transaction why they did not send.
async function late(producer, send) {
  const transaction = await producer.transaction()
  const sent = await send(transaction).catch(error => error)
  await transaction.commit()
  if (sent instanceof Error) throw sent
}

async function transactions(client, common, refused) {
  const topic = await common.create('transactions')
  const send = values => transaction =>
    transaction.send({ topic, messages: values.map(value => ({ value: `${value}`, partition: 0 })) })
  const producer = await client.transactional(`${common.prefix}transactions`)
  const expected = []
  for (let turn = 0; turn < 6; turn++) {
    const values = numbers(100 * turn, 100 * turn + 20)
    const commits = turn % 3 !== 1
    await inTransaction(producer, send(values), commits)
    if (commits) expected.push(...values)
  }
  assert.deepEqual(await client.committed(topic, expected.length), expected, 'committed values')
  const successor = await client.transactional(`${common.prefix}transactions`)
  await refused('Fenced|InvalidProducerEpoch|newer', () => late(producer, send([1000])), 'who was replaced')
  await inTransaction(successor, send([2000]))
  assert.deepEqual(await client.committed(topic, expected.length + 1), [...expected, 2000], 'committed values')
  await successor.disconnect()
  await producer.disconnect().catch(() => {})
}

// Every record of one topic goes into two others, in transactions that commit the group's offsets. The mover begins anew
// after every error, and after each abort.
class Move {
  moved = 0
  errors = []
  done = false
  busy = Promise.resolve() // settled when the last transaction is over

  static async begin(client, common, name, protocol, count, pace = 0) {
    const move = new Move()
    Object.assign(move, { client, protocol, count, pace, group: common.prefix + name })
    move.source = await common.create(`${name}-in`, PARTITIONS)
    move.sinks = [await common.create(`${name}-out`), await common.create(`${name}-copy`)]
    await fill(client, move.source, numbers(0, count))
    move.deadline = Date.now() + (SECONDS + common.faultSeconds) * 1000
    move.ended = move.run()
    return move
  }

  async run() {
    while (!this.done && Date.now() < this.deadline) {
      const opened = []
      this.busy = Promise.resolve()
      try {
        await this.move(opened)
      } catch (error) { // what it was that failed is told when not all are moved in time
        this.errors.push(error)
      }
      // Whose producer is taken away amid a call may hang for ever: one that is stuck is left alone.
      const stuck = await within(this.busy.catch(() => {}), 2, 'the last call').catch(() => true)
      if (stuck) opened.shift()
      for (const each of opened.reverse()) await within(each.disconnect(), 10, 'disconnect').catch(() => {})
      await sleep(100)
    }
  }

  async move(opened) {
    const producer = await within(this.client.transactional(this.group), 30, 'a producer')
    opened.push(producer)
    const member = await within(this.client.join(this.group, this.source, this.protocol), 30, 'a member')
    opened.push(member.consumer)
    let over = false
    const failed = new Promise((_, reject) => {
      member.lost.catch(reject)
      let turn = 0
      const eachBatch = async ({ batch, resolveOffset }) => {
        for (let at = 0; at < batch.messages.length && !over; at += BATCH) {
          const part = batch.messages.slice(at, at + BATCH)
          try {
            this.busy = this.transact(producer, member, batch.partition, part, ++turn % 7 === 0)
            await within(this.busy, TRANSACTION_SECONDS, 'a transaction')
            resolveOffset(part.at(-1).offset)
          } catch (error) {
            over = true
            reject(error)
            throw error
          }
          await sleep(this.pace)
        }
        if (over) await sleep(500) // what is not resolved is handed over again and again until it is disconnected
      }
      this.client.run(member, { eachBatchAutoResolve: false, eachBatch }).catch(reject)
    })
    try {
      await Promise.race([failed, this.untilDone()])
    } finally {
      over = true
    }
  }

  async transact(producer, member, partition, part, aborts) {
    const messages = part.map(({ value }) => ({ value, partition: 0 }))
    const offset = `${Number(part.at(-1).offset) + 1}`
    const topics = [{ topic: this.source, partitions: [{ partition, offset }] }]
    await inTransaction(producer, async transaction => {
      for (const topic of this.sinks) await transaction.send({ topic, messages })
      await transaction.sendOffsets(this.client.offsets(member, this.group, topics))
    }, !aborts)
    if (aborts) throw new Error('aborted: both begin anew')
    this.moved += part.length
  }

  // A commit whose answer was lost is not counted: now and then it is looked at what there is.
  async untilDone() {
    for (let before = -1; this.moved < this.count && Date.now() < this.deadline; await sleep(1500)) {
      if (this.moved === before) this.moved = (await this.client.committed(this.sinks[0], this.count)).length
      before = this.moved
    }
    this.done = this.moved >= this.count
  }

  async check() {
    await this.ended
    const last = this.errors.slice(-3).join('; ')
    assert.ok(this.done, `${this.moved} of ${this.count} are moved; ${this.errors.length} errors: ${last}`)
    for (const sink of this.sinks) {
      const values = await this.client.committed(sink, this.count)
      assert.deepEqual(values.sort(ascending), numbers(0, this.count), `each number, once, in ${sink}`)
    }
  }
}

async function exactlyOnce(client, common, protocol) {
  const move = await Move.begin(client, common, `eos-${protocol}`, protocol, 300)
  await move.check()
}

// With every protocol at once.
async function exactlyOnceLeaderKilled(client, common) {
  const moves = []
  for (const protocol of client.protocols)
    moves.push(await Move.begin(client, common, `eos-killed-${protocol}`, protocol, FAULT_RECORDS, 50))
  console.log(`faults ${moves[0].source} ${PARTITIONS}`)
  await sleep(common.faultSeconds * 1000)
  console.log('faults over')
  for (const move of moves) move.pace = 0
  for (const move of moves) await move.check()
}

module.exports = { exactlyOnce, exactlyOnceLeaderKilled, sharesAndResumes, transactions, within }

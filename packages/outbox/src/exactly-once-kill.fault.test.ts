import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@millrace/core/testing'
import { createAdmin } from '@millrace/kafka'
import { endChild, exitOf, kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { outboxFixture, testEvent, type OutboxFixture } from '../test/fixture.ts'
import { killAll } from '../test/kill-relay.ts'
import { assertGapless, readCommitted } from '../test/read-topic.ts'

const program = fileURLToPath(new URL('../test/exact-relay-process.ts', import.meta.url))
const killPoints = [
  'beforeTakeOver',
  'afterBegin',
  'afterClaim',
  'beforePublish',
  'duringPublish',
  'beforeCommit',
  'afterPublish',
  'afterMark',
]
const stopPoints = [
  'beforeTakeOver',
  'beforePublish',
  'duringPublish',
  'beforeCommit',
  'afterPublish',
]
/** Passed once each time that a lane is taken over, for certain. */
const oncePoints = ['beforeTakeOver', 'afterBegin']
const kills = 2

for (const backend of await kafkaBackends()) {
  describe(`relay killed on ${backend.name}`, () => {
    let kafka: RunningKafka
    let count = 0
    before(async () => {
      kafka = await backend.start()
    })
    after(async () => {
      await kafka.stop()
    })

    for (const point of killPoints) {
      test(`relay: SIGKILL ${point}, ${kills} times under writes, leaves each event on the topic once and in order`, async () => {
        await using subject = await newSubject()
        for (let kill = 0; kill < kills; kill++) {
          await subject.write(25)
          const pass = oncePoints.includes(point) ? 1 : 1 + (kill % 3)
          const child = subject.start({ RELAY_FAULT: `${point}#${pass}` })
          await subject.write(25)
          assert.equal((await exitOf(child)).signal, 'SIGKILL')
        }
        subject.start({})
        await subject.assertExact()
      })
    }

    for (const point of stopPoints) {
      test(`relay: one that is stopped ${point} past its lease, and wakes up, writes nothing`, async () => {
        await using subject = await newSubject()
        await subject.write(40)
        const pass = oncePoints.includes(point) ? 1 : 2
        const zombie = subject.start({ RELAY_FAULT: `${point}#${pass}`, RELAY_SIGNAL: 'SIGSTOP' })
        await eventually('it stands', () => isStopped(zombie), { timeoutMs: 120_000 })
        subject.start({})
        await subject.write(20)
        await subject.assertExact()
        zombie.kill('SIGCONT')
        await subject.write(20)
        await subject.assertExact()
        const ended = await endChild(zombie, 'SIGTERM')
        assert.deepEqual(ended, { code: 0, signal: null }, 'it goes on as a relay among others')
        await subject.write(20)
        await subject.assertExact()
      })
    }

    async function newSubject(): Promise<Subject> {
      const topic = `killed-${process.pid}-${++count}`
      await using admin = await createAdmin({ brokers: kafka.brokers, clientId: 'test' })
      await admin.ensureTopics([{ name: topic, partitions: 3 }])
      return new Subject(await outboxFixture(), kafka.brokers, topic)
    }
  })
}

/** An outbox, its topic, and relay processes that are ended with it. */
class Subject implements AsyncDisposable {
  readonly #fixture: OutboxFixture
  readonly #brokers: readonly string[]
  readonly #topic: string
  readonly #children: ChildProcess[] = []
  readonly #versions = new Map<string, number>()
  readonly #written: string[] = []

  constructor(fixture: OutboxFixture, brokers: readonly string[], topic: string) {
    this.#fixture = fixture
    this.#brokers = brokers
    this.#topic = topic
  }

  start(env: Readonly<Record<string, string>>): ChildProcess {
    const child = spawn(
      process.execPath,
      [program, this.#fixture.url, this.#brokers[0] ?? '', this.#topic],
      { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] },
    )
    this.#children.push(child)
    return child
  }

  async write(count: number): Promise<void> {
    const events = Array.from({ length: count }, (_, index) => {
      const key = `key-${index % 5}`
      const version = (this.#versions.get(key) ?? 0) + 1
      this.#versions.set(key, version)
      return testEvent(key, version)
    })
    await this.#fixture.outbox.transaction(async (tx) => {
      for (const event of events) tx.publish(event, { topic: this.#topic, key: event.aggregateId })
    })
    this.#written.push(...events.map((event) => event.eventId))
  }

  /** All that was written is on the topic once, in order, with a receipt each. */
  async assertExact(): Promise<void> {
    const { outbox } = this.#fixture
    await eventually(
      'all marked',
      async () => (await outbox.stats()).publishedTotal === BigInt(this.#written.length),
      { timeoutMs: 120_000 },
    )
    const records = await readCommitted(this.#brokers, this.#topic)
    const ids = records.map((record) => record.eventId)
    assert.deepEqual(ids.toSorted(), this.#written.toSorted(), 'each once')
    assertGapless(records)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await killAll(this.#children)
    await this.#fixture[Symbol.asyncDispose]()
  }
}

/** The state of a process, as Linux tells. */
function isStopped(child: ChildProcess): boolean {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')
}

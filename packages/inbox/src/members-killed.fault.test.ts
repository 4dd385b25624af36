import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { randomInt, seededRandom, systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { startBroker } from '@millrace/broker'
import { createAdmin, createProducer } from '@millrace/kafka'
import { endChild } from '@millrace/testkit'
import { deposit, openFixture } from '../test/fixture.ts'

const program = fileURLToPath(new URL('../test/member-process.ts', import.meta.url))
const partitions = 4
const keys = 30
const total = 3_000
const kills = 5

class Members {
  readonly #args: readonly string[]
  #running: ChildProcess[] = []

  constructor(args: readonly string[]) {
    this.#args = args
  }

  start(): void {
    this.#running.push(
      spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...this.#args], {
        stdio: ['ignore', 'inherit', 'inherit'],
      }),
    )
  }

  /** Kills the one at `index` and starts another in its place. */
  async replace(index: number): Promise<void> {
    const [victim] = this.#running.splice(index % this.#running.length, 1)
    if (victim) await endChild(victim, 'SIGKILL')
    this.start()
  }

  async stop(): Promise<void> {
    const running = this.#running
    this.#running = []
    await Promise.all(running.map((each) => endChild(each, 'SIGTERM')))
  }
}

test('members of a group killed at random while events fail, park and are taken up again: each effect once, each key in order', async (t) => {
  const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
  t.diagnostic(`MILLRACE_SEED=${seed}`)
  const random = seededRandom(seed)
  await using fixture = await openFixture()
  await fixture.database.query(
    'create table applied (seq bigserial, event_id uuid, account text, amount integer)',
  )
  const dir = await mkdtemp(join(tmpdir(), 'millrace-inbox-members-'))
  const broker = await startBroker({ dir })
  const kafka = { brokers: [broker.address], clientId: 'inbox-test' }
  const topic = 'accounts'
  const members = new Members([fixture.url, broker.address, topic, 'ledger'])
  try {
    await using admin = await createAdmin(kafka)
    await admin.ensureTopics([{ name: topic, partitions }])
    for (let index = 0; index < 3; index++) members.start()
    await using producer = await createProducer(kafka)
    const sent: string[] = []
    const produce = async (count: number): Promise<void> => {
      const events = Array.from({ length: count }, (_, index) => {
        const amount = sent.length + index
        return deposit(amount, { account: `a${amount % keys}` })
      })
      sent.push(...events.map((event) => event.eventId))
      // Some twice, as an outbox without transactions would.
      const records = events.flatMap((event, index) =>
        index % 10 === 0 ? [event, event] : [event],
      )
      await producer.send(
        records.map((event) => ({ topic, key: event.aggregateId, value: JSON.stringify(event) })),
      )
    }
    const applied = async (): Promise<number> => {
      const found = await fixture.database.query<{ count: number }>(
        'select count(*)::integer as count from applied',
      )
      return found.rows[0]?.count ?? 0
    }
    for (let kill = 0; kill < kills; kill++) {
      await produce(total / kills)
      await eventually(
        'the group goes on',
        async () => (await applied()) > (kill * total) / kills,
        { timeoutMs: 120_000 },
      )
      await systemClock.sleep(randomInt(random, 1_500))
      await members.replace(randomInt(random, 3))
    }
    const hopeless = Math.floor(total / 101)
    await eventually('all applied', async () => (await applied()) === total - hopeless, {
      timeoutMs: 180_000,
    })
    await eventually(
      'nothing waits',
      async () => {
        const waiting = await fixture.database.query(
          `select 1 from event_consumption_data where status not in ('PROCESSED', 'FAILED')
         union all select 1 from consumption_blocked_key`,
        )
        return waiting.rowCount === 0
      },
      { timeoutMs: 120_000 },
    )
    await members.stop()
    const rows = await fixture.database.query<{ id: string; account: string; amount: number }>(
      'select event_id::text as id, account, amount from applied order by seq',
    )
    assert.equal(new Set(rows.rows.map((row) => row.id)).size, total - hopeless, 'each once')
    const ids = new Set(sent)
    assert.ok(rows.rows.every((row) => ids.has(row.id)))
    const last = new Map<string, number>()
    for (const { account, amount } of rows.rows) {
      assert.ok(
        amount > (last.get(account) ?? -1),
        `${account}: ${amount} after ${last.get(account)}`,
      )
      last.set(account, amount)
    }
    const statuses = await fixture.database.query(
      'select status, count(*)::integer as rows from event_consumption_data group by 1 order by 1',
    )
    assert.deepEqual(statuses.rows, [
      { status: 'FAILED', rows: hopeless },
      { status: 'PROCESSED', rows: total - hopeless },
    ])
  } finally {
    await members.stop()
    await broker.close()
    await rm(dir, { recursive: true, force: true })
  }
})

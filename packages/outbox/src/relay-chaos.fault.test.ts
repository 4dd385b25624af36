import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { randomInt, seededRandom, systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { killAll, killRelay } from '../test/kill-relay.ts'
import { outboxFixture, testEvent, topic } from '../test/fixture.ts'

const dir = mkdtempSync(join(tmpdir(), 'millrace-outbox-chaos-'))
after(() => rmSync(dir, { recursive: true, force: true }))
const program = fileURLToPath(new URL('../test/relay-process.ts', import.meta.url))
const writers = 4
const keysPerWriter = 3
const disturbances = 10

test('relay: two processes, killed and stopped at random under 4 writers, lose nothing and keep each key in order', async (t) => {
  const seed = Math.floor(Math.random() * 1e9)
  t.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const file = join(dir, 'topic')
  const start = (): ChildProcess =>
    spawn(process.execPath, [program, fixture.url, file], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  const relays = [start(), start()]
  const stop = new AbortController()
  /** What was committed, by key, in order. */
  const committed = new Map<string, string[]>()
  const write = async (writer: number): Promise<void> => {
    const seeded = seededRandom(seed + 1 + writer)
    while (!stop.signal.aborted) {
      const key = `w${writer}-k${randomInt(seeded, keysPerWriter)}`
      const ids = committed.get(key) ?? []
      committed.set(key, ids)
      const events = Array.from({ length: 1 + randomInt(seeded, 4) }, (_, index) =>
        testEvent(key, ids.length + index + 1),
      )
      await outbox.transaction(async (tx) => {
        for (const event of events) tx.publish(event, { topic, key })
      })
      ids.push(...events.map((event) => event.eventId))
      await systemClock.sleep(5)
    }
  }
  const writing = Array.from({ length: writers }, (_, writer) => write(writer))
  try {
    for (let count = 0; count < disturbances; count++) {
      const marked = (await outbox.stats()).publishedTotal
      await eventually(
        'some progress',
        async () => (await outbox.stats()).publishedTotal > marked,
        { timeoutMs: 120_000 },
      )
      const index = randomInt(random, 2)
      const relay = relays[index] as ChildProcess
      await systemClock.sleep(randomInt(random, 100))
      if (randomInt(random, 3) === 0) {
        relay.kill('SIGSTOP')
        // Longer than its lease of 500 ms: the other takes over, and this one wakes up as a zombie.
        await systemClock.sleep(900)
        relay.kill('SIGCONT')
      } else {
        await killRelay(relay)
        relays[index] = start()
      }
    }
    stop.abort()
    await Promise.all(writing)
    const total = [...committed.values()].reduce((sum, ids) => sum + ids.length, 0)
    await eventually('nothing is pending', async () => (await outbox.stats()).pending === 0, {
      timeoutMs: 120_000,
    })
    assert.equal((await outbox.stats()).publishedTotal, BigInt(total), 'one receipt each')
    const first = new Map<string, Set<string>>()
    let lines = 0
    for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
      const [eventId = '', key = ''] = line.split(' ')
      const seen = first.get(key) ?? new Set()
      first.set(key, seen.add(eventId))
      lines++
    }
    t.diagnostic(`${total} events, ${lines - total} repeated`)
    for (const [key, ids] of committed) assert.deepEqual([...(first.get(key) ?? [])], ids, key)
  } finally {
    stop.abort()
    await Promise.all(writing)
    await killAll(relays)
  }
})

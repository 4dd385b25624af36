import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@millrace/core/testing'
import { endChild, exitOf } from '@millrace/testkit'
import { outboxFixture, publishAll, testEvent } from '../test/fixture.ts'

const dir = mkdtempSync(join(tmpdir(), 'millrace-outbox-'))
after(() => rmSync(dir, { recursive: true, force: true }))
const program = fileURLToPath(new URL('../test/relay-process.ts', import.meta.url))
const chunkRecords = 10

function startRelay(url: string, file: string, faults: string): ChildProcess {
  return spawn(process.execPath, [program, url, file], {
    env: { ...process.env, MILLRACE_FAULTS: faults },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

interface Line {
  readonly eventId: string
  readonly key: string
  readonly version: number
}

function readTopic(file: string): readonly Line[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => {
    const [eventId = '', key = '', version] = line.split(' ')
    return { eventId, key, version: Number(version) }
  })
}

for (const point of ['afterBegin', 'afterClaim', 'beforePublish', 'afterPublish', 'afterMark']) {
  test(`relay: SIGKILL ${point}, five times under writes, loses nothing and keeps the order`, async () => {
    await using fixture = await outboxFixture()
    const { outbox } = fixture
    const file = join(dir, point)
    const written: string[] = []
    const versions = new Map<string, number>()
    const write = async (): Promise<void> => {
      const events = Array.from({ length: 25 }, (_, index) => {
        const key = `key-${index % 5}`
        const version = (versions.get(key) ?? 0) + 1
        versions.set(key, version)
        return testEvent(key, version)
      })
      written.push(...(await publishAll(outbox, events)))
    }
    const kills = 5
    for (let kill = 0; kill < kills; kill++) {
      await write()
      // A set is begun unread once for certain each time that the lane is taken over.
      const pass = point === 'afterBegin' ? 1 : 1 + (kill % 3)
      const child = startRelay(fixture.url, file, `kill@outbox.relay.${point}#${pass}`)
      await write()
      assert.equal((await exitOf(child)).signal, 'SIGKILL')
    }
    const last = startRelay(fixture.url, file, '')
    try {
      await eventually(
        'all marked',
        async () => (await outbox.stats()).publishedTotal === BigInt(written.length),
        { timeoutMs: 120_000 },
      )
    } finally {
      await endChild(last, 'SIGTERM')
    }
    const ended = await exitOf(last)
    assert.deepEqual(ended, { code: 0, signal: null }, 'it ends by itself after a clean close')
    const topic = readTopic(file)
    assert.deepEqual([...new Set(topic.map((line) => line.eventId))], written)
    const repeated = topic.length - written.length
    assert.ok(repeated <= kills * chunkRecords, `${repeated} repeated`)
    if (point === 'afterPublish') assert.ok(repeated >= kills, `${repeated} repeated`)
  })
}

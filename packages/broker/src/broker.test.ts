import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LogFields, Logger, Meter } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { apiVersionsApi, metadataApi } from '@millrace/protocol'
import { WireClient } from '../test/wire-client.ts'
import { BrokerError, startBroker, type BrokerErrorCode } from './index.ts'

async function withDirectory(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-broker-test-'))
  try {
    await work(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

function isBrokerError(code: BrokerErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof BrokerError && error.code === code && error.message.length > 40
}

for (const worker of [true, false]) {
  const where = worker ? 'its worker thread' : 'the calling thread'

  test(`broker: it runs in ${where}, answers, logs, counts and stops`, () =>
    withDirectory(async (dir) => {
      const lines: string[] = []
      const counted = new Map<string, number>()
      const note = (message: string, _fields?: LogFields): void => void lines.push(message)
      const logger: Logger = {
        debug: note,
        info: note,
        warn: note,
        error: note,
        child: () => logger,
      }
      const meter: Meter = {
        counter: ({ name }) => ({
          add: (count) => void counted.set(name, (counted.get(name) ?? 0) + count),
        }),
        gauge: () => ({ set: () => {} }),
        histogram: () => ({ observe: () => {} }),
      }
      const topics = [{ name: 't', partitions: 2, configs: { 'retention.ms': '-1' } }]
      const broker = await startBroker({ dir, worker, logger, meter, topics })
      assert.equal(broker.address, `127.0.0.1:${broker.port}`)
      const client = await WireClient.connect(broker.port)
      const { topics: listed } = await client.call(metadataApi, 9, { topics: null })
      assert.deepEqual(
        listed.map(({ name, partitions }) => [name, partitions.length]),
        [['t', 2]],
      )
      await broker.close()
      await broker.close()
      await client.closed()
      assert.ok(lines.includes('the data directory is open'))
      assert.equal(counted.get('mr_broker_requests_total'), 1)
      await using again = await startBroker({ dir, worker, port: broker.port, topics })
      assert.equal(again.port, broker.port)
    }))

  test(`broker: what keeps it from starting is told from ${where}`, () =>
    withDirectory(async (dir) => {
      await using broker = await startBroker({ dir, worker })
      await assert.rejects(
        startBroker({ dir, worker }),
        isBrokerError('MR_BROKER_DIRECTORY_LOCKED'),
      )
      await withDirectory(async (other) => {
        const taken = startBroker({ dir: other, worker, port: broker.port })
        await assert.rejects(taken, isBrokerError('MR_BROKER_LISTEN_FAILED'))
        await writeFile(join(other, 'journal'), 'not a journal')
        await assert.rejects(
          startBroker({ dir: other, worker }),
          isBrokerError('MR_BROKER_DIRECTORY_UNREADABLE'),
        )
      })
      const client = await WireClient.connect(broker.port)
      const names = { clientSoftwareName: 'a', clientSoftwareVersion: '1' }
      assert.equal((await client.call(apiVersionsApi, 3, names)).errorCode, 0)
      client.socket.destroy()
    }))
}

test('broker: wrong options are all named at once', async () => {
  await assert.rejects(
    startBroker({ dir: '', port: 70_000, defaultPartitions: 0, fsync: 'never' as 'os' }),
    (error: BrokerError) =>
      error.code === 'MR_BROKER_BAD_OPTION' && (error.details['faults'] as string[]).length === 4,
  )
})

test('broker: the lock of a process that is gone is taken over, the lock of one that lives is not', () =>
  withDirectory(async (dir) => {
    const lock = join(dir, 'broker.lock')
    await writeFile(lock, JSON.stringify({ pid: 2 ** 22 + 1, startedTicks: null, token: 'x' }))
    await (await startBroker({ dir, worker: false })).close()
    // This very process lives, but it is said to have begun at another time: its id was given anew.
    await writeFile(lock, JSON.stringify({ pid: process.pid, startedTicks: '1', token: 'x' }))
    if (process.platform === 'linux') await (await startBroker({ dir, worker: false })).close()
    await writeFile(lock, 'half a lo')
    await (await startBroker({ dir, worker: false })).close()
    await writeFile(lock, JSON.stringify({ pid: process.pid, startedTicks: null, token: 'x' }))
    await assert.rejects(
      startBroker({ dir, worker: false }),
      isBrokerError('MR_BROKER_DIRECTORY_LOCKED'),
    )
  }))

test('broker: a second start in the same process is quick', async (t) => {
  await withDirectory(async (dir) => {
    await (await startBroker({ dir, worker: false })).close()
    const startedMs = performance.now()
    const broker = await startBroker({ dir, worker: false })
    t.diagnostic(`started in ${(performance.now() - startedMs).toFixed(1)} ms`)
    await broker.close()
  })
})

test('broker: a connection is answered while it stops and starts many times', () =>
  withDirectory(async (dir) => {
    for (let n = 0; n < 5; n++) {
      await using broker = await startBroker({ dir, worker: false })
      const client = await eventually('a connection', () => WireClient.connect(broker.port))
      client.socket.destroy()
    }
  }))

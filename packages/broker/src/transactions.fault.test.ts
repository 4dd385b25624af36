import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { offsetFetchApi } from '@millrace/protocol'
import { BrokerProcess } from '../test/broker-process.ts'
import { TransactionalClient, readCommitted } from '../test/transactional-client.ts'
import { WireClient } from '../test/wire-client.ts'

const TOPIC = 't'
const PARTITIONS = [0, 1, 2]
const GROUP = 'g'
const ID = 'id'
/** More than any write of the test: the write reaches the disk, then the broker dies. */
const WHOLE = 1_000_000

/** What the test itself knows of a transaction it tried. */
interface Attempt {
  readonly value: string
  readonly offset: number
  isAcknowledged: boolean
}

async function transact(
  producer: TransactionalClient,
  isV2: boolean,
  attempt: Attempt,
): Promise<void> {
  const { value, offset } = attempt
  if (!isV2) await producer.addPartitions(TOPIC, PARTITIONS)
  for (const partition of PARTITIONS)
    await producer.produce(TOPIC, partition, [value], isV2 ? 12 : 11)
  if (!isV2) await producer.addOffsets(GROUP)
  await producer.commitOffsets(GROUP, TOPIC, offset, isV2 ? 5 : 3)
  await producer.end(true, isV2 ? 5 : 4)
  attempt.isAcknowledged = true
}

interface Kill {
  readonly atWrite: number
  readonly tornBytes: number
  /** A power cut: what was not synced is gone as well. */
  readonly loseUnsynced: boolean
}

async function armKill(adminPort: number, kill: Kill): Promise<void> {
  const body = JSON.stringify({ rule: { action: { type: 'kill', ...kill } } })
  const answer = await fetch(`http://127.0.0.1:${adminPort}/addFault`, { method: 'POST', body })
  assert.equal(answer.status, 200, await answer.text())
}

/** Each attempt is in every partition or in none; what was acknowledged is; the offset is that of the last one there. */
async function check(port: number, attempts: readonly Attempt[]): Promise<number> {
  await using client = await WireClient.connect(port)
  // A new start of the id ends what was open.
  const id = await TransactionalClient.start(client, ID)
  assert.ok(id.producerId >= 0)
  const [first, ...others] = await Promise.all(
    PARTITIONS.map(async (partition) => {
      await using reader = await WireClient.connect(port)
      return (await readCommitted(reader, TOPIC, partition)).map(([, value]) => value)
    }),
  )
  for (const other of others) assert.deepEqual(other, first, 'torn between partitions')
  const expected = attempts.filter(({ value }) => first!.includes(value))
  assert.deepEqual(
    first,
    expected.map(({ value }) => value),
    'each once, in order, and nothing else',
  )
  for (const { value, isAcknowledged } of attempts)
    if (isAcknowledged) assert.ok(first?.includes(value), `${value} was acknowledged`)
  const topics = [{ name: TOPIC, partitionIndexes: [0] }]
  const request = { groupId: GROUP, topics, requireStable: true }
  const answer = await client.call(offsetFetchApi, 7, request)
  const { committedOffset, errorCode } = answer.topics[0]!.partitions[0]!
  assert.equal(errorCode, 0)
  assert.equal(Number(committedOffset), expected.at(-1)?.offset ?? -1, 'torn from its offset')
  return expected.length
}

for (const { name, isV2, fsync, torn, loseUnsynced } of [
  { name: 'kill -9', isV2: false, fsync: 'os', torn: [0, 40, WHOLE], loseUnsynced: false },
  { name: 'kill -9', isV2: true, fsync: 'os', torn: [0, 40, WHOLE], loseUnsynced: false },
  { name: 'power cut', isV2: true, fsync: 'group', torn: [WHOLE], loseUnsynced: true },
]) {
  test(`${name} at each write of a transaction over 3 partitions and an offset (v${isV2 ? 2 : 1}, fsync ${fsync}): all or nothing`, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-broker-txn-'))
    const args = ['--admin-port', '0', '--create', `${TOPIC}:3`, '--fsync', fsync]
    let broker = await BrokerProcess.start(dir, 0, ...args)
    const { port } = broker
    const attempts: Attempt[] = []
    let kills = 0
    try {
      for (let write = 1, wasKilled = true; wasKilled; write++) {
        wasKilled = false
        for (const tornBytes of torn) {
          await using wire = await WireClient.connect(port)
          const producer = await TransactionalClient.start(wire, ID)
          const value = `write ${write}, torn after ${tornBytes}`
          const attempt = { value, offset: attempts.length + 1, isAcknowledged: false }
          attempts.push(attempt)
          await armKill(broker.adminPort!, { atWrite: write, tornBytes, loseUnsynced })
          await transact(producer, isV2, attempt).catch(() => {})
          // What is acknowledged needed no more writes than that: the kill waits for later ones.
          if (attempt.isAcknowledged) await broker.kill()
          else assert.equal(await broker.endedBy(), 'SIGKILL')
          wasKilled ||= !attempt.isAcknowledged
          kills++
          broker = await BrokerProcess.start(dir, port, ...args)
          await check(port, attempts)
        }
      }
      const committed = await check(port, attempts)
      t.diagnostic(`${kills} kills, ${committed} of ${attempts.length} transactions committed`)
      assert.ok(kills > 8 * torn.length, 'the transaction has at least eight writes')
      assert.ok(committed > 1 && committed < attempts.length)
    } finally {
      await broker.kill()
      await rm(dir, { recursive: true, force: true })
    }
  })
}

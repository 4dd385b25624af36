import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterAdmin, KafkaOptions } from '@millrace/kafka'
import { open } from 'lmdb'
import { readCommitted, type ReadRecord } from '../streams-fixture.ts'

/** A key-value store of one task as a state directory has it. */
interface StateOnDisk {
  readonly partition: number
  /** Of its changelog: what lies before it is in the state. */
  readonly offset: number
  /** Value with its timestamp, by key. */
  readonly entries: ReadonlyMap<string, string>
}

/**
 * Compares what lies on disk with the changelog, as readers of committed records see it. By its own reading of the files, after all
 * instances have ended: each state holds exactly what its changelog has before the offset that is written beside it.
 * @param stateDirs of the instances whose stores are on disk
 * @param areAll every instance keeps its stores on disk: then whoever had a task last has all of its changelog
 */
export async function assertStateIsChangelog(
  kafka: KafkaOptions,
  applicationId: string,
  stores: readonly string[],
  stateDirs: readonly string[],
  areAll: boolean,
): Promise<void> {
  for (const store of stores) {
    const changelog = await readCommitted(kafka, `${applicationId}-${store}-changelog`)
    const states: StateOnDisk[] = []
    for (const stateDir of stateDirs)
      states.push(...(await statesIn(join(stateDir, applicationId), store)))
    for (const { partition, offset, entries } of states)
      assert.deepEqual(
        entries,
        contentOf(changelog, partition, offset),
        `state of ${store}/${partition} up to ${offset}`,
      )
    assert.ok(states.length > 0, `some instance has ${store} on disk`)
    for (const partition of areAll ? new Set(changelog.map((record) => record.partition)) : []) {
      const last = changelog.findLast((record) => record.partition === partition)?.offset ?? -1
      const furthest = Math.max(
        ...states.filter((state) => state.partition === partition).map(({ offset }) => offset),
      )
      assert.ok(furthest > last, `${store}/${partition} is on disk up to ${furthest} of ${last}`)
    }
  }
}

/** Partitions that hold records of a transaction that neither was committed nor aborted. */
export async function openTransactions(
  admin: ClusterAdmin,
  topics: readonly string[],
): Promise<readonly string[]> {
  const counts = await admin.describeTopics(topics)
  const partitions = topics.flatMap((topic) =>
    Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
  )
  const [stable, ends] = await Promise.all([
    admin.listOffsets(partitions, 'latest', 'read_committed'),
    admin.listOffsets(partitions, 'latest', 'read_uncommitted'),
  ])
  return partitions.flatMap(({ topic, partition }) => {
    const offsetIn = (rows: typeof ends) =>
      rows.find((row) => row.topic === topic && row.partition === partition)?.offset
    return offsetIn(stable) === offsetIn(ends)
      ? []
      : [`${topic}/${partition} is open from ${offsetIn(stable)} to ${offsetIn(ends)}`]
  })
}

function contentOf(
  changelog: readonly ReadRecord[],
  partition: number,
  offset: number,
): ReadonlyMap<string, string> {
  const entries = new Map<string, string>()
  for (const record of changelog)
    if (record.partition === partition && record.offset < offset)
      if (record.value === null) entries.delete(record.key)
      else entries.set(record.key, `${record.timestampMs} ${record.value.toString('hex')}`)
  return sorted(entries)
}

async function statesIn(directory: string, store: string): Promise<readonly StateOnDisk[]> {
  const states: StateOnDisk[] = []
  const tasks = existsSync(directory) ? readdirSync(directory) : []
  for (const task of tasks) {
    const partition = Number(/^\d+_(\d+)$/.exec(task)?.[1])
    if (!existsSync(join(directory, task, 'data.mdb'))) continue
    const root = open({ path: join(directory, task), readOnly: true, maxDbs: 300 })
    try {
      const facts = root.openDB<Buffer, string>({ name: ' facts', encoding: 'binary' })
      const offset = facts?.get(store)
      if (!offset) continue
      // The first byte of a key is the environment's, the first eight of a value are its timestamp.
      const rows = root.openDB<Buffer, Buffer>({
        name: store,
        encoding: 'binary',
        keyEncoding: 'binary',
      })
      const entries = new Map<string, string>()
      for (const { key, value } of rows.getRange({}))
        entries.set(
          key.subarray(1).toString(),
          `${value.readBigInt64BE(0)} ${value.toString('hex', 8)}`,
        )
      states.push({ partition, offset: offset.readDoubleBE(), entries: sorted(entries) })
    } finally {
      await root.close()
    }
  }
  return states
}

function sorted(entries: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

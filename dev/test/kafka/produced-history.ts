import assert from 'node:assert/strict'
import type { ConsumerRecord } from '@millrace/kafka'

/** What a writer knows of the records it sent together. `unknown`: no answer came, so they are there or not, but whole. */
export type Outcome = 'pending' | 'acknowledged' | 'unknown' | 'aborted'

export interface SentGroup {
  readonly writer: string
  readonly isTransaction: boolean
  /** Values by partition, in the order sent. */
  readonly values: ReadonlyMap<number, readonly string[]>
  outcome: Outcome
}

/** The test's own account of what was sent and what was promised, independent of the broker. */
export class ProducedHistory {
  readonly groups: SentGroup[] = []

  begin(writer: string, isTransaction: boolean, values: SentGroup['values']): SentGroup {
    const group: SentGroup = { writer, isTransaction, values, outcome: 'pending' }
    this.groups.push(group)
    return group
  }

  count(outcome: Outcome): number {
    return this.groups.filter((group) => group.outcome === outcome).length
  }

  /**
   * Holds the log to it. `committed` is what a read_committed reader of each partition got, from the log's start to its end, in order.
   * No acknowledged record lost, none twice, no aborted one read, no transaction torn over its partitions, and each writer's records
   * of a partition in the order sent.
   */
  check(committed: readonly (readonly string[])[]): void {
    const places = new Map<string, string>()
    for (const [partition, values] of committed.entries())
      for (const [index, value] of values.entries()) {
        assert.ok(!places.has(value), `${value} is there twice: ${places.get(value)} and now`)
        places.set(value, `partition ${partition}, record ${index}`)
      }
    const expected = new Set<string>()
    for (const group of this.groups) {
      const all = [...group.values.values()].flat()
      const found = all.filter((value) => places.has(value))
      const name = `${group.writer}: ${all[0]}… (${group.outcome})`
      if (group.outcome === 'acknowledged')
        assert.equal(
          found.length,
          all.length,
          `lost of ${name}: ${all.find((v) => !places.has(v))}`,
        )
      if (group.outcome === 'aborted') assert.deepEqual(found, [], `aborted, and read: ${name}`)
      if (group.isTransaction)
        assert.ok(found.length === 0 || found.length === all.length, `a torn transaction: ${name}`)
      for (const value of found) expected.add(value)
    }
    for (const value of places.keys())
      assert.ok(expected.has(value), `${value} was never sent: ${places.get(value)}`)
    this.#checkOrder(committed)
  }

  #checkOrder(committed: readonly (readonly string[])[]): void {
    for (const [partition, values] of committed.entries()) {
      const sent = Map.groupBy(this.groups, ({ writer }) => writer)
      const writers = Map.groupBy(values, (value) => value.slice(0, value.indexOf('/')))
      for (const [writer, own] of writers) {
        const order = new Map(
          (sent.get(writer) ?? [])
            .flatMap((group) => group.values.get(partition) ?? [])
            .map((value, index) => [value, index] as const),
        )
        let last = -1
        for (const value of own) {
          const at = order.get(value) ?? -1
          assert.ok(at > last, `partition ${partition}: ${value} comes out of order`)
          last = at
        }
      }
    }
  }
}

export function textOf(record: Pick<ConsumerRecord, 'value'>): string {
  return record.value?.toString() ?? ''
}

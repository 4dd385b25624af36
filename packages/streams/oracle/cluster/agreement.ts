import { agreements, type Agreement } from './applications.ts'
import type { SeenRecord } from './read-topics.ts'

type Records = readonly SeenRecord[]

/** How far two runs agree on one topic. Offsets are not compared. */
export function agreementOf(one: Records, other: Records): Agreement {
  if (isSame(texts(one), texts(other))) return 'records'
  if (isSame(texts(one).toSorted(), texts(other).toSorted())) return 'rows'
  if (isSame(tableOf(one), tableOf(other))) return 'table'
  return 'nothing'
}

/** Whether one agreement says at least as much as another. */
export function isAtLeast(one: Agreement, other: Agreement): boolean {
  return agreements.indexOf(one) <= agreements.indexOf(other)
}

/** The last record of each key that is not a deletion, in the order of keys. */
export function tableOf(records: Records): readonly string[] {
  const last = new Map<string, SeenRecord>()
  for (const record of byPartition(records)) last.set(`${record.partition} ${record.key}`, record)
  return [...last.values()]
    .filter(({ value }) => value !== null)
    .map(textOf)
    .toSorted()
}

/** The first lines in which two runs differ, for the one who looks for the cause. */
export function firstDifference(one: Records, other: Records): string {
  const [mine, theirs] = [new Set(texts(one)), new Set(texts(other))]
  const only = (has: ReadonlySet<string>, not: ReadonlySet<string>): string =>
    [...has]
      .filter((text) => !not.has(text))
      .slice(0, 3)
      .join('\n    ') || '(none)'
  return `${one.length} and ${other.length} records; only in the first:\n    ${only(mine, theirs)}\n  only in the second:\n    ${only(theirs, mine)}`
}

function texts(records: Records): readonly string[] {
  return byPartition(records).map(textOf)
}

function byPartition(records: Records): Records {
  return records.toSorted((a, b) => a.partition - b.partition || Number(a.offset - b.offset))
}

function textOf({ partition, key, value, timestampMs, headers }: SeenRecord): string {
  return `${partition} ${key} = ${value} at ${timestampMs} [${headers}]`
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index])
}

import type { Outcome, WrittenRecord } from './scenario.ts'

/** The changelog of a suppress step: named after its place, or after the step. */
const suppressChangelog = /^oracle-(?:KTABLE-SUPPRESS-STATE-STORE-\d{10}|.*-store)-changelog$/

/**
 * What of two outcomes has to be equal. Classes of Java's errors and codes of ours have nothing in common but their place. At a commit, Java
 * writes what its suppress buffers hold in the order of a hash table, so that there only the order within a key counts.
 */
export function comparable({ error, written, ...outcome }: Outcome): unknown {
  const topics = Object.entries(written ?? {}).map(([topic, records]) => [
    topic,
    suppressChangelog.test(topic) ? byKey(records) : records,
  ])
  return {
    ...outcome,
    ...(written && { written: Object.fromEntries(topics) as unknown }),
    stoppedAt: error?.at,
  }
}

/** Sorted by key, each key's in the order of writing; their timestamp is left to the producer. */
function byKey(records: readonly WrittenRecord[]): readonly WrittenRecord[] {
  return records
    .map((record) => (record.ts === -1 ? { ...record, ts: null } : record))
    .toSorted((left, right) => compareText(left.key ?? '', right.key ?? ''))
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

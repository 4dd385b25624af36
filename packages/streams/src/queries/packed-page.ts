import type { Page, StorePosition, StoreRow } from './store-read.ts'

/**
 * A page on its way between threads. A buffer is copied with all the memory it is a view of, which may be that of a whole fetch; so the
 * rows' bytes are put together in memory of their own, and that is handed over without a copy.
 */
export interface PackedPage {
  /** Key and value of row after row. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Length of key and value of row after row. */
  readonly lengths: Uint32Array<ArrayBuffer>
  /** Timestamp, start and end of row after row. */
  readonly times: Float64Array<ArrayBuffer>
  readonly entryCount: number
  readonly isLast: boolean
  readonly positions: readonly StorePosition[]
}

export function packPage({ rows, entryCount, isLast, positions }: Page): PackedPage {
  let sizeBytes = 0
  for (const { key, value } of rows) sizeBytes += key.length + value.length
  const bytes = new Uint8Array(sizeBytes)
  const lengths = new Uint32Array(2 * rows.length)
  const times = new Float64Array(3 * rows.length)
  let at = 0
  for (const [index, { key, value, timestamp, startMs, endMs }] of rows.entries()) {
    bytes.set(key, at)
    bytes.set(value, at + key.length)
    at += key.length + value.length
    lengths.set([key.length, value.length], 2 * index)
    times.set([timestamp, startMs, endMs], 3 * index)
  }
  return { bytes, lengths, times, entryCount, isLast, positions }
}

export function unpackPage(packed: PackedPage): Page {
  const { bytes, lengths, times, entryCount, isLast, positions } = packed
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const rows: StoreRow[] = []
  let at = 0
  for (let index = 0; 2 * index < lengths.length; index++) {
    const valueAt = at + (lengths[2 * index] as number)
    const end = valueAt + (lengths[2 * index + 1] as number)
    rows.push({
      key: all.subarray(at, valueAt),
      value: all.subarray(valueAt, end),
      timestamp: times[3 * index] as number,
      startMs: times[3 * index + 1] as number,
      endMs: times[3 * index + 2] as number,
    })
    at = end
  }
  return { rows, entryCount, isLast, positions }
}

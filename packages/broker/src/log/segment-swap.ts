import { join } from 'node:path'
import type { Disk } from './disk.ts'
import { segmentBaseOffset, segmentName, type Segment } from './segment.ts'

/*
 * How compaction puts one new segment in the place of some old ones, so that a crash at any instant leaves all of the old or the new
 * (Kafka: UnifiedLog.replaceSegments; there `.cleaned`, `.swap` and `.deleted`).
 *
 * 1. `<from>-<to>.cleaned` is written and synced. Until the next step recovery throws it away.
 * 2. It is renamed to `<from>-<to>.swap`: from now on it is the truth about the offsets `from` up to, not including, `to`.
 * 3. The old segments of that range go, with their indexes.
 * 4. The file is renamed to `<from>.log`. Recovery repeats 3 and 4 for every `.swap` it finds.
 */

const SWAP = /^(\d{20})-(\d{20})\.swap$/

/** Name of the file that is to hold the offsets `from` up to, not including, `to`. */
export function cleanedFileName(from: number, to: number): string {
  return `${segmentName(from)}-${segmentName(to)}.cleaned`
}

/**
 * Steps 2 to 4. The cleaned segment is whole and synced.
 * @param to where the range of the old segments ends
 * @param isDurable each step must survive a power cut before the next one
 */
export function swapSegments(
  disk: Disk,
  directory: string,
  old: readonly Segment[],
  cleaned: Segment,
  to: number,
  isDurable: boolean,
): void {
  const settle = (): void => {
    if (isDurable) disk.syncDirectory(directory)
  }
  cleaned.renameTo(cleanedFileName(cleaned.baseOffset, to).replace(/cleaned$/, 'swap'))
  settle()
  for (const segment of old) segment.remove()
  settle()
  // Its index is not stored yet: none is found and it is built anew.
  cleaned.renameTo(`${segmentName(cleaned.baseOffset)}.log`)
  settle()
}

/** What recovery does before it looks at the segments: ends every swap that was begun, and removes what was still being written. */
export function finishSwaps(disk: Disk, directory: string): void {
  const names = disk.list(directory)
  for (const name of names) {
    if (name.endsWith('.cleaned')) disk.remove(join(directory, name))
    const range = SWAP.exec(name)
    if (range === null) continue
    const from = Number(range[1])
    const to = Number(range[2])
    for (const other of names) {
      const baseOffset = segmentBaseOffset(other)
      if (baseOffset === undefined || baseOffset < from || baseOffset >= to) continue
      disk.remove(join(directory, other))
      disk.remove(join(directory, `${segmentName(baseOffset)}.index`))
    }
    // A crash may have come between the removal of a segment and of its index.
    disk.remove(join(directory, `${segmentName(from)}.index`))
    disk.syncDirectory(directory)
    disk.rename(join(directory, name), join(directory, `${segmentName(from)}.log`))
    disk.syncDirectory(directory)
  }
}

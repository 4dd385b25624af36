/**
 * The note beside a committed offset, in the form of Java's `TopicPartitionMetadata` version 2: base64 of one byte 2, the partition's time
 * as int64, and, where there are any, the operators' own numbers: int32 count, then {int32 length, name, int64} for each. Without it event
 * time would begin anew at -1 after every rebalance (trap 42).
 */
export interface CommitMetadata {
  /** Largest timestamp taken from the partition; -1 for none. */
  readonly partitionTime: number
  readonly numbers: ReadonlyMap<string, number>
}

const version = 2
/** Brokers refuse longer notes (`offset.metadata.max.bytes`): numbers that have no room are left out, the last ones first. */
const maxTextLength = 4_096
const maxBytes = (maxTextLength / 4) * 3
const none: CommitMetadata = { partitionTime: -1, numbers: new Map() }

export function encodeCommitMetadata({ partitionTime, numbers }: CommitMetadata): string {
  const names: Buffer[] = []
  let sizeBytes = numbers.size > 0 ? 13 : 9
  for (const name of numbers.keys()) {
    const bytes = Buffer.from(name, 'utf8')
    if (sizeBytes + 12 + bytes.length > maxBytes) break
    sizeBytes += 12 + bytes.length
    names.push(bytes)
  }
  const bytes = Buffer.alloc(sizeBytes)
  bytes.writeUInt8(version)
  bytes.writeBigInt64BE(BigInt(partitionTime), 1)
  if (names.length > 0) {
    let at = bytes.writeInt32BE(names.length, 9)
    const values = numbers.values()
    for (const name of names) {
      const value = values.next().value ?? -1
      at = bytes.writeInt32BE(name.length, at)
      at += name.copy(bytes, at)
      at = bytes.writeBigInt64BE(BigInt(value), at)
    }
  }
  return bytes.toString('base64')
}

/** A note of another kind (of another client, or none) counts as none: time begins anew, as in Java. */
export function decodeCommitMetadata(text: string | null): CommitMetadata {
  if (!text) return none
  const bytes = Buffer.from(text, 'base64')
  try {
    const found = bytes.readUInt8()
    if (found !== 1 && found !== version) return none
    const partitionTime = Number(bytes.readBigInt64BE(1))
    return { partitionTime, numbers: found === version ? numbersOf(bytes, 9) : new Map() }
  } catch (error) {
    if (error instanceof RangeError) return none
    throw error
  }
}

function numbersOf(bytes: Buffer, from: number): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>()
  if (bytes.length === from) return numbers
  const count = bytes.readInt32BE(from)
  let at = from + 4
  for (let index = 0; index < count; index++) {
    const length = bytes.readInt32BE(at)
    const name = bytes.toString('utf8', at + 4, at + 4 + length)
    numbers.set(name, Number(bytes.readBigInt64BE(at + 4 + length)))
    at += 12 + length
  }
  return numbers
}

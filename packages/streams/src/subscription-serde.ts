import type { Serde } from './serde.ts'

/** What the right side of a foreign-key join is to do about a row of the left; bytes of the format. */
export const Instruction = {
  /** Forget it. */
  DELETE: 0,
  /** Forget it, and answer that there is nothing. */
  DELETE_AND_ANSWER: 1,
  /** Remember it, and answer in any case. */
  ANSWER: 2,
  /** Remember it, and answer if there is something. */
  ANSWER_IF_FOUND: 3,
} as const
export type Instruction = (typeof Instruction)[keyof typeof Instruction]

/** A row of the left table, as the right side of a foreign-key join knows it. */
export interface Subscription<K> {
  /** Of the row's value, 16 bytes; null where the row was deleted. */
  readonly hash: Buffer | null
  readonly instruction: Instruction
  readonly primaryKey: K
  /** Where the row lies, so that the answer finds it whatever partitioned the table; undefined in records of Kafka Streams before 3.4. */
  readonly primaryPartition: number | undefined
}

/** What the right side has for a row of the left. */
export interface SubscriptionResponse<V> {
  /** Of the row's value when it subscribed. */
  readonly hash: Buffer | null
  readonly value: V | null
  /** Not written: it says where. */
  readonly primaryPartition: number | undefined
}

const version = 1
const noHash = 0x80
const hashBytes = 16

/**
 * Byte version (bit 7: no hash), byte instruction, the hash, the primary key, int32 partition.
 * @see Kafka Streams `SubscriptionWrapperSerde`
 */
export function subscriptionSerde<K>(key: Serde<K>): Serde<Subscription<K>> {
  return {
    serialize({ hash, instruction, primaryKey, primaryPartition = 0 }) {
      const partition = Buffer.allocUnsafe(4)
      partition.writeInt32BE(primaryPartition)
      const head = Buffer.of(hash ? version : version | noHash, instruction)
      return Buffer.concat([head, hash ?? Buffer.of(), key.serialize(primaryKey), partition])
    },
    deserialize(bytes) {
      const { hash, end } = readHash(bytes, 2)
      const instruction = bytes[1] as Instruction
      if (instruction > Instruction.ANSWER_IF_FOUND)
        throw new RangeError(`A subscription has the instruction ${instruction}; 0 to 3 are known.`)
      const hasPartition = versionOf(bytes) > 0
      const keyEnd = bytes.length - (hasPartition ? 4 : 0)
      if (keyEnd < end)
        throw new RangeError(`${bytes.length} bytes are too few for a subscription.`)
      return {
        hash,
        instruction,
        primaryKey: key.deserialize(bytes.subarray(end, keyEnd)),
        primaryPartition: hasPartition ? bytes.readInt32BE(keyEnd) : undefined,
      }
    },
  }
}

/**
 * Byte version (bit 7: no hash), the hash, the right side's value; no bytes are none, so that a value without bytes is none too, as in Java.
 * @see Kafka Streams `SubscriptionResponseWrapperSerde`
 */
export function subscriptionResponseSerde<V>(inner: Serde<V>): Serde<SubscriptionResponse<V>> {
  return {
    serialize({ hash, value }) {
      const head = Buffer.of(hash ? 0 : noHash)
      return Buffer.concat([
        head,
        hash ?? Buffer.of(),
        value === null ? Buffer.of() : inner.serialize(value),
      ])
    },
    deserialize(bytes) {
      const { hash, end } = readHash(bytes, 1)
      const value = bytes.length > end ? inner.deserialize(bytes.subarray(end)) : null
      return { hash, value, primaryPartition: undefined }
    },
  }
}

function versionOf(bytes: Buffer): number {
  return (bytes[0] ?? 0) & 0x7f
}

function readHash(
  bytes: Buffer,
  at: number,
): { readonly hash: Buffer | null; readonly end: number } {
  if (versionOf(bytes) > version)
    throw new RangeError(`Version ${versionOf(bytes)} of a subscription is not known.`)
  const hasHash = bytes.length > 0 && ((bytes[0] as number) & noHash) === 0
  const end = hasHash ? at + hashBytes : at
  if (bytes.length < end)
    throw new RangeError(`${bytes.length} bytes are too few for a subscription.`)
  return { hash: hasHash ? bytes.subarray(at, end) : null, end }
}

import type { Serde } from '@millrace/streams'

/** An order and when its time is over: bytes in the order of the times, then of the ids. */
export interface DueKey {
  /** ms, integer >= 0 */
  readonly dueMs: number
  readonly orderId: bigint
}

const sizeBytes = 16

export const dueKeySerde: Serde<DueKey> = {
  // People who look into the store write a key as JSON, which has the id as text.
  serialize({ dueMs, orderId }: Pick<DueKey, 'dueMs'> & { readonly orderId: bigint | string }) {
    const bytes = Buffer.allocUnsafe(sizeBytes)
    bytes.writeBigUInt64BE(BigInt(dueMs))
    bytes.writeBigInt64BE(BigInt(orderId), 8)
    return bytes
  },
  deserialize(bytes) {
    if (bytes.length !== sizeBytes)
      throw new RangeError(`${bytes.length} bytes where ${sizeBytes} are expected.`)
    return { dueMs: Number(bytes.readBigUInt64BE(0)), orderId: bytes.readBigInt64BE(8) }
  },
}

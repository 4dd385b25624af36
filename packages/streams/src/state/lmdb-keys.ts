/** Below every key. */
export const beforeAllKeys = Buffer.alloc(0)
/** Above every key: the one object that is encoded with another first byte. */
export const afterAllKeys = Buffer.alloc(0)

/** LMDB has no empty keys: each gets a byte in front, which leaves their order as it is. */
export const keyEncoder = {
  writeKey(key: Buffer, target: Buffer, position: number): number {
    target[position] = key === afterAllKeys ? 2 : 1
    target.set(key, position + 1)
    return position + 1 + key.length
  },
  readKey: (source: Buffer, start: number, end: number): Buffer =>
    Buffer.from(source.subarray(start + 1, end)),
}

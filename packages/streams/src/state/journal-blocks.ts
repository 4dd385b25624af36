import { crc32 } from 'node:zlib'

/** A block is closed before it would be larger, unless its one row is. LMDB wants the pages of a block beside one another. */
const blockBytes = 65_000
const crcBytes = 4
const maxFreeBlocks = 16
/** int32 size of the key, int32 size of the value (-1: none), float64 timestamp. */
const rowHeadBytes = 16

/** Memory of blocks that nobody needs any more, for the next: megabytes a second else, each of which V8 has to collect. */
export class BlockMemory {
  readonly #free: Buffer[] = []

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(blockBytes)
  }

  giveBack(block: Buffer): void {
    if (block.buffer.byteLength === blockBytes && this.#free.length < maxFreeBlocks)
      this.#free.push(Buffer.from(block.buffer))
  }
}

/** Packs rows into blocks: CRC-32 of what follows, then the rows. */
export class JournalBlocks {
  readonly #memory: BlockMemory
  #full: Buffer[] = []
  #bytes: Buffer | undefined
  #view: DataView = emptyView
  #at = 0
  #sizeBytes = 0

  constructor(memory: BlockMemory) {
    this.#memory = memory
  }

  /** Of what was appended. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** @param value text stands for its UTF-8 */
  append(key: Buffer, value: Buffer | string | null, timestamp: number): void {
    const valueSize = value === null ? 0 : Buffer.byteLength(value)
    const size = rowHeadBytes + key.length + valueSize
    const bytes = this.#room(size)
    const view = this.#view
    const at = this.#at
    view.setInt32(at, key.length)
    view.setInt32(at + 4, value === null ? -1 : valueSize)
    view.setFloat64(at + 8, timestamp)
    const valueAt = at + rowHeadBytes + key.length
    put(bytes, at + rowHeadBytes, key)
    if (typeof value === 'string') bytes.write(value, valueAt, valueSize, 'utf8')
    else if (value !== null) put(bytes, valueAt, value)
    this.#at = at + size
    this.#sizeBytes += size
  }

  /** The blocks of all rows; nothing is appended afterwards. */
  finish(): readonly Buffer[] {
    this.#close()
    return this.#full
  }

  /** Gives the memory back; what `finish` gave is overwritten from now on. */
  release(): void {
    if (this.#bytes) this.#memory.giveBack(this.#bytes)
    this.#bytes = undefined
    for (const block of this.#full) this.#memory.giveBack(block)
    this.#full = []
  }

  #room(size: number): Buffer {
    if (this.#bytes && this.#at + size <= this.#bytes.length) return this.#bytes
    this.#close()
    const isUsual = crcBytes + size <= blockBytes
    const bytes = isUsual ? this.#memory.take() : Buffer.allocUnsafeSlow(crcBytes + size)
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#at = crcBytes
    return bytes
  }

  #close(): void {
    if (!this.#bytes) return
    const block = this.#bytes.subarray(0, this.#at)
    block.writeUInt32BE(crc32(block.subarray(crcBytes)))
    this.#full.push(block)
    this.#bytes = undefined
  }
}

/** So few bytes are sooner copied one by one than by a call of V8's. */
const fewBytes = 32

function put(target: Buffer, at: number, bytes: Buffer): void {
  const { length } = bytes
  if (length > fewBytes) target.set(bytes, at)
  else for (let index = 0; index < length; index++) target[at + index] = bytes[index] as number
}

const emptyView = new DataView(new ArrayBuffer(0))

/**
 * Shows the rows of a block.
 * @throws RangeError where it is not as it was written
 */
export function readBlock(
  block: Buffer,
  visit: (key: Buffer, value: Buffer | null, timestamp: number) => void,
): void {
  if (block.length < crcBytes || block.readUInt32BE() !== crc32(block.subarray(crcBytes)))
    throw new RangeError(`A block of ${block.length} bytes that its CRC does not fit.`)
  for (let at = crcBytes; at < block.length;) {
    const keyAt = at + rowHeadBytes
    const valueAt = keyAt + block.readInt32BE(at)
    const valueSize = block.readInt32BE(at + 4)
    at = valueAt + Math.max(0, valueSize)
    visit(
      block.subarray(keyAt, valueAt),
      valueSize < 0 ? null : block.subarray(valueAt, at),
      block.readDoubleBE(keyAt - 8),
    )
  }
}

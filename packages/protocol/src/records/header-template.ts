import { putVarint, varintBytes } from './varint.ts'

/**
 * Headers of a record in their final form: their count, then names and values. `RecordBatchBuilder.add` copies them as they are.
 * Good until the next batch is built of them; never changed.
 */
export type EncodedHeaders = Uint8Array

const shortTextLength = 64

/**
 * Headers with fixed names and short texts as values, encoded at a fraction of the general way's cost: names are bytes already, and a
 * value of less than 64 ASCII characters needs no counting. Not re-entrant.
 */
export class HeaderTemplate {
  /** Each with its length before it. */
  readonly #names: readonly Buffer[]
  #buffer = Buffer.allocUnsafeSlow(1024)

  constructor(names: readonly string[]) {
    this.#names = names.map((name) => {
      const length = Buffer.byteLength(name)
      const bytes = Buffer.alloc(varintBytes(length) + length)
      bytes.write(name, putVarint(bytes, 0, length))
      return bytes
    })
  }

  /** @param values as many as there are names, in their order */
  encode(values: readonly string[]): EncodedHeaders {
    const names = this.#names
    let at = putVarint(this.#buffer, 0, names.length)
    for (let index = 0; index < names.length; index++)
      at = this.#put(at, names[index] as Buffer, values[index] as string)
    return Buffer.from(this.#buffer.subarray(0, at))
  }

  #put(from: number, name: Buffer, value: string): number {
    this.#reserve(from + name.length + value.length * 3 + 5)
    const buffer = this.#buffer
    buffer.set(name, from)
    const at = from + name.length
    if (value.length < shortTextLength) {
      const written = buffer.write(value, at + 1, 'utf8')
      if (written < shortTextLength) {
        // Zigzag, one byte.
        buffer[at] = written << 1
        return at + 1 + written
      }
    }
    const valueAt = putVarint(buffer, at, Buffer.byteLength(value))
    return valueAt + buffer.write(value, valueAt, 'utf8')
  }

  #reserve(sizeBytes: number): void {
    if (sizeBytes <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(sizeBytes * 2)
    this.#buffer.copy(grown)
    this.#buffer = grown
  }
}

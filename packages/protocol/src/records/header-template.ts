import { putVarint, varintBytes } from './varint.ts'

/**
 * Headers of a record in their final form: their count, then names and values; as bytes, or as a text of a character per byte.
 * `RecordBatchBuilder.add` copies them as they are.
 */
export type EncodedHeaders = Uint8Array | string

const shortTextLength = 64

/** Zigzag, one byte, of a length below 64. */
const shortLengths = Array.from({ length: shortTextLength }, (_, length) =>
  String.fromCharCode(length << 1),
)

/**
 * Headers with fixed names and short texts as values, encoded at a fraction of the general way's cost: where all is ASCII and shorter than
 * 64 characters, the headers are one text, put together of what is there and written at once. Not re-entrant.
 */
export class HeaderTemplate {
  /** Each with its length before it. */
  readonly #names: readonly Buffer[]
  /** The same as texts; none where one is long or not ASCII. */
  readonly #shortNames: readonly string[] | undefined
  #buffer = Buffer.allocUnsafeSlow(1024)

  constructor(names: readonly string[]) {
    this.#names = names.map((name) => {
      const length = Buffer.byteLength(name)
      const bytes = Buffer.alloc(varintBytes(length) + length)
      bytes.write(name, putVarint(bytes, 0, length))
      return bytes
    })
    const isShort = [...names, { length: names.length }].every(
      ({ length }) => length < shortTextLength,
    )
    if (isShort && isAscii(names.join('')))
      this.#shortNames = names.map((name) => `${shortLengths[name.length]}${name}`)
  }

  /** @param values as many as there are names, in their order */
  encode(values: readonly string[]): EncodedHeaders {
    return this.#encodeShort(values) ?? this.#encodeAny(values)
  }

  #encodeShort(values: readonly string[]): string | undefined {
    const names = this.#shortNames
    if (!names) return undefined
    let text = shortLengths[names.length] as string
    for (let index = 0; index < names.length; index++) {
      const value = values[index] as string
      if (value.length >= shortTextLength) return undefined
      text += (names[index] as string) + (shortLengths[value.length] as string) + value
    }
    return isAscii(text) ? text : undefined
  }

  #encodeAny(values: readonly string[]): Uint8Array {
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

/** Every other character takes more than one byte in UTF-8. */
function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

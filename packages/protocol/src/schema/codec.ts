import type { ByteReader } from '../byte-reader.ts'
import type { ByteWriter } from '../byte-writer.ts'

/** Reads and writes a type in one version. Compiled code is not typed by field: the types stand in `fields.ts`. */
export interface Codec {
  readonly read: (reader: ByteReader) => unknown
  readonly write: (writer: ByteWriter, value: unknown) => void
  readonly isDefault: (value: unknown) => boolean
  /** Least bytes a value takes: bounds the element count that an array may claim. */
  readonly minBytes: number
  /** What an absent field is read as. */
  readonly absent: unknown
}

export interface CodecContext {
  readonly version: number
  /** KIP-482: compact lengths, and a tag section at the end of each structure. */
  readonly flexible: boolean
}

import { zeroUuid, type ByteReader } from '../byte-reader.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { ProtocolError } from '../errors.ts'
import type { ScalarKind } from './fields.ts'
import type { Codec, CodecContext } from './codec.ts'

/** Codec of anything that is neither a list nor a structure. */
export function scalarCodec(
  kind: ScalarKind,
  { flexible }: CodecContext,
  nullable: boolean,
): Codec {
  if (kind === 'string') return orNull(nullable, 'a string', flexible ? compactText : classicText)
  if (kind === 'bytes') return orNull(nullable, 'bytes', bytesCodec(flexible))
  if (kind === 'records') return orNull(nullable, 'records', recordsCodec(flexible))
  return fixedCodecs[kind]
}

const classicText: Codec = {
  read: (reader) => reader.string(),
  write: (writer, value) => writer.string(value as string | null),
  isDefault: (value) => value === '',
  minBytes: 2,
  absent: '',
}

const compactText: Codec = {
  ...classicText,
  read: (reader) => reader.compactString(),
  write: (writer, value) => writer.compactString(value as string | null),
  minBytes: 1,
}

function bytesCodec(flexible: boolean): Codec {
  return {
    read: flexible ? (reader) => reader.compactBytes() : (reader) => reader.bytes(),
    write: flexible
      ? (writer, value) => writer.compactBytes(value as Uint8Array | null)
      : (writer, value) => writer.bytes(value as Uint8Array | null),
    isDefault: (value) => value !== null && (value as Uint8Array).length === 0,
    minBytes: flexible ? 1 : 4,
    absent: noBytes,
  }
}

function recordsCodec(flexible: boolean): Codec {
  return {
    ...bytesCodec(flexible),
    write: (writer, value) => writeRecords(writer, value as RecordsInput, flexible),
    isDefault: (value) => value === null,
    absent: null,
  }
}

type RecordsInput = Uint8Array | readonly Uint8Array[] | null

const noBytes = Buffer.alloc(0)

const fixedCodecs: Readonly<Record<Exclude<ScalarKind, 'string' | 'bytes' | 'records'>, Codec>> = {
  bool: {
    read: (reader) => reader.bool(),
    write: (writer, value) => writer.bool(value as boolean),
    isDefault: (value) => value === false,
    minBytes: 1,
    absent: false,
  },
  int8: integer(
    1,
    -0x80,
    0x7f,
    (reader) => reader.int8(),
    (writer, value) => writer.int8(value),
  ),
  int16: integer(
    2,
    -0x8000,
    0x7fff,
    (reader) => reader.int16(),
    (writer, value) => writer.int16(value),
  ),
  int32: integer(
    4,
    -0x8000_0000,
    0x7fff_ffff,
    (reader) => reader.int32(),
    (writer, value) => writer.int32(value),
  ),
  int64: {
    read: (reader) => reader.int64(),
    write: (writer, value) => writer.int64(value as bigint),
    isDefault: (value) => value === 0n,
    minBytes: 8,
    absent: 0n,
  },
  float64: {
    read: (reader) => reader.float64(),
    write: (writer, value) => writer.float64(value as number),
    isDefault: (value) => value === 0,
    minBytes: 8,
    absent: 0,
  },
  uuid: {
    read: (reader) => reader.uuid(),
    write: (writer, value) => writer.uuid(value as string),
    isDefault: (value) => value === zeroUuid,
    minBytes: 16,
    absent: zeroUuid,
  },
}

function integer(
  minBytes: number,
  least: number,
  most: number,
  read: (reader: ByteReader) => number,
  write: (writer: ByteWriter, value: number) => void,
): Codec {
  return {
    read,
    write: (writer, value) => {
      const number = value as number
      if (!Number.isInteger(number) || number < least || number > most) {
        throw new ProtocolError(
          'MR_PROTOCOL_OUT_OF_RANGE',
          `${String(value)} is not an integer from ${least} to ${most}.`,
          { value, least, most },
        )
      }
      write(writer, number)
    },
    isDefault: (value) => value === 0,
    minBytes,
    absent: 0,
  }
}

function orNull(nullable: boolean, what: string, codec: Codec): Codec {
  if (nullable) return codec
  return {
    ...codec,
    read: (reader) =>
      codec.read(reader) ??
      reader.fail('MR_PROTOCOL_UNEXPECTED_NULL', 'null, which this version does not allow'),
    write: (writer, value) => {
      if (value === null) {
        throw new ProtocolError(
          'MR_PROTOCOL_UNEXPECTED_NULL',
          `Cannot write null for ${what}: this version does not allow it. Give a value or use a version that allows null.`,
        )
      }
      codec.write(writer, value)
    },
  }
}

function writeRecords(writer: ByteWriter, value: RecordsInput, flexible: boolean): void {
  const pieces = value instanceof Uint8Array ? [value] : value
  const length = pieces === null ? -1 : pieces.reduce((sum, piece) => sum + piece.length, 0)
  if (flexible) writer.uvarint(length + 1)
  else writer.int32(length)
  if (pieces !== null) for (const piece of pieces) writer.append(piece)
}

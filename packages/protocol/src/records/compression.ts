import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { ProtocolError } from '../errors.ts'
import { lz4Compress, lz4Decompress } from './lz4.ts'
import { snappyCompress, snappyDecompress } from './snappy.ts'

/** Codec numbers as they stand in a batch's attributes. */
export const compressionCodecs = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const

export type CompressionName = keyof typeof compressionCodecs

/** Most bytes that the records of one batch may unpack to, unless told otherwise: 100 MiB. */
export const maxDecompressedBytes = 104_857_600

interface CodecFunctions {
  readonly name: CompressionName
  readonly pack: (bytes: Uint8Array) => Buffer
  readonly unpack: (bytes: Uint8Array, maxBytes: number) => Buffer
}

const codecs: readonly CodecFunctions[] = [
  { name: 'none', pack: asBuffer, unpack: asBuffer },
  {
    name: 'gzip',
    pack: (bytes) => gzipSync(bytes),
    unpack: (bytes, maxBytes) => gunzipSync(bytes, { maxOutputLength: maxBytes }),
  },
  { name: 'snappy', pack: snappyCompress, unpack: snappyDecompress },
  { name: 'lz4', pack: lz4Compress, unpack: lz4Decompress },
  {
    name: 'zstd',
    pack: (bytes) => zstdCompressSync(bytes),
    unpack: (bytes, maxBytes) => zstdDecompressSync(bytes, { maxOutputLength: maxBytes }),
  },
]

/** @throws ProtocolError `MR_PROTOCOL_UNSUPPORTED_COMPRESSION` for a number that is no codec */
export function compress(codec: number, bytes: Uint8Array): Buffer {
  return functionsOf(codec).pack(bytes)
}

/**
 * Unpacks what follows a batch's header.
 * @param maxBytes most bytes it may become
 * @throws ProtocolError `MR_PROTOCOL_DECOMPRESSION_FAILED`, `MR_PROTOCOL_UNSUPPORTED_COMPRESSION`
 */
export function decompress(
  codec: number,
  bytes: Uint8Array,
  maxBytes = maxDecompressedBytes,
): Buffer {
  const { name, unpack } = functionsOf(codec)
  try {
    return unpack(bytes, maxBytes)
  } catch (error) {
    if (error instanceof ProtocolError) throw error
    throw new ProtocolError(
      'MR_PROTOCOL_DECOMPRESSION_FAILED',
      `${bytes.length} bytes of ${name} cannot be unpacked into at most ${maxBytes} bytes. None of the batch's records was taken.`,
      { codec: name, sizeBytes: bytes.length, maxBytes },
      { cause: error },
    )
  }
}

function functionsOf(codec: number): CodecFunctions {
  const functions = codecs[codec]
  if (functions === undefined) {
    throw new ProtocolError(
      'MR_PROTOCOL_UNSUPPORTED_COMPRESSION',
      `Codec ${codec} is none that Kafka defines (0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd).`,
      { codec },
    )
  }
  return functions
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

import { crc32 } from 'node:zlib'

/** Size and CRC-32 of the body, both u32. */
export const FRAME_HEADER_BYTES = 8

/** A JSON value as the broker keeps its own state on disk: length, checksum, text. A torn or flipped frame is recognised. */
export function encodeFrame(value: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(value))
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + body.length)
  frame.writeUInt32BE(body.length, 0)
  frame.writeUInt32BE(crc32(body), 4)
  body.copy(frame, FRAME_HEADER_BYTES)
  return frame
}

/** The value of the frame at `at` and where the next begins; undefined when it is torn or damaged. */
export function decodeFrame(
  bytes: Buffer,
  at: number,
): { readonly value: unknown; readonly next: number } | undefined {
  if (at + FRAME_HEADER_BYTES > bytes.length) return undefined
  const next = at + FRAME_HEADER_BYTES + bytes.readUInt32BE(at)
  if (next > bytes.length) return undefined
  const body = bytes.subarray(at + FRAME_HEADER_BYTES, next)
  if (crc32(body) !== bytes.readUInt32BE(at + 4)) return undefined
  try {
    return { value: JSON.parse(body.toString()), next }
  } catch {
    // An all-zero header has the right checksum of an empty body, which is no JSON.
    return undefined
  }
}

/**
 * CRC32C (Castagnoli), as record batches carry it; zlib's crc32 is another polynomial. Slicing-by-16: sixteen tables of 256 entries
 * take sixteen bytes a step, read as four numbers through a DataView, which need not be aligned. Measured on one core, in MiB per CPU
 * second: slicing-by-8 byte by byte 560, by 8 through a DataView 1,390, by 16 so 1,800, a library in WebAssembly 1,300.
 */
const slices = 16
/** One after the other: the entry of slice k for a byte stands at 256 k + byte. */
const table = makeTable()

/** CRC32C of the bytes from `from` to `end` (exclusive), unsigned. `seed` continues the checksum of the bytes before. */
export function crc32c(bytes: Uint8Array, from = 0, end = bytes.length, seed = 0): number {
  const t = table
  let crc = ~seed
  let at = from
  if (end - from >= slices) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (const stop = end - slices; at <= stop; at += slices) {
      const a = crc ^ view.getInt32(at, true)
      const b = view.getInt32(at + 4, true)
      const c = view.getInt32(at + 8, true)
      const d = view.getInt32(at + 12, true)
      crc =
        t[0xf00 + (a & 0xff)]! ^
        t[0xe00 + ((a >>> 8) & 0xff)]! ^
        t[0xd00 + ((a >>> 16) & 0xff)]! ^
        t[0xc00 + (a >>> 24)]! ^
        t[0xb00 + (b & 0xff)]! ^
        t[0xa00 + ((b >>> 8) & 0xff)]! ^
        t[0x900 + ((b >>> 16) & 0xff)]! ^
        t[0x800 + (b >>> 24)]! ^
        t[0x700 + (c & 0xff)]! ^
        t[0x600 + ((c >>> 8) & 0xff)]! ^
        t[0x500 + ((c >>> 16) & 0xff)]! ^
        t[0x400 + (c >>> 24)]! ^
        t[0x300 + (d & 0xff)]! ^
        t[0x200 + ((d >>> 8) & 0xff)]! ^
        t[0x100 + ((d >>> 16) & 0xff)]! ^
        t[d >>> 24]!
    }
  }
  for (; at < end; at++) crc = t[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

function makeTable(): Int32Array {
  const all = new Int32Array(slices * 256)
  for (let n = 0; n < 256; n++) {
    let crc = n
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    all[n] = crc
  }
  for (let at = 256; at < all.length; at++) {
    const before = all[at - 256]!
    all[at] = all[before & 0xff]! ^ (before >>> 8)
  }
  return all
}

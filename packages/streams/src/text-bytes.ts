/** So few units are written sooner one by one than by a call of V8's. */
const fewUnits = 32

/** The UTF-8 of a text, with `room` bytes behind it that the caller fills. Lone surrogates become U+FFFD, as everywhere in Node. */
export function textBytes(text: string, room: number): Buffer {
  return shortAsciiBytes(text, room) ?? anyTextBytes(text, room)
}

function shortAsciiBytes(text: string, room: number): Buffer | undefined {
  const { length } = text
  if (length > fewUnits) return undefined
  const bytes = Buffer.allocUnsafe(length + room)
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at)
    if (unit > 0x7f) return undefined
    bytes[at] = unit
  }
  return bytes
}

function anyTextBytes(text: string, room: number): Buffer {
  const size = Buffer.byteLength(text, 'utf8')
  const bytes = Buffer.allocUnsafe(size + room)
  bytes.write(text, 0, size, 'utf8')
  return bytes
}

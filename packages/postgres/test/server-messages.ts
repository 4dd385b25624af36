/** What a server says, byte by byte, for tests that play one. */

/** A message of the server: its type, its length with the four bytes of the length, its body. */
export function serverMessage(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

export const ready = serverMessage('Z', Buffer.from('I'))
/** The client is who it says, and may ask. */
export const greeting = Buffer.concat([serverMessage('R', Buffer.alloc(4)), ready])

/** What no client of Kafka sends, byte by byte; both brokers close the connection without an answer. */
export const badFrames: readonly { readonly name: string; readonly bytes: Buffer }[] = [
  { name: 'HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n') },
  { name: 'a greeting of TLS', bytes: Buffer.from('16030102000100', 'hex') },
  { name: 'a frame of -1 bytes', bytes: Buffer.from('ffffffff', 'hex') },
  { name: 'a frame of 2 GB', bytes: Buffer.from('7fffffff', 'hex') },
  { name: 'a frame of 0 bytes', bytes: Buffer.from('00000000', 'hex') },
  { name: 'a frame that ends in its header', bytes: Buffer.from('000000040003000c', 'hex') },
  { name: 'an unknown key', bytes: Buffer.from('0000000a03e70000000000010000', 'hex') },
  { name: 'a key below 0', bytes: Buffer.from('0000000affff0000000000010000', 'hex') },
  { name: 'an unknown version', bytes: Buffer.from('0000000a000003e7000000010000', 'hex') },
  { name: 'a version below 0', bytes: Buffer.from('0000000a0003ffff000000010000', 'hex') },
  { name: 'a body that ends early', bytes: Buffer.from('0000000a00030001000000010000', 'hex') },
  {
    name: 'an array of 2 billion elements',
    bytes: Buffer.from('0000000e000300010000000100007fffffff', 'hex'),
  },
  {
    name: 'text of -2 bytes',
    bytes: Buffer.from('000000100003000100000001000000000001fffe', 'hex'),
  },
]

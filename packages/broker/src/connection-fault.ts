/** Thrown where Kafka closes the connection without an answer. */
export class ConnectionFault extends Error {
  override readonly name = 'ConnectionFault'
}

import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'

/** What stands before every request's body. Version 1 and, with an empty tag section, 2 (KIP-482). */
export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
}

/**
 * Reads a request header. Key and version tell the header's own version, hence the callback.
 * The client id keeps its classic length in version 2 as well, so that old brokers can read any ApiVersions request.
 * @param headerVersionOf of the API named; may throw for an unknown one
 */
export function readRequestHeader(
  reader: ByteReader,
  headerVersionOf: (apiKey: number, apiVersion: number) => 1 | 2,
): RequestHeader {
  reader.field = 'request header'
  const apiKey = reader.int16()
  const apiVersion = reader.int16()
  const correlationId = reader.int32()
  const headerVersion = headerVersionOf(apiKey, apiVersion)
  const clientId = reader.string()
  if (headerVersion === 2) skipTags(reader)
  return { apiKey, apiVersion, correlationId, clientId }
}

export function writeRequestHeader(
  writer: ByteWriter,
  headerVersion: 1 | 2,
  header: RequestHeader,
): void {
  writer.int16(header.apiKey)
  writer.int16(header.apiVersion)
  writer.int32(header.correlationId)
  writer.string(header.clientId)
  if (headerVersion === 2) writer.uvarint(0)
}

/** @returns the correlation id */
export function readResponseHeader(reader: ByteReader, headerVersion: 0 | 1): number {
  reader.field = 'response header'
  const correlationId = reader.int32()
  if (headerVersion === 1) skipTags(reader)
  return correlationId
}

export function writeResponseHeader(
  writer: ByteWriter,
  headerVersion: 0 | 1,
  correlationId: number,
): void {
  writer.int32(correlationId)
  if (headerVersion === 1) writer.uvarint(0)
}

/** No header tag is defined; a newer peer's are skipped. */
function skipTags(reader: ByteReader): void {
  const count = reader.uvarint()
  for (let i = 0; i < count; i++) {
    reader.uvarint()
    reader.skip(reader.uvarint())
  }
}

import { putVarint, varintBytes } from '@millrace/protocol'
import type { EncodedHeaders } from '@millrace/kafka'
import type { Headers } from '../../record.ts'

const noHeadersEncoded: EncodedHeaders = Uint8Array.of(0)
const nullLength = -1

/** Headers as they stand in a record: their count, then each name and value with its length; null is length -1. */
export function encodedHeaders(headers: Headers): EncodedHeaders {
  if (headers.length === 0) return noHeadersEncoded
  const names = headers.map(({ key }) => Buffer.from(key, 'utf8'))
  let sizeBytes = varintBytes(headers.length)
  for (const [index, { value }] of headers.entries()) {
    const { length } = names[index] as Buffer
    sizeBytes += varintBytes(length) + length
    sizeBytes += varintBytes(value?.length ?? nullLength) + (value?.length ?? 0)
  }
  const bytes = Buffer.allocUnsafe(sizeBytes)
  let at = putVarint(bytes, 0, headers.length)
  for (const [index, { value }] of headers.entries()) {
    const name = names[index] as Buffer
    at = putVarint(bytes, at, name.length)
    at += name.copy(bytes, at)
    at = putVarint(bytes, at, value?.length ?? nullLength)
    if (value) at += value.copy(bytes, at)
  }
  return bytes
}

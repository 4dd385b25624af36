import type { ByteReader } from '../byte-reader.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { ProtocolError } from '../errors.ts'
import type { Codec } from './codec.ts'
import { structCodec } from './compile.ts'
import type { Fields, Message, MessageInput } from './fields.ts'

/** Reads and writes one kind of message (a request's or a response's body, without header) in every version. */
export interface MessageCodec<F extends Fields> {
  readonly fields: F
  /**
   * Reads one message from the reader's position. Strings are copied, byte strings are views.
   * @throws ProtocolError with the API, version and field
   */
  read(reader: ByteReader, version: number): Message<F>
  /** @throws ProtocolError when the version cannot carry the value; the writer then holds part of it: reset it */
  write(writer: ByteWriter, version: number, value: MessageInput<F>): void
}

/** One API of the protocol. */
export interface Api<Request extends Fields = Fields, Response extends Fields = Fields> {
  readonly key: number
  /** As Kafka writes it, for example `OffsetForLeaderEpoch`. */
  readonly name: string
  /** Lowest and highest version that can be read and written here. What a broker advertises is its own choice. */
  readonly minVersion: number
  readonly maxVersion: number
  readonly isFlexible: (version: number) => boolean
  /** 1, or 2 from the first flexible version. */
  requestHeaderVersion(version: number): 1 | 2
  /** 0, or 1 from the first flexible version; always 0 for ApiVersions (KIP-511). */
  responseHeaderVersion(version: number): 0 | 1
  readonly request: MessageCodec<Request>
  readonly response: MessageCodec<Response>
}

export type RequestOf<A> = A extends Api<infer Request, infer _Response> ? Message<Request> : never
export type RequestInputOf<A> =
  A extends Api<infer Request, infer _Response> ? MessageInput<Request> : never
export type ResponseOf<A> =
  A extends Api<infer _Request, infer Response> ? Message<Response> : never
export type ResponseInputOf<A> =
  A extends Api<infer _Request, infer Response> ? MessageInput<Response> : never

/** `flexibleSince`: first version with compact lengths and tagged fields (KIP-482); null when there is none. */
export interface ApiDeclaration<Request extends Fields, Response extends Fields> {
  readonly key: number
  readonly name: string
  readonly versions: readonly [min: number, max: number]
  readonly flexibleSince: number | null
  readonly request: Request
  readonly response: Response
}

const apiVersionsKey = 18

export function defineApi<Request extends Fields, Response extends Fields>(
  declaration: ApiDeclaration<Request, Response>,
): Api<Request, Response> {
  const { key, name, versions, flexibleSince, request, response } = declaration
  const isFlexible = (version: number): boolean =>
    flexibleSince !== null && version >= flexibleSince
  const range: VersionRange = { minVersion: versions[0], maxVersion: versions[1], isFlexible }
  return {
    key,
    name,
    ...range,
    requestHeaderVersion: (version) => (isFlexible(version) ? 2 : 1),
    responseHeaderVersion: (version) => (isFlexible(version) && key !== apiVersionsKey ? 1 : 0),
    request: messageCodec(`${name} request`, request, range),
    response: messageCodec(`${name} response`, response, range),
  }
}

interface VersionRange {
  readonly minVersion: number
  readonly maxVersion: number
  readonly isFlexible: (version: number) => boolean
}

/** Codec of a message by itself, such as the payloads that consumers put into JoinGroup. Versions are compiled on first use. */
export function messageCodec<F extends Fields>(
  what: string,
  fields: F,
  range: VersionRange,
): MessageCodec<F> {
  const compiled: (Codec | undefined)[] = []
  const codecOf = (version: number): Codec =>
    (compiled[version] ??= structCodec(fields, checked(what, version, range)))
  return {
    fields,
    read: (reader, version) => {
      const codec = codecOf(version)
      try {
        return codec.read(reader) as Message<F>
      } catch (error) {
        throw named(error, what, version)
      }
    },
    write: (writer, version, value) => {
      const codec = codecOf(version)
      try {
        codec.write(writer, value)
      } catch (error) {
        throw named(error, what, version)
      }
    },
  }
}

function checked(
  what: string,
  version: number,
  { minVersion, maxVersion, isFlexible }: VersionRange,
) {
  if (!Number.isInteger(version) || version < minVersion || version > maxVersion) {
    throw new ProtocolError(
      'MR_PROTOCOL_UNSUPPORTED_VERSION',
      `${what} has versions ${minVersion} to ${maxVersion} here, not ${version}.`,
      { message: what, version, minVersion, maxVersion },
    )
  }
  return { version, flexible: isFlexible(version) }
}

function named(error: unknown, what: string, version: number): unknown {
  if (!(error instanceof ProtocolError)) return error
  const details = { ...error.details, message: what, version }
  return new ProtocolError(error.code, `${what} v${version}: ${error.message}`, details, {
    cause: error,
  })
}

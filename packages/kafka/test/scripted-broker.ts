/** A server that speaks the Kafka protocol as far as a test lets it: each request is handed to the test, which answers, or does worse. */
import { once } from 'node:events'
import {
  createServer as createPlainServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import {
  apis,
  apisByKey,
  apiVersionsApi,
  ByteReader,
  ByteWriter,
  readRequestHeader,
  writeResponseHeader,
  type Api,
} from '@millrace/protocol'
import type { BrokerAddress } from '../src/types.ts'

export interface Asked {
  readonly api: Api
  readonly version: number
  readonly correlationId: number
  readonly body: Readonly<Record<string, unknown>>
  readonly socket: Socket
  /** Answers as a broker does. */
  readonly answer: (value: object) => void
  /** The same answer as bytes, its size in front; under another correlation id where asked. */
  readonly bytesOf: (value: object, correlationId?: number) => Buffer
}

export interface ScriptedBroker extends AsyncDisposable, BrokerAddress {
  /** Connections taken so far. */
  readonly connections: readonly Socket[]
}

/** What every broker serves: an answer for ApiVersions. */
export const allVersions = {
  errorCode: 0,
  apiKeys: apis.map(({ key, minVersion, maxVersion }) => ({ apiKey: key, minVersion, maxVersion })),
}

/**
 * Listens on a port of its own. ApiVersions is answered by itself.
 * @param onRequest gets every other request, one by one
 * @param tls makes it a listener with TLS
 */
export async function startScriptedBroker(
  onRequest: (asked: Asked) => void,
  tls?: TlsOptions,
): Promise<ScriptedBroker> {
  const take = (socket: Socket): void => serve(socket, onRequest)
  return listening(tls ? createTlsServer(tls, take) : createPlainServer(take))
}

/** Listens without knowing Kafka: each connection is handed to the test. */
export async function startRawServer(
  onConnection: (socket: Socket) => void,
): Promise<ScriptedBroker> {
  return listening(createPlainServer(onConnection))
}

/** What answers this ApiVersions request, for a server that does all else by hand. */
export function versionsAnswer(socket: Socket, request: Buffer): Buffer {
  return parse(socket, request.subarray(4)).bytesOf(allVersions)
}

async function listening(server: Server): Promise<ScriptedBroker> {
  const connections: Socket[] = []
  server.on('connection', (socket: Socket) => {
    connections.push(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {}) // Clients end their connections as they like.
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    connections,
    [Symbol.asyncDispose]: async () => {
      for (const socket of connections) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function serve(socket: Socket, onRequest: (asked: Asked) => void): void {
  let rest = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (piece) => {
    rest = Buffer.concat([rest, piece])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      const asked = parse(socket, rest.subarray(4, end))
      rest = rest.subarray(end)
      if (asked.api.key === apiVersionsApi.key) asked.answer(allVersions)
      else onRequest(asked)
    }
  })
}

function parse(socket: Socket, frame: Buffer): Asked {
  const reader = new ByteReader(frame)
  const apiOf = (key: number): Api => apisByKey.get(key) as Api
  const header = readRequestHeader(reader, (key, version) =>
    apiOf(key).requestHeaderVersion(version),
  )
  const { apiKey, apiVersion: version, correlationId } = header
  const api = apiOf(apiKey)
  const body = api.request.read(reader, version)
  const bytesOf = (value: object, id = correlationId): Buffer => {
    const writer = new ByteWriter()
    const sizeAt = writer.reserveInt32()
    writeResponseHeader(writer, api.responseHeaderVersion(version), id)
    api.response.write(writer, version, value as never)
    writer.setInt32(sizeAt, writer.size - 4)
    return writer.takeBuffer()
  }
  const answer = (value: object): void => void socket.write(bytesOf(value))
  return { api, version, correlationId, body, socket, answer, bytesOf }
}

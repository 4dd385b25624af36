import { createServer as createPlainServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Logger } from '@millrace/core'
import { limits } from '../limits.ts'
import { contextOptions, type TlsOptions } from './security-options.ts'

export interface SocketServer {
  readonly server: Server
  /** Drops connections whose TLS handshake is under way; they would keep the server from closing. */
  dropHandshakes(): void
}

/** Takes a socket that is ready, with the principal of the client's certificate if it showed one. */
export type Accept = (socket: Socket, certificatePrincipal?: string) => void

/** A server of plain or of TLS connections. Handshakes are bounded in number and in time, so that half-open ones hold nothing for long. */
export function createSocketServer(
  tls: TlsOptions | undefined,
  accept: Accept,
  logger: Logger,
): SocketServer {
  if (tls === undefined)
    return { server: createPlainServer((socket) => accept(socket)), dropHandshakes: () => {} }
  /** By the client's address and port: Node does not tell which socket a TLS socket stands on. */
  const pending = new Map<string, Socket>()
  const { clientCertificates = 'none' } = tls
  const server = createTlsServer({
    ...contextOptions(tls),
    handshakeTimeout: limits.tlsHandshakeMs,
    requestCert: clientCertificates !== 'none',
    rejectUnauthorized: clientCertificates === 'required',
  })
  server.on('connection', (socket: Socket) => {
    if (pending.size >= limits.tlsHandshakes) return void socket.destroy()
    const client = addressOf(socket)
    pending.set(client, socket)
    socket.once('close', () => pending.delete(client))
  })
  server.on('secureConnection', (socket) => {
    pending.delete(addressOf(socket))
    const certificate = socket.getPeerX509Certificate()
    // One that is asked for but not required may be missing; one that is there must be good.
    if (certificate !== undefined && !socket.authorized) return void socket.destroy()
    accept(socket, certificate && `User:${distinguishedName(certificate.subject)}`)
  })
  server.on('tlsClientError', (error, socket) => {
    logger.debug('a TLS handshake failed', { clientHost: socket.remoteAddress, error })
    socket.destroy()
  })
  return {
    server,
    dropHandshakes: () => {
      for (const socket of pending.values()) socket.destroy()
    },
  }
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** RFC 2253, as Kafka's default principal: the last part first, commas between. OpenSSL has escaped the values already. */
export function distinguishedName(subject: string): string {
  return subject.split('\n').toReversed().join(',')
}

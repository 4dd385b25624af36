import type { AddressInfo, Socket } from 'node:net'
import type { Meter } from '@millrace/core'
import { ByteWriter } from '@millrace/protocol'
import type { BrokerMeters, RequestContext } from '../api/served-api.ts'
import type { BrokerState } from '../broker-state.ts'
import type { ConnectionControl } from '../control/connection-control.ts'
import { BrokerError } from '../errors.ts'
import { limits } from '../limits.ts'
import { createSocketServer, type Accept, type SocketServer } from '../security/tls-server.ts'
import { Connection } from './connection.ts'
import type { ListenerSettings } from './listener-options.ts'

export interface ListenerOptions {
  readonly broker: BrokerState
  readonly control: ConnectionControl
  /** Id of the virtual node that listens here. */
  readonly node: number
  readonly settings: ListenerSettings
  /** Of this node; 0: any free port. */
  readonly port: number
}

/** Accepts connections on one address. */
export class Listener {
  readonly host: string
  readonly port: number
  readonly #sockets: SocketServer
  readonly #connections: Set<Connection>

  private constructor(sockets: SocketServer, host: string, connections: Set<Connection>) {
    this.#sockets = sockets
    this.host = host
    this.port = (sockets.server.address() as AddressInfo).port
    this.#connections = connections
  }

  /** @throws BrokerError `MR_BROKER_LISTEN_FAILED` */
  static async open(options: ListenerOptions): Promise<Listener> {
    const { broker, settings, port } = options
    const { host, tls } = settings
    const connections = new Set<Connection>()
    const accept = acceptInto(connections, options)
    const sockets = createSocketServer(tls, accept, broker.logger)
    const { server } = sockets
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, backlog: 511 }, resolve)
    }).catch((error: unknown) => {
      throw new BrokerError(
        'MR_BROKER_LISTEN_FAILED',
        `Cannot listen on ${host}:${port} (${(error as NodeJS.ErrnoException).code}). No client was served; free the port, or choose another (0 takes any free one).`,
        { host, port },
        { cause: error },
      )
    })
    server.on('error', (error) => broker.logger.error('the listener failed', { host, port, error }))
    return new Listener(sockets, host, connections)
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Drops every connection at once, without waiting for anything. */
  abort(): void {
    for (const connection of this.#connections) connection.close('the broker crashed')
  }

  /** Accepts no more and closes every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#sockets.server.close(() => resolve()))
    this.#sockets.dropHandshakes()
    for (const connection of this.#connections) connection.close('the broker stops')
    await closed
  }
}

function acceptInto(
  connections: Set<Connection>,
  { broker, control, node, settings }: ListenerOptions,
): Accept {
  const writer = new ByteWriter()
  const meters = metersOf(broker.meter)
  return (socket, certificatePrincipal) => {
    if (connections.size >= limits.connections) {
      broker.logger.warn('a connection was refused: too many are open', {
        connections: connections.size,
      })
      return void socket.destroy()
    }
    const connection = new Connection({
      socket,
      broker,
      control,
      node,
      listener: settings.name,
      authentication: settings.authentication,
      certificatePrincipal,
      advertised: addressFor(socket, settings.advertisedHost),
      writer,
      meters,
    })
    connections.add(connection)
    connection.closed.addEventListener('abort', () => connections.delete(connection), {
      once: true,
    })
  }
}

/** Without an advertised host, the address that this very client has reached, so that also a listener on 0.0.0.0 gives one that works. */
function addressFor(socket: Socket, advertisedHost?: string): RequestContext['advertised'] {
  const host = advertisedHost ?? (socket.localAddress ?? '127.0.0.1').replace(/^::ffff:/, '')
  return { host, port: socket.localPort ?? 0 }
}

function metersOf(meter: Meter): BrokerMeters & { request(api: string): void } {
  const requests = meter.counter({
    name: 'mr_broker_requests_total',
    help: 'Requests handled, by API.',
    labelNames: ['api'],
  })
  const producedBytes = meter.counter({
    name: 'mr_broker_produced_bytes_total',
    help: 'Bytes of record batches appended, by topic.',
    labelNames: ['topic'],
  })
  const producedRecords = meter.counter({
    name: 'mr_broker_produced_records_total',
    help: 'Records appended, by topic.',
    labelNames: ['topic'],
  })
  const fetchedBytes = meter.counter({
    name: 'mr_broker_fetched_bytes_total',
    help: 'Bytes of record batches sent to consumers, by topic.',
    labelNames: ['topic'],
  })
  return {
    request: (api) => requests.add(1, { api }),
    produced: (topic, bytes, records) => {
      producedBytes.add(bytes, { topic })
      producedRecords.add(records, { topic })
    },
    fetched: (topic, bytes) => fetchedBytes.add(bytes, { topic }),
  }
}

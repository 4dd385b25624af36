import type { RequestHeader } from '@millrace/protocol'
import { servedApis } from '../api/registry.ts'
import type { BrokerMeters, RequestContext, ServedApi } from '../api/served-api.ts'
import type { BrokerState } from '../broker-state.ts'
import type { ConnectionControl } from '../control/connection-control.ts'
import { factsOf } from '../control/request-facts.ts'
import type { OpenEntry } from '../control/request-journal.ts'
import { refusalOf, storageErrorOf, type Row } from '../control/request-shapes.ts'
import { isStorageFault } from '../errors.ts'
import { handleAuthorized } from '../security/authorization.ts'
import type { ClientSession } from '../security/client-session.ts'
import { handleGuarded, type PartitionRefusal } from './guarded-request.ts'

/** One request as read from a frame. */
export interface Request {
  readonly header: RequestHeader
  readonly served: ServedApi
  readonly body: unknown
  readonly sizeBytes: number
  /** Its line in the request journal, unless that is off. */
  readonly entry: OpenEntry | undefined
  readonly startedMs: number
}

export interface RequestDeskOptions {
  readonly broker: BrokerState
  readonly control: ConnectionControl
  /** Id of the virtual node that the client has reached. */
  readonly node: number
  /** Name of the listener that the client has reached. */
  readonly listener: string
  readonly advertised: RequestContext['advertised']
  readonly meters: BrokerMeters
  readonly session: ClientSession
  readonly clientHost: string
  readonly closed: AbortSignal
}

const servesAll: PartitionRefusal = () => 0

/**
 * What stands between a connection and the handlers: who asks, what of the APIs it may see, the request journal, and the way past faults and
 * leadership. With no fault set and one node a request goes straight to its handler.
 */
export class RequestDesk {
  readonly #options: RequestDeskOptions
  readonly #connection: number

  constructor(options: RequestDeskOptions) {
    this.#options = options
    this.#connection = options.control.nextConnection()
  }

  /** Every API, as far as version caps among the faults let this client see it. */
  servedTo(clientId: string): Iterable<ServedApi> {
    const { control, node } = this.#options
    if (control.faults.isEmpty) return servedApis.values()
    return [...servedApis.values()].flatMap((served) => {
      const cap = control.faults.versionCap(served.api, clientId, node) ?? Infinity
      const [min, max] = served.advertised
      return cap < min ? [] : [{ ...served, advertised: [min, Math.min(max, cap)] as const }]
    })
  }

  isCapped({ api }: ServedApi, { apiVersion, clientId }: RequestHeader): boolean {
    const { control, node } = this.#options
    if (control.faults.isEmpty) return false
    return apiVersion > (control.faults.versionCap(api, clientId ?? '', node) ?? Infinity)
  }

  /** Opens the request's line in the journal. */
  note(header: RequestHeader, { api }: ServedApi, requestBytes: number): OpenEntry | undefined {
    const { control, broker, node, clientHost } = this.#options
    if (control.requests.isOff) return undefined
    return control.requests.begin({
      timeMs: broker.clock.now(),
      connection: this.#connection,
      clientId: header.clientId ?? '',
      clientHost,
      node,
      api: api.name,
      version: header.apiVersion,
      correlationId: header.correlationId,
      requestBytes,
      answerBytes: 0,
      durationMs: -1,
      errorCodes: [],
      faults: [],
    })
  }

  /**
   * @returns the handler's message, or an `Outcome` where faults or leadership had a say. Where the disk refuses what the request needs, an
   * error that clients retry
   */
  async handle(request: Request): Promise<unknown> {
    try {
      return await this.#handle(request)
    } catch (error) {
      if (!isStorageFault(error)) throw error
      const { header, served, body } = request
      this.#options.broker.logger.error('the disk refused a change, and its request', {
        api: served.api.name,
        error,
      })
      const errorCode = storageErrorOf(served.api.key, body as Row)
      return refusalOf(served.api.key, body, header.apiVersion, errorCode)
    }
  }

  async #handle(request: Request): Promise<unknown> {
    const { broker, control, node, closed } = this.#options
    const { served, body, header } = request
    if (control.faults.isEmpty && broker.cluster.isSingle)
      return handleAuthorized(served, body, this.#contextOf(header, servesAll))
    const facts = factsOf(
      {
        api: served.api,
        version: header.apiVersion,
        clientId: header.clientId ?? '',
        node,
        sizeBytes: request.sizeBytes,
        body: body as Row,
      },
      (fetched) => broker.fetchSessions.partitionsOf(fetched, broker.topics),
    )
    const fired = control.faults.fire(facts)
    if (request.entry !== undefined)
      request.entry.faults = fired.map(({ id, rule }) =>
        [id, rule.action.type, rule.name].filter((part) => part !== undefined).join(' '),
      )
    const handle = async (rest: unknown, refusalOf: PartitionRefusal): Promise<unknown> =>
      handleAuthorized(served, rest, this.#contextOf(header, refusalOf))
    return handleGuarded(
      { facts, fired, handle },
      {
        faults: control.faults,
        cluster: broker.cluster,
        topics: broker.topics,
        clock: broker.clock,
        closed,
        jumpClock: control.jumpClock,
        kill: control.kill,
      },
    )
  }

  #contextOf(header: RequestHeader, refusalOf: PartitionRefusal): RequestContext {
    const { broker, control, node, listener, advertised } = this.#options
    const { meters, session, clientHost, closed } = this.#options
    const clientId = header.clientId ?? ''
    return {
      broker,
      version: header.apiVersion,
      clientId,
      clientHost,
      advertised,
      session,
      closed,
      meters,
      served: this.servedTo(clientId),
      node,
      nodes: () =>
        control.nodePorts(listener).map((other) => ({
          id: other.node,
          host: advertised.host,
          port: other.node === node ? advertised.port : other.port,
        })),
      refusalOf,
    }
  }
}

import type { Api, RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { BrokerState } from '../broker-state.ts'
import type { ClientSession } from '../security/client-session.ts'

export { ConnectionFault } from '../connection-fault.ts'

/** Lowest and highest version, both included. */
export type VersionRange = readonly [min: number, max: number]

/** What a handler knows of the request beside its body. */
export interface RequestContext {
  readonly broker: BrokerState
  readonly version: number
  readonly clientId: string
  /** The client's address. */
  readonly clientHost: string
  /** Who the client is, and what it may do. */
  readonly session: ClientSession
  /** The address that clients are told to connect to. */
  readonly advertised: { readonly host: string; readonly port: number }
  /** Aborted when the connection closes: whatever the handler waits for is over. */
  readonly closed: AbortSignal
  readonly meters: BrokerMeters
  /** Every API served, for ApiVersions. */
  readonly served: Iterable<ServedApi>
  /** The virtual node that was asked. */
  readonly node: number
  /** The nodes that are up, as this client reaches them. */
  readonly nodes: () => readonly NodeAddress[]
  /** Why this node does not serve a partition (it does not lead it, or a fault says so); 0 when it does. For Fetch, which knows its partitions itself. */
  readonly refusalOf: (topic: string, partition: number) => number
}

/** A virtual node and where it listens. */
export interface NodeAddress {
  readonly id: number
  readonly host: string
  readonly port: number
}

/** A listener, and where each node has it. */
export interface ListenerAddress {
  readonly name: string
  readonly nodes: readonly NodeAddress[]
}

export interface BrokerMeters {
  produced(topic: string, bytes: number, records: number): void
  fetched(topic: string, bytes: number): void
}

/** A handler's way of saying that the client gets no answer (acks=0). */
export const noAnswer = Symbol('no answer')

/** One API as the broker serves it: the file of each is the index entry, and registers itself in `registry.ts` with one line. */
export interface ServedApi {
  readonly api: Api
  /** Versions that are answered. */
  readonly versions: VersionRange
  /** Versions that ApiVersions tells of; the same but for Produce. */
  readonly advertised: VersionRange
  /** True: the next request of the connection may begin before this one is answered; answers keep their order. */
  readonly isPipelined: boolean
  handle(request: unknown, context: RequestContext): unknown
}

type Answer<A> = ResponseInputOf<A> | typeof noAnswer

export interface ServedApiOptions<A extends Api> {
  readonly api: A
  readonly versions: VersionRange
  readonly advertised?: VersionRange
  readonly isPipelined?: boolean
  handle(request: RequestOf<A>, context: RequestContext): Answer<A> | Promise<Answer<A>>
}

/** Declares an API with the types of its own messages. */
export function serve<A extends Api>(options: ServedApiOptions<A>): ServedApi {
  return {
    api: options.api,
    versions: options.versions,
    advertised: options.advertised ?? options.versions,
    isPipelined: options.isPipelined ?? false,
    handle: (request, context) => options.handle(request as RequestOf<A>, context),
  }
}
